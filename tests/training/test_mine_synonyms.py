"""Synonyms mined from what queries lead to."""

import sqlite3
from pathlib import Path

import pytest

from core.domain import QueryRow
from core.text.synonyms import Synonyms, load_synonyms
from database.connection import Database
from database.repositories.query_log import QueryLogRepository
from training.mine_synonyms import FILE_NAME, as_file, main, mine

BESIDE = ("filter", "handle", "light bulb", "magnet")


def clicks(first: str, second: str, beside: tuple[str, ...] = BESIDE) -> list[tuple[str, str, float]]:
    """Both words lead to the same products, another one for each of the words beside them."""
    return [(f"{word} {rest}".strip(), f"p {rest}", 2.0) for word in (first, second) for rest in beside]


def test_words_that_lead_to_the_same_are_found_with_what_speaks_for_them() -> None:
    log = [*clicks("fridge", "refrigerator"), ("fridge filter", "other", 6.0), ("washer handle", "p handle", 1.0)]
    (pair,) = mine(log)
    assert (pair.first, pair.second) == ("fridge", "refrigerator")
    assert pair.contexts == {"handl": 1.0, "magnet": 1.0, "bulb light": 1.0, "filter": 0.25}
    assert pair.support == 3.25


def test_two_words_may_stand_for_one() -> None:
    pairs = mine(clicks("trash can", "bin"))
    assert [(pair.first, pair.second) for pair in pairs] == [("bin", "trash can")]


@pytest.mark.parametrize(
    "first, second",
    [
        ("drill", "drills"), ("18", "20"), ("18v", "motor"), ("inch", "cm"), ("navy", "plum"), ("for", "motor"),
        ("fuacet", "faucet"), ("cordless drill", "drill"), ("bosch", "makita"),
    ],
)  # fmt: skip
def test_what_is_never_a_synonym(first: str, second: str) -> None:
    assert mine(clicks(first, second), brands=["Bosch", "Makita"]) == []


def test_a_brand_may_be_meant_by_another_word() -> None:
    assert mine(clicks("hoover", "vacuum"), brands=["Hoover"]) != []


def test_too_little_is_not_enough() -> None:
    assert mine(clicks("fridge", "cooler", BESIDE[:2])) == []
    one_product = [(query, "p", weight) for query, _, weight in clicks("fridge", "cooler")]
    assert mine(one_product) == []  # one product says it once, whatever stands beside
    assert mine([*clicks("game", "xbox"), ("xbox game", "q", 1.0)]) == []  # both at once: no either-or
    rarely = [("fridge " + rest, f"other {rest}", 50.0) for rest in BESIDE]
    assert mine(clicks("fridge", "cooler") + rarely) == []  # one of the two mostly leads elsewhere


def test_the_review_file_is_a_synonyms_file() -> None:
    text = as_file(mine(clicks("fridge", "refrigerator") + clicks("bin", "trash can", ("a1", "b lid", "", "bag"))))
    assert "# support 4.0, 4 contexts: beside" in text
    assert Synonyms.parse(text.splitlines()) == Synonyms.parse(["fridge, refrigerator", "bin, trash can"])


@pytest.mark.anyio
async def test_only_products_judged_good_count(database: Database) -> None:
    rows = [("Tv", "1", 3.0), ("tv", "1", 2.5), ("tv", "2", 2.4), ("tv", "3", None), ("tv", None, 3.0)]
    async with database.transaction() as session:
        log = QueryLogRepository(session)
        await log.add_many([(QueryRow(q, product_id=p, relevance=r), q.lower(), None) for q, p, r in rows], None)
    async with database.reading() as session:
        assert await QueryLogRepository(session).judged_good(2.5) == [("tv", "1")]


def test_the_command_writes_a_review_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CADENCE_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main(["--home", str(tmp_path)]) == 1
    assert "nothing to mine" in capsys.readouterr().out
    with sqlite3.connect(tmp_path / "cadence.sqlite3") as connection:
        connection.executemany(
            "INSERT INTO query_log (query, normalized, count, product_id, prefixes) VALUES (?1, ?1, ?3, ?2, '[]')",
            clicks("fridge", "refrigerator"),
        )
    assert main(["--home", str(tmp_path)]) == 0
    assert load_synonyms(tmp_path / FILE_NAME).expand(["fridg"]) == ((("fridg",), ("refriger",)),)
