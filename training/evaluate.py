"""Published artifacts + held-out files → figures: `python training/evaluate.py --suite autosuggest --queries FILE`.

Suites:
  autosuggest   prefixes of held-out queries: how many get suggestions, literal or corrected; Success@10 and MRR@10 of
                the completion index alone and with both language models
  search        judged queries: nDCG@10 of lexical, dense and fused ranking
  generation    what offline generation adds: prefixes left with few suggestions, drift, redundancy, diversity, reach
  categories    published pseudo-categories beside the shop's own and k-means; judged products in a query's three
                likeliest; the category of a query foretold from its beginnings
  language-model  held-out queries: the paper's Table 5, our models beside every baseline (trained and kept below
                <home>/baselines), the category given and predicted; --plots DIR draws it

`--json FILE` writes `{"metrics": {name: number}, "measured_on": {…}}`.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also run as a script

from rich.console import Console
from rich.table import Table

from config.progress import print_error
from config.settings import Settings
from core.errors import CadenceError
from core.services.bundle import load_bundle
from training.evaluation.autosuggest import evaluate_autosuggest
from training.evaluation.categories import evaluate_categories
from training.evaluation.generation import evaluate_generation
from training.evaluation.mixture import CATEGORIES_MIXED
from training.evaluation.search import evaluate_search

SUITES = ("autosuggest", "search", "generation", "categories", "language-model")
_LIMIT = 1_000
_ALL = 1_000_000


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", choices=SUITES, required=True)
    parser.add_argument("--queries", type=Path, required=True, metavar="FILE", help="held-out queries or judgments")
    parser.add_argument("--home", type=Path, metavar="DIR", help="where the artifacts are (default ./var)")
    parser.add_argument(
        "--limit",
        type=int,
        help=f"queries that are measured, drawn by seed (default {_LIMIT:,} for autosuggest and search, else all)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="language-model: where its picture goes")
    parser.add_argument(
        "--categories", type=int, default=CATEGORIES_MIXED, help="language-model: predicted categories mixed"
    )
    parser.add_argument("--queries-alone", action="store_true", help="language-model: baselines without titles as well")
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    console = Console()
    settings = Settings()
    try:
        storage = settings.storage
        bundle = load_bundle(storage.artifacts, settings.models.embedding_model, synonyms=storage.synonyms)
        if options.suite == "language-model":
            # Imported only here: torch and transformers take seconds that the other suites need not spend.
            from training.evaluation.language_model import Comparison, evaluate_language_model

            comparison = Comparison(
                settings.storage.cadence_home,
                options.categories,
                queries_alone=options.queries_alone,
                plots=options.plots,
            )
            metrics, measured_on = evaluate_language_model(
                bundle, settings.storage.artifacts, options.queries, options.limit, comparison, console
            )
        elif options.suite in ("generation", "categories"):
            of_artifacts = evaluate_generation if options.suite == "generation" else evaluate_categories
            metrics, measured_on = of_artifacts(
                bundle, settings.storage.artifacts, options.queries, options.limit or _ALL
            )
            _print(console, options.suite, metrics, measured_on)
        else:
            suite = evaluate_autosuggest if options.suite == "autosuggest" else evaluate_search
            metrics, measured_on = suite(bundle, options.queries, options.limit or _LIMIT)
            _print(console, options.suite, metrics, measured_on)
    except CadenceError as error:
        print_error(console, error)
        return 1
    if options.json:
        content = {"metrics": metrics, "measured_on": measured_on | {"version": bundle.version}}
        options.json.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return 0


def _print(console: Console, suite: str, metrics: Mapping[str, float], measured_on: Mapping[str, object]) -> None:
    table = Table("measure", "value", title=f"{suite}: {', '.join(f'{k} {v}' for k, v in measured_on.items())}")
    for name, value in metrics.items():
        table.add_row(name, f"{value:.4f}")
    console.print(table)


if __name__ == "__main__":
    raise SystemExit(main())
