"""The rules in force, followed in the background: a small look at the database, a reading on a change."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from api.intervals import at_intervals
from core.domain import Adjustment
from core.errors import InputFileError
from core.services.rules import Pin, SuggestionRules
from core.services.search_rules import SearchRule, SearchRules
from core.text.safety import SafetyList, read_safety_list
from database.connection import Database
from database.repositories.search_rules import SearchRuleKind, SearchRuleRepository, SearchRuleRow
from database.repositories.suggestion_rules import Match, RuleKind, RuleRow, SuggestionRuleRepository

Rules = TypeVar("Rules")


class Followed(ABC, Generic[Rules]):
    """`current` holds the rules, `version` names them: equal in all workers that hold the same ones, for cache keys."""

    name: str

    def __init__(self, database: Database, check_seconds: float, none: Rules) -> None:
        self.current = none
        self.version = 0  # as of no rules at all
        self._database = database
        self._check_seconds = check_seconds
        self._one_at_a_time = asyncio.Lock()  # or a slow look could put older rules over newer ones

    @abstractmethod
    async def _mark(self, session: AsyncSession) -> int:
        """The version that is stored."""

    @abstractmethod
    async def _read(self, session: AsyncSession) -> Rules:
        """The stored rules in the form that requests ask."""

    async def refresh(self) -> None:
        """Take over what has changed. Raises SQLAlchemyError when the database cannot be read."""
        async with self._one_at_a_time, self._database.reading() as session:
            mark = await self._mark(session)
            if mark == self.version:
                return
            self.current, self.version = await self._read(session), mark

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Look at intervals until told to stop. A failed look leaves the rules in place."""
        await at_intervals(
            self.refresh, self._check_seconds, stop, f"{self.name} not read", (SQLAlchemyError, InputFileError)
        )


class RulesFollower(Followed[SuggestionRules]):
    """The rules for suggestions."""

    name = "suggestion rules"

    def __init__(self, database: Database, check_seconds: float, safety_file: Path | None = None) -> None:
        """`safety_file`: the shop's own lines of the safety list; it may come, change and go while this runs.

        Raises InputFileError for one that cannot be read now; later such a file leaves the rules in place.
        """
        self._safety_file, self._safety_mark = safety_file, _mark_of(safety_file)
        self._safety = read_safety_list(safety_file if self._safety_mark else None)
        super().__init__(database, check_seconds, SuggestionRules.of(safety=self._safety))

    async def _mark(self, session: AsyncSession) -> int:
        mark = await asyncio.to_thread(_mark_of, self._safety_file)
        if mark != self._safety_mark:
            self._safety_mark = mark  # one that cannot be read is tried again when it changes
            self._safety = await asyncio.to_thread(read_safety_list, self._safety_file if mark else None)
        return await SuggestionRuleRepository(session).mark() + self._safety_mark

    async def _read(self, session: AsyncSession) -> SuggestionRules:
        return rules_of(await SuggestionRuleRepository(session).all(), self._safety)


class SearchRulesFollower(Followed[SearchRules]):
    """The rules for searches. Those that are over, or not yet begun, are among them."""

    name = "search rules"

    def __init__(self, database: Database, check_seconds: float) -> None:
        super().__init__(database, check_seconds, SearchRules())

    async def _mark(self, session: AsyncSession) -> int:
        return await SearchRuleRepository(session).mark()

    async def _read(self, session: AsyncSession) -> SearchRules:
        return SearchRules.of(map(search_rule_of, await SearchRuleRepository(session).all()))


def _mark_of(file: Path | None) -> int:
    """Another number for each content of the file; 0: there is none."""
    try:
        return 0 if file is None else file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def rules_of(rows: Sequence[RuleRow], safety: SafetyList | None = None) -> SuggestionRules:
    """The stored rules in the form that keystrokes ask."""
    blocks = [row for row in rows if row.kind is RuleKind.BLOCK]
    return SuggestionRules.of(
        exact=[row.text for row in blocks if row.match is Match.EXACT],
        containing=[row.text for row in blocks if row.match is Match.CONTAINS],
        pins=[Pin(row.text, row.prefix or "", row.position or 1) for row in rows if row.kind is RuleKind.PIN],
        safety=safety,
    )


def search_rule_of(row: SearchRuleRow) -> SearchRule:
    """A stored rule in the form that searches ask."""
    pin = adjustment = None
    if row.kind is SearchRuleKind.PIN and row.product_id is not None:
        pin = (row.product_id, row.position or 1)
    elif row.kind in (SearchRuleKind.BOOST, SearchRuleKind.BURY) and row.strength is not None:
        signed = row.strength if row.kind is SearchRuleKind.BOOST else -row.strength
        adjustment = Adjustment(signed, row.product_id, row.field, row.value)
    return SearchRule(row.match, row.query or "", pin, adjustment, row.url, row.starts_at, row.ends_at)
