"""Pictures of training: PNG files that are written beside the numbers they show."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure


def plot_curve(curve: Sequence[dict[str, float]], file: Path) -> None:
    """Training loss and held-out loss (nats per token) over steps; `curve` as `Run` keeps it."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    steps = [point["step"] for point in curve]
    axes.plot(steps, [point["train_loss"] for point in curve], label="training (sampled softmax where set)", alpha=0.6)
    axes.plot(steps, [-point["held_out_log_likelihood"] for point in curve], marker="o", label="held out")
    axes.set(xlabel="optimiser steps", ylabel="nats per token", title="Language model training")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=110)
