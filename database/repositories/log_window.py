"""What of the event log a follower reads at its next look.

Events are stamped before they are committed, so one may become visible after another that was stamped later. Whoever
follows them therefore looks back to a while before the last look (`OVERLAP`) and skips the events it knows by their
ids: nothing is lost, and reading twice changes nothing. Most looks go back `NARROW` only, which is enough where one
writer stamps and commits after the other, as SQLite's do; the wide one every `WIDE_EVERY` finds what these missed:
another machine's clock, a transaction that took long, a clock that was set back; one that was set back by more than
`OVERLAP` may have a follower read again what came in as long a time before. A row number would do for SQLite alone; a
sequence of PostgreSQL is handed out before the commit, too.

    since = window.since(now)          # None: everything
    for event in read(since, window.known):
        window.note(event.event_id, event.received_at)
    window.looked()
"""

from datetime import UTC, datetime, timedelta

OVERLAP = timedelta(seconds=15)  # a writer waits at most 5 s for another process; the rest is for clocks that differ
NARROW = timedelta(seconds=2)
WIDE_EVERY = timedelta(seconds=10)


class LogWindow:
    """Of one follower."""

    def __init__(self) -> None:
        self.known: dict[str, datetime] = {}  # events that may be read again, and when they were received
        self._floor: datetime | None = None  # what was received before is read, or comes too late; None: nothing is
        self._wide_at = self._now = datetime.min.replace(tzinfo=UTC)
        self._newest: datetime | None = None

    def since(self, now: datetime) -> datetime | None:
        """Events received then or later are to be read; None: all of them, for this is the first look."""
        self._now = now
        if self._floor is not None and now < self._floor:
            self._floor = now - OVERLAP
        if self._floor is None or self._newest is None or self._is_wide():
            return self._floor
        return max(self._floor, min(self._newest, now) - NARROW)

    def note(self, event_id: str, received_at: datetime) -> None:
        """This one was read."""
        if received_at >= (self._floor or self._now - OVERLAP):
            self.known[event_id] = received_at
            self._newest = received_at if self._newest is None else max(self._newest, received_at)

    def looked(self) -> None:
        """All of it was read."""
        if self._is_wide():
            floor = self._now - OVERLAP
            self._floor = floor if self._floor is None else max(self._floor, floor)  # the clock may have been set back
            self._wide_at = self._now
            self.known = {event_id: at for event_id, at in self.known.items() if at >= self._floor}

    def _is_wide(self) -> bool:
        return not timedelta(0) <= self._now - self._wide_at < WIDE_EVERY
