"""How many units an experiment needs, and what it can find: two arms, two-sided tests at one planned look."""

import math
from collections.abc import Callable

from scipy.special import nctdtr, ndtr, ndtri, stdtrit

_MOST = 1e12  # units; what needs more is not found
_FAR = 5.0  # standard errors; beyond, the wrong sign has a probability below 1e-6, and SciPy's function fails there
_NORMAL = 1e5  # degrees of freedom from which t is the normal to six digits, and the noncentral t is slow


def power_of_proportions(base: float, lift: float, count: int, alpha: float = 0.05, ratio: float = 1.0) -> float:
    """Probability of finding the relative `lift` of a proportion `base`, with `count` units in the control.

    `ratio`: units in the treatment for each in the control. Cohen's h = 2 asin √p₁ − 2 asin √p₀ is the effect, as in
    statsmodels' `NormalIndPower` with `proportion_effectsize`. Raises ValueError for what is no proportion.
    """
    return _normal_power(_cohens_h(base, lift), count, alpha, ratio)


def units_for_proportions(base: float, lift: float, power: float = 0.8, alpha: float = 0.05, ratio: float = 1.0) -> int:
    """The least number of units in the control that finds the relative `lift` with this `power`. Raises ValueError."""
    h = _cohens_h(base, lift)
    return _least(lambda count: _normal_power(h, count, alpha, ratio), power, alpha)


def power_of_means(effect: float, count: float, alpha: float = 0.05, ratio: float = 1.0) -> float:
    """Probability of finding a difference of `effect` standard deviations with `count` units in the control.

    Student's t with the noncentral t for the alternative, as statsmodels' `TTestIndPower`.
    """
    freedom = count * (1 + ratio) - 2
    away = abs(effect) / math.sqrt(1 / count + 1 / (count * ratio))
    if freedom > _NORMAL:
        return _normal_power(effect, count, alpha, ratio)
    if freedom <= 0:
        return 0.0
    critical = float(stdtrit(freedom, 1 - alpha / 2))
    found = 1 - float(nctdtr(freedom, away, critical))
    if away < _FAR:
        found += float(nctdtr(freedom, away, -critical))
    return found


def units_for_means(
    mean: float, deviation: float, lift: float, power: float = 0.8, alpha: float = 0.05, ratio: float = 1.0
) -> int:
    """The least number of units in the control that finds the relative `lift` of a `mean` with this `power`.

    `deviation`: standard deviation of a unit, after CUPED where that is used: × √(1 − ρ²). Who expects the treatment to
    widen it gives the root of both arms' mean variance. Raises ValueError where deviation, mean or lift is 0.
    """
    if deviation <= 0 or not mean * lift:
        raise ValueError("a size needs a mean, a deviation and a lift that are not 0")
    effect = abs(mean * lift) / deviation
    return _least(lambda count: power_of_means(effect, count, alpha, ratio), power, alpha)


def least_lift(units: Callable[[float], int], count: int, highest: float = 10.0) -> float:
    """The minimum detectable effect: the least relative lift for which `units(lift)` needs at most `count`.

    `units` is one of the two above with all but the lift given. Raises ValueError where not even `highest` is found;
    for proportions `highest` is below 1 / base − 1.
    """
    if units(highest) > count:
        raise ValueError(f"{count} units in an arm do not find a lift of {highest}")
    low, high = 1e-6, highest
    while high / low > 1 + 1e-4:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if units(middle) <= count else (middle, high)
    return high


def _cohens_h(base: float, lift: float) -> float:
    changed = base * (1 + lift)
    if not (0 < base < 1 and 0 <= changed <= 1) or not lift:
        raise ValueError(f"a proportion of {base} cannot be lifted by {lift}")
    return 2 * math.asin(math.sqrt(changed)) - 2 * math.asin(math.sqrt(base))


def _normal_power(effect: float, count: float, alpha: float, ratio: float) -> float:
    away = abs(effect) / math.sqrt(1 / count + 1 / (count * ratio))
    critical = float(ndtri(1 - alpha / 2))
    return float(ndtr(away - critical) + ndtr(-away - critical))


def _least(power_with: Callable[[int], float], power: float, alpha: float) -> int:
    """The least count ≥ 2 that reaches `power`, which grows with the count."""
    if not 0 < alpha < power < 1:
        raise ValueError(f"power {power} at level {alpha}: 0 < level < power < 1 is needed")
    low, high = 1, 2
    while power_with(high) < power:
        low, high = high, high * 2
        if high > _MOST:
            raise ValueError("no experiment is large enough for so small a lift")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_with(middle) >= power else (middle, high)
    return high
