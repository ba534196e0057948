"""A home of many products, and search over HTTP in it: a part of `tests.benchmarks.search_million`.

The home has what a smaller shop's version holds, but for the products: an index that was built before, and all of them
in the database, since the service reads the cards of a page from there.
"""

import asyncio
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
from rich.progress import track

from core import artifacts
from core.artifacts import ArtifactFolder
from core.domain import Product
from core.retrieval.storage import DENSE
from core.services.bundle import PRODUCTS, RANKING
from database.connection import Database
from database.repositories.products import ProductRepository
from tests.e2e.server import Server, running

_BATCH = 5_000
_PAGE = 20


def make_home(
    small: Path, folder: ArtifactFolder, index: Path, products: Sequence[Product], origin: "np.typing.NDArray[np.int32]"
) -> Path:
    """A home beside the folder `index` of `save_products`, which goes into it; `origin`: whose category each has."""
    home, prepared = index.parent / "home", index.parent / "prepared"
    shutil.copytree(folder.path, prepared, ignore=shutil.ignore_patterns(PRODUCTS, "manifest.json"))
    index.rename(prepared / PRODUCTS)
    if (prepared / RANKING / DENSE).exists():
        shutil.rmtree(prepared / RANKING / DENSE)
        shutil.copytree(prepared / PRODUCTS / DENSE, prepared / RANKING / DENSE)
    np.save(prepared / "product_categories.npy", np.load(prepared / "product_categories.npy")[origin])
    facts = {name: fact for name, fact in folder.manifest.items() if name not in ("format", "version", "files")}
    artifacts.publish(home / "artifacts", prepared, folder.version, facts)
    shutil.copy(small / "cadence.sqlite3", home)
    asyncio.run(_fill(home / "cadence.sqlite3", products))
    return home


def search_over_http(home: Path, queries: Sequence[str], warm_up: int) -> dict[str, float]:
    """Milliseconds of one client's searches, each for the first time, the first `warm_up` not counted; and memory."""
    started = time.perf_counter()
    with (
        running(home, ALLOW_UNSIGNED_USERS="true", LOG_LEVEL="WARNING", OMP_NUM_THREADS="1") as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client,
    ):
        ready = time.perf_counter() - started
        times: list[float] = []
        for query in track(queries, "searches over HTTP"):
            before = time.perf_counter()
            client.post("/search", json={"query": query, "max_results": _PAGE}).raise_for_status()
            times.append(1e3 * (time.perf_counter() - before))
        memory = _memory(server)
    p50, p99 = np.quantile(times[warm_up:], [0.5, 0.99])
    return {
        "over HTTP: ready, seconds": ready,
        "over HTTP: search, p50 ms": float(p50),
        "over HTTP: search, p99 ms": float(p99),
        "over HTTP: all processes of the service, peak GiB": memory,
    }


async def _fill(database: Path, products: Sequence[Product]) -> None:
    opened = Database(f"sqlite+aiosqlite:///{database.as_posix()}")
    for at in track(range(0, len(products), _BATCH), "products into the database"):
        async with opened.transaction() as session:
            await ProductRepository(session).upsert_many(products[at : at + _BATCH], None, at)
    await opened.dispose()


def _memory(server: Server) -> float:
    """GiB of the service and its children at most, what they share counted in each; Linux only."""
    known: dict[int, str] = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):  # one that has ended meanwhile
            known[int(status.parent.name)] = status.read_text(encoding="utf-8")
    own = [server.process.pid]
    for at in own:
        own += [process for process, status in known.items() if f"PPid:\t{at}\n" in status]
    lines = [line for at in own for line in known.get(at, "").splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 2**30
