"""What the service asks of the kernel between an event's arrival and its 200, read from `strace`."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.event_load import EventMaker, Pool, batch, single, stored_ids
from tests.benchmarks.own_server import kill_group, start_group

_SINGLES, _ROUNDS, _BATCH = 8, 8, 5  # sent at once, so that groups form; a batch beside each round of singles
_CALLS = "fdatasync,fsync,pwrite64,write,writev,sendto,sendmsg,read,recvfrom,recvmsg"
_STRACE = ("strace", "-f", "-ttt", "-T", "-yy", "-s", "6000", "-e", f"trace={_CALLS}")
_LINE = re.compile(r"(\d+) +(\d+\.\d+) (.*)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)", re.DOTALL)
_TOOK = re.compile(r" <(\d+\.\d+)>$")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_UNFINISHED = " <unfinished ...>"


@dataclass(frozen=True, slots=True)
class Call:
    """A system call that has returned; times are seconds of the wall clock."""

    name: str
    text: str  # arguments and result, files and connections by name
    begun: float
    ended: float


@dataclass
class Request:
    """What was seen of one request. `written` and `synced` by event id."""

    arrived: float
    ids: frozenset[str]
    written: dict[str, float] = field(default_factory=dict)  # when its last write to the log had returned
    synced: dict[str, float] = field(default_factory=dict)  # when the next fdatasync of the log had returned


def trace_refusal() -> str | None:
    """Why system calls cannot be watched here; None: they can."""
    if shutil.which("strace") is None:
        return "strace is not installed (Debian: `apt install strace`)"
    tried = subprocess.run([*_STRACE, "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return None if tried.returncode == 0 else f"strace may not trace: {tried.stderr.strip()[:200]}"


def calls_of(lines: Iterable[str]) -> Iterator[Call]:
    """The calls of a trace in the order in which they returned; parts that another thread came between are joined."""
    unfinished: dict[str, tuple[float, str]] = {}
    for line in lines:
        matched = _LINE.fullmatch(line.rstrip("\n"))
        if matched is None:
            continue
        thread, at, text = matched.group(1), float(matched.group(2)), matched.group(3)
        if text.endswith(_UNFINISHED):
            unfinished[thread] = at, text.removesuffix(_UNFINISHED)
            continue
        resumed = _RESUMED.fullmatch(text)
        begun, ended = at, None
        if resumed is not None:
            if thread not in unfinished:
                continue
            begun, first = unfinished.pop(thread)
            text, ended = first + resumed.group(1), at
        took = _TOOK.search(text)
        if took is not None and "(" in text:
            # The later of the two: when a resumed line was printed is when the call had surely returned.
            yield Call(text.partition("(")[0], text, begun, max(begun + float(took.group(1)), ended or 0.0))


def violations(calls: Iterable[Call]) -> tuple[int, int, int]:
    """`(requests, events, replies that came before every event of theirs was on disk)`."""
    waiting: dict[str, Request] = {}  # by connection
    requests = number = early = 0
    for call in sorted(calls, key=lambda one: one.ended):
        if call.name in ("read", "recvfrom", "recvmsg") and "POST /engagement" in call.text:
            waiting[_connection(call)] = Request(call.ended, frozenset(_UUID.findall(call.text)))
        elif call.name == "pwrite64" and "-wal>" in call.text:
            for one in waiting.values():
                one.written.update(dict.fromkeys(one.ids & set(_UUID.findall(call.text)), call.ended))
        elif call.name in ("fdatasync", "fsync") and "-wal>" in call.text and " = 0 " in call.text:
            for one in waiting.values():
                for event_id, at in one.written.items():
                    if at <= call.begun:
                        one.synced.setdefault(event_id, call.ended)
        elif call.name in ("write", "writev", "sendto", "sendmsg") and '"HTTP/1.1 200' in call.text:
            answered = waiting.pop(_connection(call), None)
            if answered is not None and answered.ids:
                requests, number = requests + 1, number + len(answered.ids)
                in_time = {one for one, at in answered.synced.items() if answered.arrived <= at <= call.begun}
                early += in_time != answered.ids
    return requests, number, early


def _connection(call: Call) -> str:
    return call.text.partition("(")[2].partition("]>")[0]


async def traced(home: Path, maker: EventMaker) -> dict[str, int]:
    """Runs the service under strace with some single events and batches; the figures of the second part."""
    trace = home.parent / "strace.txt"
    server = start_group(home, prefix=(*_STRACE, "-o", str(trace)))
    sent = 0
    try:
        await asyncio.to_thread(server.wait_until_ready)
        pool = Pool(server.port)
        for _ in range(_ROUNDS):
            groups = [[maker.make()] for _ in range(_SINGLES)]
            groups.append([maker.make() for _ in range(_BATCH)])
            replies = await asyncio.gather(
                *(pool.send(single(some[0]) if len(some) == 1 else batch(some)) for some in groups)
            )
            sent += sum(len(stored_ids(reply, some)) for reply, some in zip(replies, groups, strict=True))
        pool.close()
        os.killpg(server.process.pid, signal.SIGTERM)
        await asyncio.to_thread(server.process.wait, 60)
    finally:
        if server.process.poll() is None:
            kill_group(server)
    with trace.open(encoding="utf-8", errors="replace") as lines:
        requests, number, early = violations(calls_of(lines))
    if number != sent:
        raise RuntimeError(f"{sent} events were acknowledged and {number} were seen in the trace")
    return {"requests traced": requests, "events traced": number, "replied before it was on disk": early}
