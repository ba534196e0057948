"""Simulated shoppers in a running shop: `python -m data_generation.closed_loop --world DIR --url http://localhost:8000`.

They ask /autosuggest at every keystroke and /search, and engage with what they are shown; who they are and what they
want is known, so it is known what a good list would have been. `--world`: the folder `world` that
`data_generation.synthetic_data` wrote for this catalogue. With `--compare`, every other shopper is served without
personalisation: an experiment whose truth is known. The same `--seed` and `--users` bring the same people back.

    appeal = σ(click level + suits + what is in mind)          as in a simulated log (`data_generation.searching`)
    utility of a page = Σ appeal(rank) / log2(rank + 1), over that of the same products in the best order
"""

import argparse
import asyncio
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from rich.table import Table

from config.progress import Steps
from data_generation.arguments import at_least
from data_generation.block import ACTIONS
from data_generation.calibration import load_calibration
from data_generation.cast import DAY, Cast, Window
from data_generation.engaging import engage
from data_generation.personas import load_behaviors, load_personas
from data_generation.sampling import sigmoid
from data_generation.searching import IN_MIND, SAME_KIND, SUGGESTION_CHANCE, draw_offer
from data_generation.shoppers import Shoppers, draw_shoppers, draw_wanted, suits
from data_generation.world import World, load_world

_PAGE = 24
_MOST_SEARCHES = 3
Json = dict[str, Any]
Update = Callable[[float, str], None]


class ServiceError(Exception):
    """The service gave no usable answer; the message says to what."""


@dataclass(slots=True)
class Outcome:
    """What an arm's shoppers met with; lists have one entry for each search."""

    keystrokes: list[int] = field(default_factory=list)  # typed before a suggestion was taken or the query was done
    saved: list[float] = field(default_factory=list)  # share of the characters that need not be typed
    taken_rank: list[int] = field(default_factory=list)  # of suggestions taken
    reciprocal_rank: list[float] = field(default_factory=list)  # of the wanted product on the first page, 0: absent
    utility: list[float] = field(default_factory=list)
    clicks: list[int] = field(default_factory=list)
    purchases: int = 0
    searches: int = 0

    def numbers(self) -> dict[str, float]:
        """Means of an arm; NaN where nothing happened."""
        return {
            "searches": self.searches,
            "keystrokes_saved": _mean(self.saved),
            "suggestions_taken": len(self.taken_rank) / max(1, self.searches),
            "suggestion_mrr": _mean([1 / rank for rank in self.taken_rank]),
            "wanted_mrr": _mean(self.reciprocal_rank),
            "page_utility": _mean(self.utility),
            "clicks_per_search": _mean(self.clicks),
            "purchases_per_search": self.purchases / max(1, self.searches),
        }


class ClosedLoop:
    """Visits of the shoppers of one world to one service."""

    def __init__(self, world: World, client: httpx2.AsyncClient, seed: int, users: int) -> None:
        now = datetime.now(UTC).timestamp()
        self._cast = Cast(world, load_personas(), load_behaviors(), load_calibration(), Window(now - DAY, now), seed)
        self._world, self._client, self._seed = world, client, seed
        who = hashlib.sha256(json.dumps([seed, users, list(world.product_ids)]).encode()).hexdigest()[:8]
        self._prefix = f"synthetic-loop-{seed}-{who}"  # nobody of a simulated log
        self.met = False  # a product of the world on a page
        self._place = {product_id: number for number, product_id in enumerate(world.product_ids)}
        self._shoppers: Shoppers = draw_shoppers(self._cast, 0, users, np.random.default_rng([seed, 4]))
        self._now = now

    async def visit(self, shopper: int, number: int, outcome: Outcome, *, personalized: bool) -> None:
        """The `number`-th visit of a shopper. Raises ServiceError."""
        generator = np.random.default_rng([self._seed, 5, shopper, number])
        cast, who = self._cast, np.array([shopper])
        persona = self._shoppers.persona[who]
        behavior = cast.behavior.draw(persona, generator.random(1))
        device = cast.devices[int(self._shoppers.device[shopper])]
        user = f"{self._prefix}-{shopper}"
        begun = await self._post("/user/session/start", {"user_id": user, "device": device})
        session = begun["session_id"]
        headers = {"Authorization": f"Bearer {begun['session_token']}"}
        asked = {"user_id": user, "session_id": session, "include_personalization": personalized}
        for _ in range(_MOST_SEARCHES):
            wanted = draw_wanted(cast, self._shoppers, who, np.array([self._now - 1]), generator)
            offer = draw_offer(cast, persona, wanted, generator)
            text = self._world.queries[int(self._world.offer_query[offer[0]])]
            text, events = await self._type(text, int(wanted[0]), int(behavior[0]), asked, headers, outcome, generator)
            page = await self._post("/search", {**asked, "query": text, "max_results": _PAGE}, headers)
            events += self._look(page, text, who, wanted, behavior, outcome, generator)
            if events:
                batch = [{**event, "user_id": user, "session_id": session} for event in events]
                await self._post("/engagement/batch", {"events": batch}, headers)
            if generator.random() >= cast.another[persona[0], behavior[0]]:
                break

    async def _type(
        self,
        text: str,
        wanted: int,
        behavior: int,
        asked: dict[str, object],
        headers: dict[str, str],
        outcome: Outcome,
        generator: np.random.Generator,
    ) -> tuple[str, list[dict[str, object]]]:
        """The query as it is sent, and the click on a suggestion where one was taken."""
        world = self._world
        fits = {
            world.queries[query]
            for query in world.offer_query[world.offer_start[wanted] : world.offer_start[wanted + 1]].tolist()
        }
        for length in range(1, len(text) + 1):
            reply = await self._post("/autosuggest", {**asked, "query_prefix": text[:length]}, headers)
            for rank, suggestion in enumerate(reply["suggestions"], start=1):
                looked = generator.random() < rank ** -self._cast.eta[behavior] * SUGGESTION_CHANCE
                if looked and suggestion in fits and generator.random() < self._cast.takes[behavior]:
                    outcome.keystrokes.append(length)
                    outcome.saved.append(max(0.0, 1 - length / len(suggestion)))
                    outcome.taken_rank.append(rank)
                    click = {"action_type": "suggestion_click", "query": suggestion, "item_rank": rank}
                    return suggestion, [{**click, "request_id": reply["request_id"]}]
        outcome.keystrokes.append(len(text))
        outcome.saved.append(0.0)
        return text, []

    def _look(
        self,
        page: Json,
        text: str,
        who: np.ndarray,
        wanted: np.ndarray,
        behavior: np.ndarray,
        outcome: Outcome,
        generator: np.random.Generator,
    ) -> list[dict[str, object]]:
        """What the shopper does with a page of results, as events to post."""
        cast, world = self._cast, self._world
        ids = [product["product_id"] for product in page["products"]]
        known = [(rank, self._place[one]) for rank, one in enumerate(ids, start=1) if one in self._place]
        self.met |= bool(known)
        ranks = np.array([rank for rank, _ in known], np.int64)
        shown = np.array([place for _, place in known], np.int64)
        liking = cast.click[behavior] + suits(cast, self._shoppers, who, shown) + IN_MIND * (shown == wanted)
        appeal = sigmoid(liking + SAME_KIND * (world.kind[shown] == world.kind[wanted]))
        clicked = np.flatnonzero(generator.random(len(shown)) < ranks ** -cast.eta[behavior] * appeal)
        done, _ = engage(
            cast,
            behavior=np.repeat(behavior, len(clicked)),
            search=np.zeros(len(clicked), np.int64),
            product=shown[clicked],
            rank=ranks[clicked],
            appeal=appeal[clicked],
            begins=np.zeros(1),
            generator=generator,
        )
        found = ranks[shown == wanted]
        outcome.searches += 1
        outcome.clicks.append(len(clicked))
        outcome.reciprocal_rank.append(1 / int(found[0]) if len(found) else 0.0)
        outcome.utility.append(_utility(appeal, ranks))
        events: list[dict[str, object]] = []
        for action, product, rank, seconds in zip(
            done.action.tolist(), done.product.tolist(), done.rank.tolist(), done.seconds.tolist(), strict=True
        ):
            event: dict[str, object] = {"action_type": ACTIONS[action], "item_id": world.product_ids[product]}
            event |= {"query": text, "request_id": page["request_id"], "duration_seconds": round(seconds, 1)}
            events.append(event | ({"item_rank": rank} if rank else {}))
            outcome.purchases += ACTIONS[action] == "purchase"
        return events

    async def _post(self, path: str, body: dict[str, object], headers: dict[str, str] | None = None) -> Json:
        try:
            reply = await self._client.post(path, json=body, headers=headers)
        except httpx2.TransportError as error:
            raise ServiceError(f"no answer from {self._client.base_url}: {type(error).__name__}") from error
        if reply.status_code != 200:
            raise ServiceError(f"{path} answered {reply.status_code}: {reply.text[:200]}")
        answer: Json = reply.json()
        return answer


def _utility(appeal: np.ndarray, ranks: np.ndarray) -> float:
    """Of a page in its order, over the same in the best order; 1 for an empty one, which cannot be better."""
    if not len(appeal):
        return 1.0
    weights = 1 / np.log2(ranks + 1.0)
    return float((appeal * weights).sum() / (np.sort(appeal)[::-1] * weights).sum())


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


async def run(
    world: World, url: str, *, users: int, visits: int, seed: int, compare: bool, together: int, update: Update
) -> dict[str, Outcome]:
    """`visits` of each of `users`, one after the other for a shopper, `together` shoppers at a time."""
    arms = {"personalised": Outcome()} | ({"not personalised": Outcome()} if compare else {})
    names, gate, done = list(arms), asyncio.Semaphore(together), 0

    async with httpx2.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        loop = ClosedLoop(world, client, seed, users)

        async def come(shopper: int) -> None:
            nonlocal done
            arm = names[shopper % len(names)]
            async with gate:
                for number in range(visits):
                    await loop.visit(shopper, number, arms[arm], personalized=arm == names[0])
            done += 1
            update(done / users, f"{done:,} of {users:,} shoppers")

        async with asyncio.TaskGroup() as group:
            for shopper in range(users):
                group.create_task(come(shopper))
    if not loop.met:
        raise ServiceError(f"none of these products was found at {url}: give the world of the catalogue that is served")
    return arms


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"{text} does not begin with http:// or https://")
    return text


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", type=_url, default="http://localhost:8000")
    parser.add_argument("--world", type=Path, required=True, metavar="DIR", help="of the catalogue that is served")
    parser.add_argument("--users", type=at_least(1), default=40)
    parser.add_argument("--visits", type=at_least(1), default=5, help="of each of them")
    parser.add_argument("--seed", type=at_least(0), default=7)
    parser.add_argument("--together", type=at_least(1), default=4, help="shoppers at a time")
    parser.add_argument("--compare", action="store_true", help="every other shopper without personalisation")
    options = parser.parse_args(arguments)
    if options.compare and options.users < 2:
        parser.error("--compare needs two users")
    steps, failed = Steps(), None
    arms: dict[str, Outcome] = {}
    try:
        world = load_world(options.world)
        with steps.step("Shopping") as update:
            arms = asyncio.run(
                run(
                    world, options.url, users=options.users, visits=options.visits, seed=options.seed,
                    compare=options.compare, together=options.together, update=update,
                )
            )  # fmt: skip
    except* (ServiceError, OSError) as errors:
        failed = errors.exceptions[0]
    if failed:
        steps.fail(failed)
        return 1
    table = Table("measure", *arms)
    rows = {name: outcome.numbers() for name, outcome in arms.items()}
    for measure in next(iter(rows.values())):
        table.add_row(measure, *(f"{numbers[measure]:.3f}" for numbers in rows.values()))
    steps.console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
