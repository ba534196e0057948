"""A ranker learnt from judgments: what they teach holds for queries that nobody judged, and a version carries it on."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core import artifacts
from core.domain import Product
from core.errors import InputFileError
from core.ranking.ranker import load_ranker
from core.retrieval.adapter import load_adapter
from core.retrieval.storage import build_products, load_products, save_products
from core.services.bundle import PRODUCTS, RANKING
from tests.trained_shop import TrainedShop
from training import train_ranker
from training.ranking.judged import in_catalogue, on_scale, read_judgments
from training.ranking.learn import LEAST_QUERIES, Learner, Learnt
from training.ranking.publish import carry_over, publish_ranker

KINDS = {"sofa": "settee", "lamp": "luminaire", "tap": "faucet"}
COLORS = ["red", "blue", "green", "black", "white", "oak", "grey", "pink"]
MAKERS = [f"maker{n}" for n in range(12)]


def encode(texts: Sequence[str]) -> np.ndarray:
    """Vectors that know no word: what the adapter finds out is its own."""
    vectors = [np.random.default_rng(int(hashlib.md5(t.encode()).hexdigest()[:8], 16)).normal(size=32) for t in texts]
    table = np.array(vectors, np.float32)
    unit: np.ndarray = table / np.linalg.norm(table, axis=1, keepdims=True)
    return unit


PRODUCTS_OF_IT = [
    Product(f"{maker}-{color}-{kind}", f"{maker} {color} {kind}")
    for maker in MAKERS
    for color in COLORS
    for kind in KINDS
]
TITLES = [product.title for product in PRODUCTS_OF_IT]
GRADES = {
    f"{color} {other} {maker}": {
        f"{maker}-{color}-{kind}": 3.0,
        f"{maker}-{COLORS[at - 1]}-{kind}": 2.0,
        f"{maker}-{color}-{'lamp' if kind == 'sofa' else 'sofa'}": 1.0,
    }
    for maker in MAKERS
    for at, color in enumerate(COLORS)
    for kind, other in KINDS.items()
}


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    index = build_products(PRODUCTS_OF_IT, encode(TITLES))
    rows = {product_id: row for row, product_id in enumerate(index.ids)}
    words = {word: 1.0 for title in TITLES for word in title.split()} | dict.fromkeys(KINDS.values(), 1.0)
    return Learner(index, TITLES, words, encode, seed=0).learn(in_catalogue(GRADES, rows), lambda share, note: None)


def test_held_out_queries_are_answered_better(learnt: Learnt) -> None:
    assert learnt.pays
    assert learnt.figures["nDCG@10 with adapter and network"] > 0.6  # the formula: .579
    assert learnt.figures["nDCG@10 gain, low"] > 0
    settee = learnt.adapter.query(encode(["settee"])[0], ["sette", "settee"])
    assert settee.shape == (32,) and np.linalg.norm(settee) == pytest.approx(1, abs=1e-5)


def test_a_version_carries_it_on(learnt: Learnt, tmp_path: Path) -> None:
    prepared = tmp_path / "work" / "prepared"
    save_products(PRODUCTS_OF_IT, encode(TITLES), prepared / PRODUCTS)
    artifacts.publish(tmp_path / "artifacts", prepared, "20260101-000000-abc", {"fingerprint": "abc"})
    name = publish_ranker(
        tmp_path, artifacts.open_current(tmp_path / "artifacts"), learnt, {"learnt_from": "judged.csv", "seed": 0}
    )
    folder = artifacts.open_current(tmp_path / "artifacts")
    assert folder.version == name and folder.manifest["ranker"]["learnt_from"] == "judged.csv"
    assert load_ranker(folder.path / RANKING).name == "network"
    index = load_products(folder.path / PRODUCTS, ranking=folder.path / RANKING)
    assert index.adapter is not None
    np.testing.assert_array_equal(index.dense.codes, learnt.index.dense.codes)

    later = tmp_path / "later"  # another catalogue: one product more, in another order
    titles = ["maker1 red sofa bed", *TITLES[::-1]]
    assert carry_over(folder.path, later, titles, encode(titles))
    carried = load_adapter(later / RANKING)
    np.testing.assert_array_equal(carried.term_vectors, learnt.adapter.term_vectors)
    assert not carry_over(tmp_path / "nothing", later, titles, encode(titles))


def test_too_few_judgments_are_refused() -> None:
    index = build_products(PRODUCTS_OF_IT[:5], encode(TITLES[:5]))
    judged = in_catalogue({"red sofa": {index.ids[0]: 3.0}}, {index.ids[0]: 0})
    with pytest.raises(ValueError, match=f"1 judged queries are too few .* {LEAST_QUERIES} needed"):
        Learner(index, TITLES[:5], {}, encode, 0).learn(judged, lambda share, note: None)


def test_judgments_on_another_scale(tmp_path: Path) -> None:
    assert on_scale({"a": {"p": 0.0, "q": 4.0}, "b": {"p": 2.0}}) == {"a": {"p": 1.0, "q": 3.0}, "b": {"p": 2.0}}
    kept = {"a": {"p": 1.33, "q": 3.0}}
    assert on_scale(kept) is kept
    file = tmp_path / "log.csv"
    file.write_text("query,count\nred lamp,3\n")
    with pytest.raises(InputFileError, match="no relevance column"):
        read_judgments(file)


def test_the_command_refuses_too_little_and_publishes_nothing(
    trained_shop: TrainedShop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    shutil.copytree(trained_shop.home, home)
    before = artifacts.versions(home / "artifacts")
    judged = tmp_path / "judged.csv"
    judged.write_text("query,product_id,relevance\nred shoes,P100000,3\nred shoes,P100001,1\n")
    assert train_ranker.main(["--home", str(home), "--judgments", str(judged)]) == 1
    assert "too few to learn a ranker from" in capsys.readouterr().out
    assert artifacts.versions(home / "artifacts") == before
