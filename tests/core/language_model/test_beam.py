"""Beam search on a toy model whose probabilities are written by hand."""

from collections.abc import Callable

import numpy as np
import pytest

from core.language_model.beam import END, Expansion, beam_search

# From each token (rows) to end, 0, 1, 2. A first-order chain: everything can be checked by eye.
CHAIN = {
    None: [0.0, 0.6, 0.3, 0.1],
    0: [0.5, 0.0, 0.4, 0.1],
    1: [0.9, 0.0, 0.0, 0.1],
    2: [1.0, 0.0, 0.0, 0.0],
}
TOKENS = np.array([END, 0, 1, 2])
State = tuple[int | None, ...]


def expand(state: State) -> Expansion[State]:
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.array([CHAIN[last] for last in state], np.float32))
    return Expansion(log_probs, np.broadcast_to(TOKENS, log_probs.shape), state)


def step(state: State, rows: np.ndarray, tokens: np.ndarray) -> Expansion[State]:
    assert len(rows) == len(tokens) and all(0 <= row < len(state) for row in rows)
    return expand(tuple(tokens.tolist()))


def search(
    width: int = 10, limit: int = 10, max_steps: int = 6, **options: object
) -> list[tuple[tuple[int, ...], float]]:
    found = beam_search(expand((None,)), np.zeros(1), step, width=width, limit=limit, max_steps=max_steps, **options)  # type: ignore[arg-type]
    return [(hypothesis.tokens, round(float(np.exp(hypothesis.log_prob)), 4)) for hypothesis in found]


def test_all_sequences_with_their_probabilities() -> None:
    assert search() == [
        ((0,), 0.3),  # 0.6 · 0.5
        ((1,), 0.27),  # 0.3 · 0.9
        ((0, 1), 0.216),  # 0.6 · 0.4 · 0.9
        ((2,), 0.1),
        ((0, 2), 0.06),
        ((1, 2), 0.03),
        ((0, 1, 2), 0.024),
    ]


def test_probabilities_of_all_sequences_sum_to_one() -> None:
    assert sum(probability for _, probability in search()) == pytest.approx(1.0, abs=1e-3)


def test_limit_keeps_the_best() -> None:
    assert [tokens for tokens, _ in search(limit=3)] == [(0,), (1,), (0, 1)]


def test_narrow_beam_is_greedy() -> None:
    assert search(width=1) == [((0,), 0.3)]


def test_longest_sequence_has_one_token_less_than_steps() -> None:
    assert max(len(tokens) for tokens, _ in search(max_steps=3)) == 2


def test_roots_carry_their_own_weight() -> None:
    roots = expand((0, 1))
    found = beam_search(roots, np.log([0.1, 0.9]), step, width=10, limit=2, max_steps=3)
    assert [(hypothesis.tokens, hypothesis.root) for hypothesis in found] == [((), 1), ((2,), 1)]
    assert np.exp(found[0].log_prob) == pytest.approx(0.81)


def test_stops_once_no_live_hypothesis_can_win() -> None:
    steps = 0

    def counted(state: State, rows: np.ndarray, tokens: np.ndarray) -> Expansion[State]:
        nonlocal steps
        steps += 1
        return step(state, rows, tokens)

    beam_search(expand((None,)), np.zeros(1), counted, width=10, limit=1, max_steps=6)
    assert steps == 1  # after it, (0,) at 0.30 beats the best live one, (0, 1) at 0.24


def test_deadline_returns_what_is_finished() -> None:
    ticks = iter([0.0, 2.0])
    clock: Callable[[], float] = lambda: next(ticks)  # noqa: E731
    assert search(deadline=1.0, clock=clock) == [((0,), 0.3), ((1,), 0.27), ((2,), 0.1)]


def test_nothing_allowed_gives_nothing() -> None:
    nothing: Expansion[State] = Expansion(np.full((1, 4), -np.inf, np.float32), TOKENS[None], (None,))
    assert beam_search(nothing, np.zeros(1), step, width=4, limit=4, max_steps=3) == []


@pytest.mark.parametrize("width, limit, max_steps", [(0, 1, 1), (1, 0, 1), (1, 1, 0)])
def test_senseless_sizes_are_refused(width: int, limit: int, max_steps: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        search(width=width, limit=limit, max_steps=max_steps)
