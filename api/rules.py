"""The suggestion rules in force, followed in the background: a small look at the database, a reading on a change."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core.services.rules import Pin, SuggestionRules
from database.connection import Database
from database.repositories.suggestion_rules import Match, RuleKind, RuleRow, SuggestionRuleRepository

_log = structlog.get_logger(__name__)


class RulesFollower:
    """`current` holds the rules, `version` names them: equal in all workers that hold the same ones, for cache keys."""

    def __init__(self, database: Database, check_seconds: float) -> None:
        self.current = SuggestionRules()
        self.version = 0  # as of no rules at all
        self._database = database
        self._check_seconds = check_seconds
        self._one_at_a_time = asyncio.Lock()  # or a slow look could put older rules over newer ones

    async def refresh(self) -> None:
        """Take over what has changed. Raises SQLAlchemyError when the database cannot be read."""
        async with self._one_at_a_time, self._database.reading() as session:
            repository = SuggestionRuleRepository(session)
            mark = await repository.mark()
            if mark == self.version:
                return
            self.current, self.version = rules_of(await repository.all()), mark

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Look at intervals until told to stop. A failed look leaves the rules in place."""
        while not stop.is_set():
            try:
                await self.refresh()
            except SQLAlchemyError as error:
                _log.warning("suggestion rules not read", error=type(error).__name__)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._check_seconds)


def rules_of(rows: Sequence[RuleRow]) -> SuggestionRules:
    """The stored rules in the form that keystrokes ask."""
    blocks = [row for row in rows if row.kind is RuleKind.BLOCK]
    return SuggestionRules.of(
        exact=[row.text for row in blocks if row.match is Match.EXACT],
        containing=[row.text for row in blocks if row.match is Match.CONTAINS],
        pins=[Pin(row.text, row.prefix or "", row.position or 1) for row in rows if row.kind is RuleKind.PIN],
    )
