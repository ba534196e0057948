"""What is counted, and the windows and rules that decide what belongs together. Defined here, once.

Counting by hours, by days and straight from the log must agree, so every rule looks at a bounded time around an event.
"""

from collections.abc import Mapping

POSITIONS = 10  # as many as a list shows; those further down are counted together
SEQUENCE_GAP_SECONDS = 30  # who pauses longer has begun to type anew
CLICK_WINDOW_SECONDS = 30 * 60  # as late a click, a choice or a search still belongs to the list or the typing before
PURCHASE_WINDOW_SECONDS = 24 * 3_600  # as late a purchase still belongs to the session's last click on that product
DUPLICATE_SECONDS = 1.0  # the same said again within this time is a double click or a repeated call
BOT_LISTS_PER_MINUTE = 300  # five a second for a whole minute: nobody types like that
BOT_LISTS_PER_HOUR = 300  # … without a single event

TOTALS = (
    "keystrokes", "searches", "empty", "clicks", "add_to_cart", "purchases",  # the series, in this order
    "suggest", "search", "browse", "recommend", "sequences", "chosen", "saved_choices", "saved", "of_characters",
    "followed", "clicked", "ranked", "ranks", *(f"position_{place}" for place in range(1, POSITIONS + 1)),
    "position_more",
)  # fmt: skip
"""Counters of everything that was logged, robots and repetitions included."""
SERIES = 6  # so many of them are shown over time

MEASURES = (
    "searches", "empty", "followed", "clicked", "suggested", "sequences", "chosen", "ranked", "reciprocal",
    "saved_choices", "saved", "of_characters", "clicks", "purchases", "revenue", "score",
    "bot_lists", "bot_events", "duplicates", "sessions", "converted", "suggested_sessions", "bot_sessions",
)  # fmt: skip
"""Counters of each value of a dimension, without robots and repetitions. The last four count sessions of a day."""
SESSION_MEASURES = 4

DIMENSIONS = ("all", "device", "category", "arm", "visitor")
UNKNOWN = "unknown"  # a session that said no device, has no user, …
LAYOUT = 1  # of what is stored: another one is counted anew

STEPS: Mapping[str, int] = {"search": 1, "click": 2, "add_to_cart": 4, "purchase": 8}
"""Bits of what a session did, in the order of the funnel."""
BOUGHT, USED_SUGGESTIONS, BOT = 1, 2, 4  # bits of what a session is to a value of a dimension

LIST_KINDS = (
    "suggest",
    "search",
    "browse",
    "recommend",
)  # named in conditions, so that the index of `list_log` is used
TYPED, CHOSEN, LEFT = range(3)  # what happened to the box: a keystroke, a choice of a suggestion, anything after it


def share(part: float, whole: float) -> float | None:
    """None where there is nothing that it could be a share of."""
    return part / whole if whole else None
