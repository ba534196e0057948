"""What demo shoppers did (`data_generation.demo_shoppers`) says who they are, not what the shop's people want.

Their events carry the id of an import of this kind. Whoever learns or counts what people do leaves these out: trends,
live searches, the crowd, training and statistics. Profiles do not, since that is what the events are for.
"""

from sqlalchemy import ColumnElement, Connection, FromClause, delete, or_, select

from database.models import events, imports

DEMO_SHOPPERS = "demo-shoppers"  # kind of such an import

_DEMOS = select(imports.c.id).where(imports.c.kind == DEMO_SHOPPERS)


def is_traffic(of: FromClause = events) -> ColumnElement[bool]:
    return or_(of.c.import_id.is_(None), of.c.import_id.not_in(_DEMOS))


IS_TRAFFIC: ColumnElement[bool] = is_traffic()
"""Of an event that somebody caused, really or in a simulated log."""


def remove_demo_traffic(connection: Connection) -> list[str]:
    """Removes these imports with their events; returns the keys of the users whose profiles no longer hold."""
    keys = select(events.c.user_key).where(events.c.import_id.in_(_DEMOS), events.c.user_key.is_not(None))
    whose = sorted(key for key in connection.execute(keys.distinct()).scalars() if key is not None)
    connection.execute(delete(events).where(events.c.import_id.in_(_DEMOS)))
    connection.execute(delete(imports).where(imports.c.kind == DEMO_SHOPPERS))
    return whose
