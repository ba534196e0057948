"""Published artifacts + held-out files → figures: `python training/evaluate.py --suite autosuggest --queries FILE`.

Suites:
  autosuggest   prefixes of held-out queries: how many get suggestions, literal or corrected; Success@10 and MRR@10 of
                the completion index alone and with both language models
  search        judged queries: nDCG@10 of lexical, dense and fused ranking

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

from config.settings import Settings
from core.errors import CadenceError
from core.services.bundle import load_bundle
from training.evaluation.autosuggest import evaluate_autosuggest
from training.evaluation.search import evaluate_search

SUITES = ("autosuggest", "search")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", choices=SUITES, required=True)
    parser.add_argument("--queries", type=Path, required=True, metavar="FILE", help="held-out queries or judgments")
    parser.add_argument("--home", type=Path, metavar="DIR", help="where the artifacts are (default ./var)")
    parser.add_argument("--limit", type=int, default=1_000, help="queries that are measured, drawn by seed")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    console = Console()
    settings = Settings()
    try:
        bundle = load_bundle(settings.storage.artifacts, settings.models.embedding_model)
        suite = evaluate_autosuggest if options.suite == "autosuggest" else evaluate_search
        metrics, measured_on = suite(bundle, options.queries, options.limit)
    except CadenceError as error:
        console.print(f"[red]✗[/red] {error}")
        return 1
    _print(console, options.suite, metrics, measured_on)
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
