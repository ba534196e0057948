"""Suggest: one keystroke's list, readable top to bottom.

`gather` is the same for every shopper, and so is cached: normalise → the sources, cheap and certain ones first, each
asked where its work can still change the list, none after the deadline → what finds no product is left out.

`finish` is this shopper's, now: queries learnt since → the blend's probabilities → the session's earlier queries →
rules (blocked, pinned) → one line for each thing → not ten of one kind → as shoppers write it, with highlights.
"""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from core.domain import Source, Suggestion, SuggestQuery, SuggestReply
from core.retrieval.completion import SOURCES
from core.services.blend import Session, probabilities
from core.services.bundle import Bundle
from core.services.gathered import Gathered, Now
from core.services.head import head_prefixes
from core.services.highlight import highlights
from core.services.personal_suggestions import explained, personal
from core.services.selection import Ranked, diversified, form_key, merged, strength
from core.services.sources.beam import BeamSource
from core.services.sources.contract import Candidate, CandidateSource, Keystroke, Match, Pool
from core.services.sources.history import HistorySource, StoredSource
from core.services.sources.near import NearSource
from core.services.sources.relaxed import RelaxedSource
from core.services.sources.spelling import SpellingSource
from core.services.sources.words import WordsSource
from core.services.typed import Typed
from core.text.normalize import normalize, normalize_prefix

DIVERSITY = 0.15
_RECENT_AT_MOST = 3
_SOLD_OUT = 0.2  # what is left of the probability of a query whose whole category is sold out
_KEPT = 40  # candidates of a gathered pool: more than the longest list, since some are merged, blocked or diversified


class SuggestService:
    """Suggests from one bundle. Thread-safe. `diversity` in [0, 1): see `core.services.selection`."""

    def __init__(self, bundle: Bundle, diversity: float = DIVERSITY) -> None:
        self._bundle, self._diversity = bundle, diversity
        self.beam = BeamSource(bundle.predictor, bundle.known_words, bundle.query_model, bundle.catalog_model)
        self._sources: tuple[CandidateSource, ...] = (
            HistorySource(bundle.completions),
            StoredSource(bundle.completions),
            WordsSource(bundle.completions),
            NearSource(bundle.completions),
            self.beam,
            SpellingSource(bundle.completions, bundle.known_words, bundle.corrector, self.beam),
        )
        self._relaxed = RelaxedSource(bundle.completions, self.beam, bundle.count_products)

    def warm_up(self) -> None:
        """Runs a few lists, so that the first shopper does not pay for page faults."""
        for prefix in ("a", "s", "c"):
            self.suggest(SuggestQuery(prefix), deadline=time.perf_counter() + 1)

    def suggest(self, query: SuggestQuery, deadline: float, now: Now | None = None) -> SuggestReply:
        """The list for one keystroke. `deadline` is a time of `time.perf_counter()`; what is found by then is returned.

        Empty for a prefix without any word (emoji, punctuation) and for a category that does not exist.
        """
        return self.finish(self.gather(query, deadline), query, now or Now())

    def gather(self, query: SuggestQuery, deadline: float, generate: bool = True) -> Gathered:
        """What the sources have for `query.prefix` within `query.category`, at most `_KEPT` candidates.

        Without `generate` the models are not asked: that takes a millisecond at most.
        """
        typed, allowed = Typed.parse(normalize_prefix(query.prefix)), self._allowed(query.category)
        pool, stage_ms = Pool(self._bundle.blend.evidence), dict[str, float]()
        if typed is None or allowed == frozenset():
            return Gathered(None, pool, (), stage_ms, True)
        keystroke = Keystroke(typed, query.limit, allowed, deadline, query.beam_width)
        complete, asks_models = True, False
        for source in self._sources:
            begun = time.perf_counter()
            if not source.wanted(keystroke, pool):
                continue
            asks_models |= source.generates
            if source.generates and not generate:
                complete = False
                continue
            if begun >= deadline and source is not self._sources[0]:  # the log always has its say
                pool.late.append(source.name)
                continue
            source.add(keystroke, pool)
            stage_ms[source.name] = 1e3 * (time.perf_counter() - begun)
        begun = time.perf_counter()
        scores = self._keep_findable(pool, typed)
        if self._bundle.has_catalog and self._relaxed.wanted(keystroke, pool):
            complete, asks_models = complete and generate, True
            if generate and begun < deadline:
                self._relaxed.add(keystroke, pool)
                scores = self._keep_findable(pool, typed)
        stage_ms["products"] = 1e3 * (time.perf_counter() - begun)
        in_time = complete and not pool.late and begun < deadline
        return Gathered(typed, pool, scores, stage_ms, in_time, asks_models)

    def finish(self, gathered: Gathered, query: SuggestQuery, now: Now) -> SuggestReply:
        """The list of `query` from what was gathered for it."""
        begun = time.perf_counter()
        typed = gathered.typed
        if typed is None:
            if query.prefix.strip():
                return SuggestReply((), (), {})
            return self._empty_box(query, now, begun)
        gathered = self._counted_anew(gathered)
        pool = self._with_live(gathered.pool, typed, query, now)
        pinned = [text for text in now.rules.pins(typed.text) if self.finds(text) != 0]
        candidates = list(pool.candidates.values())
        scores = list(gathered.scores)
        if pool is not gathered.pool:  # something was learnt since
            plain = self._bundle.blend.log_scores(candidates, pool, typed.text)
            scores = [score + self._fading(candidate) for score, candidate in zip(plain, candidates, strict=True)]
        session, names = Session.of(query.previous, now.at), self._bundle.category_names
        added, base = personal(self._bundle.blend, candidates, names, len(typed.words), session, now), scores
        if added is not None:
            scores = [sum(three) for three in zip(base, added.session, added.taste, strict=True)]
        chosen = self._chosen(candidates, probabilities(scores), pinned, typed, query, now)
        suggestions = _scored_in_order(
            self._suggestion(pool.candidates.get(line.text), line, typed, query, now) for line in chosen
        )
        if query.explain:
            reasons = [explained(line, candidates, base, added) for line in chosen]
            suggestions = tuple(map(_with_reason, suggestions, reasons))
        scopes = self._bundle.scopes(chosen[0].text) if chosen and query.category is None else ()
        cards = self._cards(suggestions, query.include_products)
        stages = gathered.stage_ms | {"finish": 1e3 * (time.perf_counter() - begun)}
        return SuggestReply(
            suggestions, cards, stages, added is not None, scopes, tuple(pool.late), gathered.asks_models
        )

    def finds(self, text: str) -> int | None:
        """How many products hold every term of the normalised `text`; None without a catalogue."""
        return self._bundle.count_products(text)

    def head(self, count: int) -> list[str]:
        """The `count` prefixes that are typed most, the most frequent first."""
        return head_prefixes(self._bundle.completions, count)

    def is_known(self, text: str) -> bool:
        """Whether shoppers completed the normalised `text` before this version was made."""
        return text in self._bundle.completions.by_source[Source.HISTORY].texts

    def _fading(self, candidate: Candidate) -> float:
        """Log of how much of the candidate's category can be bought: a sold-out kind fades, and does not vanish."""
        stock = self._bundle.stock
        if not stock or candidate.category is None:
            return 0.0
        return math.log(_SOLD_OUT + (1 - _SOLD_OUT) * stock[candidate.category])

    def _allowed(self, category: str | None) -> frozenset[int] | None:
        if category is None:
            return None
        return self._bundle.category_aliases.get(category.casefold().strip(), frozenset())

    def _keep_findable(self, pool: Pool, typed: Typed) -> tuple[float, ...]:
        """Leaves the `_KEPT` likeliest candidates that find a product, with how many they find; gives scores."""
        candidates = list(pool.candidates.values())
        scores = self._bundle.blend.log_scores(candidates, pool, typed.text)
        kept: dict[str, Candidate] = {}
        left = []
        for score, candidate in sorted(zip(scores, candidates, strict=True), key=lambda pair: -pair[0]):
            if candidate.product_count is None:
                candidate.product_count = self.finds(candidate.text)
            if candidate.product_count != 0:
                kept[candidate.text] = candidate
                left.append(score + self._fading(candidate))
                if len(kept) == _KEPT:
                    break
        pool.candidates = kept
        return tuple(left)

    def _counted_anew(self, gathered: Gathered) -> Gathered:
        """Where products have changed since the version was made: with what each candidate finds now, if anything."""
        if not self._bundle.current.number:
            return gathered
        counted = [(self.finds(text), candidate) for text, candidate in gathered.pool.candidates.items()]
        kept = [score for score, (count, _) in zip(gathered.scores, counted, strict=True) if count != 0]
        left = {one.text: replace(one, product_count=count) for count, one in counted if count != 0}
        return replace(gathered, pool=replace(gathered.pool, candidates=left), scores=tuple(kept))

    def _with_live(self, pool: Pool, typed: Typed, query: SuggestQuery, now: Now) -> Pool:
        """The pool and what was learnt since the version was made. Within a category, only what was there already."""
        if now.live is None or not len(now.live):
            return pool
        fresh, total = now.live.complete(typed.text, query.limit, now.at.timestamp())
        if not fresh:
            return pool
        joined = replace(pool, seen=pool.seen + total, candidates=dict(pool.candidates))
        for text, weight in fresh:
            known = joined.candidates.get(text)
            if known is not None:
                joined.candidates[text] = replace(known, parts=dict(known.parts))
            elif query.category is not None or self.finds(text) == 0:
                continue
            joined.add(text, Source.HISTORY, Match.LITERAL, typed.text, weight=weight, product_count=self.finds(text))
        return joined

    def _chosen(
        self,
        candidates: Sequence[Candidate],
        shares: Sequence[float],
        pinned: Sequence[str],
        typed: Typed,
        query: SuggestQuery,
        now: Now,
    ) -> list[Ranked]:
        """The lines of the list, best first: pinned ones, then by probability and diversity."""
        first = [Ranked(text, 1.0, pinned=True) for text in pinned]
        taken = {form_key(text) for text in pinned}
        ranked = [
            Ranked(candidate.text, share, candidate.category)
            for share, candidate in sorted(
                zip(shares, candidates, strict=True), key=lambda pair: (-pair[0], pair[1].text)
            )
            if not now.rules.blocks(candidate.text) and form_key(candidate.text) not in taken
        ]
        lines = merged(ranked, [form_key(line.text) for line in ranked])
        diversity = self._diversity if query.diversity is None else query.diversity
        return [*first, *diversified(lines, query.limit, strength(diversity, len(typed.text)))][: query.limit]

    def _empty_box(self, query: SuggestQuery, now: Now, begun: float) -> SuggestReply:
        """Own recent queries, then what rises now, then the head of the log."""
        allowed = self._allowed(query.category)
        rows: dict[str, tuple[Candidate, float]] = {}

        def add(text: str, source: Source, share: float, category: int | None = None) -> None:
            text = normalize(text)
            if text and text not in rows and not now.rules.blocks(text) and self.finds(text) != 0:
                rows[text] = Candidate(text, source, Match.LITERAL, "", category=category), share

        if allowed is None:
            for text in query.recent[:_RECENT_AT_MOST]:
                add(text, Source.RECENT, 1.0)
            for text in query.trending:
                add(text, Source.TRENDING, 0.5)
        for source in SOURCES:
            head, weight = self._bundle.completions.complete("", 2 * query.limit, source, allowed)
            for entry in head:
                add(entry.text, source, 0.5 * entry.weight / weight, entry.category)
        lines = [Ranked(text, share, candidate.category) for text, (candidate, share) in rows.items()]
        # Recent and trending ones stand first whatever their kind; of one thing the first form is shown.
        distinct: dict[tuple[str, ...], Ranked] = {}
        for line in lines:
            distinct.setdefault(form_key(line.text), line)
        suggestions = []
        for line in list(distinct.values())[: query.limit]:
            candidate = rows[line.text][0]
            candidate.product_count = self.finds(line.text)
            suggestion = self._suggestion(candidate, line, None, query, now)
            reason: dict[str, object] = {"probability": line.probability, "match": "nothing typed"}
            suggestions.append(_with_reason(suggestion, reason) if query.explain else suggestion)
        stages = {"empty_box": 1e3 * (time.perf_counter() - begun)}
        return SuggestReply(tuple(suggestions), self._cards(suggestions, query.include_products), stages)

    def _suggestion(
        self, candidate: Candidate | None, line: Ranked, typed: Typed | None, query: SuggestQuery, now: Now
    ) -> Suggestion:
        """`candidate` None: pinned, and found by no source."""
        if candidate is None:
            matched = typed.text if typed else ""
            candidate = Candidate(
                line.text, Source.HISTORY, Match.LITERAL, matched, product_count=self.finds(line.text)
            )
        text = self._bundle.forms.get(candidate.text) or now.live_forms.get(candidate.text, candidate.text)
        return Suggestion(
            text=text,
            source=candidate.source,
            score=round(min(1.0, line.probability), 6),
            category=None if candidate.category is None else self._bundle.category_names[candidate.category],
            product_count=candidate.product_count,
            highlights=highlights(candidate.matched, text) if typed else (),
            corrected=candidate.match >= Match.NEAR,
        )

    def _cards(self, suggestions: Sequence[Suggestion], count: int) -> tuple[str, ...]:
        if not count or not suggestions:
            return ()
        return self._bundle.best_products(normalize(suggestions[0].text), count)


def _scored_in_order(suggestions: Iterable[Suggestion]) -> tuple[Suggestion, ...]:
    """What stands lower for another reason than its probability is not scored above what stands before it."""
    best, scored = 1.0, []
    for one in suggestions:
        best = min(best, one.score)
        scored.append(one if one.score == best else replace(one, score=best))
    return tuple(scored)


def _with_reason(suggestion: Suggestion, reason: dict[str, object]) -> Suggestion:
    return replace(suggestion, explain=reason)
