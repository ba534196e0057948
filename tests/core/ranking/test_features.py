"""Features by hand, and the rankers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain import Product
from core.ranking.business import LIMIT, Business
from core.ranking.candidates import candidates, question, shortlist
from core.ranking.features import FEATURES, features, fused
from core.ranking.ranker import FormulaRanker
from core.retrieval.products import ProductIndex
from core.retrieval.storage import build_products
from core.text.terms import asked_terms, terms

PRODUCTS = [
    Product("1", "Acme red steel lamp with oak foot", rating=5.0, rating_count=200, in_stock=True),
    Product("2", "Acme oak table", rating=5.0, rating_count=1, in_stock=True),
    Product("3", "Bolt 18v drill", in_stock=False),
    Product("4", "Bolt lamp red"),
]
VECTORS = np.eye(4, dtype=np.float32)
INDEX = build_products(PRODUCTS, VECTORS)


def table(index: ProductIndex, text: str, vector: np.ndarray) -> dict[str, np.ndarray]:
    """Features by name, of all products in their order."""
    asked = question(index, asked_terms(text), terms(text))
    rows = np.arange(4, dtype=np.int32)
    lexical, coverage = index.lexical.score(asked.asked)
    found = features(candidates(index, asked, vector, rows, lexical, coverage))
    assert found.dtype == np.float32 and np.isfinite(found).all()
    return {name: found[:, at] for at, name in enumerate(FEATURES)}


def test_words_by_hand() -> None:
    known = table(INDEX, "red lamp", VECTORS[3])
    assert known["title_parts"].tolist() == [1, 0, 0, 1]
    assert known["missing"].tolist() == [0, 2, 2, 0]
    assert known["title_terms_asked"] == pytest.approx([2 / 7, 0, 0, 2 / 3])
    assert known["in_a_row"].tolist() == [0, 0, 0, 0]  # `red steel lamp`, `lamp red`
    assert known["nearby"].tolist() == [1, 0, 0, 1]
    assert known["kind_is_head"].tolist() == [
        1,
        0,
        0,
        0,
    ]  # a lamp with an oak foot is a lamp; of `lamp red` the last word
    assert known["first_place"] == pytest.approx([1 / 7, 1.5, 1.5, 1 / 3])
    assert known["cosine"] == pytest.approx([0, 0, 0, 1], abs=0.01)
    assert known["lexical"].max() == 1
    assert known["holding_all"] == pytest.approx(np.log(3))


def test_numbers_and_what_is_sought() -> None:
    known = table(INDEX, "18v drill for oak", VECTORS[2])
    assert known["numbers"].tolist() == [0, 0, 1, 0]
    assert known["kind_held"].tolist() == [0, 0, 1, 0]  # the drill, not the oak
    assert table(INDEX, "drill 500", VECTORS[2])["kind_held"].tolist() == [0, 0, 1, 0]  # nor the number
    assert table(INDEX, "drill men", VECTORS[2])["kind_held"].tolist() == [0, 0, 1, 0]  # nor who it is for
    assert table(INDEX, "lamp", VECTORS[0])["numbers"].tolist() == [-1] * 4


def test_what_the_best_have_in_common() -> None:
    known = table(INDEX, "acme", VECTORS[0])
    assert known["brand"][0] == known["brand"][1] > known["brand"][2] == known["brand"][3]
    assert known["like_the_best"].argmax() == 0


@settings(max_examples=80, deadline=None)
@given(
    words=st.lists(st.sampled_from(["red", "lamp", "oak", "18v", "unicorn", "for", "drill"]), min_size=1, max_size=5),
    seed=st.integers(0, 100),
)
def test_any_query_has_finite_features_and_scores_in_bounds(words: list[str], seed: int) -> None:
    vector = np.random.default_rng(seed).normal(size=4).astype(np.float32)
    vector /= np.linalg.norm(vector)
    text = " ".join(words)
    asked = question(INDEX, asked_terms(text) or terms(text), terms(text))
    matches = INDEX.match(asked.asked, vector)
    rows = shortlist(INDEX, matches, vector)
    assert set(rows.tolist()) <= set(matches.rows.tolist())
    lexical, coverage = INDEX.lexical.score(asked.asked)
    scores = FormulaRanker().score(features(candidates(INDEX, asked, vector, rows, lexical[rows], coverage[rows])))
    assert scores.shape == rows.shape and ((scores >= 0) & (scores <= 1)).all()


def test_what_is_fused_is_between_its_parts() -> None:
    lexical, cosine = np.array([2.0, 1.0, 0.0], np.float32), np.array([0.0, 0.5, 1.0], np.float32)
    assert fused(lexical, cosine) == pytest.approx([0.6, 0.5, 0.4])


def test_the_formula_by_hand() -> None:
    known = table(INDEX, "18v drill", VECTORS[2])  # `18`, `volt`, `drill`: all in the title of the third, in a row
    assert known["formula"][2] == pytest.approx(1)
    assert known["formula"][1] == pytest.approx(known["fused"][1] / 1.7)
    known = table(INDEX, "lamp", VECTORS[0])  # the title and the kind; no neighbours, no numbers: 0 and not −1
    assert known["formula"][0] == pytest.approx((known["fused"][0] + 0.3 + 0.05) / 1.7)


def test_the_formula_ranker_is_relative_to_the_best() -> None:
    rows = np.zeros((3, len(FEATURES)), np.float32)
    rows[:, FEATURES.index("formula")] = [0.4, 0.4, 0.2]
    rows[:, FEATURES.index("like_the_best")] = [0.5, -0.5, 0.5]
    assert FormulaRanker().score(rows) == pytest.approx([1, 0.4 / 0.45, 0.25 / 0.45])
    assert FormulaRanker().score(np.zeros((2, len(FEATURES)), np.float32)).tolist() == [0, 0]
    assert FormulaRanker().score(rows[:0]).shape == (0,)


def test_business_signals_are_bounded_and_backed() -> None:
    business = Business.of(INDEX.columns)
    added = business.addition(INDEX.columns, np.arange(4, dtype=np.int32), now=0.0)
    assert (np.abs(added) <= LIMIT).all()
    assert added[0] > added[1] >= added[3] > added[2]  # two hundred ratings, one, none; sold out


def test_no_candidates_have_no_features() -> None:
    asked = question(INDEX, ["unicorn"], ["unicorn"])
    none = np.zeros(0, np.int32)
    nothing = np.zeros(0, np.float32)
    assert features(candidates(INDEX, asked, VECTORS[0], none, nothing, nothing)).shape == (0, len(FEATURES))
