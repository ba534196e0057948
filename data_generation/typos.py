"""Slips of the finger: one edit in one longer word, as keyboards produce them."""

import random

NEIGHBOURS = {
    "q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok", "o": "ipl",
    "p": "ol", "a": "qsz", "s": "awdx", "d": "sefc", "f": "drgv", "g": "fthb", "h": "gyjn", "j": "hukm", "k": "jil",
    "l": "ko", "z": "asx", "x": "zsdc", "c": "xdfv", "v": "cfgb", "b": "vghn", "n": "bhjm", "m": "njk",
}  # fmt: skip
_SHORTEST_WORD = 4  # letters; shorter words are rarely mistyped and hardly recognisable


def misspelled(rng: random.Random, query: str) -> str:
    """`query` with one typing error, or unchanged where no word is long enough."""
    words = query.split()
    long = [index for index, word in enumerate(words) if len(word) >= _SHORTEST_WORD and word.isalpha()]
    if not long:
        return query
    if len(words) > 1 and rng.random() < 0.1:
        gap = rng.randrange(len(words) - 1)  # a forgotten space
        return " ".join([*words[:gap], words[gap] + words[gap + 1], *words[gap + 2 :]])
    index = rng.choice(long)
    words[index] = _slip(rng, words[index])
    return " ".join(words)


def _slip(rng: random.Random, word: str) -> str:
    # The first letter is the one people get right most often.
    at = rng.randrange(0 if rng.random() < 0.1 else 1, len(word) - 1)
    kind = rng.choices(("swap", "drop", "double", "neighbour"), weights=(3, 4, 2, 3))[0]
    if kind == "swap":
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == "drop":
        return word[:at] + word[at + 1 :]
    if kind == "double":
        return word[: at + 1] + word[at:]
    return word[:at] + rng.choice(NEIGHBOURS.get(word[at], word[at])) + word[at + 1 :]
