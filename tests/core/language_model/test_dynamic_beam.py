"""Algorithm 1 on a hand-written transition matrix whose groups can be checked by eye."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.language_model.beam import END, Expansion, Hypothesis
from core.language_model.dynamic_beam import DynamicBeam, dynamic_beam_search

# Rows: what was read last. Columns: end, then the words 0..3 (column w + 1).
WORDS = ["red", "shoes", "dress", "lace"]
TABLE = np.array(
    [
        [0.00, 0.00, 0.60, 0.38, 0.02],  # red → shoes, dress; lace is below p1
        [0.70, 0.00, 0.00, 0.05, 0.25],  # shoes → end, lace; dress
        [0.50, 0.10, 0.35, 0.00, 0.05],  # dress → end, shoes, red, lace
        [0.90, 0.00, 0.06, 0.04, 0.00],  # lace → end, shoes
    ]
)


def step(state: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], tokens: npt.NDArray[np.int64]) -> Expansion[object]:
    return expand(tokens)


def expand(last: npt.NDArray[np.int64]) -> Expansion[object]:
    with np.errstate(divide="ignore"):
        log_probs = np.log(TABLE[last]).astype(np.float32)
    tokens = np.tile(np.array([END, 0, 1, 2, 3]), (len(last), 1))
    return Expansion(log_probs, tokens, last)


def texts(found: list[Hypothesis]) -> list[str]:
    return [" ".join(WORDS[token] for token in hypothesis.tokens) for hypothesis in found]


def search(starts: list[int], **parameters: float) -> list[Hypothesis]:
    return dynamic_beam_search(expand(np.array(starts)), step, DynamicBeam(**parameters))  # type: ignore[arg-type]


def test_every_branch_of_two_levels_is_a_group_of_its_own() -> None:
    # red → {shoes, dress}; shoes → {END, lace}, dress → {END, shoes} (red, 0.10, is below p2); then one each.
    found = search([0], p1=0.03, p2=0.15, p3=0.01, width=1, max_words=4)
    assert texts(found) == ["shoes", "dress", "shoes lace", "dress shoes"]
    assert found[0].log_prob == pytest.approx(np.log(0.6 * 0.7), abs=1e-6)
    assert found[2].log_prob == pytest.approx(np.log(0.6 * 0.25 * 0.9), abs=1e-6)


def test_width_counts_inside_a_group_only() -> None:
    narrow = texts(search([0], p1=0.03, p2=0.15, p3=0.01, width=1, max_words=4))
    wide = texts(search([0], p1=0.03, p2=0.15, p3=0.01, width=2, max_words=4))
    assert set(narrow) < set(wide)
    # In the group "dress shoes" the runner-up after END (0.70) is lace (0.25).
    assert "dress shoes lace" in wide


def test_p3_prunes_inside_groups() -> None:
    wide = {"p1": 0.03, "p2": 0.15, "width": 3, "max_words": 4}
    assert "shoes lace shoes" in texts(search([0], p3=0.01, **wide))
    assert "shoes lace shoes" not in texts(search([0], p3=0.07, **wide))


def test_what_is_cut_is_not_an_answer() -> None:
    assert texts(search([0], p1=0.03, p2=0.15, p3=0.01, width=2, max_words=1)) == ["shoes", "dress"]


def test_rows_do_not_influence_each_other() -> None:
    parameters = {"p1": 0.03, "p2": 0.05, "p3": 0.02, "width": 2, "max_words": 5}
    together = search([0, 1, 2], **parameters)
    for row, start in enumerate([0, 1, 2]):
        alone = search([start], **parameters)
        assert [(h.tokens, h.log_prob) for h in together if h.root == row] == [(h.tokens, h.log_prob) for h in alone]


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 4))
def test_equals_a_plain_recursive_search(seed: int, width: int, max_words: int) -> None:
    """Random tables: the vectorised search finds what the algorithm, written out one prefix at a time, finds."""
    generator = np.random.default_rng(seed)
    table = generator.dirichlet(np.full(5, 0.6), 4)
    table[:, 1:] = np.where(table[:, 1:] < 1e-6, 0, table[:, 1:])

    def expanded(last: npt.NDArray[np.int64]) -> Expansion[object]:
        with np.errstate(divide="ignore"):
            return Expansion(
                np.log(table[last]).astype(np.float32), np.tile(np.array([END, 0, 1, 2, 3]), (len(last), 1)), last
            )

    parameters = DynamicBeam(p1=0.05, p2=0.1, p3=0.03, width=width, max_words=max_words)
    found = dynamic_beam_search(expanded(np.array([0])), lambda state, rows, tokens: expanded(tokens), parameters)
    expected = _written_out(table, parameters)
    assert {h.tokens for h in found} == set(expected)
    for hypothesis in found:
        assert hypothesis.log_prob == pytest.approx(expected[hypothesis.tokens], abs=1e-4)


def _written_out(table: npt.NDArray[np.float64], parameters: DynamicBeam) -> dict[tuple[int, ...], float]:
    answers: dict[tuple[int, ...], float] = {}
    groups: list[list[tuple[tuple[int, ...], float]]] = []

    def extend(path: tuple[int, ...], score: float, floor: float) -> list[tuple[tuple[int, ...], float, bool]]:
        row = table[path[-1] if path else 0]
        listed = [(path, score + np.log(row[0]), True)] if row[0] > floor else []
        return listed + [((*path, w), score + np.log(row[w + 1]), False) for w in range(4) if row[w + 1] > floor]

    for path, score, done in extend((), 0.0, parameters.p1):
        if done:
            answers[path] = score
            continue
        for longer, total, ended in extend(path, score, parameters.p2):
            if ended:
                answers[longer] = total
            elif parameters.max_words > 1:
                groups.append([(longer, total)])
    for group in groups:
        live = group
        while live:
            branches = [branch for path, score in live for branch in extend(path, score, parameters.p3)]
            branches = sorted(branches, key=lambda branch: -branch[1])[: parameters.width]
            answers.update({path: score for path, score, done in branches if done})
            live = [(p, s) for p, s, done in branches if not done and len(p) <= parameters.max_words]
    return answers


def test_parameters_are_checked() -> None:
    with pytest.raises(ValueError, match="p1"):
        DynamicBeam(p1=0.5, p2=0.4)
    with pytest.raises(ValueError, match="width"):
        DynamicBeam(width=0)
