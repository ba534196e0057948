"""Two rankers in one list: each shopper compares them, which takes far fewer shoppers than an A/B test.

*Team draft* (Radlinski, Kurup, Joachims, CIKM 2008): in each round a coin says who picks first, and each ranker adds
its best product that is not there yet. A click counts for the team that brought the product.

*Balanced* (Joachims 2002): one coin says who begins, then the rankers take turns through their own lists. Counting
clicks per ranker favours some rankers of equal worth; here a click is weighed by what its product would have got from
each:

    credit = (e(rank in b) − e(rank in a)) / (½ e(place if a begins) + ½ e(place if b begins))

e being the probability that a place is looked at, 0 beyond `limit`. Where P(click) = e(place) · appeal, the expected
credit of a list is the difference in clicks between showing b and showing a, as far as products are concerned that
either coin shows. With another e than the shoppers' two rankers of equal worth may seem to differ; it can be read off a
log (`core.experiments.position_bias`). Team draft needs none.

To credit balanced lists by counterfactual weights is the idea of Bi et al., "Debiased balanced interleaving at Amazon
Search", CIKM 2022; these weights are derived here and need not be theirs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from itertools import islice


class Method(StrEnum):
    """How two lists become one."""

    TEAM_DRAFT = "team_draft"
    BALANCED = "balanced"


class Team(StrEnum):
    """Who brought a product."""

    A = "a"
    B = "b"
    BOTH = "both"  # no merit of either: what stands at the same ranks until the lists first differ


Examination = Callable[[int], float]
"""Probability, up to a factor, that a 1-based rank is looked at; positive."""


@dataclass(frozen=True, slots=True)
class Interleaved:
    """The list to show, and for each of its products who brought it and what a click on it says: > 0 for b."""

    items: tuple[str, ...]
    teams: tuple[Team, ...]
    credits: tuple[float, ...]

    def preference(self, clicked: Sequence[str]) -> float:
        """The sum of the credits of the products clicked, each counted once; what is not in the list counts 0."""
        return sum(credit for item, credit in zip(self.items, self.credits, strict=True) if item in set(clicked))


def interleave(
    a: Sequence[str],
    b: Sequence[str],
    seed: str,
    limit: int,
    method: Method = Method.TEAM_DRAFT,
    examination: Examination = lambda rank: 1 / rank,
) -> Interleaved:
    """At most `limit` products of both rankings; for a `seed`, such as the request's id, the same in any process.

    A longer `limit` continues the list, as long as each ranking had `limit` products or all it has: so pages are cut
    from one list. Balanced credits belong to their `limit`, and are to be taken from the list that is cut; only they
    use `examination`. Raises ValueError where a ranking names a product twice, and for a limit below 1.
    """
    if limit < 1:
        raise ValueError(f"a list of {limit} products cannot be shown")
    if len(set(a)) < len(a) or len(set(b)) < len(b):
        raise ValueError("a ranking names each product once")
    if method is Method.TEAM_DRAFT:
        return _team_draft(a, b, seed, limit)
    merged = {first: list(islice(_balanced(a, b, a_first=first), limit)) for first in (True, False)}
    chosen = merged[_coin(seed, 0)]
    credits = _balanced_credits(chosen, a, b, list(merged.values()), limit, examination)
    teams = (Team.A if credit < 0 else Team.B if credit > 0 else Team.BOTH for credit in credits)
    return Interleaved(tuple(chosen), tuple(teams), credits)


def _coin(seed: str, throw: int) -> bool:
    """Fair, and independent for each throw."""
    return bool(blake2b(f"{throw}:{seed}".encode(), digest_size=1).digest()[0] & 1)


def _team_draft(a: Sequence[str], b: Sequence[str], seed: str, limit: int) -> Interleaved:
    pairs = enumerate(zip(a, b, strict=False))
    shared = next((place for place, (one, other) in pairs if one != other), min(len(a), len(b)))
    items, teams = list(a[:shared]), [Team.BOTH] * shared
    picked, throw = set(items), 0
    left = {Team.A: iter(a[shared:]), Team.B: iter(b[shared:])}
    while len(items) < limit:
        round_begins = len(items)
        for team in (Team.A, Team.B) if _coin(seed, throw) else (Team.B, Team.A):
            item = next((one for one in left[team] if one not in picked), None)
            if item is not None:
                items.append(item)
                teams.append(team)
                picked.add(item)
        throw += 1
        if len(items) == round_begins:
            break
    worth = {Team.A: -1.0, Team.B: 1.0, Team.BOTH: 0.0}
    return Interleaved(tuple(items[:limit]), tuple(teams[:limit]), tuple(worth[team] for team in teams[:limit]))


def _balanced(a: Sequence[str], b: Sequence[str], *, a_first: bool) -> Iterator[str]:
    at, seen = [0, 0], set()
    lists = (a, b) if a_first else (b, a)
    while at[0] < len(lists[0]) or at[1] < len(lists[1]):
        turn = 0 if at[1] >= len(lists[1]) or (at[0] <= at[1] and at[0] < len(lists[0])) else 1
        item = lists[turn][at[turn]]
        at[turn] += 1
        if item not in seen:
            seen.add(item)
            yield item


def _balanced_credits(
    chosen: Sequence[str],
    a: Sequence[str],
    b: Sequence[str],
    merged: Sequence[Sequence[str]],
    limit: int,
    examination: Examination,
) -> tuple[float, ...]:
    def looked(ranking: Sequence[str]) -> Mapping[str, float]:
        return {item: examination(rank) for rank, item in enumerate(ranking[:limit], start=1)}

    by_a, by_b = looked(a), looked(b)
    shown = [looked(one) for one in merged]
    return tuple(
        (by_b.get(item, 0.0) - by_a.get(item, 0.0)) / (sum(one.get(item, 0.0) for one in shown) / len(shown))
        for item in chosen
    )
