"""What the shop's operators forbid or put first. A rule never changes: it is added, and it is deleted."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from database.models import suggestion_rules


class RuleKind(StrEnum):
    BLOCK = "block"
    PIN = "pin"


class Match(StrEnum):
    """What a block forbids: the query itself, or every query that holds all its words."""

    EXACT = "exact"
    CONTAINS = "contains"


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule. `text` and `prefix` are normalised; `match` is a block's, `prefix` and `position` (1-based) a pin's."""

    id: int
    kind: RuleKind
    text: str
    match: Match | None
    prefix: str | None
    position: int | None
    created_at: datetime


class SuggestionRuleRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self,
        kind: RuleKind,
        text: str,
        created_at: datetime,
        *,
        match: Match | None = None,
        prefix: str | None = None,
        position: int | None = None,
    ) -> RuleRow:
        """The new rule with its id, which is greater than every id before."""
        values = {"text": text, "prefix": prefix, "position": position, "created_at": created_at}
        added = await self._session.execute(
            insert(suggestion_rules)
            .values(kind=kind.value, match=match.value if match else None, **values)
            .returning(suggestion_rules.c.id)
        )
        return RuleRow(added.scalar_one(), kind, text, match, prefix, position, created_at)

    async def delete(self, rule_id: int) -> bool:
        """Whether there was a rule with this id; it is gone now."""
        gone = delete(suggestion_rules).where(suggestion_rules.c.id == rule_id).returning(suggestion_rules.c.id)
        return (await self._session.execute(gone)).first() is not None

    async def all(self) -> list[RuleRow]:
        """Every rule, the oldest first."""
        rows = await self._session.execute(select(suggestion_rules).order_by(suggestion_rules.c.id))
        return [
            RuleRow(
                row.id,
                RuleKind(row.kind),
                row.text,
                Match(row.match) if row.match else None,
                row.prefix,
                row.position,
                row.created_at,
            )
            for row in rows
        ]

    async def mark(self) -> int:
        """A number that names the set of rules: equal marks, equal rules, in every process and after every restart.

        Ids are never used again and rules never change, so the greatest id and the number of rules say it all.
        """
        found = await self._session.execute(select(func.max(suggestion_rules.c.id), func.count()))
        greatest, number = found.one()
        return (int(greatest or 0) << 32) | int(number)
