"""Stored rules and the mark that names them."""

from datetime import UTC, datetime

import pytest

from database.connection import Database
from database.repositories.suggestion_rules import Match, RuleKind, RuleRow, SuggestionRuleRepository

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)


async def block(database: Database, text: str) -> int:
    async with database.transaction() as session:
        return (await SuggestionRuleRepository(session).add(RuleKind.BLOCK, text, NOW, match=Match.EXACT)).id


async def delete(database: Database, rule_id: int) -> bool:
    async with database.transaction() as session:
        return await SuggestionRuleRepository(session).delete(rule_id)


async def mark(database: Database) -> int:
    async with database.reading() as session:
        return await SuggestionRuleRepository(session).mark()


async def test_rules_come_back_as_they_went_in(database: Database) -> None:
    async with database.transaction() as session:
        rules = SuggestionRuleRepository(session)
        added = [
            await rules.add(RuleKind.BLOCK, "red shoes", NOW, match=Match.CONTAINS),
            await rules.add(RuleKind.PIN, "gaming laptop", NOW, prefix="ga", position=2),
        ]
    assert added == [
        RuleRow(1, RuleKind.BLOCK, "red shoes", Match.CONTAINS, None, None, NOW),
        RuleRow(2, RuleKind.PIN, "gaming laptop", None, "ga", 2, NOW),
    ]
    async with database.reading() as session:
        assert await SuggestionRuleRepository(session).all() == added


async def test_deleting_says_whether_it_was_there(database: Database) -> None:
    rule = await block(database, "a")
    assert await delete(database, rule)
    assert not await delete(database, rule)


async def test_the_mark_changes_with_every_change_and_without_one_stays(database: Database) -> None:
    assert await mark(database) == 0
    first, second = await block(database, "a"), await block(database, "b")
    marks = [0, await mark(database)]
    await delete(database, second)
    marks.append(await mark(database))
    third = await block(database, "c")  # with a new id, though the greatest one is gone
    marks.append(await mark(database))
    assert (first, second, third) == (1, 2, 3)
    assert len(set(marks)) == len(marks)
    assert await mark(database) == marks[-1]
