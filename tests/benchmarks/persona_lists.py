"""How far lists differ between personas, and how soon they follow a new visitor's clicks.

    python run_demo.py --prepare-only --home DIR
    OMP_NUM_THREADS=1 python -m tests.benchmarks.persona_lists --home DIR [--prefixes wa bl sh] [--json FILE]

Asked is the service itself, over copies of DIR's database, without deadline and exploration, so that a run repeats:
one gives the lists, and another one is searched, since what is searched for here would be learnt.

*Personas*: each demo shopper of DIR signs in and types a prefix; so does nobody. Counted are distinct first suggestions
and distinct first products, of the list itself and of /search for what is suggested to nobody first. *Apart*: the most
shoppers of whom no two have the same first suggestion, nor the same first product of the list. *Overlap*: of the first
five suggestions, the share that nobody's list has in its first five, too; over all demo shoppers.

*Clicks*: a new visitor types a prefix, clicks on three products of one department, types it again. A suggestion is of
the department of most of the products that it finds (of a shop without departments: of its pseudo-category). All
departments with a suggestion among the first twenty take part, one visitor each. Ranks of what is not listed count 21.
"""

import argparse
import json
import random
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from rich.console import Console
from rich.table import Table
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from api.main import create_app
from config.settings import PersonalizationSettings, Settings, StorageSettings, SuggestSettings
from core.demo_shoppers import load_demo_shoppers

PREFIXES = ("wa", "bl", "sh", "ca", "po", "dr")
_LISTED, _ABSENT = 20, 21
_CLICKS = 3
_SAME = 5
_TRIES = 100  # a keystroke waits ten milliseconds for a profile, and does without it


@dataclass(frozen=True, slots=True)
class Seen:
    """What one shopper sees first."""

    suggestions: list[str]
    products: list[str]  # below the list
    found: list[str]  # by /search

    @property
    def first(self) -> tuple[str, str]:
        return (self.suggestions or [""])[0], (self.products or [""])[0]


@dataclass(frozen=True, slots=True)
class Followed:
    """A new visitor's list beside the list after the clicks."""

    prefix: str
    department: str
    best: tuple[int, int]  # rank of the department's first suggestion
    mean: tuple[float, float]  # of all of its suggestions in either list
    products: tuple[float, float]  # share of the department among the products below the list


class Shop:
    """The service, and somebody who talks to it."""

    def __init__(self, client: TestClient, searched: TestClient) -> None:
        """`searched`: a service of its own for what is only looked up."""
        self._client, self._searched = client, searched
        self._departments: dict[str, str | None] = {}
        self._bodies: dict[str, dict[str, str]] = {}  # who and where, by the token

    def visit(self, user_id: str | None) -> dict[str, str]:
        """The headers of a new session."""
        begun = self._post("/user/session/start", {"user_id": user_id} if user_id else {}, {})
        headers = {"Authorization": f"Bearer {begun['session_token']}"}
        self._bodies[headers["Authorization"]] = {name: begun[name] for name in ("user_id", "session_id")}
        return headers

    def typed(self, prefix: str, headers: dict[str, str], count: int = 10, *, known: bool = False) -> Any:
        """The list for `prefix`. `known`: of somebody with a history, for whom a busy machine is asked again."""
        body = {"query_prefix": prefix, "max_suggestions": count, "include_products": 6, "explain": True}
        for _ in range(_TRIES):
            reply = self._post("/autosuggest", body, headers)
            if not known or any("personal" in item["explain"] for item in reply["items"]):
                return reply
        raise RuntimeError(f"{prefix}: the service never had a profile at hand")

    def search(self, query: str, headers: dict[str, str], count: int = 10) -> Any:
        return _post(self._searched, "/search", {"query": query, "max_results": count}, headers)

    def click(self, product_id: str, headers: dict[str, str]) -> None:
        who = self._bodies[headers["Authorization"]]
        self._post("/engagement", {"action_type": "click", "item_id": product_id, **who}, headers)

    def department(self, item: Any) -> str | None:
        """Of a suggestion, as nobody sees it."""
        if item["text"] not in self._departments:
            found = self.search(item["text"], {})["facets"]["category"]
            self._departments[item["text"]] = found[0]["value"] if found else item["category"]
        return self._departments[item["text"]]

    def searcher(self, user_id: str | None) -> dict[str, str]:
        """The headers of a session in which is searched."""
        begun = _post(self._searched, "/user/session/start", {"user_id": user_id} if user_id else {}, {})
        return {"Authorization": f"Bearer {begun['session_token']}"}

    def _post(self, path: str, body: dict[str, object], headers: dict[str, str]) -> Any:
        return _post(self._client, path, body, headers)


def _post(client: TestClient, path: str, body: dict[str, object], headers: dict[str, str]) -> Any:
    reply = client.post(path, json=body, headers=headers)
    reply.raise_for_status()
    return reply.json()


def seen(shop: Shop, prefix: str, user_id: str | None, query: str | None) -> Seen:
    headers = shop.visit(user_id)
    reply = shop.typed(prefix, headers, known=user_id is not None)
    asked = query or (reply["suggestions"] or [prefix])[0]
    found = [product["product_id"] for product in shop.search(asked, shop.searcher(user_id))["products"]]
    return Seen(reply["suggestions"], [product["product_id"] for product in reply["products"]], found)


def apart(firsts: Sequence[tuple[str, str]]) -> int:
    """The most pairs of which no two share a member: a maximum matching."""
    lines = {line: place for place, line in enumerate(sorted({line for line, _ in firsts}))}
    products = {one: place for place, one in enumerate(sorted({one for _, one in firsts}))}
    rows, columns = [lines[line] for line, _ in firsts], [products[one] for _, one in firsts]
    graph = coo_matrix((np.ones(len(firsts)), (rows, columns)), shape=(len(lines), len(products)))
    return int((maximum_bipartite_matching(graph.tocsr()) >= 0).sum())


def followed(shop: Shop, prefix: str, seed: int) -> list[Followed]:
    """One visitor for each department that the list for `prefix` has."""
    results = []
    nobody = shop.typed(prefix, shop.visit(None), _LISTED)
    departments = sorted({name for item in nobody["items"] if (name := shop.department(item))})
    for department in departments:
        headers = shop.visit(None)
        before = shop.typed(prefix, headers, _LISTED)
        clicked = _products_of(shop, before, department, random.Random(f"{seed} {prefix} {department}"))
        if len(clicked) < _CLICKS:
            continue
        for product_id in clicked:
            shop.click(product_id, headers)
        after = shop.typed(prefix, headers, _LISTED, known=True)
        lists = [[shop.department(item) == department for item in reply["items"]] for reply in (before, after)]
        texts = {item["text"] for reply in (before, after) for item in reply["items"]}
        own = {text for text in texts if shop.department({"text": text}) == department}
        best = [next((rank for rank, hit in enumerate(one, 1) if hit), _ABSENT) for one in lists]
        ranks = [{text: rank for rank, text in enumerate(reply["suggestions"], 1)} for reply in (before, after)]
        mean = [float(np.mean([one.get(text, _ABSENT) for text in own])) for one in ranks]
        share = [_share(reply["products"], department) for reply in (before, after)]
        results.append(Followed(prefix, department, (best[0], best[1]), (mean[0], mean[1]), (share[0], share[1])))
    return results


def _products_of(shop: Shop, reply: Any, department: str, rng: random.Random) -> list[str]:
    """Three products of the department that its suggestions lead to."""
    queries = [item["text"] for item in reply["items"] if shop.department(item) == department]
    found = [one for query in queries for one in shop.search(query, {}, 20)["products"]]
    ids = sorted({one["product_id"] for one in found if one["category"] in (department, None)})
    return rng.sample(ids, min(_CLICKS, len(ids)))


def _share(products: Sequence[Any], department: str) -> float:
    return float(np.mean([one["category"] == department for one in products])) if products else float("nan")


def of_personas(shop: Shop, users: Sequence[str], prefixes: Sequence[str], console: Console) -> dict[str, Any]:
    table = Table(title=f"{len(users)} demo shoppers and nobody")
    headings = ("prefix", "first suggestions", "first products", "first of /search", "apart", "overlap@5")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "prefix" else "right")
    figures: dict[str, Any] = {}
    lists = Table(title="first suggestion and first product")
    for heading in ("prefix", "shoppers", "suggestion", "product"):
        lists.add_column(heading)
    for prefix in prefixes:
        nobody = seen(shop, prefix, None, None)
        query = (nobody.suggestions or [prefix])[0]
        all_of = {"nobody": nobody} | {user: seen(shop, prefix, user, query) for user in users}
        same = [
            len(set(one.suggestions[:_SAME]) & set(nobody.suggestions[:_SAME]))
            / max(1, len(nobody.suggestions[:_SAME]))
            for user, one in all_of.items()
            if user != "nobody"
        ]
        figures[prefix] = {
            "first suggestions": len({one.first[0] for one in all_of.values()}),
            "first products": len({one.first[1] for one in all_of.values()}),
            "first of search": len({one.found[0] for one in all_of.values() if one.found}),
            "apart": apart([all_of[user].first for user in users]),
            "overlap": float(np.mean(same)),
        }
        table.add_row(
            prefix, *(f"{value:.2f}" if isinstance(value, float) else str(value) for value in figures[prefix].values())
        )
        groups = defaultdict(list)
        for user, one in all_of.items():
            groups[one.first].append(user.removeprefix("demo-"))
        for (line, product), names in groups.items():
            lists.add_row(prefix, ", ".join(names), line, product)
        lists.add_section()
    console.print(lists, table)
    return figures


def of_clicks(shop: Shop, prefixes: Sequence[str], seed: int, console: Console) -> dict[str, Any]:
    table = Table(title=f"a new visitor before → after {_CLICKS} clicks on products of one department")
    for heading in ("prefix", "departments", "rank of its first", "mean rank", "share of products", "first of list"):
        table.add_column(heading, justify="left" if heading == "prefix" else "right")
    everything = {prefix: followed(shop, prefix, seed) for prefix in prefixes}
    rows = [*everything.items(), ("all", [one for some in everything.values() for one in some])]
    figures: dict[str, Any] = {}
    for name, some in rows:
        if not some:
            continue
        best, mean, share = (
            np.nanmean([getattr(one, field) for one in some], 0) for field in ("best", "mean", "products")
        )
        first = np.mean([[one.best[side] == 1 for side in (0, 1)] for one in some], 0)
        figures[name] = {
            "departments": len(some),
            "best": best.tolist(),
            "mean": mean.tolist(),
            "products": share.tolist(),
            "first": first.tolist(),
        }
        table.add_row(name, str(len(some)), *(f"{pair[0]:.2f} → {pair[1]:.2f}" for pair in (best, mean, share, first)))
    console.print(table)
    figures["visitors"] = [asdict(one) for some in everything.values() for one in some]
    return figures


@contextmanager
def service(home: Path) -> Iterator[TestClient]:
    """Over a copy of everything but the versions, which do not change."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "home"
        shutil.copytree(home, copy, ignore=shutil.ignore_patterns("artifacts", "work", "cache", "data"))
        (copy / "artifacts").symlink_to((home / "artifacts").resolve())
        settings = Settings(
            storage=StorageSettings(cadence_home=copy),
            suggest=SuggestSettings(max_latency_ms=10_000, model_wait_ms=10_000),
            personalization=PersonalizationSettings(exploration_share=0.0),
        )
        with TestClient(create_app(settings)) as client:
            yield client


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, metavar="DIR")
    parser.add_argument("--prefixes", nargs="+", default=list(PREFIXES), metavar="PREFIX")
    parser.add_argument("--seed", type=int, default=0, help="of which products are clicked")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    console = Console(highlight=False)
    users = [one.user_id for one in load_demo_shoppers(options.home)]
    with service(options.home) as client, service(options.home) as searched:
        shop = Shop(client, searched)
        figures = {
            "personas": of_personas(shop, users, options.prefixes, console),
            "clicks": of_clicks(shop, options.prefixes, options.seed, console),
        }
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
