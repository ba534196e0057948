"""What `tests.benchmarks.fuzz` gives its inputs to, and what it counts."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import InputFileError
from core.importing.catalog import products, read_catalog
from core.importing.events import event_rows, read_events
from core.importing.queries import query_rows, read_queries
from core.text.amounts import tokens_of
from core.text.near_words import NearWords
from core.text.normalize import normalize, normalize_prefix, words
from core.text.personal import looks_personal
from core.text.phrase_key import atoms_of, key_of
from core.text.query_cleaning import QueryCleaner, QueryCleaning
from core.text.query_limits import limits_of
from core.text.safety import read_safety_list
from core.text.terms import asked_terms, repeats_a_term, taken_apart, terms
from core.text.title_cleaning import TitleCleaning, filter_words, split_titles
from core.text.units import canonical_units

SECONDS = 1.0  # of the processor, that one input may take; what else a machine does is no fault of the input
KNOWN_WORDS = {"running": 9.0, "shoes": 9.0, "jacket": 5.0, "refrigerator": 3.0, "hammer": 2.0, "garden": 1.0}


@dataclass
class Target:
    """One thing under test, and how it fared. `refusals`: errors that it documents."""

    name: str
    inputs: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    slowest: float = 0.0
    slowest_input: str = ""

    @property
    def is_sound(self) -> bool:
        return not self.crashes and self.slowest <= SECONDS

    def give(self, shown: object, use: Callable[[], object], *, refusals: tuple[type[Exception], ...] = ()) -> None:
        """Runs `use` and notes how it ended. `shown` stands for the input."""
        self.inputs += 1
        begun = time.process_time()
        try:
            self.answers[str(use() or "ok")] += 1
        except refusals as error:
            self.answers[type(error).__name__] += 1
        except BaseException as error:  # a panic of compiled code is no Exception
            if isinstance(error, KeyboardInterrupt):
                raise
            self.crashes.append(f"{type(error).__name__}: {str(error)[:200]!r} for {repr(shown)[:300]}")
        took = time.process_time() - begun
        if took > self.slowest:
            self.slowest, self.slowest_input = took, f"{len(str(shown)):,} characters: {repr(shown)[:60]}"


def text_targets() -> Mapping[str, Callable[[str], object]]:
    """By name, what reads a text that may be anything; with what must hold of the result."""
    safety = read_safety_list(None)
    cleaner = QueryCleaner(
        QueryCleaning(spelling=True, stop_words=True, units=True, singulars=True), KNOWN_WORDS, KNOWN_WORDS
    )
    near = NearWords(KNOWN_WORDS)
    wide = TitleCleaning(expand_parentheses=True, units=True, entropy="spread", npmi="log")

    def normal(text: str) -> None:
        once = normalize(text)
        assert normalize(once) == once and once == " ".join(once.split())

    def prefix(text: str) -> None:
        kept = normalize_prefix(text)
        assert kept.strip() == normalize(text) and normalize_prefix(kept) == kept

    def terminal(text: str) -> None:
        for term in terms(text):
            taken_apart(term)
        asked_terms(normalize(text))
        repeats_a_term(normalize(text), "red shoes")

    def understood(text: str) -> None:
        once = normalize(text)
        assert [word for token in tokens_of(text, once) for word in token.words] == once.split()
        limits_of(tokens_of(text, once))
        list(atoms_of(words(text)))
        key_of(text)

    def units(text: str) -> None:
        canonical_units(normalize(text))

    def query(text: str) -> None:
        once = normalize(text)
        assert bool(cleaner.clean(once)) == bool(once)

    def title(text: str) -> None:
        segments = split_titles([text, "Red Shoes (2 pack), blue"], wide)
        filter_words(segments, [0, 1], wide, ["fleet"])

    def personal(text: str) -> None:
        looks_personal(text)
        looks_personal(normalize(text))

    def safe(text: str) -> None:
        safety.reason(normalize(text))

    def spelling(text: str) -> None:
        for word in words(text)[:20]:
            near.find(word)

    return {
        "normalize": normal,
        "normalize_prefix": prefix,
        "terms": terminal,
        "limits and keys of a query": understood,
        "canonical_units": units,
        "cleaning of queries": query,
        "cleaning of titles": title,
        "looks_personal": personal,
        "safety list": safe,
        "near words": spelling,
    }


def import_file(kind: str, path: Path) -> None:
    """Reads a file as this kind to its last row. Raises InputFileError where it is not one."""
    if kind == "catalog":
        list(products(read_catalog(path)[0]))
    elif kind == "queries":
        list(query_rows(read_queries(path)[0]))
    else:
        list(event_rows(read_events(path)[0]))


IMPORT_REFUSALS = (InputFileError,)
