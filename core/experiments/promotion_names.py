"""How promotions are told from experiments that people define."""

PREFIX = "promotion-"
