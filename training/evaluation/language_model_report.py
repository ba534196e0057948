"""What the language-model suite shows: Table 5 in both protocols, paired differences, the paper beside, a plot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from training.evaluation.scoring import Scores

RESAMPLES = 2_000

PAPER = (
    ("SLM: 4-gram, stupid back-off + LTR", -7.53, 0.14),
    ("NQLM: word LSTM + LambdaMART", -4.65, 0.30),
    ("GPT2-L8-H12", -4.07, 0.41),
    ("GPT2-L8-H12+CC", -3.49, 0.42),
    ("NQLM+CC", -3.55, 0.40),
    ("NQLM+CC+SA", -3.32, 0.45),
)
"""Model, average log likelihood and top-1 accuracy, CADENCE (KDD 2023), Table 5: Flipkart's data, oracle category."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One model's results. `oracle` and `predicted` are the same object where no category is used."""

    oracle: Scores
    predicted: Scores
    parameters: int
    milliseconds: float  # per token, one row, one thread, the state carried from word to word
    normalized: bool

    def scores(self, protocol: str) -> Scores:
        return self.oracle if protocol == "oracle" else self.predicted


@dataclass(frozen=True, slots=True)
class Difference:
    """Ours minus another's, with a 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{self.value:+.4f} ({self.low:+.4f} … {self.high:+.4f})"


def paired_difference(
    first: npt.NDArray[np.float64],
    second: npt.NDArray[np.float64],
    size: npt.NDArray[np.float64],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Σ(first − second) / Σ size over queries, with a percentile bootstrap interval that resamples whole queries.

    All three `(Q,)`: `first` and `second` are what two models got for the same query, `size` its tokens or characters.
    """
    difference = first - second
    generator = np.random.default_rng(seed)
    drawn = np.empty(resamples)
    for round_ in range(resamples):
        chosen = generator.integers(0, len(size), len(size))
        drawn[round_] = difference[chosen].sum() / size[chosen].sum()
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Difference(float(difference.sum() / size.sum()), float(low), float(high))


def differences(ours: Compared, other: Compared, protocol: str) -> dict[str, Difference]:
    """Bits per character (lower is better; only where the other is normalised), and top-1 of tokens and of words."""
    mine, its = ours.scores(protocol), other.scores(protocol)
    found = {
        "top-1": paired_difference(mine.hits[:, 0], its.hits[:, 0], mine.tokens),
        "top-1 of words": paired_difference(mine.word_hits, its.word_hits, mine.words),
    }
    if other.normalized:
        found["bits per character"] = paired_difference(mine.bits, its.bits, mine.characters)
    return found


def print_report(console: Console, results: Mapping[str, Compared], ours: str, about: str) -> None:
    """Prints every table; `results` by name, in the order of the rows."""
    for protocol, title in (
        ("oracle", "category of the whole query given (oracle, the paper's protocol)"),
        ("predicted", "category predicted from the words typed before"),
    ):
        console.print(_table(results, protocol, f"{title}; {about}"))
        console.print(_differences_table(results, ours, protocol))
    console.print(_paper_table(results, ours))


def _table(results: Mapping[str, Compared], protocol: str, title: str) -> Table:
    numbers = ("log likelihood", "perplexity", "top-1", "top-5", "top-10", "top-1 of words", "bits per character")
    table = Table(title=title)
    for heading in ("model", *numbers, "parameters", "ms per token"):
        table.add_column(heading, justify="left" if heading == "model" else "right", no_wrap=heading == "model")
    for name, result in results.items():
        metrics = result.scores(protocol).metrics()
        cells = [f"{metrics[number]:,.{1 if number == 'perplexity' else 3}f}" for number in numbers]
        if not result.normalized:  # scores that do not sum to 1 are no likelihood
            cells[0], cells[1], cells[-1] = f"({cells[0]})", "-", "-"
        table.add_row(name, *cells, f"{result.parameters:,}", f"{result.milliseconds:.2f}")
    return table


def _differences_table(results: Mapping[str, Compared], ours: str, protocol: str) -> Table:
    table = Table(
        "against",
        "bits per character",
        "top-1",
        "top-1 of words",
        title=f"{ours} minus each, {protocol} category, 95 %",
    )
    for name, result in results.items():
        if name != ours:
            found = differences(results[ours], result, protocol)
            bits = found.get("bits per character")
            table.add_row(name, str(bits) if bits else "-", str(found["top-1"]), str(found["top-1 of words"]))
    return table


def _paper_table(results: Mapping[str, Compared], ours: str) -> Table:
    table = Table(
        "the paper's", "log likelihood", "top-1", "× NQLM's", title="CADENCE Table 5, and the same ratio here"
    )
    likelihood, top = PAPER[1][1:]
    for name, its_likelihood, its_top in PAPER:
        table.add_row(
            name, f"{its_likelihood:.2f}", f"{its_top:.2f}", f"{its_likelihood / likelihood:.2f}, {its_top / top:.2f}"
        )
    plain = next((result for name, result in results.items() if name.startswith("NQLM:")), None)
    if plain:
        base, mine = plain.oracle.metrics(), results[ours].oracle.metrics()
        ratios = [mine[number] / base[number] for number in ("log likelihood", "top-1")]
        table.add_row(
            f"here: {ours}",
            f"{mine['log likelihood']:.2f}",
            f"{mine['top-1']:.2f}",
            f"{ratios[0]:.2f}, {ratios[1]:.2f}",
        )
    return table


def plot(results: Mapping[str, Compared], file: Path) -> None:
    """Bits per character and top-1 of every model, both protocols side by side."""
    names = list(results)
    figure = Figure(figsize=(12, 0.38 * len(names) + 1.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _bars(left, results, "bits per character", [name for name in names if results[name].normalized], names)
    _bars(right, results, "top-1", names, names)
    left.set(xlabel="bits per character (fewer is better)")
    right.set(xlabel="top-1 accuracy (more is better)")
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
    figure.legend(*right.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)


def _bars(axes: Axes, results: Mapping[str, Compared], metric: str, shown: Sequence[str], names: Sequence[str]) -> None:
    for offset, protocol in ((-0.2, "oracle"), (0.2, "predicted")):
        values = [results[name].scores(protocol).metrics()[metric] for name in shown]
        places = [names.index(name) + offset for name in shown]
        bars = axes.barh(places, values, height=0.38, label=f"{protocol} category")
        axes.bar_label(bars, fmt="%.3f", padding=2, fontsize=7)
    axes.margins(x=0.12)  # room for the numbers
    axes.grid(axis="x", alpha=0.3)
