"""What the shop's operators rule for searches: products that stand at a place, go up or down, and redirects.

Rules are few and searches are many, so they are looked up by the words of a query. Three ways to match a normalised
query: `exact`, `contains` (all words of the rule in a row), and `any`, which holds for every query.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core.domain import Adjustment, AppliedRules, RuleMatch


@dataclass(frozen=True, slots=True)
class SearchRule:
    """One rule: one of `pin` (product id, 1-based position), `adjustment` and `redirect` is set."""

    match: RuleMatch
    text: str = ""  # normalised; empty where `match` is any
    pin: tuple[str, int] | None = None
    adjustment: Adjustment | None = None
    redirect: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None  # exclusive

    def holds_at(self, now: datetime) -> bool:
        return (self.starts_at is None or self.starts_at <= now) and (self.ends_at is None or now < self.ends_at)


@dataclass(frozen=True, slots=True)
class SearchRules:
    """Made by `SearchRules.of`; the default holds no rule. Safe to share between threads."""

    exact: Mapping[str, tuple[SearchRule, ...]] = field(default_factory=dict)
    containing: Mapping[str, tuple[SearchRule, ...]] = field(default_factory=dict)  # by their first words
    everywhere: tuple[SearchRule, ...] = ()

    @classmethod
    def of(cls, rules: Iterable[SearchRule]) -> "SearchRules":
        """`rules`, the oldest first. One without a word matches nothing, unless it matches any query."""
        exact: dict[str, list[SearchRule]] = defaultdict(list)
        containing: dict[str, list[SearchRule]] = defaultdict(list)
        everywhere = []
        for rule in rules:
            if rule.match is RuleMatch.ANY:
                everywhere.append(rule)
            elif rule.text and rule.match is RuleMatch.EXACT:
                exact[rule.text].append(rule)
            elif rule.text:
                containing[rule.text.partition(" ")[0]].append(rule)
        return cls(_tuples(exact), _tuples(containing), tuple(everywhere))

    def for_query(self, text: str, now: datetime) -> AppliedRules:
        """What holds at `now` for the normalised `text`. The exact rules go before the others, then the older ones."""
        matching = [rule for rule in self._matching(text) if rule.holds_at(now)]
        redirects = (rule.redirect for rule in matching if rule.redirect)
        return AppliedRules(
            pins=tuple(rule.pin for rule in matching if rule.pin),
            adjustments=tuple(rule.adjustment for rule in matching if rule.adjustment),
            redirect=next(redirects, None),
        )

    def _matching(self, text: str) -> Iterable[SearchRule]:
        yield from self.exact.get(text, ())
        if self.containing:
            padded = f" {text} "
            for word in dict.fromkeys(text.split()):
                yield from (rule for rule in self.containing.get(word, ()) if f" {rule.text} " in padded)
        yield from self.everywhere


def _tuples(rules: Mapping[str, list[SearchRule]]) -> dict[str, tuple[SearchRule, ...]]:
    return {key: tuple(some) for key, some in rules.items()}
