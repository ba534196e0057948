"""What is learnt while serving, from whom, and when."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from api.live_queries import LiveQueries
from api.rules import RulesFollower
from config.settings import SuggestSettings
from core.domain import Action, Engagement
from core.services.live_shoppers import LiveShoppers
from database.connection import Database
from database.repositories.events import insert_new
from database.repositories.suggestion_rules import Match, RuleKind, SuggestionRuleRepository
from tests.api.calls import in_service, post, state_of

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)
DAY = 86_400.0


@dataclass
class Served:
    """A version whose history holds what starts with `red`, and whose catalogue has no unicorn."""

    learnt_before: datetime | None = NOW
    is_known: Callable[[str], bool] = lambda text: text.startswith("red")
    finds: Callable[[str], int | None] = lambda text: 0 if "unicorn" in text else 3
    catalog_number: int = 0


class Learning:
    """Live queries over a database, by a clock that is set by hand."""

    def __init__(self, database: Database, models: Served | None = None) -> None:
        self.seconds = 0.0
        self.database = database
        self.rules = RulesFollower(database, 1.0)
        self.settings = SuggestSettings(suggestion_min_shoppers=3, suggestion_half_life_days=14)
        self.live = self.restarted(models)

    @property
    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def restarted(self, models: Served | None = None) -> LiveQueries:
        return LiveQueries(self.database, self.settings, self.rules, models or Served(), lambda: self.now)

    async def search(self, text: str, *shoppers: str, at: float | None = None, received: float | None = None) -> None:
        """In seconds after NOW; both times are the clock's if not given."""
        occurred_at = NOW + timedelta(seconds=self.seconds if at is None else at)
        received_at = NOW + timedelta(seconds=self.seconds if received is None else received)
        batch = [
            Engagement(f"{text} {occurred_at} {one}", Action.SEARCH, occurred_at, one, query=text) for one in shoppers
        ]
        await self.database.commit(lambda connection: insert_new(connection, batch, received_at))

    def weight(self, text: str, live: LiveQueries | None = None, after_seconds: float = 0.0) -> float:
        return (live or self.live).index.weight_of(text, self.now.timestamp() + after_seconds)


@pytest.fixture
def learning(database: Database) -> Learning:
    return Learning(database)


async def test_a_text_is_written_as_enough_shoppers_write_it(learning: Learning) -> None:
    await learning.search('"Red Hat"', "a")
    await learning.search('"Red Hat"', "a", at=1.0)
    await learning.live.refresh()
    assert learning.weight("red hat") > 0 and learning.live.forms == {}
    await learning.search("red-hat!", "b", "c", at=2.0)
    await learning.search("red: hat", "b", "c", "d", at=3.0)
    await learning.live.refresh()
    assert learning.live.forms == {"red hat": "red: hat"}
    await learning.search("red shoes", *"abcdefgh", at=4.0)
    await learning.search("red shoes!", "i", "j", "k", at=5.0)
    await learning.live.refresh()
    assert "red shoes" not in learning.live.forms  # three of eleven write it so


async def test_a_known_text_counts_from_its_first_shopper_on(learning: Learning) -> None:
    await learning.search("Red Hat", "a")
    await learning.live.refresh()
    assert learning.weight("red hat") == 1.0
    assert learning.live.learnt == len(learning.live.index) == 1
    await learning.search("red hat", "b")
    await learning.live.refresh()
    assert learning.weight("red hat") == pytest.approx(2.0)


async def test_an_unknown_text_stays_private_until_enough_shoppers_completed_it(learning: Learning) -> None:
    await learning.search("green hat", "a", "b")
    await learning.search("green hat", "a", at=20.0)
    await learning.live.refresh()
    assert (len(learning.live.index), learning.live.version) == (0, 0)
    assert learning.live.refused == {}
    await learning.search("green hat", "c")
    await learning.live.refresh()
    assert learning.weight("green hat") == pytest.approx(3.0, abs=1e-3)
    assert learning.live.version == 1


async def test_a_shopper_counts_once_at_the_last_time(learning: Learning) -> None:
    await learning.search("red hat", "a")
    await learning.live.refresh()
    learning.seconds = 14 * DAY
    assert learning.weight("red hat") == pytest.approx(0.5)
    await learning.search("red hat", "a")
    await learning.live.refresh()
    assert learning.weight("red hat") == pytest.approx(1.0)
    assert learning.weight("red hat", after_seconds=14 * DAY) == pytest.approx(0.5)


async def test_personal_blocked_and_fruitless_texts_are_refused(learning: Learning) -> None:
    async with learning.database.transaction() as session:
        await SuggestionRuleRepository(session).add(RuleKind.BLOCK, "knife", NOW, match=Match.CONTAINS)
    await learning.rules.refresh()
    for text in ("jane.doe@example.com", "red knife", "unicorn", "12 main street", "hat"):
        await learning.search(text, "a", "b", "c")
    await learning.live.refresh()
    assert (len(learning.live.index), learning.weight("hat")) == (1, 3.0)
    assert learning.live.refused == {"personal": 2, "blocked": 1, "finds_nothing": 1}


async def test_without_a_catalogue_nothing_has_to_be_found(database: Database) -> None:
    learning = Learning(database, Served(finds=lambda _: None))
    await learning.search("unicorn", "a", "b", "c")
    await learning.live.refresh()
    assert learning.weight("unicorn") == 3.0


async def test_a_new_rule_takes_a_text_away_and_its_end_brings_it_back(learning: Learning) -> None:
    await learning.search("red hat", "a", "b")
    await learning.live.refresh()
    async with learning.database.transaction() as session:
        rule = await SuggestionRuleRepository(session).add(RuleKind.BLOCK, "red hat", NOW, match=Match.EXACT)
    await learning.rules.refresh()
    before = learning.live.version
    await learning.live.refresh()
    assert (len(learning.live.index), learning.live.refused) == (0, {"blocked": 1})
    assert learning.live.version > before
    async with learning.database.transaction() as session:
        await SuggestionRuleRepository(session).delete(rule.id)
    await learning.rules.refresh()
    await learning.live.refresh()
    assert (learning.weight("red hat"), learning.live.refused) == (2.0, {})


async def test_half_typed_searches_are_taken_back(learning: Learning) -> None:
    await learning.search("red h", "b")
    for learning.seconds, text in enumerate(("r", "re", "red", "red h", "red hat")):
        await learning.search(text, "a")
        await learning.live.refresh()
    assert {text: round(learning.weight(text), 3) for text in ("red", "red h", "red hat")} == {
        "red": 0.0,
        "red h": 1.0,
        "red hat": 1.0,
    }
    assert len(learning.live.index) == 2


async def test_events_that_are_committed_late_are_not_lost(learning: Learning) -> None:
    learning.seconds = 100
    await learning.search("red hat", "a")
    await learning.live.refresh()
    await learning.search("red hat", "b", received=90)  # stamped before, visible after
    learning.seconds = 110  # the next wide look: see log_window.py
    await learning.live.refresh()
    assert learning.weight("red hat") == pytest.approx(2.0, rel=1e-4)  # ten seconds count a little less


async def test_a_clock_that_runs_fast_hides_nothing(learning: Learning) -> None:
    await learning.search("red hat", "a", received=3_600)
    await learning.live.refresh()
    await learning.search("red hat", "b")
    await learning.live.refresh()
    assert learning.weight("red hat") == pytest.approx(2.0)


async def test_reading_again_changes_nothing(learning: Learning) -> None:
    await learning.search("red hat", "a", "b")
    await learning.search("green hat", "a", "b", "c")
    await learning.live.refresh()
    version, weight = learning.live.version, learning.weight("red hat")
    for learning.seconds in (1.0, 2.0, 60.0):
        await learning.live.refresh()
    assert learning.live.version == version
    assert learning.weight("red hat") == pytest.approx(weight, abs=1e-3)


async def test_a_restart_learns_the_same(learning: Learning) -> None:
    for number, (text, shopper) in enumerate(
        [("red", "a"), ("red hat", "a"), ("red hat", "b"), ("hat", "c"), ("red hat", "a"), ("hat", "b"), ("hat", "a")]
    ):
        learning.seconds = 5.0 * number
        await learning.search(text, shopper)
        await learning.live.refresh()
    restarted = learning.restarted()
    await restarted.refresh()
    assert restarted.learnt == learning.live.learnt == 2
    for text in ("red", "red hat", "hat"):
        assert learning.weight(text, restarted) == pytest.approx(learning.weight(text))


async def test_another_version_has_learnt_what_is_older(learning: Learning) -> None:
    await learning.search("red hat", "a", "b", at=5)
    await learning.search("red cap", "a", at=10)
    await learning.search("red bag", "a", at=-1)
    await learning.live.refresh()
    index, version = learning.live.index, learning.live.version
    assert len(index) == 2
    learning.live.follow(Served(learnt_before=NOW + timedelta(seconds=10)))
    assert learning.live.index is index  # until the new one is ready
    await learning.live.refresh()
    assert (learning.weight("red hat"), len(learning.live.index)) == (0.0, 1)
    assert learning.live.version == version + 1
    learning.live.follow(Served(learnt_before=None))
    await learning.live.refresh()
    assert len(learning.live.index) == 3


async def test_what_finds_nothing_is_learnt_once_there_is_a_product(learning: Learning) -> None:
    served = Served()
    learning.live.follow(served)
    await learning.search("red unicorn", "a", "b")
    await learning.live.refresh()
    assert dict(learning.live.refused) == {"finds_nothing": 1}
    served.finds = lambda text: 1
    served.catalog_number += 1
    await learning.live.refresh()
    assert (dict(learning.live.refused), learning.weight("red unicorn")) == ({}, 2.0)


async def test_a_failed_reading_is_made_up_for(learning: Learning, monkeypatch: pytest.MonkeyPatch) -> None:
    await learning.search("red hat", "a", "b")
    complete = LiveShoppers.complete

    def fail_once(self: LiveShoppers, text: str, shopper: str, at: datetime) -> list[str]:
        if shopper == "b":
            monkeypatch.undo()
            raise OperationalError("SELECT", {}, Exception("gone"))
        return complete(self, text, shopper, at)

    monkeypatch.setattr(LiveShoppers, "complete", fail_once)
    with pytest.raises(OperationalError):
        await learning.live.refresh()
    assert len(learning.live.index) == 0
    await learning.live.refresh()
    assert learning.weight("red hat") == 2.0


def test_what_shoppers_search_is_learnt_by_the_service(client: TestClient) -> None:
    state = state_of(client)
    for number in range(5):
        post(client, "/search", {"query": "Rain  Jacket", "session_id": f"shopper-{number}"})
    in_service(client, state.writer.flush_events)
    in_service(client, state.live.refresh)
    assert state.live.index.weight_of("rain jacket", datetime.now(UTC).timestamp()) == pytest.approx(5.0, abs=0.01)
