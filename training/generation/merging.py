"""Duplicates, near duplicates and reorderings become one: `red shoe`, `shoe red` and `red shoes` are the same wish."""

from collections.abc import Iterable

from core.text.terms import terms_of_normalized


def same_wish(text: str) -> tuple[str, ...]:
    """A key that texts share when they differ in order, repetition and inflection only. Joiners count as words."""
    return tuple(sorted(set(terms_of_normalized(text))))


def merge(texts: Iterable[tuple[str, float]], known: Iterable[str] = ()) -> list[str]:
    """One text for each wish: of `(text, score)` the best score, ties to the shorter, then the alphabetically first.

    Wishes that `known` texts (what shoppers typed) express already are left out.
    """
    taken = {same_wish(text) for text in known}
    kept: dict[tuple[str, ...], str] = {}
    for text, _ in sorted(texts, key=lambda item: (-item[1], len(item[0]), item[0])):
        key = same_wish(text)
        if key not in taken:
            kept.setdefault(key, text)
    return list(kept.values())
