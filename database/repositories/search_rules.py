"""What the shop's operators rule for searches. A rule never changes: it is added, and it is deleted."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from core.domain import RuleMatch
from database.models import search_rules


class SearchRuleKind(StrEnum):
    PIN = "pin"
    BOOST = "boost"
    BURY = "bury"
    REDIRECT = "redirect"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSearchRule:
    """A rule to be stored. What does not belong to its kind is None."""

    kind: SearchRuleKind
    match: RuleMatch
    query: str | None = None  # normalised; None where `match` is any
    product_id: str | None = None
    position: int | None = None  # 1-based
    field: str | None = None  # category, brand or attributes.NAME
    value: str | None = None
    strength: float | None = None  # in (0, 1]
    url: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None  # exclusive
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRuleRow(NewSearchRule):
    id: int


class SearchRuleRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, rule: NewSearchRule) -> SearchRuleRow:
        """The rule with its id, which is greater than every id before."""
        values = asdict(rule)
        stored = values | {"kind": rule.kind.value, "match": rule.match.value}
        added = await self._session.execute(insert(search_rules).values(**stored).returning(search_rules.c.id))
        return SearchRuleRow(id=added.scalar_one(), **values)

    async def delete(self, rule_id: int) -> bool:
        """Whether there was a rule with this id; it is gone now."""
        gone = delete(search_rules).where(search_rules.c.id == rule_id).returning(search_rules.c.id)
        return (await self._session.execute(gone)).first() is not None

    async def all(self) -> list[SearchRuleRow]:
        """Every rule, the oldest first."""
        rows = await self._session.execute(select(search_rules).order_by(search_rules.c.id))
        return [
            SearchRuleRow(**row | {"kind": SearchRuleKind(row["kind"]), "match": RuleMatch(row["match"])})
            for row in (dict(found._mapping) for found in rows)
        ]

    async def mark(self) -> int:
        """A number that names the set of rules, as of `SuggestionRuleRepository.mark`."""
        found = await self._session.execute(select(func.max(search_rules.c.id), func.count()))
        greatest, number = found.one()
        return (int(greatest or 0) << 32) | int(number)
