"""Nothing that is typed or imported may crash the service, or hold it up: `python -m tests.benchmarks.fuzz`.

More than 50,000 inputs, always the same ones for one `--seed`: texts for all that reads text, files with changed bytes
for importing, prefixes and searches for the service over a small trained shop, and requests made from its OpenAPI.
Prints counts, crashes and the slowest input of each; the exit status is 1 after any crash, and after any input that
took longer than a second of the processor. `--share 0.1` is a tenth of it.
"""

import argparse
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.benchmarks.fuzz_http import asking, requests_from_openapi, statuses
from tests.benchmarks.fuzz_targets import IMPORT_REFUSALS, SECONDS, Target, import_file, text_targets
from tests.fuzz_inputs import each, mutated_files, short_texts, texts
from tests.trained_shop import make_trained_shop

TEXTS, FILES, ASKED, REQUESTS = 4_400, 3_000, 2_000, 50
"""For each function that reads text; of files; for each route that is asked; for each operation of the OpenAPI."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="how much of it")
    parser.add_argument("--work", type=Path, help="where the trained shop is kept for the next run")
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    warnings.simplefilter("ignore")  # schemathesis tells of every value that it could not use
    console = Console(width=160)
    share: Callable[[int], int] = lambda count: max(1, round(count * chosen.share))  # noqa: E731
    with tempfile.TemporaryDirectory(prefix="cadence-") as name:
        folder = Path(name)
        read = _read_texts(share(TEXTS), chosen.seed) + _import_files(folder, share(FILES), chosen.seed)
        _show(console, "in process", read)
        shop = make_trained_shop(chosen.work or folder / "shop")
        asked = _ask(shutil.copytree(shop.home, folder / "home"), share(ASKED), chosen.seed)
        _show(console, "asked, over a trained shop", asked)
        made = requests_from_openapi(folder / "contract", share(REQUESTS), chosen.seed)
        _show(console, "made from the OpenAPI, over a socket", made)
        console.print("statuses:", dict(sorted(statuses(made).items())))
    targets = read + asked + made
    crashes = [f"{target.name}: {crash}" for target in targets for crash in target.crashes]
    for crash in crashes[:40]:
        console.print(escape(crash), soft_wrap=True)
    slow = [target.name for target in targets if target.slowest > SECONDS]
    console.print(f"{sum(target.inputs for target in targets):,} inputs, {len(crashes)} crashes; too slow: {slow}")
    return 0 if all(target.is_sound for target in targets) else 1


def _read_texts(count: int, seed: int) -> list[Target]:
    targets = []
    for at, (name, use) in enumerate(text_targets().items()):
        target = Target(name)
        each(texts, count, seed + at, _giver(target, use))
        targets.append(target)
    return targets


def _giver(target: Target, use: Callable[[str], object]) -> Callable[[str], None]:
    return lambda text: target.give(text, lambda: use(text))


def _import_files(folder: Path, count: int, seed: int) -> list[Target]:
    targets: dict[str, Target] = {}
    for kind, ending, data in mutated_files(count, seed):
        path = folder / f"file.{ending}"
        path.write_bytes(data)
        target = targets.setdefault(kind, Target(f"importing: {kind}"))
        target.give((ending, data), partial(import_file, kind, path), refusals=IMPORT_REFUSALS)
    return list(targets.values())


def _ask(home: Path, count: int, seed: int) -> list[Target]:
    targets = []
    with asking(home) as questions:
        for at, (name, ask) in enumerate(questions.items()):
            target = Target(name)
            each(short_texts, count, seed + at, _giver(target, ask))
            targets.append(target)
    return targets


def _show(console: Console, title: str, targets: list[Target]) -> None:
    table = Table(title=title, title_justify="left")
    for column in ("target", "inputs", "answers", "crashes", "slowest, s", "slowest input"):
        table.add_column(column, overflow="fold")
    for one in targets:
        answers = ", ".join(f"{name} {count:,}" for name, count in sorted(one.answers.items()))
        cells = (one.name, f"{one.inputs:,}", answers, str(len(one.crashes)), f"{one.slowest:.3f}", one.slowest_input)
        table.add_row(*map(escape, cells))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
