"""Whether the statistics of experiments keep what they promise: `python -m tests.benchmarks.experiment_statistics`.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.experiment_statistics [--experiments 2000] [--users 10000] [--out DIR]

*False alarms*: experiments in which both arms are the same, looked at after every 100 users. The always-valid p-value
beside the fixed test's, which is called at every look; then the whole path of a report, capped and with CUPED, in half
as many experiments. *Coverage*: arms that differ; the share of experiments whose
confidence sequence holds the truth at all looks. *Power*: the fixed test's at the planned size beside theory, and the
always-valid test's with a look after every 1 % of it. *CUPED*: the variance that it takes out, beside ρ².
Bounds are of one-sided 99 % (Clopper–Pearson). `--out`: a folder for a picture of the false alarms.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table
from scipy.stats import beta

from config.progress import Steps, Update
from core.experiments.analysis import Metric, Plan, UnitValues, analyse
from core.experiments.cuped import cuped
from core.experiments.power import power_of_means, power_of_proportions, units_for_means, units_for_proportions
from core.experiments.unit_metrics import Kind
from tests.core.experiments.peeking import Draw, FloatArray, Looks, clicks, look, revenue

ALPHA, EVERY, TOGETHER = 0.05, 100, 100


@dataclass(frozen=True, slots=True)
class Scenario:
    """Two arms, the true difference of their means, and the planned size of each as a share of all users."""

    name: str
    control: Draw
    treatment: Draw
    truth: float
    planned: float


def same(name: str, draw: Draw, planned: float) -> Scenario:
    return Scenario(name, draw, draw, 0.0, planned)


def order(sigma: float) -> float:
    """The mean order of `revenue`."""
    return float(20 * np.exp(sigma**2 / 2))


ALIKE = (
    same("clicks, 5 %", clicks(0.05), 0.5),
    same("clicks, 0.5 %", clicks(0.005), 0.5),
    same("revenue, 3 % buy, σ 1", revenue(0.03, 1.0), 0.5),
    same("revenue, 1 % buy, σ 1.5", revenue(0.01, 1.5), 0.5),
    same("clicks, 5 %, planned short", clicks(0.05), 0.05),
    same("clicks, 0.5 %, planned short", clicks(0.005), 0.05),
    same("revenue, 1 % buy, σ 1.5, planned short", revenue(0.01, 1.5), 0.05),
)
DIFFERENT = (
    Scenario("clicks, 5 % → 6 %", clicks(0.05), clicks(0.06), 0.01, 0.5),
    Scenario("clicks, 0.5 % → 1 %", clicks(0.005), clicks(0.01), 0.005, 0.5),
    Scenario("revenue, 3 % buy, σ 1, + 20 %", revenue(0.03, 1), revenue(0.03, 1, 1.2), 0.2 * 0.03 * order(1), 0.5),
    Scenario("revenue, 1 % buy, σ 1.5, + 20 %", revenue(0.01, 1.5), revenue(0.01, 1.5, 1.2), 0.002 * order(1.5), 0.5),
    Scenario("revenue as above, planned short", revenue(0.01, 1.5), revenue(0.01, 1.5, 1.2), 0.002 * order(1.5), 0.05),
    Scenario("revenue, 3 % → 4 % buy, σ 1", revenue(0.03, 1), revenue(0.04, 1), 0.01 * order(1), 0.5),
)


def bound(hits: int, total: int, upper: bool) -> float:
    """Clopper–Pearson, one-sided 99 %."""
    if upper:
        return 1.0 if hits == total else float(beta.ppf(0.99, hits + 1, total - hits))
    return 0.0 if not hits else float(beta.ppf(0.01, hits, total - hits + 1))


def batches(scenario: Scenario, experiments: int, users: int, seed: int, update: Update) -> list[Looks]:
    done = []
    for start in range(0, experiments, TOGETHER):
        size = min(TOGETHER, experiments - start)
        done.append(look(scenario.control, scenario.treatment, size, users, EVERY, seed + start))
        update((start + size) / experiments, scenario.name)
    return done


def false_alarms(steps: Steps, experiments: int, users: int, seed: int) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Per scenario: the share of experiments that have raised an alarm by each look, always-valid and fixed."""
    table = Table("both arms alike", "always-valid", "≤ (99 %)", "fixed, peeked at", "fixed, at the end")
    curves = {}
    for number, scenario in enumerate(ALIKE):
        with steps.step(scenario.name) as update:
            looks = batches(scenario, experiments, users, seed + 100_000 * number, update)
        planned = scenario.planned * users
        valid = np.concatenate([one.always_valid_p(planned) < ALPHA for one in looks])
        fixed = np.concatenate([one.fixed_p() < ALPHA for one in looks])
        alarms = int(valid.any(1).sum())
        table.add_row(
            scenario.name, f"{alarms / experiments:.2%}", f"{bound(alarms, experiments, upper=True):.2%}",
            f"{fixed.any(1).mean():.1%}", f"{fixed[:, -1].mean():.2%}",
        )  # fmt: skip
        curves[scenario.name] = tuple(np.logical_or.accumulate(one, axis=1).mean(0) for one in (valid, fixed))
    steps.console.print(table)
    return curves


def whole_path(steps: Steps, experiments: int, users: int, seed: int) -> None:
    """As a report computes it, where cap and θ move with the data: a look after every twentieth of the users."""
    table = Table("both arms alike, capped and with CUPED", "always-valid", "≤ (99 %)", "variance taken out")
    plan, metric = Plan(required_per_arm=users // 2, mde=0.1), Metric("revenue", Kind.MEAN)
    often = same("revenue, 30 % buy, σ 0.5", revenue(0.3, 0.5), 0.5)
    for number, scenario in enumerate((often, *ALIKE[2:4])):
        generator, alarms, reduction = np.random.default_rng(seed + 60 + number), 0, 0.0
        with steps.step(f"{scenario.name}, capped and with CUPED") as update:
            for experiment in range(experiments):
                wealth = generator.gamma(1, 1, users)  # who spends much spends much before and during
                weeks = wealth * scenario.control(generator, (6, users))
                before, during = weeks[1:].sum(0), weeks[0]
                before[generator.random(users) < 0.3] = np.nan
                treated = generator.random(users) < 0.5
                called = False
                for seen in np.linspace(0, users, 21).astype(int)[1:].tolist():
                    arms = [
                        UnitValues(during[:seen][arm[:seen]], None, before[:seen][arm[:seen]])
                        for arm in (~treated, treated)
                    ]
                    done = analyse(arms[0], arms[1], metric, plan)
                    called |= done.always_valid.p_value < ALPHA
                alarms, reduction = alarms + called, reduction + done.variance_reduction / experiments
                update((experiment + 1) / experiments, "")
        high = bound(alarms, experiments, upper=True)
        table.add_row(scenario.name, f"{alarms / experiments:.2%}", f"{high:.2%}", f"{reduction:.1%}")
    steps.console.print(table)


def coverage(steps: Steps, experiments: int, users: int, seed: int) -> None:
    table = Table("arms differ", "covered at all looks", "≥ (99 %)", "found by the last look")
    for number, scenario in enumerate(DIFFERENT):
        with steps.step(scenario.name) as update:
            looks = batches(scenario, experiments, users, seed + 100_000 * (20 + number), update)
        planned = scenario.planned * users
        covered = sum(int(one.covers(scenario.truth, planned).all(1).sum()) for one in looks)
        found = sum(int((one.always_valid_p(planned) < ALPHA).any(1).sum()) for one in looks)
        low = bound(covered, experiments, upper=False)
        table.add_row(scenario.name, f"{covered / experiments:.2%}", f"{low:.2%}", f"{found / experiments:.1%}")
    steps.console.print(table)


def power(steps: Steps, experiments: int, seed: int) -> None:
    table = Table("planned for power .8", "units an arm", "theory", "fixed", "always-valid, ≤ 1 ×", "≤ 1.5 ×", "≤ 2 ×")
    spread = float(np.sqrt(0.3 * 2 * 400 - (0.3 * 20) ** 2))  # 30 % buy for 20 on average, exponentially distributed

    def bought(factor: float) -> Draw:
        return lambda generator, shape: (generator.random(shape) < 0.3) * generator.exponential(20 * factor, shape)

    cases = [
        (f"clicks, {base:.0%}, + {lift:.0%}", clicks(base), clicks(base * (1 + lift)),
         units_for_proportions(base, lift), base, lift)
        for base, lift in ((0.05, 0.3), (0.1, 0.2), (0.3, 0.1))
    ]  # fmt: skip
    spread *= float(np.sqrt((1 + 1.15**2) / 2))  # the treatment's orders spread as they grow
    units = units_for_means(6.0, spread, 0.15)
    cases.append(("revenue, 30 % buy, + 15 %", bought(1), bought(1.15), units, 6 / spread, 0.15))
    for number, (name, control, treatment, units, base, lift) in enumerate(cases):
        every = max(1, units // 50)
        users = -(-4 * units // every) * every
        fixed, valid = [], []
        with steps.step(name) as update:
            for start in range(0, experiments, TOGETHER):
                looks = look(control, treatment, TOGETHER, users, every, seed + 100_000 * (40 + number) + start)
                fixed.append(looks.fixed_p()[:, round(2 * units / every) - 1] < ALPHA)
                valid.append(np.logical_or.accumulate(looks.always_valid_p(units) < ALPHA, axis=1))
                update((start + TOGETHER) / experiments, name)
        means = number == len(cases) - 1
        theory = power_of_means(base * lift, units) if means else power_of_proportions(base, lift, units)
        by_size = np.concatenate(valid).mean(0)
        shares = [by_size[round(size * 2 * units / every) - 1] for size in (1, 1.5, 2)]
        table.add_row(
            name,
            f"{units:,}",
            f"{theory:.3f}",
            f"{np.concatenate(fixed).mean():.3f}",
            *(f"{one:.3f}" for one in shares),
        )
    steps.console.print(table)


def variance_reduction(steps: Steps, seed: int) -> None:
    table = Table("CUPED, ρ", "variance left, of the difference", "1 − ρ²", "off by")
    generator = np.random.default_rng(seed)
    experiments, units = 10_000, 1_000
    for rho in (0.3, 0.5, 0.7, 0.9):
        plain, adjusted = [], []
        for _ in range(experiments):
            before = generator.normal(size=(2, units))
            values = rho * before + np.sqrt(1 - rho**2) * generator.normal(size=(2, units))
            done = cuped(values[0], values[1], before[0], before[1])
            plain.append(values[1].mean() - values[0].mean())
            adjusted.append(done.treatment.mean() - done.control.mean())
        left = float(np.var(adjusted) / np.var(plain))
        table.add_row(f"{rho}", f"{left:.3f}", f"{1 - rho**2:.3f}", f"{left / (1 - rho**2) - 1:+.1%}")
    steps.console.print(table)


def draw(curves: dict[str, tuple[FloatArray, FloatArray]], out: Path) -> Path:
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.add_subplot()
    for number, (name, (valid, fixed)) in enumerate(curves.items()):
        users = EVERY * np.arange(1, len(valid) + 1)
        axes.plot(users, 100 * fixed, color=f"C{number}", linestyle="--", linewidth=1)
        axes.plot(users, 100 * valid, color=f"C{number}", label=name)
    axes.axhline(100 * ALPHA, color="black", linewidth=0.8)
    axes.set(xlabel="users", ylabel="experiments with an alarm so far, %", ylim=(0, None))
    axes.set_title("No difference, a look after every 100 users: always-valid (lines) and fixed tests (dashed)")
    axes.legend(fontsize=8)
    path = out / "false_alarms.png"
    figure.savefig(path, dpi=120)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=2_000)
    parser.add_argument("--users", type=int, default=10_000, help="of each of them; a multiple of 100")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    steps = Steps()
    curves = false_alarms(steps, options.experiments, options.users, options.seed)
    whole_path(steps, options.experiments // 2, options.users, options.seed)
    coverage(steps, options.experiments, options.users, options.seed)
    power(steps, options.experiments, options.seed)
    variance_reduction(steps, options.seed)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        steps.console.print(f"{draw(curves, options.out)}")


if __name__ == "__main__":
    main()
