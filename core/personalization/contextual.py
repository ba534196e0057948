"""Contextual: what this visit is about, and what suits where the shopper is before it is about anything.

At first it is what shoppers take up in this list, each counted once; the more of them there were, the more it says.
Among shoppers of the same device, location or referrer it counts more, where enough are known (a cohort's count
starts from everybody's). With every event of the visit the visit itself has more of the say.
"""

import numpy as np

from core.personalization.features import FloatArray
from core.personalization.known import Known

COHORT = 0.4  # share of the cohort's popularity beside these days' of everybody
POWER = 0.07  # nearly its rank: with the weight that the component has, more would overrule the profile
EVIDENCE = 10.0  # shoppers who took up something in a list, from which on what is popular there has half of its say
VISIT_HALF = 0.2  # share of the visit in a list or a kind from which on it has half of the say


def contextual(known: Known) -> FloatArray:
    """`(R,)` in [0, 1]."""
    taken_up = float(np.expm1(known.one("list_taken_up")))
    prior = COHORT * known.beside_best("cohort", POWER) + (1 - COHORT) * known.beside_best("first_days", POWER)
    prior = prior * taken_up / (taken_up + EVIDENCE)
    visit = np.minimum(known["own_visit"] + known["visit_kind"], 1)
    most = float(visit.max())
    say = most / (most + VISIT_HALF)
    return np.asarray((1 - say) * prior + say * visit, np.float32)
