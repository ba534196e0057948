"""Whether taste costs relevance: judged searches with random profiles beside the same searches for nobody.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.personalization_relevance --home HOME --judgments FILE [--reach R …]

HOME was prepared from the catalogue that was judged. Each query is asked once for nobody, and once for a shopper whose
profile is made of random products of the catalogue, half of them of what the query finds: the worst case, a taste that
has to do with what is asked for and nothing with what is relevant. nDCG@10 as in `search_relevance`; the interval of
the difference resamples queries.
"""

import argparse
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_limits

from core.domain import Action, Engagement, SearchQuery
from core.evaluation.metrics import bootstrap_interval
from core.personalization.crowd import Crowd
from core.personalization.keys import Space, key_of
from core.personalization.profile import folded
from core.personalization.score import Formula
from core.personalization.shopper import Shopper
from core.services.bundle import load_bundle
from core.services.search import SearchService
from training.evaluation.search import RankingMetrics, sampled
from training.ranking.judged import read_judgments

_EVENTS, _SHOPPERS = 40, 200  # of a profile; of the crowd
_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_ACTIONS = (Action.VIEW, Action.CLICK, Action.ADD_TO_CART, Action.PURCHASE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--judgments", type=Path, required=True, metavar="FILE")
    parser.add_argument("--reach", type=float, nargs="*", default=[0.02, 0.05, 0.1, 0.2], help="of taste")
    parser.add_argument("--limit", type=int, default=1_000, metavar="N", help="queries")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    threadpool_limits(1)
    console = Console(highlight=False)
    bundle = load_bundle(options.home / "artifacts")
    assert bundle.products is not None
    service, ids = SearchService(bundle), list(bundle.products.ids)
    grades = read_judgments(options.judgments)
    chance, crowd, plain = random.Random(0), _crowd(ids), RankingMetrics()
    tasted = {reach: RankingMetrics() for reach in options.reach}
    changed: dict[float, list[float]] = {reach: [] for reach in options.reach}
    for query in track(sampled(grades, options.limit), "searching", console=console):
        before = _ids(service, query, None)
        plain.add(before, [], grades[query])
        profile = folded(_random_events(chance, service, ids, before))
        for reach in options.reach:
            shopper = Shopper(profile, crowd, _NOW.timestamp(), (), Formula(reach=reach))
            after = _ids(service, query, shopper)
            tasted[reach].add(after, [], grades[query])
            changed[reach].append(float(np.mean([one not in before[:10] for one in after[:10]])) if after else 0.0)
    said = f"{plain.queries:,} queries, ranker {bundle.ranker.name}; for nobody nDCG@10 {np.mean(plain.whole):.4f}"
    table = Table(title=said)
    for heading in ("reach", "nDCG@10", "difference", "95 %", "others in the first ten"):
        table.add_column(heading)
    figures = {}
    for reach, metrics in tasted.items():
        difference = np.array(metrics.whole) - np.array(plain.whole)
        low, high = bootstrap_interval(difference.tolist())
        figures[str(reach)] = {"ndcg": float(np.mean(metrics.whole)), "difference": float(difference.mean())}
        table.add_row(
            f"{reach}",
            f"{np.mean(metrics.whole):.4f}",
            f"{difference.mean():+.4f}",
            f"{low:+.4f} … {high:+.4f}",
            f"{np.mean(changed[reach]):.0%}",
        )
    console.print(table)
    if options.json:
        nobody = float(np.mean(plain.whole))
        options.json.write_text(json.dumps({"measured on": said, "nobody": nobody, "reach": figures}, indent=1))
    return 0


def _ids(service: SearchService, query: str, shopper: Shopper | None) -> list[str]:
    return [hit.product_id for hit in service.search(SearchQuery(query, limit=100), shopper).hits]


def _random_events(chance: random.Random, service: SearchService, ids: list[str], found: list[str]) -> list[Engagement]:
    """Half on products of the shop, half on products of this very list."""
    events = []
    for number in range(_EVENTS):
        product = chance.choice(found if number % 2 and found else ids)
        at, facts = _NOW - timedelta(days=chance.uniform(0, 60)), service.event_facts(product)
        action = chance.choice(_ACTIONS)
        events.append(Engagement(f"e{number:03d}", action, at, session_id="s", item_id=product, facts=facts))
    return events


def _crowd(ids: list[str]) -> Crowd:
    """Shoppers who buy at random."""
    crowd, chance = Crowd(), random.Random(1)
    for number in range(_SHOPPERS * 20):
        key = key_of(Space.PRODUCT, chance.choice(ids))
        crowd.add(number % _SHOPPERS, key, 10.0, (_NOW - timedelta(days=1)).timestamp(), bought=True)
    return crowd


if __name__ == "__main__":
    raise SystemExit(main())
