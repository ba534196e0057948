"""Temporal: how lately the product was taken among those that were, whether it is due, what rises, and the hour."""

import numpy as np

from core.personalization.contextual import EVIDENCE
from core.personalization.features import FloatArray
from core.personalization.known import Known

RECENT, RISING, DUE, HABIT = 0.69, 0.02, 0.27, 0.02
RECENT_POWER, POWER = 0.6, 0.15
GLANCE = 0.04  # strength, in `UNIT`s, of what hardly counts as done


def temporal(known: Known) -> FloatArray:
    """`(R,)` in [0, 1].

    `age_relative` is log((age + 3) / (least age of the list + 3)) in days; `due` log((days since the last purchase + 1)
    / (usual gap + 1)), or −9 where no gap is known.
    """
    strength = known.strength()
    recent = np.exp(-RECENT_POWER * known["age_relative"]) * strength / (strength + GLANCE)
    due = np.where(known["due"] > -8, np.minimum(np.exp(known["due"]), 1), 0)
    habit = np.clip(0.5 + 0.5 * known["habit"], 0, 1) * (known["kind"] > 0)
    taken_up = float(np.expm1(known.one("list_taken_up")))
    rising = known.beside_best("first_days", POWER) * taken_up / (taken_up + EVIDENCE)
    return np.asarray(RECENT * recent + RISING * rising + DUE * due + HABIT * habit, np.float32)
