"""What shoppers typed, as imported from a shop's own log or from a judged list."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import String, case, cast, delete, func, insert, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from core.domain import QueryRow, WeightedQuery
from database.models import imports, query_log


class QueryLogRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_many(self, batch: Sequence[tuple[QueryRow, str, str | None]], import_id: int | None) -> None:
        """Append rows, each with its normalised text and the user's keyed hash."""
        if not batch:
            return
        rows = [
            {
                "import_id": import_id,
                "query": row.query,
                "normalized": normalized,
                "count": row.count,
                "relevance": row.relevance,
                "occurred_at": row.occurred_at,
                "user_key": user_key,
                "session_id": row.session_id,
                "product_id": row.product_id,
                "prefixes": list(row.prefixes),
            }
            for row, normalized, user_key in batch
        ]
        await self._session.execute(insert(query_log), rows)

    async def delete_import(self, import_id: int) -> None:
        """Remove the rows of one import and its record, so that its file can be imported again."""
        await self._session.execute(delete(query_log).where(query_log.c.import_id == import_id))
        await self._session.execute(delete(imports).where(imports.c.id == import_id))

    async def delete_all(self) -> None:
        """Remove every row and the records of the imports they came from."""
        sources = select(query_log.c.import_id).where(query_log.c.import_id.is_not(None)).distinct()
        import_ids = list((await self._session.execute(sources)).scalars())
        await self._session.execute(delete(query_log))
        await self._session.execute(delete(imports).where(imports.c.id.in_(import_ids)))

    async def weighted(
        self, before: datetime | None = None, half_life_days: float | None = None
    ) -> list[WeightedQuery]:
        """Distinct normalised queries with how often they were completed, in the order of their texts.

        A query known from judged rows alone weighs 1: such a list says what is asked, not how often.
        `before`: rows with a time count only where it is earlier. `half_life_days`: where rows have times, `recent`
        halves for so many days of age, counted in whole days from the newest.
        """
        earlier = true() if before is None else or_(query_log.c.occurred_at.is_(None), query_log.c.occurred_at < before)
        unjudged = func.sum(case((query_log.c.relevance.is_(None), query_log.c.count), else_=0))
        day = cast(func.date(query_log.c.occurred_at), String)
        grouped = (
            select(query_log.c.normalized, day, unjudged)
            .where(query_log.c.normalized != "", earlier)
            .group_by(query_log.c.normalized, day)
        )
        weights, by_day = Counter[str](), dict[str, list[tuple[date | None, int]]]()
        for text, on, count in await self._session.execute(grouped):
            weights[text] += count
            by_day.setdefault(text, []).append((date.fromisoformat(on) if on else None, count))
        newest = max((on for days in by_day.values() for on, _ in days if on), default=None)

        def recent(text: str) -> float | None:
            if newest is None or half_life_days is None or not weights[text]:
                return None
            ages = ((newest - on).days if on else 0 for on, _ in by_day[text])
            counts = (count for _, count in by_day[text])
            shares = (0.5 ** (age / half_life_days) for age in ages)
            return float(sum(count * share for share, count in zip(shares, counts, strict=True)))

        return [WeightedQuery(text, float(weights[text] or 1), recent(text)) for text in sorted(by_day)]

    async def of_few(self, min_shoppers: int) -> set[str]:
        """Normalised queries that fewer than `min_shoppers` searched.

        A row that names neither a user nor a session counts as many shoppers as its count: nothing better is known.
        """
        shopper = func.coalesce(query_log.c.user_key, query_log.c.session_id)
        unnamed = func.sum(case((shopper.is_(None), query_log.c.count), else_=0))
        few = (
            select(query_log.c.normalized)
            .group_by(query_log.c.normalized)
            .having(func.count(func.distinct(shopper)) + unnamed < min_shoppers)
        )
        return set((await self._session.execute(few)).scalars())

    async def forms(self) -> dict[str, str]:
        """Normalised query → how it is mostly written, in lower case with single spaces, where that differs.

        Of equally frequent ways the alphabetically first.
        """
        written = select(query_log.c.normalized, query_log.c.query, func.sum(query_log.c.count)).group_by(
            query_log.c.normalized, query_log.c.query
        )
        counts: dict[str, Counter[str]] = {}
        for normalized, query, count in await self._session.execute(written):
            counts.setdefault(normalized, Counter())[" ".join(query.lower().split())] += count
        most = {text: min(ways, key=lambda way: (-ways[way], way)) for text, ways in counts.items() if text}
        return {text: way for text, way in sorted(most.items()) if way != text}

    async def clicks(self) -> list[tuple[str, str, int]]:
        """`(normalised query, product_id, count)` of the clicks in the log, in a fixed order."""
        clicked = (
            select(query_log.c.normalized, query_log.c.product_id, func.sum(query_log.c.count))
            .where(query_log.c.relevance.is_(None), query_log.c.product_id.is_not(None), query_log.c.normalized != "")
            .group_by(query_log.c.normalized, query_log.c.product_id)
        )
        return sorted(
            (query, product_id, int(count)) for query, product_id, count in await self._session.execute(clicked)
        )

    async def judged_good(self, least: float) -> list[tuple[str, str]]:
        """`(normalised query, product_id)` of the rows judged `least` or better, each once, in a fixed order."""
        good = (
            select(query_log.c.normalized, query_log.c.product_id)
            .where(query_log.c.relevance >= least, query_log.c.product_id.is_not(None), query_log.c.normalized != "")
            .distinct()
        )
        return sorted((query, product_id) for query, product_id in await self._session.execute(good))

    async def count(self) -> int:
        """How many rows."""
        return (await self._session.execute(select(func.count()).select_from(query_log))).scalar_one()
