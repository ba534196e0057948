"""What was typed, in words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Typed:
    """A normalised prefix: complete `words` and the `half`-typed one (empty after a space)."""

    text: str
    words: tuple[str, ...]
    half: str

    @classmethod
    def parse(cls, prefix: str) -> "Typed | None":
        """From `normalize_prefix`; None for a prefix without words."""
        if not prefix:
            return None
        if prefix.endswith(" "):
            return cls(prefix, tuple(prefix.split()), "")
        *words, half = prefix.split(" ")
        return cls(prefix, tuple(words), half)

    @classmethod
    def of(cls, words: tuple[str, ...], half: str) -> "Typed":
        return cls(" ".join((*words, half)), words, half)
