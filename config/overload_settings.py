"""What one worker takes on at a time, and how long it waits for a request to be said."""

from pydantic import Field

from config.setting_group import Group


class OverloadSettings(Group):
    """Load, and requests that would never end."""

    shed_load: bool = Field(
        default=True,
        description="refuse requests under overload, others before keystrokes, by the four settings below",
    )
    max_keystrokes_in_flight: int = Field(
        default=64,
        ge=1,
        description="keystrokes that may be in flight at most; fewer while they take longer than their "
        "deadline, see `api/admission.py`",
    )
    max_others_in_flight: int = Field(
        default=32,
        ge=1,
        description="other requests that may be in flight at most; one where keystrokes are slow",
    )
    max_events_in_flight: int = Field(
        default=64,
        ge=1,
        description="the same of requests with events, which cost little while they wait for the disk together",
    )
    full_lag_ms: float = Field(
        default=3.0,
        gt=0,
        description="milliseconds that the event loop is late all the time where a worker counts as full: then others "
        "than keystrokes are let in one at a time",
    )
    full_turn_ms: float = Field(
        default=10.0,
        gt=0,
        description="milliseconds that one turn of a full worker's event loop may take until further keystrokes are "
        "refused: a quarter of their deadline",
    )
    body_timeout_seconds: float = Field(
        default=10.0,
        gt=0,
        description="seconds in which a request's body must be there; a slow telephone sends 2 MB in that time",
    )
    max_json_depth: int = Field(
        default=32,
        ge=4,
        description="levels of lists and objects in a body; ours have five, `additional_data` has any",
    )
