"""Short ways of writing what shoppers do."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from core.domain import Action, Engagement, EventFacts

START = datetime(2026, 3, 2, 10, tzinfo=UTC)  # a Monday


def event(
    number: int,
    action: Action = Action.CLICK,
    item: str | None = "p1",
    *,
    after: timedelta = timedelta(),
    **more: object,
) -> Engagement:
    """Event `number`, `after` that time from START."""
    known = {"item_id": item, "session_id": "s1", **more}
    return Engagement(f"e{number:06d}", action, START + after, **known)  # type: ignore[arg-type]


facts = st.builds(
    EventFacts,
    category=st.sampled_from([None, "Shoes", "Phones"]),
    kind=st.sampled_from([None, *(f"kind {number}" for number in range(30))]),
    brand=st.sampled_from([None, *(f"brand {number}" for number in range(40))]),
    price_level=st.sampled_from([None, 0, 1, 4]),
    attributes=st.lists(st.sampled_from([f"color={number}" for number in range(40)]), max_size=8).map(tuple),
    skipped=st.lists(st.sampled_from(["p1", "p2", "p3"]), max_size=5).map(tuple),
)
engagements = st.builds(
    Engagement,
    event_id=st.uuids().map(str),
    action=st.sampled_from(list(Action)),
    occurred_at=st.integers(0, 300 * 86_400_000).map(lambda ms: START + timedelta(milliseconds=ms)),
    session_id=st.just("s1"),
    item_id=st.one_of(st.none(), st.integers(1, 150).map(lambda number: f"p{number}")),
    query=st.sampled_from([None, "running shoes", "red", "!!", "a b c d e f g h i j k l"]),
    duration_seconds=st.sampled_from([None, 0.0, 5.0, 4_000.0]),
    facts=st.one_of(st.none(), facts),
)
logs = st.lists(engagements, max_size=60, unique_by=lambda event: event.event_id)
