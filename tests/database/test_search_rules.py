"""Stored search rules and the mark that names them."""

from datetime import UTC, datetime, timedelta

import pytest

from core.domain import RuleMatch
from database.connection import Database
from database.repositories.search_rules import NewSearchRule, SearchRuleKind, SearchRuleRepository, SearchRuleRow

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)


async def add(database: Database, rule: NewSearchRule) -> SearchRuleRow:
    async with database.transaction() as session:
        return await SearchRuleRepository(session).add(rule)


async def mark(database: Database) -> int:
    async with database.reading() as session:
        return await SearchRuleRepository(session).mark()


def redirect(url: str) -> NewSearchRule:
    return NewSearchRule(kind=SearchRuleKind.REDIRECT, match=RuleMatch.CONTAINS, query="sale", url=url, created_at=NOW)


async def test_rules_come_back_as_they_went_in(database: Database) -> None:
    pin = NewSearchRule(
        kind=SearchRuleKind.PIN, match=RuleMatch.EXACT, query="red shoes", product_id="p1", position=3, created_at=NOW
    )
    bury = NewSearchRule(
        kind=SearchRuleKind.BURY, match=RuleMatch.ANY, field="brand", value="Fleet", strength=0.25,
        starts_at=NOW, ends_at=NOW + timedelta(days=1), created_at=NOW,
    )  # fmt: skip
    added = [await add(database, rule) for rule in (pin, bury, redirect("/sale"))]
    assert [row.id for row in added] == [1, 2, 3]
    assert (added[0].product_id, added[1].strength, added[2].url) == ("p1", 0.25, "/sale")
    async with database.reading() as session:
        assert await SearchRuleRepository(session).all() == added


async def test_deleting_and_adding_change_the_mark(database: Database) -> None:
    marks = [await mark(database)]
    first = await add(database, redirect("/a"))
    marks.append(await mark(database))
    async with database.transaction() as session:
        assert await SearchRuleRepository(session).delete(first.id)
        assert not await SearchRuleRepository(session).delete(first.id)
    marks.append(await mark(database))
    assert (await add(database, redirect("/b"))).id == first.id + 1  # an id is never used again
    marks.append(await mark(database))
    assert marks[0] == marks[2] == 0  # no rules, whatever there was before
    assert len(set(marks)) == 3
