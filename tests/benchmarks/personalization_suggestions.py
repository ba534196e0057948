"""What personalisation does for suggestions, and for whom: users with a history, and users without.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.personalization_suggestions --home DIR --train TRAIN --dev DEV

DIR is a home that was prepared from TRAIN; prefixes and measures are those of `autosuggest_quality`, in one run,
without what is learnt online. *Nobody*: lists without a shopper. *Session*: with the shopper's earlier searches.
*Profile*: with the profile as well that is folded from all of them. Differences have a 95 % interval that resamples
distinct texts.
"""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from core.services.bundle import load_bundle
from tests.benchmarks.autosuggest_quality import Ours
from training.evaluation.keystroke_protocol import (
    difference_by_query,
    ranks_of,
    read_searches,
    reciprocal,
    success,
    trials_of,
    with_history,
)

_KNOWN = {"nobody": (False, False), "session": (True, False), "session + profile": (True, True)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--train", type=Path, required=True, metavar="FILE")
    parser.add_argument("--dev", type=Path, required=True, metavar="FILE")
    parser.add_argument("--limit", type=int, metavar="N", help="searches of DEV")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    threadpool_limits(1)
    console = Console(highlight=False)
    train, later = read_searches(options.train), read_searches(options.dev)[: options.limit]
    trials, ours = trials_of(later), Ours(load_bundle(options.home / "artifacts"))
    lists = {
        name: [[line.text for line in lines] for lines in ours.over_time(train, trials, None, session, profiled, name)]
        for name, (session, profiled) in _KNOWN.items()
    }
    held, new = with_history(train, trials)
    without = sorted(set(range(len(trials))) - set(held))
    figures: dict[str, str] = {}
    table = Table(title=f"{len(trials):,} searches of {options.dev.name}")
    for heading in ("users", "lists", "MRR@10", "Success@10", "MRR@10 beside nobody", "beside session"):
        table.add_column(heading)
    parts = {"with a history": held, "… not repeated within a minute": new, "without a history": without}
    for part, places in parts.items():
        chosen = [trials[at] for at in places]
        texts = [trial.search.text for trial in chosen]
        ranks = {name: ranks_of(chosen, [found[at] for at in places]) for name, found in lists.items()}
        for name in _KNOWN:
            score = reciprocal(ranks[name])
            beside = [
                str(difference_by_query(texts, score, reciprocal(ranks[other])))
                if other in ranks and other != name and (other == "nobody" or name == "session + profile")
                else ""
                for other in ("nobody", "session")
            ]
            said = (f"{score.mean():.4f}", f"{success(ranks[name]).mean():.4f}", *beside)
            table.add_row(f"{len(chosen):,} {part}", name, *said)
            figures[f"{part}, {name}"] = "; ".join(said)
    console.print(table)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1, ensure_ascii=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
