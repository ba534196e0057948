"""The live index against a plain dictionary."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.retrieval.live import LiveIndex

HALF_LIFE = 100.0

words = st.text(alphabet="ab ", min_size=1, max_size=5)
steps = st.lists(
    st.tuples(st.sampled_from(["add", "add", "add", "remove"]), words, st.integers(1, 5), st.integers(0, 500)),
    max_size=150,
)


def decayed(added: list[tuple[str, int, int]], now: float) -> dict[str, float]:
    weights: dict[str, float] = {}
    for text, count, at in added:
        weights[text] = weights.get(text, 0.0) + count * 2.0 ** ((at - now) / HALF_LIFE)
    return weights


@settings(deadline=None)
@given(steps, st.text(alphabet="ab ", max_size=2), st.integers(1, 30))
def test_equals_a_dictionary(listed: list[tuple[str, str, int, int]], prefix: str, limit: int) -> None:
    live = LiveIndex(HALF_LIFE)
    added: list[tuple[str, int, int]] = []
    for action, text, count, at in listed:
        if action == "add":
            live.add(text, count, at)
            added.append((text, count, at))
        else:
            live.remove(text)
            added = [entry for entry in added if entry[0] != text]
    weights = decayed(added, 500)
    assert len(live) == len(weights)
    matching = {text: weight for text, weight in weights.items() if text.startswith(prefix)}
    found, total = live.complete(prefix, limit, 500)
    assert total == pytest.approx(sum(matching.values()), rel=1e-9) == live.total(prefix, 500)
    assert dict(found) == pytest.approx({text: weights[text] for text, _ in found}, rel=1e-9)
    assert [weight for _, weight in found] == pytest.approx(sorted(matching.values(), reverse=True)[:limit], rel=1e-9)
    for text, weight in weights.items():
        assert live.weight_of(text, 500) == pytest.approx(weight, rel=1e-9)


@settings(deadline=None)
@given(st.lists(st.tuples(words, st.integers(1, 3)), max_size=120), st.integers(1, 30), st.text("ab ", max_size=1))
def test_the_lightest_makes_room(listed: list[tuple[str, int]], max_texts: int, prefix: str) -> None:
    """Without decay weights are whole numbers, so that order and totals are exact."""
    live = LiveIndex(None, max_texts)
    weights: dict[str, float] = {}
    for text, count in listed:
        if text not in weights and len(weights) == max_texts:
            del weights[min(weights, key=lambda known: (weights[known], -len(known), known))]
        weights[text] = weights.get(text, 0.0) + count
        live.add(text, count, 0)
    matching = [(text, weight) for text, weight in weights.items() if text.startswith(prefix)]
    matching.sort(key=lambda entry: (-entry[1], len(entry[0]), entry[0]))
    assert live.complete(prefix, 20, 7) == (matching[:20], sum(weight for _, weight in matching))
    assert len(live) == len(weights)


def test_weights_halve_and_never_overflow() -> None:
    live = LiveIndex(HALF_LIFE)
    for number in range(60):
        live.add(f"text {number}", 8, 0)
    assert live.weight_of("text 1", HALF_LIFE) == 4.0
    live.add("text 1", 1, 900 * HALF_LIFE)
    assert live.complete("te", 1, 901 * HALF_LIFE) == ([("text 1", 0.5)], 0.5)
    live.add("text 2", 1, 5_000 * HALF_LIFE)
    assert live.complete("te", 3, 5_000 * HALF_LIFE) == ([("text 2", 1.0)], 1.0)
    live.add("text 3", 1, 0)  # so long ago that nothing is left
    assert live.weight_of("text 3", 5_000 * HALF_LIFE) == 0.0


def test_what_is_refused_and_what_is_forgotten() -> None:
    live = LiveIndex(HALF_LIFE)
    for count in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="count"):
            live.add("shoes", count, 0)
    live.add("shoes", 0, 0)
    assert len(live) == 0 and live.complete("", 5, 0) == ([], 0.0)
    live.add("shoes", 0.5, 0)
    live.remove("boots")
    assert live.complete("s" * 50, 5, 0) == ([], 0.0)
    assert live.complete("sh", 5, 0) == ([("shoes", 0.5)], 0.5)
    live.clear()
    assert len(live) == 0 and live.weight_of("shoes", 0) == 0.0
    with pytest.raises(ValueError, match="half-life"):
        LiveIndex(0)


def test_readers_see_whole_lists_while_one_writes() -> None:
    live = LiveIndex(None, 200)
    torn: list[object] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found, total = live.complete("s", 10, 0)
            if sum(weight for _, weight in found) > total or len(found) > 10:
                torn.append(found)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(600):
        live.add(f"s{number * 7919 % 500}", 1, 0)
    done.set()
    for reader in readers:
        reader.join()
    assert torn == [] and len(live) == 200
