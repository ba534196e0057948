"""The completion index against a plain scan."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain import Source
from core.errors import ArtifactError
from core.retrieval.completion import Completion, CompletionIndex
from core.retrieval.completion_build import build_from_columns, build_index
from core.retrieval.completions import build_completions
from core.retrieval.storage import load_completions, save_completions

LETTERS = "ab cé"

entries = st.lists(
    st.builds(
        Completion,
        text=st.text(alphabet=LETTERS, min_size=1, max_size=7),
        weight=st.integers(0, 50).map(float),
        category=st.none() | st.integers(0, 12),
        source=st.sampled_from([Source.HISTORY, Source.CATALOG_MODEL]),
        product_count=st.none() | st.integers(0, 3),
        log_prob=st.none() | st.integers(-9, 0).map(float),
    ),
    max_size=120,
)
prefixes = st.text(alphabet=LETTERS, max_size=4)
limits = st.integers(1, 25)


def ranked(listed: list[Completion]) -> list[Completion]:
    weighing = [entry for entry in listed if entry.weight > 0]
    return sorted(weighing, key=lambda entry: (-entry.weight, len(entry.text), entry.text))


def distinct(listed: list[Completion], source: Source) -> list[Completion]:
    """Of equal texts the history's, then the heaviest, then the first."""
    kept: dict[str, Completion] = {}
    for entry in sorted(listed, key=lambda entry: (entry.source is not Source.HISTORY, -entry.weight)):
        kept.setdefault(entry.text, entry)
    return [entry for entry in kept.values() if entry.source is source]


def index_of(listed: list[Completion]) -> tuple[CompletionIndex, list[Completion]]:
    kept = distinct(listed, Source.HISTORY)
    return build_completions(listed).by_source[Source.HISTORY], kept


@settings(deadline=None)
@given(entries, prefixes, limits, st.none() | st.frozensets(st.integers(0, 12)))
def test_completions_equal_a_scan(
    listed: list[Completion], prefix: str, limit: int, allowed: frozenset[int] | None
) -> None:
    completions = build_completions(listed)
    for source in (Source.HISTORY, Source.CATALOG_MODEL):
        matching = [
            entry
            for entry in distinct(listed, source)
            if entry.text.startswith(prefix) and (allowed is None or entry.category in allowed)
        ]
        found, total = completions.complete(prefix, limit, source, allowed)
        assert found == ranked(matching)[:limit]
        assert total == sum(entry.weight for entry in matching)
    assert completions.complete(prefix, limit, Source.QUERY_MODEL) == ([], 0.0)


@settings(deadline=None)
@given(entries, st.lists(st.text(alphabet="abcé", min_size=1, max_size=2), max_size=3), prefixes, limits)
def test_matching_equals_a_scan(listed: list[Completion], words: list[str], half: str, limit: int) -> None:
    half = half.replace(" ", "")
    index, kept = index_of(listed)
    matching = [
        entry
        for entry in kept
        if set(words) <= set(entry.text.split(" "))
        and (not half or any(word.startswith(half) for word in entry.text.split(" ")))
    ]
    assert index.matching(words, half, limit) == ranked(matching)[:limit]
    few = index.matching(words, half, limit, at_most=3)  # bounded: fewer, but what is found is right and in order
    assert few == [entry for entry in ranked(matching) if entry in few] and len(few) <= limit


@settings(deadline=None)
@given(entries, prefixes)
def test_single_texts_equal_a_dictionary(listed: list[Completion], text: str) -> None:
    completions = build_completions(listed)
    everything = {entry.text: entry for entry in distinct(listed, Source.CATALOG_MODEL)}
    history = {entry.text: entry for entry in distinct(listed, Source.HISTORY)}
    assert list(completions.entries()) == [known[text] for known in (history, everything) for text in sorted(known)]
    everything |= history
    assert len(completions) == len(everything)
    for sought in [text, *everything]:
        expected = everything.get(sought)
        assert completions.find(sought) == expected
        assert (sought in completions) is (expected is not None)
        weight = history[sought].weight if sought in history else 0.0
        assert completions.by_source[Source.HISTORY].weight_of(sought) == weight


def many_queries(count: int) -> list[Completion]:
    generator = np.random.default_rng(5)
    words = ["red", "running", "shoes", "shirt", "for", "men", "women", "blue", "été", "scarf", "sandals", "xl", "42"]
    texts = sorted({" ".join(generator.choice(words, generator.integers(1, 6))) for _ in range(count)})
    weights = generator.zipf(1.3, len(texts)).clip(1, 10_000)
    return [
        Completion(text, float(weight), int(category), Source.HISTORY)
        for text, weight, category in zip(texts, weights, generator.integers(0, 40, len(texts)), strict=True)
    ]


def test_thousands_of_queries() -> None:
    """Long ranges, many blocks, stored heads, many categories: what small lists do not reach."""
    listed = many_queries(40_000)
    index = build_index(listed, Source.HISTORY)
    in_order = ranked(listed)
    for prefix in ("", "r", "re", "red", "red ", "running sh", "été", "été s", "zz", "4"):
        for allowed in (None, frozenset({3}), frozenset(range(30)), frozenset({99})):
            matching = [
                entry
                for entry in in_order
                if entry.text.startswith(prefix) and (allowed is None or entry.category in allowed)
            ]
            for limit in (1, 10, 25):
                found, total = index.complete(prefix, limit, allowed)
                assert found == matching[:limit]
                assert total == sum(entry.weight for entry in matching)
    for words, half in (([], "s"), ([], "sho"), (["red"], "r"), (["shoes", "red"], "r"), (["xl", "42", "été"], "")):
        matching = [
            entry
            for entry in in_order
            if set(words) <= set(entry.text.split()) and any(word.startswith(half) for word in entry.text.split())
        ]
        assert index.matching(words, half, 30) == matching[:30]
    assert index.matching(["boots"], "", 5) == index.matching(["red"], "boo", 5) == []
    assert index.matching([], "", 5) == in_order[:5]


def test_words_in_any_order() -> None:
    listed = [Completion(text, 2.0, 0, Source.HISTORY) for text in ("red running shoes", "red shoes", "blue shoes")]
    index = build_index(listed, Source.HISTORY)
    assert [entry.text for entry in index.matching(["shoes"], "red", 5)] == ["red shoes", "red running shoes"]
    assert [entry.text for entry in index.matching([], "sho", 1)] == ["red shoes"]
    assert [entry.text for entry in index.matching(["shoes", "running", "shoes"], "", 5)] == ["red running shoes"]


def test_texts_of_many_words() -> None:
    """More than eight distinct words are kept elsewhere, and found as well."""
    words = [f"w{number:02}" for number in range(30)]
    generator = np.random.default_rng(3)
    texts = sorted({" ".join(generator.permutation(words)[: generator.integers(1, 20)]) for _ in range(300)})
    listed = ranked([Completion(text, float(row % 7 + 1), 0, Source.HISTORY) for row, text in enumerate(texts)])
    index = build_index(listed, Source.HISTORY)
    for held, half in ((["w01"], "w2"), (["w01", "w29"], "w0"), (["w05", "w07", "w11"], ""), ([], "w13")):
        matching = [
            entry
            for entry in listed
            if set(held) <= set(entry.text.split()) and any(word.startswith(half) for word in entry.text.split())
        ]
        assert matching and index.matching(held, half, 400) == matching


def test_stored_and_mapped(tmp_path: Path) -> None:
    listed = [*many_queries(500), Completion("é", 0.25, None, Source.QUERY_MODEL, 3, -1.5)]
    built = build_completions(listed)
    save_completions(built, tmp_path)
    loaded = load_completions(tmp_path)
    assert list(loaded.entries()) == list(built.entries())
    for prefix in ("", "r", "red shoes"):
        assert loaded.complete(prefix, 9, Source.HISTORY) == built.complete(prefix, 9, Source.HISTORY)
    history = loaded.by_source[Source.HISTORY]
    assert history.matching(["red"], "s", 9) == built.by_source[Source.HISTORY].matching(["red"], "s", 9)
    assert not history.arrays["facts"].flags.writeable
    assert loaded.fuzzy.near("rwd sh") == built.fuzzy.near("rwd sh") != []


def test_another_layout_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "texts.json").write_text("[]")
    with pytest.raises(ArtifactError, match="retrain"):
        load_completions(tmp_path)


def test_what_does_not_fit_is_refused() -> None:
    column = np.zeros(2, np.int32)
    with pytest.raises(ValueError, match="equally long"):
        build_from_columns(["a"], np.ones(1, np.float32), column, column, np.zeros(2, np.float32), Source.HISTORY)
    for texts, weight, reason in ((["a", "a"], 1, "distinct"), (["a", "b"], -1, "negative")):
        weights = np.full(2, weight, np.float32)
        with pytest.raises(ValueError, match=reason):
            build_from_columns(texts, weights, column, column, np.zeros(2, np.float32), Source.HISTORY)
    arrays = build_index([Completion("a", 1.0, 0, Source.HISTORY)], Source.HISTORY).arrays
    with pytest.raises(ValueError, match="equally long"):
        CompletionIndex(Source.HISTORY, {**arrays, "running_weights": np.zeros(1)})
    with pytest.raises(KeyError):
        CompletionIndex(Source.HISTORY, {name: array for name, array in arrays.items() if name != "postings"})
