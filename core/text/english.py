"""Ordinary English words: the 82,765 of SymSpell's frequency dictionary, which comes with the package."""

from functools import cache
from importlib import resources

_FILE = "frequency_dictionary_en_82_765.txt"


@cache
def english_words() -> frozenset[str]:
    """All of them, in lower case; read once, about 8 MB."""
    text = (resources.files("symspellpy") / _FILE).read_text("utf-8-sig")
    return frozenset(line.split()[0] for line in text.splitlines() if line)
