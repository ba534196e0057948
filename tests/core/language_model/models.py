"""A small random model, for tests of mathematics rather than of quality."""

import numpy as np
import torch

from core.language_model.config import GruMnConfig
from core.language_model.decoder import Decoder
from core.language_model.gru_mn import GruMn
from core.text.vocabulary import Vocabulary

CATEGORIES = 3
WORDS = ("drill", "drills", "lamp", "red", "saw", "shoe", "shoes", "wood")


def small_vocabulary() -> Vocabulary:
    return Vocabulary(
        WORDS, tuple(float(10 - i) for i in range(len(WORDS))), CATEGORIES, ("dresser", "sawhorse"), (3.0, 1.0)
    )


def small_model(seed: int = 0, *, tied: bool = False) -> GruMn:
    vocabulary = small_vocabulary()
    torch.manual_seed(seed)
    model = GruMn(
        GruMnConfig(
            input_size=vocabulary.input_size,
            output_size=vocabulary.output_size,
            categories=CATEGORIES,
            embedding=8 if tied else 7,
            category_embedding=3,
            hidden=(11, 6),
            attention=(5, 4),
            context=8,
            dropout=0.0,
            tied=tied,
        )
    )
    for parameter in model.parameters():  # larger than at initialisation, so that mistakes show
        torch.nn.init.normal_(parameter, std=0.5)
    return model.eval()


def decoder_of(model: GruMn) -> Decoder:
    weights = {name: np.asarray(value.numpy(), np.float32) for name, value in model.state_dict().items()}
    return Decoder(model.config, weights)
