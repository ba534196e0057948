"""What another ranking would have been worth, from a log whose truth is known."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection

from core.domain import Action, Engagement
from core.errors import ExperimentDataError
from core.experiments.swapping import marginals, swap
from core.personalization.features import LAYOUT
from core.personalization.product_taste import product_components
from core.personalization.score import Formula
from core.services.exploration import SWAPPED
from data_generation.click_simulator import ClickModel, SimulatedLists, draw_lists, make_world, simulate_clicks
from database.connection import Database
from database.repositories.events import insert_new
from database.repositories.lists import ListLog, ShownItem, insert_lists, items_text
from database.repositories.taste_lists import TasteList
from training.replay import main
from training.replay_lists import Ranker, replay_log, valued

SHARE, MODEL, NOW = 0.8, ClickModel(0.8), datetime(2026, 11, 27, tzinfo=UTC)
FORMULA = Formula()


def ranker(reach: float) -> Ranker:
    return Ranker(lambda table: FORMULA.final(product_components(table)), reach)


class Log:
    """Lists of the formula, ten of each swapped by lot, and what was clicked; `appeal` `(L, 10)` is the truth."""

    def __init__(self, count: int, seed: int = 5) -> None:
        final = ranker(FORMULA.reach).final
        self.lists: SimulatedLists = draw_lists(make_world(seed), count, seed, final, FORMULA.reach)
        self.ranks = np.stack([swap(SWAPPED, SHARE, f"request-{number}") for number in range(count)])
        self.appeal = np.take_along_axis(self.lists.appeal[:, :SWAPPED], self.ranks, 1)
        self.clicked = simulate_clicks(self.appeal, MODEL, seed).clicked
        self.propensity = marginals(SWAPPED, SHARE)[self.ranks, np.arange(SWAPPED)]

    def taste_lists(self, arm: str = "formula") -> Iterator[TasteList]:
        for at, ranks in enumerate(self.ranks):
            yield TasteList(
                f"request-{at}", "q", f"s{at}", arm, tuple(f"p{rank}" for rank in ranks),
                np.arange(1, SWAPPED + 1, dtype=np.int32), self.lists.score[at, ranks],
                self.clicked[at].astype(np.float32), self.lists.features[at, ranks],
                self.propensity[at].astype(np.float32), (ranks + 1).astype(np.int32),
            )  # fmt: skip

    def truth(self, places: "np.typing.NDArray[np.int64]") -> float:
        return float((MODEL.seen(places) * self.appeal.ravel()).sum() / len(self.ranks))


@pytest.fixture(scope="module")
def log() -> Log:
    return Log(6_000)


@pytest.mark.parametrize("reach", [0.0, 0.6])
def test_a_reach_that_nobody_has_seen_is_valued_as_it_would_be(log: Log, reach: float) -> None:
    replayed = replay_log(log.taste_lists(), {"formula": ranker(FORMULA.reach)})
    places = replayed.target(ranker(reach))
    truth, logged = log.truth(places), log.truth(replayed.natural)
    assert abs(truth - logged) > 0.01
    found = valued(replayed, places)
    for name in ("SNIPS, by examination", "doubly robust, by examination", "SNIPS, by place"):
        assert found[name].low < truth < found[name].high, name
    assert found["the logging ranker"].low < logged < found["the logging ranker"].high
    difference = found["difference (SNIPS, by examination)"]
    assert difference.low < truth - logged < difference.high
    assert difference.high - difference.low < found["SNIPS, by examination"].high - found["SNIPS, by examination"].low


def test_the_target_that_made_the_log_changes_nothing(log: Log) -> None:
    replayed = replay_log(log.taste_lists(), {"formula": ranker(FORMULA.reach)})
    assert (replayed.target(ranker(FORMULA.reach)) == replayed.natural).mean() > 0.99  # scores are clipped and rounded


def test_lists_without_the_lot_and_of_unknown_rankers_are_left_out(log: Log) -> None:
    with pytest.raises(ExperimentDataError, match="EXPLORATION_SWAPS"):
        replay_log(log.taste_lists("experiment"), {"formula": ranker(0.15)})
    silent = (replace(one, propensity=None, natural=None) for one in log.taste_lists())
    with pytest.raises(ExperimentDataError, match="0 searches"):
        replay_log(silent, {"formula": ranker(0.15)})


def test_the_command_reads_the_log_of_the_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, home = Log(700), tmp_path / "home"
    asyncio.run(store(log, home))
    answer = tmp_path / "answer.json"
    assert main(["--home", str(home), "--reach", "0.6", "--json", str(answer)]) == 0
    assert "700 searches" in capsys.readouterr().out
    said = json.loads(answer.read_text(encoding="utf-8"))
    assert said["measured_on"] == {"lists": 700, "share of lists swapped": SHARE}
    assert said["metrics"]["SNIPS, by examination, value"] > 0
    assert main(["--home", str(home), "--reranker", "none"]) == 1
    assert "has no reranker" in capsys.readouterr().out


async def store(log: Log, home: Path) -> None:
    def write(connection: Connection) -> None:
        shown, clicks = [], []
        for one in log.taste_lists():
            assert one.propensity is not None and one.natural is not None
            rows = zip(one.items, one.scores, one.features, one.propensity, one.natural, one.liked, strict=True)
            items = []
            for place, (item, score, features, propensity, natural, liked) in enumerate(rows, 1):
                taste = (LAYOUT, *features.astype(float).tolist())
                lot = {"propensity": float(propensity), "natural_rank": int(natural)}
                items.append(ShownItem(item, place, "relevance", float(score), taste=taste, **lot))  # type: ignore[arg-type]
                if liked:
                    clicks.append(
                        Engagement(
                            f"{one.request_id}-{place}",
                            Action.CLICK,
                            NOW,
                            one.shopper,
                            item_id=item,
                            request_id=one.request_id,
                            item_rank=place,
                        )
                    )
            shown.append(
                ListLog(one.request_id, "search", one.shopper, "q", items_text(items), "v", NOW, arm="formula")
            )
        insert_lists(connection, shown)
        insert_new(connection, clicks, NOW)

    database = Database(f"sqlite+aiosqlite:///{(home / 'cadence.sqlite3').as_posix()}")
    await database.migrate()
    await database.commit(write)
    await database.dispose()
