"""What stands in the box after each keystroke: right letters, slips beside the right key, corrections, second thoughts.

The states are what AmazonQAC calls `prefixes` (Everaert et al., EMNLP 2024): all that was typed, in order, the last one
being the query as it was sent, or what stood there when a suggestion was taken.
"""

import random

from data_generation.typos import NEIGHBOURS, misspelled

_SLIP = 0.012  # per key, noticed at once and taken back
_SECOND_THOUGHT = 0.04  # something else was begun first
_SLIPS_BEFORE_NOTICED = 2


def sent_text(rng: random.Random, text: str, *, mistyped: bool) -> str:
    """The query as it is sent: with one slip where it is mistyped."""
    return misspelled(rng, text) if mistyped else text


def states(rng: random.Random, text: str, taken_after: int, begun: str | None) -> list[str]:
    """The box after each key until `text` stands there, or its first `taken_after` characters where that is above 0.

    `begun`: another query of which some characters may have been typed first.
    """
    seen: list[str] = []
    if begun and rng.random() < _SECOND_THOUGHT:
        typed = begun[: rng.randint(1, max(1, len(begun) // 2))]
        if not text.startswith(typed):
            seen += [typed[:length] for length in range(1, len(typed) + 1)]
            seen += [typed[:length] for length in range(len(typed) - 1, 0, -1)]
    for length in range(1, (taken_after or len(text)) + 1):
        right = text[:length]
        if length > 1 and rng.random() < _SLIP:
            key = text[length - 1]
            wrong = text[: length - 1] + rng.choice(NEIGHBOURS.get(key, "qz"))
            seen.append(wrong)
            if rng.random() * _SLIPS_BEFORE_NOTICED > 1 and length < len(text):
                seen += [wrong + text[length], wrong]
            seen.append(text[: length - 1])
        seen.append(right)
    return seen
