"""A follower reads each event once: at the next look where one writer commits after the other, later else."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from database.repositories.log_window import OVERLAP, WIDE_EVERY, LogWindow

START = datetime(2026, 11, 28, tzinfo=UTC)


class Log:
    """Events with the moments when they were stamped and when they could be seen, followed by one `LogWindow`."""

    def __init__(self) -> None:
        self.window, self.read = LogWindow(), list[str]()
        self.visible: dict[str, datetime] = {}

    def look(self, now: datetime) -> None:
        since = self.window.since(now)
        for event_id, stamped in self.visible.items():
            if (since is None or stamped >= since) and event_id not in self.window.known:
                self.read.append(event_id)
                self.window.note(event_id, stamped)
        self.window.looked()


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60), st.integers(0, 200))
def test_one_writer_is_followed_at_every_look(gaps: list[float], before: int) -> None:
    log, now = Log(), START
    log.visible = {f"old{number}": START - timedelta(seconds=number / 7) for number in range(before)}
    for number, gap in enumerate(gaps):
        log.visible[f"{number}"] = now
        now += timedelta(seconds=gap)
        log.look(now)
        assert sorted(log.read) == sorted(log.visible)


@given(st.lists(st.tuples(st.floats(0, 40), st.floats(0, 4.9)), min_size=1, max_size=40))
def test_what_is_committed_late_is_read_once_and_soon(events: list[tuple[float, float]]) -> None:
    """Another writer's transaction takes up to five seconds."""
    log = Log()
    for tenth in range(700):
        now = tenth / 10
        for number, (stamped, took) in enumerate(events):
            if stamped + took <= now:
                log.visible.setdefault(f"{number}", START + timedelta(seconds=stamped))
                if now - stamped - took > WIDE_EVERY.total_seconds() + 0.2:
                    assert f"{number}" in log.read
        log.look(START + timedelta(seconds=now))
    assert sorted(log.read) == sorted(log.visible)


def look_with_a_clock_set_back(log: Log, back: float, later: float) -> None:
    """`back` seconds, after a first look; then 200 events, with as many looks, `later` / 10 seconds apart."""
    log.look(START)
    now = START - timedelta(seconds=back)
    for number in range(200):
        log.visible[f"after{number}"] = now
        now += timedelta(seconds=later / 10)
        log.look(now)
    log.look(now + timedelta(seconds=60))


@given(st.floats(0, 14.9), st.floats(0.1, 60))
def test_a_clock_that_is_set_back_hides_and_doubles_nothing(back: float, later: float) -> None:
    assert timedelta(seconds=15) == OVERLAP
    log = Log()
    log.visible = {f"before{number}": START - timedelta(seconds=number) for number in range(40)}
    look_with_a_clock_set_back(log, back, later)
    assert sorted(log.read) == sorted(log.visible)


@given(st.floats(17, 5_000), st.floats(0.1, 10))
def test_a_clock_that_is_set_back_far_hides_nothing(back: float, later: float) -> None:
    log = Log()
    look_with_a_clock_set_back(log, back, later)
    assert sorted(set(log.read)) == sorted(log.visible)
