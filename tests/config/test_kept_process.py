"""What is kept running: when another is started, and that the closing waits for nothing but the burial."""

import asyncio

import pytest

from config import kept_process
from config.kept_process import keep_running

pytestmark = pytest.mark.anyio


class Kept:
    """Children with numbers, of whom the first `short` end at once and the later ones live for ever; `failing` starts
    fail before the first success. Closed once there were `starts` of them."""

    def __init__(self, *, starts: int, short: int = 0, failing: int = 0) -> None:
        self.starts, self.short, self.failing = starts, short, failing
        self.pauses: list[float] = []
        self.served: list[int] = []
        self.buried: list[int] = []
        self.closing = asyncio.Event()

    async def run(self) -> None:
        async with asyncio.timeout(30):
            await keep_running(0, self._serve, self._bury, self._another, self.closing)

    async def _serve(self, child: int) -> None:
        self.served.append(child)
        if child >= self.short:
            self.closing.set()
            await asyncio.Event().wait()

    async def _bury(self, child: int) -> None:
        self.buried.append(child)

    async def _another(self, pause_seconds: float) -> int | None:
        self.pauses.append(pause_seconds)
        if len(self.pauses) == self.starts:
            self.closing.set()
        return None if len(self.pauses) <= self.failing else len(self.pauses)


async def test_each_start_waits_twice_as_long_as_the_one_before() -> None:
    kept = Kept(starts=10, short=100)
    await kept.run()
    assert kept.pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30])
    assert kept.buried == list(range(11))


async def test_an_end_after_a_sound_life_counts_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_process, "SOUND_SECONDS", -1.0)
    kept = Kept(starts=4, short=100)
    await kept.run()
    assert kept.pauses == [0.2] * 4


async def test_a_start_that_fails_is_tried_again() -> None:
    kept = Kept(starts=3, short=1, failing=2)
    await kept.run()
    assert (kept.served, kept.buried) == ([0, 3], [0, 3])
    assert kept.pauses == pytest.approx([0.2, 0.4, 0.8])


async def test_the_closing_ends_the_service_of_a_child_and_buries_it() -> None:
    kept = Kept(starts=1)
    await kept.run()
    assert (kept.served, kept.buried, kept.pauses) == ([0], [0], [])
