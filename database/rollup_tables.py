"""The tables of counts of the log. A change here needs a migration, as in `models.py`."""

from sqlalchemy import JSON, BigInteger, Column, Integer, LargeBinary, String, Table, Text

from database.columns import UtcDateTime, metadata

# Counts of the log by the hour and by the day, made anew from the log whenever it changes (rollups.py).
rollups = Table(
    "rollups",
    metadata,
    Column("grain", String(4), primary_key=True),  # hour | day
    Column("start", UtcDateTime, primary_key=True),
    Column("digest", BigInteger, nullable=False),  # 48 bits of `cells`; before them, so that they need not be read
    Column("cells", LargeBinary, nullable=False),  # core.analytics.cells.Cells
)

rollup_terms = Table(
    "rollup_terms",
    metadata,
    # The numbers by which `rollups.cells` knows queries, products and values of dimensions.
    Column("id", Integer, primary_key=True),
    Column("text", Text, nullable=False, unique=True),
)

rollup_due = Table(
    "rollup_due",
    metadata,
    Column("start", UtcDateTime, primary_key=True),  # of an hour whose counts are missing or no longer hold
    Column("mark", BigInteger, nullable=False, server_default="0"),  # grows when it becomes due once more
)

rollup_state = Table(
    "rollup_state",
    metadata,
    # One row, once there is a first count.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("layout", Integer, nullable=False),  # core.analytics.definitions.LAYOUT of what is stored
    Column("looked_at", UtcDateTime),  # what was received until then is counted, or due
    Column("pruned_erasure", Integer, nullable=False, server_default="0"),  # after which texts were last tidied up
    Column("imports", JSON, nullable=False),  # [first hour, last hour] of the events of each import, by its id
    Column("owner", Text),  # the process that counts
    Column("lease_expires_at", UtcDateTime),
)
