"""Many blocks, in one process or several: parts on disk, then one file each of queries, events and visits.

A part is written under another name and renamed, so what has its name is whole; a simulation that was interrupted goes
on with the parts that are missing. The files are put together in the order of the blocks. Neither depends on how many
processes there were, so the same plan gives the same bytes.
"""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import resource_tracker
from pathlib import Path

import polars as pl

from data_generation.block import Block, make_rows
from data_generation.calibration import Calibration
from data_generation.cast import DAY, Cast, Window
from data_generation.personas import Persona, load_behaviors
from data_generation.world import departments_in, load_world

FILES = ("queries", "events", "visits")
_VISITS_OF_A_BLOCK = 8_000  # some 100 MB while it is made
_TASTES_OF_A_BLOCK = 2_000_000  # shoppers times departments, of which a block holds a few tables
_USERS_OF_A_VISIT = 4
_ROW_GROUP = 100_000
_VERSION = 4  # of what a plan means; another one does not go on with parts of this one
Update = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated. `start` and `end` in seconds since 1970."""

    users: int
    sessions: int
    seed: int
    start: float
    end: float

    def __post_init__(self) -> None:
        if self.users < 1 or self.sessions < 1:
            raise ValueError("at least one user and one session are needed")
        if self.end - self.start < DAY:
            raise ValueError("less than a day cannot be simulated")

    def blocks(self, departments: int) -> Iterator[Block]:
        """Users and sessions in equal shares, none without a user or a session.

        Of many more users than sessions most would never come: they are left out.
        """
        users = min(self.users, _USERS_OF_A_VISIT * self.sessions)
        by_visits = -(-self.sessions // _VISITS_OF_A_BLOCK)
        by_tastes = -(-users * departments // _TASTES_OF_A_BLOCK)
        count = min(max(by_visits, by_tastes), users, self.sessions)
        for number in range(count):
            first, last = (users * edge // count for edge in (number, number + 1))
            visits = self.sessions * (number + 1) // count - self.sessions * number // count
            yield Block(number, first, last - first, visits)


def simulate(
    out: Path,
    world: Path,
    personas: tuple[Persona, ...],
    calibration: Calibration,
    plan: Plan,
    processes: int,
    update: Update,
) -> dict[str, int]:
    """Writes `queries.parquet`, `events.parquet` and `visits.parquet` below `out`; returns their numbers of rows.

    `world`: folder of `World.save`. Goes on where the same simulation was interrupted in `out`.
    """
    parts = out / ".parts"
    cast = {"personas": [asdict(one) for one in personas], "calibration": asdict(calibration), "version": _VERSION}
    prefix = _begin(parts, plan, {**asdict(plan), **cast, "world": _digest(world)})
    blocks = list(plan.blocks(departments_in(world)))
    missing = [block for block in blocks if not all(_part(parts, name, block.number).exists() for name in FILES)]
    done = len(blocks) - len(missing)
    for _ in _made(missing, processes, _Task(world, parts, prefix, personas, calibration, plan)):
        done += 1
        update(0.9 * done / len(blocks), f"{done:,} of {len(blocks):,} blocks")
    counts, drafts = {}, {name: parts / f"{name}.draft" for name in FILES}  # killed meanwhile, they go with the parts
    for place, (name, draft) in enumerate(drafts.items()):
        update(0.9 + 0.1 * place / len(FILES), f"writing {name}")
        counts[name] = _put_together([_part(parts, name, block.number) for block in blocks], draft)
    for name, draft in drafts.items():
        draft.replace(out / f"{name}.parquet")
    shutil.rmtree(parts)
    return counts


def _begin(parts: Path, plan: Plan, facts: dict[str, object]) -> str:
    """Keeps the parts of the same simulation and no others; returns what begins its user and session ids.

    Two simulations have no shopper in common, whatever their seeds.
    """
    text = json.dumps(facts, sort_keys=True)
    stamp = parts / "plan.json"
    if parts.exists() and not (stamp.exists() and stamp.read_text(encoding="utf-8") == text):
        shutil.rmtree(parts)
    parts.mkdir(parents=True, exist_ok=True)
    _replace(stamp, lambda path: path.write_text(text, encoding="utf-8"))
    return f"synthetic-{plan.seed}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _digest(world: Path) -> str:
    """Names what is in a world: parts of another one are of another simulation."""
    found = hashlib.sha256()
    for path in [world / "texts.json", *sorted((world / "arrays").iterdir())]:
        found.update(path.read_bytes())
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class _Task:
    """What a process needs to know before it makes blocks."""

    world: Path
    parts: Path
    prefix: str  # of user and session ids
    personas: tuple[Persona, ...]
    calibration: Calibration
    plan: Plan


def _made(blocks: list[Block], processes: int, task: _Task) -> Iterator[None]:
    """Makes the blocks; yields after each one. Never more are handed out than are soon worked on."""
    if processes <= 1 or len(blocks) <= 1:
        _enter(task)
        for block in blocks:
            _write(block)
            yield
        return
    context = multiprocessing.get_context("spawn")  # as everywhere else than on Linux
    todo = iter(blocks)
    with ProcessPoolExecutor(min(processes, len(blocks)), context, _enter_quietly, (task,)) as pool:
        with _unheard_ctrl_c():  # by the processes that are started now
            running: set[Future[None]] = {pool.submit(_write, block) for block in islice(todo, 2 * processes)}
        try:
            while running:
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    future.result()
                    running.update(pool.submit(_write, block) for block in islice(todo, 1))
                    yield
        finally:
            for future in running:
                future.cancel()


_entered: tuple[Cast, Path, str] | None = None  # of this process; a pool has no other place for it


def _enter(task: _Task) -> None:
    global _entered
    world, window = load_world(task.world), Window(task.plan.start, task.plan.end)
    cast = Cast(world, task.personas, load_behaviors(), task.calibration, window, task.plan.seed)
    _entered = cast, task.parts, task.prefix


@contextmanager
def _unheard_ctrl_c() -> Iterator[None]:
    """What is started in here never hears Ctrl-C, not even while it imports; this process hears it at the end.

    POSIX hands a mask of signals down. The tracker of multiprocessing, which would lift it, is started before; other
    threads have no mask, so Python's handler only notes what they hear.
    """
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    resource_tracker.ensure_running()
    handler = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if heard:
        raise KeyboardInterrupt


def _enter_quietly(task: _Task) -> None:
    """Ctrl-C is for the process that hands out the blocks, on Windows too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _enter(task)


def _write(block: Block) -> None:
    assert _entered is not None  # noqa: S101 — the pool's initializer
    cast, parts, prefix = _entered
    rows = make_rows(cast, block, prefix)
    for name in FILES:
        frame: pl.DataFrame = getattr(rows, name)
        _replace(_part(parts, name, block.number), frame.write_parquet)


def _part(parts: Path, name: str, number: int) -> Path:
    return parts / f"{name}-{number:06d}.parquet"


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    write(draft)
    draft.replace(path)


def _put_together(parts: list[Path], path: Path) -> int:
    """One file of all parts, in a stream; how many rows it has."""
    pl.scan_parquet(parts).sink_parquet(path, maintain_order=True, row_group_size=_ROW_GROUP)
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())
