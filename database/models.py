"""The tables. Times are UTC; users and sessions are keyed hashes (`identity.py`), never ids.

A change here needs a migration in `migrations/versions/`; a test compares the two.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    cast,
    literal_column,
)

from database.columns import UtcDateTime as UtcDateTime
from database.columns import metadata as metadata
from database.rollup_tables import rollup_due as rollup_due
from database.rollup_tables import rollup_state as rollup_state
from database.rollup_tables import rollup_terms as rollup_terms
from database.rollup_tables import rollups as rollups


def _imported(ondelete: str, *, index: bool) -> Column[Any]:
    """The import that a row came from. Forgetting an import takes its log rows along, but never a product."""
    return Column("import_id", Integer, ForeignKey("imports.id", ondelete=ondelete), nullable=True, index=index)


imports = Table(
    "imports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("file_name", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("mapping", JSON, nullable=False),
    Column("state", String(16), nullable=False),  # running | complete
    Column("report", JSON, nullable=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime, nullable=True),
)

products = Table(
    "products",
    metadata,
    Column("product_id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("description", Text),
    Column("brand", Text),
    Column("category", Text),
    Column("price", Float),
    Column("currency", Text),
    Column("rating", Float),
    Column("rating_count", Integer),
    Column("image_url", Text),
    Column("in_stock", Boolean),
    Column("created_at", UtcDateTime),
    Column("attributes", JSON, nullable=False),
    _imported("SET NULL", index=True),
    Column("position", Integer, nullable=False),  # 0-based row in the catalogue file; −1: of no file
)

product_changes = Table(
    "product_changes",
    metadata,
    # One row for each product that was changed live, with its newest change: what happened before, nobody needs.
    Column("product_id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False, unique=True, index=True),  # grows with every change
    Column("title_seq", BigInteger, nullable=False),  # of the newest change of its title; 0: the title is as imported
    Column("deleted", Boolean, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

query_log = Table(
    "query_log",
    metadata,
    Column("id", Integer, primary_key=True),
    _imported("CASCADE", index=True),
    Column("query", Text, nullable=False),  # as written
    Column("normalized", Text, nullable=False, index=True),
    Column("count", Integer, nullable=False),
    Column("relevance", Float),  # set: a judged pair, no click and no popularity
    Column("occurred_at", UtcDateTime, index=True),
    Column("user_key", String(64)),
    Column("session_id", Text),
    Column("product_id", Text),
    Column("prefixes", JSON, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("action", String(32), nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("session_id", Text),
    Column("user_key", String(64)),
    Column("item_id", Text),
    Column("query", Text),
    Column("normalized", Text),  # of `query`, for grouping
    Column("item_rank", Integer),
    Column("duration_seconds", Float),
    Column("request_id", Text),
    Column("additional_data", JSON(none_as_null=True)),
    Column("digest", String(64), nullable=False),  # of the content: a reused event_id is seen
    Column("facts", JSON(none_as_null=True)),  # core.domain.EventFacts; null: nobody has looked
    _imported("CASCADE", index=True),
    Index(None, "user_key", "occurred_at"),
    Index(None, "session_id", "occurred_at"),
    Index(None, "action", "occurred_at"),
    Index(None, "action", "received_at"),  # what arrived since the last look (live_searches.py)
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("user_key", String(64), index=True),
    Column("device", Text),
    Column("locale", Text),
    Column("location", Text),
    Column("referrer", Text),
    Column("started_at", UtcDateTime, nullable=False),
)

profiles = Table(
    "profiles",
    metadata,
    # What is folded from the events of one owner (core.personalization.profile); the log is the truth.
    Column("owner", String(80), primary_key=True),  # "u:" and a user's key, or "s:" and a session's id
    Column("version", BigInteger, nullable=False),  # grows with every change
    Column("profile", LargeBinary, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),  # of the last event that was folded, in canonical order
    Column("last_event_id", Text, nullable=False),
    Column("snapshots", JSON, nullable=False),  # earlier states, newest first: [[last_at, last_event_id, base64], …]
    Column("updated_at", UtcDateTime, nullable=False),
)

profile_links = Table(
    "profile_links",
    metadata,
    Column("owner", String(80), primary_key=True),  # a guest, or a session without a user
    Column("merged_into", String(80), nullable=False, index=True),  # the user who signed in there
    Column("linked_at", UtcDateTime, nullable=False),
)

list_log = Table(
    "list_log",
    metadata,
    Column("request_id", Text, primary_key=True),
    Column("kind", String(16), nullable=False),  # suggest | search | browse | recommend
    Column("session_id", Text, nullable=False),
    Column("user_key", String(64), index=True),
    Column("query", Text, nullable=False),
    Column(
        "items", JSON, nullable=False
    ),  # [{item, rank, source, score, features?, taste?, credit?, propensity?, natural_rank?}]
    Column("arm", Text, nullable=False),
    Column("artifact_version", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("experiments", Text),  # {experiment: arm} as JSON, sorted, of those that shaped the list; null: none did
    # Whatever counts lists reads this index alone: a row of the table has some kilobytes of items.
    Index(None, "kind", "created_at", "session_id", "query"),
)
# The few lists that showed nothing; `lists_empty` is how a statement asks for them.
lists_empty = cast(list_log.c["items"], Text) == literal_column("'[]'")
Index(
    "ix_list_log_empty", list_log.c.kind, list_log.c.created_at, sqlite_where=lists_empty, postgresql_where=lists_empty
)
Index(
    "ix_list_log_experiments",
    list_log.c.kind,
    list_log.c.created_at,
    sqlite_where=list_log.c.experiments.is_not(None),
    postgresql_where=list_log.c.experiments.is_not(None),
)

experiments = Table(
    "experiments",
    metadata,
    # Every change is a further version; the newest one of a name holds.
    Column("name", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("definition", JSON, nullable=False),  # core.experiments.definition.Experiment
    Column("created_at", UtcDateTime, nullable=False),
)

exposures = Table(
    "exposures",
    metadata,
    # Who was shown something that the arm could change, and when first. Later lists of theirs name it in `list_log`.
    Column("experiment", String(64), primary_key=True),
    Column("unit", String(80), primary_key=True),  # "u:" and a user's key, or "s:" and a session's id
    Column("arm", String(64), nullable=False),
    Column("version", Integer, nullable=False),  # of the definition
    Column("request_id", Text, nullable=False),  # of that first list
    Column("session_id", Text, nullable=False),
    Column("user_key", String(64), index=True),
    Column("chosen_by_hand", Boolean, nullable=False),  # an override: left out of every statistic
    Column("exposed_at", UtcDateTime, nullable=False),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("happened_at", UtcDateTime, nullable=False, index=True),
    Column("actor", String(32), nullable=False),  # operator | schedule | guard
    Column("action", String(80), nullable=False),  # what was done, or the method and route of a request
    Column("subject", Text, nullable=False),  # the experiment or version
    Column("details", JSON, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(12), primary_key=True),  # the part of a key that is no secret
    Column("name", String(100), nullable=False),
    Column("scopes", JSON, nullable=False),  # values of core.domain.Scope
    Column("secret_hash", String(64), nullable=False),
    Column("previous_hash", String(64)),  # of the secret before the last rotation
    Column("previous_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)

opt_outs = Table(
    "opt_outs",
    metadata,
    # Who does not want to be known: nothing of theirs is read, or kept together. False: one who does again.
    Column("user_key", String(64), primary_key=True),
    Column("opted_out", Boolean, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False, index=True),
)

erasures = Table(
    "erasures",
    metadata,
    # That somebody was erased, not who: what is learnt from the log in memory is learnt anew after each.
    Column("id", Integer, primary_key=True),
    Column("erased_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,  # grows for ever
)

retention = Table(
    "retention",
    metadata,
    # From which moment on a log is whole: what was before was archived or deleted (repositories/retention.py).
    Column("log", String(32), primary_key=True),  # name of the table
    Column("whole_from", UtcDateTime, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),  # retrain | reload
    Column("state", String(16), nullable=False),  # a value of core.domain.JobState
    Column("progress", Float, nullable=False),  # in [0, 1]
    Column("step", Text),  # what is being done, in words
    Column("counts", JSON, nullable=False),
    Column("result", JSON, nullable=False),
    Column("error", Text),
    Column("owner", Text),  # the process that works on it
    Column("lease_expires_at", UtcDateTime),  # when its owner counts as gone; null once it is over
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Index(None, "kind", "state"),
)

suggestion_rules = Table(
    "suggestion_rules",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),  # block | pin
    Column("text", Text, nullable=False),  # normalised: the query, or the words that must occur
    Column("match", String(16)),  # of a block: exact | contains
    Column("prefix", Text),  # of a pin: where typing must have begun; null: anywhere that the text completes
    Column("position", Integer),  # of a pin, 1-based
    Column("created_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,  # an id is never used again: (greatest id, number of rows) then names the content
)

search_rules = Table(
    "search_rules",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),  # pin | boost | bury | redirect
    Column("match", String(16), nullable=False),  # a value of core.domain.RuleMatch
    Column("query", Text),  # normalised; null: any
    Column("product_id", Text),  # of a pin; of a boost or bury, where it is about one product
    Column("position", Integer),  # of a pin, 1-based
    Column("field", Text),  # of a boost or bury: category, brand or attributes.NAME
    Column("value", Text),
    Column("strength", Float),  # of a boost or bury, in (0, 1]
    Column("url", Text),  # of a redirect
    Column("starts_at", UtcDateTime),
    Column("ends_at", UtcDateTime),  # exclusive
    Column("created_at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,  # as above
)
