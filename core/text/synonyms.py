"""Words that stand for each other, in Solr's format.

    # equivalent: each finds the others
    fridge, refrigerator, ice box
    # one way: who types a word on the left finds those on the right too
    tv, telly => television

Entries may have several words. What is compared are the terms of search (`core.text.terms`), so plurals and units need
no lines of their own. There are no chains: a synonym's synonyms count only where a line says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from core.errors import InputFileError
from core.text.normalize import normalize
from core.text.terms import asked_terms

Phrase = tuple[str, ...]
Forms = tuple[Phrase, ...]
"""The ways to say one part of a query, each a tuple of terms; the typed one first."""

_ONE_WAY = "=>"


@dataclass(frozen=True)
class Synonyms:
    """`forms`: a phrase of terms → what stands for it, itself first. Immutable."""

    forms: Mapping[Phrase, Forms] = field(default_factory=dict)

    @classmethod
    def parse(cls, lines: Iterable[str]) -> "Synonyms":
        """Raises ValueError that names the number of the first line that is none of ours."""
        found: dict[Phrase, dict[Phrase, None]] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            try:
                typed, meant = _sides(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
            for phrase in typed:
                found.setdefault(phrase, {phrase: None}).update(dict.fromkeys(meant))
        return cls({phrase: tuple(forms) for phrase, forms in found.items() if len(forms) > 1})

    def expand(self, terms: Sequence[str]) -> tuple[Forms, ...]:
        """For each part of a query its forms. A known phrase is one part; of several from one word on the longest."""
        parts: list[Forms] = []
        at = 0
        while at < len(terms):
            for length in range(min(self._longest, len(terms) - at), 0, -1):
                forms = self.forms.get(tuple(terms[at : at + length]))
                if forms:
                    break
            else:
                length, forms = 1, ((terms[at],),)
            parts.append(forms)
            at += length
        return tuple(parts)

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.forms), default=0)


def load_synonyms(path: Path) -> Synonyms:
    """What the file says. Raises InputFileError, with the line, for one that is absent, no UTF-8 or no such list."""
    try:
        return Synonyms.parse(path.read_text(encoding="utf-8-sig").splitlines())
    except OSError as error:
        raise InputFileError(f"the synonyms cannot be read: {error}") from error
    except ValueError as error:  # UnicodeDecodeError is one
        raise InputFileError(f"{path}: {error}") from error


def _sides(line: str) -> tuple[list[Phrase], list[Phrase]]:
    """What may be typed, and what is found then. Raises ValueError saying what is wrong."""
    left, arrow, right = line.partition(_ONE_WAY)
    if _ONE_WAY in right:
        raise ValueError(f"`{_ONE_WAY}` stands there twice")
    typed = _phrases(left)
    if arrow:
        return typed, _phrases(right)
    if len(typed) == 1:
        raise ValueError("a word alone is no synonym: separate several by commas, or write `word => other`")
    return typed, typed


def _phrases(text: str) -> list[Phrase]:
    phrases = []
    for entry in text.split(","):
        terms = tuple(asked_terms(normalize(entry)))
        if not terms:
            raise ValueError(f"{entry.strip()!r} holds no word")
        phrases.append(terms)
    return phrases
