"""A/B and interleaving in one running shop: how many sessions each needs to find the better of two rankings.

    python -m tests.benchmarks.closed_loop_interleaving --home ./var [--users 600] [--visits 3]

A private copy of `--home` (a generated shop, see `run_demo.py`) is served. Half of the simulated shoppers of its world
see one arm each (no taste, against taste of reach 0.3), the other half both, interleaved by team draft, through the API
alone. Which arm is better is known: at every search the lists of both arms are looked at, and what the shopper would
click in each follows from their appeal. Sessions for power .8 at level .05, two-sided: of A/B from the true effect on
the clicks of a session and their spread, of the interleaving from the credits that the service logged.
"""

import argparse
import asyncio
import math
import shutil
import tempfile
from pathlib import Path
from typing import Any

import httpx
import httpx2
import numpy as np
from rich.table import Table

from config.progress import Steps, Update
from core.experiments.preferences import prefer
from data_generation.closed_loop import ClosedLoop, Outcome
from data_generation.sampling import sigmoid
from data_generation.searching import IN_MIND, SAME_KIND
from data_generation.shoppers import suits
from data_generation.world import World, load_world
from database.connection import Database
from database.repositories.experiment_outcomes import find_credits, find_exposed
from tests.e2e.server import ADMIN_KEY, Server, running

OPERATOR = {"Authorization": f"Bearer {ADMIN_KEY}"}
ARMS = [{"name": "no-taste", "changes": {"personalization_reach": 0.0}},
        {"name": "taste", "changes": {"personalization_reach": 0.3}}]  # fmt: skip
LOOKS = {"look-control": "no-taste", "look-taste": "taste"}
Z = 1.959964 + 0.841621


class ToldLoop(ClosedLoop):
    """Notes for every visit what was clicked, and what either arm's lists would have got on average."""

    def __init__(self, world: World, client: httpx2.AsyncClient, seed: int, users: int) -> None:
        super().__init__(world, client, seed, users)
        self.expected: list[tuple[float, float]] = []  # of each search: clicks without taste, with it
        self.sessions: list[tuple[float, float, float]] = []  # of each visit: clicks, and the sums of the two

    async def visit(self, shopper: int, number: int, outcome: Outcome, *, personalized: bool) -> None:
        before = len(self.expected)
        await super().visit(shopper, number, outcome, personalized=personalized)
        without, with_taste = np.array(self.expected[before:]).sum(0)
        self.sessions.append((float(sum(outcome.clicks[before:])), float(without), float(with_taste)))

    async def _post(self, path: str, body: dict[str, object], headers: dict[str, str] | None = None) -> dict[str, Any]:
        answer = await super()._post(path, body, headers)
        if path == "/search":
            answer["arms"] = []
            for session in LOOKS:
                look = {**body, "session_id": session, "preview": True}
                answer["arms"].append(await super()._post(path, look, OPERATOR))
        return answer

    def _look(
        self, page: Any, text: str, who: Any, wanted: Any, behavior: Any, outcome: Outcome, generator: Any
    ) -> Any:
        self.expected.append(tuple(self._clicks(arm, who, wanted, behavior) for arm in page["arms"]))  # type: ignore[arg-type]
        return super()._look(page, text, who, wanted, behavior, outcome, generator)

    def _clicks(self, page: Any, who: Any, wanted: Any, behavior: Any) -> float:
        ids = [product["product_id"] for product in page["products"]]
        known = [(rank, self._place[one]) for rank, one in enumerate(ids, start=1) if one in self._place]
        ranks, shown = (np.array(column, np.int64) for column in (zip(*known, strict=True) if known else ([], [])))
        liking = self._cast.click[behavior] + suits(self._cast, self._shoppers, who, shown)
        liking = (
            liking + IN_MIND * (shown == wanted) + SAME_KIND * (self._world.kind[shown] == self._world.kind[wanted])
        )
        return float((ranks ** -self._cast.eta[behavior] * sigmoid(liking)).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--visits", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    steps = Steps()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        shutil.copytree(options.home, home, ignore=shutil.ignore_patterns("cache", "candidates", "logs"))
        world = load_world(home / "data" / "generated" / "world")
        with running(home, None, ALLOW_UNSIGNED_USERS="true") as server:
            _define(server)
            with steps.step("Shopping") as update:
                outcomes, sessions = asyncio.run(_shop(server, world, options, update))
            results = {name: _results(server, name) for name in ("ab", "both")}
        credits = asyncio.run(_credits(home))
    _report(steps, outcomes, sessions, np.array(list(credits.values())), results)


def _define(server: Server) -> None:
    shared = {"arms": ARMS, "primary_metric": "clicks", "units_per_arm": 1_000, "layer": "ranking"}
    for more in (
        {"name": "ab", "slice": [0.0, 0.5], "overrides": {"sessions": LOOKS}},
        {"name": "both", "slice": [0.5, 1.0], "method": "team_draft", "unit": "user"},
    ):
        made = httpx.post(f"{server.url}/admin/experiments", json=shared | more, headers=OPERATOR, trust_env=False)
        made.raise_for_status()


def _results(server: Server, name: str) -> dict[str, Any]:
    path = f"{server.url}/admin/experiments/{name}/results"
    answer: dict[str, Any] = httpx.get(path, headers=OPERATOR, timeout=60, trust_env=False).raise_for_status().json()
    return answer


async def _shop(
    server: Server, world: World, options: argparse.Namespace, update: Update
) -> tuple[Outcome, list[tuple[float, float, float]]]:
    outcome = Outcome()
    async with httpx2.AsyncClient(base_url=server.url, timeout=60, trust_env=False) as client:
        loop = ToldLoop(world, client, options.seed, options.users)
        for shopper in range(options.users):  # one at a time: what a visit met with is told by its place
            for number in range(options.visits):
                await loop.visit(shopper, number, outcome, personalized=True)
            update((shopper + 1) / options.users, f"{shopper + 1:,} of {options.users:,} shoppers")
    return outcome, loop.sessions


async def _credits(home: Path) -> dict[str, float]:
    database = Database(f"sqlite+aiosqlite:///{(home / 'cadence.sqlite3').as_posix()}")
    try:
        exposed = await database.read(lambda connection: find_exposed(connection, "both"))
        assert exposed.since is not None
        start, end = exposed.since, exposed.since.replace(year=exposed.since.year + 1)
        return await database.read(
            lambda connection: find_credits(connection, "both", start=start, end=end, by_user=False)
        )
    finally:
        await database.dispose()


def _report(
    steps: Steps,
    outcome: Outcome,
    sessions: list[tuple[float, float, float]],
    credits: "np.typing.NDArray[np.float64]",
    results: dict[str, Any],
) -> None:
    clicks, without, with_taste = np.array(sessions).T
    gain = with_taste - without
    effect, error = float(gain.mean()), float(gain.std(ddof=1)) / math.sqrt(len(gain))
    ab = math.ceil(4 * Z**2 * float(clicks.var(ddof=1)) / effect**2)  # two arms of half each
    mean, spread = float(credits.mean()), float(credits.std(ddof=1))
    both = math.ceil(Z**2 * spread**2 / mean**2)
    found = prefer(credits, len(credits))
    steps.say(f"{len(clicks):,} sessions with {outcome.searches:,} searches and {clicks.mean():.3f} clicks each")
    steps.say(f"true clicks a session: {without.mean():.4f} without taste, {with_taste.mean():.4f} with it")
    steps.say(f"true effect {effect:+.4f} ± {1.96 * error:.4f} ({effect / without.mean():+.1%})")
    table = Table("method", "sessions for power .8", "said by the API")
    table.add_row("A/B, clicks", f"{ab:,}", results["ab"]["verdict"]["sentence"])
    table.add_row("team draft, credits", f"{both:,}", results["both"]["verdict"]["sentence"])
    steps.console.print(table)
    error = 1.96 * spread / math.sqrt(len(credits))
    steps.say(
        f"{ab / both:.0f} times fewer; {found.sessions:,} sessions, {found.for_b} for taste, {found.for_a} against"
    )
    steps.say(f"mean credit {mean:+.4f} ± {error:.4f} (95 %), sign test p = {found.sign_p:.2g}")


if __name__ == "__main__":
    main()
