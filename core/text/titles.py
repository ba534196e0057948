"""Titles cut into segments, and the phrases that many titles share (part of CADENCE's title cleaning, §4.1.2).

A parenthesis holds optional specifications and is left out; delimiters separate alternatives and split a title into
segments of at most ten words. From the segments come the phrases that many titles share, which is what shoppers type.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

import regex as re

from core.text.normalize import normalize
from core.text.units import canonical_units

MAX_TITLE_WORDS = 10  # paper §5.1
_PARENTHESIS = re.compile(r"\([^()]*\)?|\[[^\[\]]*\]?")
_DELIMITER = re.compile(r"\s*[|;]\s*|,\s+|\s+[-–—+:/]\s+|\.\.\.+|…")
_SPACES = re.compile(r"\s{2,}")
_MOST_EXPANDED = 20  # parentheses, and words in each: only who means harm writes more of them
_MAX_PHRASE_WORDS = 4
JOINERS = frozenset(
    "a an and as at by for from in into is it its of off on or per the to up upto via with without & x".split()  # noqa: SIM905
)


def title_segments(
    title: str, segments: bool = True, expand_parentheses: bool = False, units: bool = False
) -> list[tuple[str, ...]]:
    """The segments of a raw title as tuples of normalised words, in order; empty for a title without words.

    `segments` off: the whole title as one. `expand_parentheses`: as in the paper, one more segment for each word in a
    parenthesis, put where it stood. `units`: quantities in their canonical form (`core.text.units`).
    """
    title = _without_cut_off(" ".join(title.split()))
    if not segments:
        return _words([title], units)
    parts = _parts(title)
    if expand_parentheses:
        for found in islice(_PARENTHESIS.finditer(title), _MOST_EXPANDED):
            before, after = _parts(title[: found.start()])[-1], _parts(title[found.end() :])[0]
            inside = found.group().strip("()[]").split()[:_MOST_EXPANDED]
            before, after = (" ".join(side.split()[:_MOST_EXPANDED]) for side in (before, after))
            parts += [f"{before} {word} {after}" for word in inside]
    return _words(parts, units) or _words([title], units)


def _parts(title: str) -> list[str]:
    """What stands between delimiters, outside of parentheses. They are slow on long runs of spaces."""
    parts: list[str] = _DELIMITER.split(_SPACES.sub(" ", _PARENTHESIS.sub(" ", title)))
    return parts


def _without_cut_off(title: str) -> str:
    """Without its last word, where the title was shortened there: such a word is mostly no word."""
    head, _, last = title.rpartition(" ")
    is_cut_off = (last.endswith("...") and len(last) > 3) or (last.endswith("…") and len(last) > 1)
    return head if is_cut_off and head else title


def _words(parts: Iterable[str], units: bool) -> list[tuple[str, ...]]:
    normal = (normalize(part) for part in parts)
    cut = (tuple((canonical_units(part) if units else part).split()[:MAX_TITLE_WORDS]) for part in normal)
    return [words for words in cut if words]


def phrases(
    titles: Iterable[Sequence[tuple[str, ...]]], min_titles: int = 3, at_most: int = 60_000
) -> dict[tuple[str, ...], int]:
    """Phrases of 1–4 words with the number of titles (lists of segments) that hold them, most shared first.

    A phrase neither starts nor ends with a joiner, is not a bare number, and is dropped where a longer one says nearly
    the same (`strong` beside `simpson strong-tie`): in 80 % of its titles the same word follows, or precedes.
    """
    counts: Counter[tuple[str, ...]] = Counter()
    for segments in titles:
        seen = {
            segment[start:end]
            for segment in segments
            for start in range(len(segment))
            for end in range(start + 1, min(len(segment), start + _MAX_PHRASE_WORDS) + 1)
        }
        counts.update(seen)
    shared = {phrase: count for phrase, count in counts.items() if count >= min_titles}
    fragments = set()
    for phrase, count in shared.items():
        if len(phrase) < 2:
            continue
        for shorter in (phrase[:-1], phrase[1:]):
            if count >= 0.8 * shared.get(shorter, count * 2):
                fragments.add(shorter)
    kept = [
        (phrase, count)
        for phrase, count in shared.items()
        if phrase not in fragments
        and phrase[0] not in JOINERS
        and phrase[-1] not in JOINERS
        and any(character.isalpha() for word in phrase for character in word)
        and len("".join(phrase)) > 2
    ]
    return dict(sorted(kept, key=lambda item: (-item[1], item[0]))[:at_most])
