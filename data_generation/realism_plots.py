"""The realism report as one picture: real and synthetic distributions over each other."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

from data_generation.realism import Shape, distance, slope

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

REAL, SYNTHETIC = "#1f5f8b", "#d1495b"


def plot_report(synthetic: Shape, real: Shape, click_rates: np.ndarray, prefix_lengths: np.ndarray, path: Path) -> None:
    """Writes a PNG of eight panels."""
    figure, axes = plt.subplots(2, 4, figsize=(17, 7.5), layout="constrained")
    bars(axes[0, 0], synthetic.words, real.words, 8, "words of a query")
    steps(axes[0, 1], synthetic.characters, real.characters, "characters of a query", "linear")
    steps(axes[0, 2], synthetic.gaps / 3_600, real.gaps / 3_600, "hours between searches of one user", "log")
    bars(axes[0, 3], synthetic.visit_searches, real.visit_searches, 5, "searches of a visit")
    for shape, color, name in ((real, REAL, "real"), (synthetic, SYNTHETIC, "synthetic")):
        label = f"{name}, slope {slope(shape.counts):.2f}"
        axes[1, 0].loglog(np.arange(1, len(shape.counts) + 1), shape.counts, ".", ms=4, color=color, label=label)
    axes[1, 0].set_title("how often each query was searched, by its rank")
    axes[1, 0].legend()
    axes[1, 1].bar(["real", "synthetic"], [100 * real.typo_share, 100 * synthetic.typo_share], color=[REAL, SYNTHETIC])
    axes[1, 1].set_title("% of searches one slip from a well-known one")
    axes[1, 2].bar(np.arange(1, len(click_rates) + 1), 100 * click_rates, color=SYNTHETIC)
    axes[1, 2].set_title("% clicks by rank (synthetic, all personas)")
    axes[1, 3].hist(prefix_lengths, bins=np.arange(0.5, 41.5), color=SYNTHETIC, density=True)
    axes[1, 3].set_title("keystroke states of a search (synthetic)")
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def bars(axis: Axes, synthetic: np.ndarray, real: np.ndarray, most: int, title: str) -> None:
    """Shares of 1, 2, … `most` and more."""
    places = np.arange(1, most + 1)
    for values, color, name, shift in ((real, REAL, "real", -0.2), (synthetic, SYNTHETIC, "synthetic", 0.2)):
        shares = np.bincount(np.minimum(values, most).astype(int), minlength=most + 1)[1:] / len(values)
        axis.bar(places + shift, shares, 0.4, color=color, label=name)
    axis.set_title(f"{title} (KS {distance(synthetic, real):.3f})")
    axis.legend()


def steps(axis: Axes, synthetic: np.ndarray, real: np.ndarray, title: str, scale: str) -> None:
    """Distribution functions."""
    for values, color, name in ((real, REAL, "real"), (synthetic, SYNTHETIC, "synthetic")):
        ordered = np.sort(values)
        axis.step(ordered, np.arange(1, len(ordered) + 1) / len(ordered), color=color, label=name)
    axis.set_xscale(scale)
    axis.set_title(f"{title} (KS {distance(synthetic, real):.3f})")
    axis.legend()
