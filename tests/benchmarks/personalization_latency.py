"""What personalisation costs: milliseconds of reranking and of profiles, and memory of profiles in Redis.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.personalization_latency [--profiles 100000] [--json FILE]

On one thread, in the process: 200 products reranked by the formula and by a learnt model of the largest size that
`training.train_reranker` makes, 50 suggestions, one event folded into a full profile, a profile written and read.
Below stands what the same machine takes for multiplying two matrices of 256 × 256, so that figures of machines compare.

Memory is Redis' own `used_memory`, for profiles of shoppers with as many events as `--events` says on average (a few
have many), and for full ones; the slope between half of the profiles and all of them is what one more costs.
"""

import argparse
import json
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lightgbm
import numpy as np
from redis import Redis
from rich.console import Console
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_limits

from core.domain import Action, Engagement, EventFacts
from core.personalization.candidates import Items
from core.personalization.crowd import Crowd, cohort_key
from core.personalization.features import FEATURES
from core.personalization.keys import Space, key_of, keys_of
from core.personalization.product_taste import product_taste
from core.personalization.profile import MAX_BYTES, Profile, folded
from core.personalization.query_taste import query_components
from core.personalization.reranker import Reranker
from core.personalization.shopper import Shopper

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_PRODUCTS, _SHOPPERS, _LIST, _SUGGESTIONS, _ROUNDS = 2_000, 300, 200, 50, 2_000
_ACTIONS = (Action.VIEW, Action.CLICK, Action.ADD_TO_CART, Action.PURCHASE)
_TREES, _LEAVES = 100, 31


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", type=int, default=100_000, metavar="N", help="in Redis")
    parser.add_argument("--events", type=float, default=60.0, metavar="N", help="of a shopper, on average")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    threadpool_limits(1)
    console, chance = Console(highlight=False), random.Random(0)
    figures = _speeds(console, chance) | _memory(console, chance, options.profiles, options.events)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))
    return 0


def _events(chance: random.Random, count: int, *, evenly: bool = False) -> list[Engagement]:
    """A few products again and again, or all `evenly`: then every table of the profile is full."""
    events = []
    for number in range(count):
        product = chance.randrange(_PRODUCTS) if evenly else int(chance.paretovariate(0.7)) % _PRODUCTS
        at = _NOW - timedelta(minutes=20 * (count - number))
        events.append(
            Engagement(
                f"e{number:06d}", chance.choice(_ACTIONS), at, session_id="s", item_id=f"p{product}",
                facts=_facts(product),
            )
        )  # fmt: skip
    return events


def _facts(product: int) -> EventFacts:
    return EventFacts(
        f"category {product % 20}", f"kind {product % 90}", f"brand {product % 150}", product % 5,
        (f"color={product % 11}", f"size={product % 7}"),
    )  # fmt: skip


def _speeds(console: Console, chance: random.Random) -> dict[str, float]:
    profile, crowd = folded(_events(chance, 3_000, evenly=True)), Crowd()
    berlin = cohort_key("location", "Berlin")
    for number in range(_SHOPPERS * 40):
        product = int(chance.paretovariate(0.7)) % _PRODUCTS
        crowd.add(number % _SHOPPERS, key_of(Space.PRODUCT, f"p{product}"), 10.0, _NOW.timestamp(), cohorts=(berlin,))
    shopper = Shopper(profile, crowd, _NOW.timestamp(), (berlin,))
    products = list(range(_LIST))
    items = Items(
        product=keys_of(Space.PRODUCT, [f"p{one}" for one in products]),
        brand=keys_of(Space.BRAND, [_facts(one).brand for one in products]),
        category=keys_of(Space.CATEGORY, [_facts(one).category for one in products]),
        kind=keys_of(Space.KIND, [_facts(one).kind for one in products]),
        attributes=np.stack([keys_of(Space.ATTRIBUTE, _facts(one).attributes) for one in products]),
        price_level=np.array([one % 5 for one in products], np.int8),
    )
    price = np.random.default_rng(0).uniform(1, 100, _LIST).astype(np.float32)
    drawn = profile.products
    near = crowd.goes_with(drawn.key_array()[:60].tolist(), drawn.strengths(shopper.now)[:60].tolist())
    model = _model()
    texts = [f"{color} thing number {number}" for number in range(10) for color in ("red", "blue", "big", "old", "new")]
    kinds = [f"kind {number % 90}" for number in range(_SUGGESTIONS)]
    raw, more = profile.to_bytes(), iter(_events(chance, 10 * _ROUNDS))
    growing = Profile()
    for _ in range(3_000):
        growing.fold(next(more))
    timed: dict[str, Callable[[], object]] = {
        "rerank 200 products, formula": lambda: product_taste(shopper, items, price, near, None),
        f"rerank 200 products, learnt ({_TREES} trees)": lambda: product_taste(shopper, items, price, near, model),
        "50 suggestions": lambda: query_components(shopper, texts[:_SUGGESTIONS], kinds, 0),
        "one event into a profile": lambda: growing.fold(next(more)),
        "a profile written": profile.to_bytes,
        "a profile read": lambda: Profile.from_bytes(raw),
    }
    square = np.random.default_rng(0).random((256, 256), np.float32)
    timed["256 × 256 matrices multiplied"] = lambda: square @ square
    table = Table(title=f"one thread, ms; profile of {len(raw):,} bytes")
    for heading in ("", "p50", "p99"):
        table.add_column(heading)
    figures: dict[str, float] = {}
    for name, work in timed.items():
        taken = []
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            work()
            taken.append(1e3 * (time.perf_counter() - started))
        p50, p99 = np.quantile(taken[_ROUNDS // 10 :], [0.5, 0.99])
        figures |= {f"{name}, p50 ms": float(p50), f"{name}, p99 ms": float(p99)}
        table.add_row(name, f"{p50:.3f}", f"{p99:.3f}")
    console.print(table)
    return figures


def _model() -> Reranker:
    """Trees of full size, of random labels: as slow as real ones."""
    generator = np.random.default_rng(0)
    table, label = generator.random((20_000, len(FEATURES)), np.float32), generator.integers(0, 2, 20_000)
    parameters = {"objective": "lambdarank", "num_leaves": _LEAVES, "verbose": -1, "num_threads": 1, "seed": 0}
    data = lightgbm.Dataset(table, label, group=[20] * 1_000)
    return Reranker(lightgbm.train(parameters, data, _TREES), FEATURES)


def _memory(console: Console, chance: random.Random, count: int, mean: float) -> dict[str, float]:
    program = shutil.which("redis-server")
    if program is None:
        console.print("memory: not measured, redis-server is not installed")
        return {}
    usual = [folded(_events(chance, max(1, round(chance.expovariate(1 / mean))))).to_bytes() for _ in range(300)]
    full = [folded(_events(chance, 4_000, evenly=True)).to_bytes()]
    figures: dict[str, float] = {}
    for name, profiles in ((f"{mean:.0f} events on average", usual), ("all full", full)):
        with tempfile.TemporaryDirectory() as folder:
            socket = Path(folder) / "redis.sock"
            command = [program, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder]
            server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            try:
                assert server.stdout is not None
                assert any("eady to accept connections" in line for line in server.stdout)
                at_half, at_end = _filled(Redis(unix_socket_path=str(socket)), profiles, count, name, console)
            finally:
                server.terminate()
                server.communicate()
        slope = (at_end - at_half) / (count - count // 2)
        size = float(np.mean([len(one) for one in profiles]))
        console.print(
            f"{name}: {size:,.0f} bytes a profile (at most {MAX_BYTES:,}), {slope:,.0f} bytes each in Redis: "
            f"{slope * 1e6 / 1e9:.2f} GB ({slope * 1e6 / 2**30:.2f} GiB) for a million"
        )
        figures |= {f"{name}, bytes": size, f"{name}, bytes in Redis": slope}
    return figures


def _filled(redis: Redis, profiles: list[bytes], count: int, name: str, console: Console) -> tuple[int, int]:
    """`used_memory` with half of the profiles, and with all."""
    at_half = 0
    for start in track(range(0, count, 1_000), name, console=console):
        if start == count // 2:
            at_half = _used(redis)
        pipeline = redis.pipeline(transaction=False)
        for number in range(start, min(start + 1_000, count)):
            value = f"{1:020d}".encode() + profiles[number % len(profiles)]
            pipeline.set(f"cadence:profile:u:{number:064x}", value, ex=2_592_000)
        pipeline.execute()
    return at_half, _used(redis)


def _used(redis: Redis) -> int:
    info = redis.info("memory")
    assert isinstance(info, dict)
    return int(info["used_memory"])


if __name__ == "__main__":
    raise SystemExit(main())
