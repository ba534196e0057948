"""How long the logs are kept; `python -m training.retention` goes by it, and nothing else removes anything."""

from pydantic import Field

from config.setting_group import Group

SHORTEST_DAYS = 3  # events may come a day late, and a click belongs to a purchase for a day


class RetentionSettings(Group):
    """Days that rows stay in the database before `training.retention` moves or deletes them."""

    retention_events_days: int | None = Field(
        default=None,
        ge=SHORTEST_DAYS,
        description="days of events, visits and exposures that `training.retention` leaves in place; unset: it must be "
        "told",
    )
    retention_lists_days: int | None = Field(
        default=None,
        ge=SHORTEST_DAYS,
        description="days of shown lists, which are most of the file; unset: as many as of events",
    )
