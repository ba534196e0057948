"""Suggest: one keystroke's list, readable top to bottom.

normalise → categories of what is typed → literal completions from the index and from the two language models, blended
as probabilities → what finds no product falls behind → where too little is left, the same for corrections of what was
typed, marked as such and behind everything literal.

Blend: among the completions of a prefix the log has seen W completions; a query with weight w gets w / (W + k) from the
log and k / (W + k) · p from the models. Much evidence trusts the log, an unseen prefix trusts the models.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from core.domain import Source, Suggestion, SuggestQuery, SuggestReply
from core.language_model.generate import QueryGenerator
from core.retrieval.completion import SOURCES, Completion
from core.services.bundle import Bundle
from core.services.corrections import Reading, Typed, readings
from core.services.highlight import highlights
from core.text.normalize import normalize, normalize_prefix
from core.text.terms import repeats_a_term, terms_of_normalized

MODEL_EVIDENCE = 20.0  # k of the blend, in completions
QUERY_MODEL_SHARE = 0.6  # of the models' probability; the catalogue model has the rest
STORED_SHARE = 0.3  # of what the log leaves over: generated offline, beside what the models generate now
CATEGORIES = 3
BEAM_WIDTH = 16
_CORRECTED_PENALTY = 0.1  # per edit, among corrections; everything literal comes before them anyway
_RECENT_AT_MOST = 3
_SPARE = 4  # generated lines more than needed: some repeat a word and are left out
_LITERAL_BESIDE_CORRECTED = 2


@dataclass(slots=True)
class Candidate:
    """A suggestion in the making; `probability` of being the completed query."""

    text: str
    probability: float
    source: Source
    category: int | None
    corrected: bool = False
    product_count: int | None = None
    parts: dict[str, float] = field(default_factory=dict)  # what each source contributed


class SuggestService:
    """Suggests from one bundle. Thread-safe."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle

    def warm_up(self) -> None:
        """Runs a few lists, so that the first shopper does not pay for page faults."""
        for prefix in ("a", "s", "c"):
            self.suggest(SuggestQuery(prefix), deadline=time.perf_counter() + 1)

    def suggest(self, query: SuggestQuery, deadline: float) -> SuggestReply:
        """The list for one keystroke. `deadline` is a time of `time.perf_counter()`; what is found by then is returned.

        Empty for a prefix without any word (emoji, punctuation) and for a category that does not exist.
        """
        started = time.perf_counter()
        allowed = self._allowed(query.category)
        if not query.prefix.strip():
            return self._empty_box(query, allowed, started)
        typed = Typed.parse(normalize_prefix(query.prefix))
        if typed is None or allowed == frozenset():
            return SuggestReply((), (), {})
        candidates = self._candidates(typed, typed.text, query.limit, allowed, deadline)
        literal_at = time.perf_counter()
        others = readings(typed, self._bundle.known_words, self._bundle.corrector)
        misspelt = bool(others) and not others[0].dropped
        if misspelt or len(candidates) < query.limit:
            candidates += self._corrections(typed, others, candidates, query.limit, allowed, deadline)
        corrected_at = time.perf_counter()
        ranked = self._rank(candidates, query.limit, misspelt)
        for better, candidate in pairwise(ranked):  # what stands lower for another reason is not scored above
            candidate.probability = min(candidate.probability, better.probability)
        suggestions = tuple(self._suggestion(candidate, typed, query.explain) for candidate in ranked)
        finished = time.perf_counter()
        stages = {
            "literal": 1e3 * (literal_at - started),
            "corrections": 1e3 * (corrected_at - literal_at),
            "rank": 1e3 * (finished - corrected_at),
        }
        return SuggestReply(suggestions, self._cards(suggestions, query.include_products), stages)

    def _allowed(self, category: str | None) -> frozenset[int] | None:
        if category is None:
            return None
        return self._bundle.category_aliases.get(category.casefold().strip(), frozenset())

    def _candidates(
        self, typed: Typed, own_text: str, limit: int, allowed: frozenset[int] | None, deadline: float
    ) -> list[Candidate]:
        """Completions of `typed`, blended, best first; the models do not give back the shopper's `own_text`."""
        index = self._bundle.completions
        seen, weight = index.complete(typed.text, limit, Source.HISTORY, allowed)
        evidence = weight / (weight + MODEL_EVIDENCE)
        merged: dict[str, Candidate] = {}
        for entry in seen:
            _add(merged, entry, evidence * entry.weight / weight)
        categories = self._bundle.predictor.likeliest(typed.words, typed.half, CATEGORIES, allowed)
        models = self._models()
        for source, model, share in models:
            if merged and time.perf_counter() >= deadline:
                break
            generated = model.generate(
                typed.words, typed.half, categories, limit=limit + _SPARE, width=BEAM_WIDTH, deadline=deadline
            )
            for line in generated:
                text = " ".join(line.words)
                added = " ".join(line.words[len(typed.words) :])
                if text != own_text.strip() and not repeats_a_term(" ".join(typed.words), added):
                    _add(merged, Completion(text, 0, line.category, source), (1 - evidence) * share * line.probability)
        for source, _, share in models:
            stored, total = index.complete(typed.text, limit, source, allowed)
            for entry in stored:
                _add(merged, entry, (1 - evidence) * STORED_SHARE * share * entry.weight / total)
        return sorted(merged.values(), key=lambda candidate: (-candidate.probability, candidate.text))

    def _corrections(
        self,
        typed: Typed,
        others: Sequence[Reading],
        literal: Sequence[Candidate],
        limit: int,
        allowed: frozenset[int] | None,
        deadline: float,
    ) -> list[Candidate]:
        """Completions of the other readings that do not extend what was typed, at most about `limit`."""
        known = {candidate.text for candidate in literal}
        found: list[Candidate] = []
        for reading in others:
            if len(found) >= limit or ((literal or found) and time.perf_counter() >= deadline):
                break
            for candidate in self._candidates(reading.typed, typed.text, limit, allowed, deadline):
                if candidate.text not in known and not candidate.text.startswith(typed.text):
                    known.add(candidate.text)
                    penalty = _CORRECTED_PENALTY**reading.edits
                    candidate.probability *= penalty
                    candidate.parts = {source: part * penalty for source, part in candidate.parts.items()}
                    candidate.corrected = True
                    found.append(candidate)
        return found

    def _models(self) -> list[tuple[Source, QueryGenerator, float]]:
        """The models that this shop has with their shares, which sum to 1."""
        bundle = self._bundle
        if bundle.query_model and bundle.catalog_model:
            return [
                (Source.QUERY_MODEL, bundle.query_model, QUERY_MODEL_SHARE),
                (Source.CATALOG_MODEL, bundle.catalog_model, 1 - QUERY_MODEL_SHARE),
            ]
        single = [(Source.QUERY_MODEL, bundle.query_model), (Source.CATALOG_MODEL, bundle.catalog_model)]
        return [(source, model, 1.0) for source, model in single if model is not None]

    def _rank(self, candidates: Sequence[Candidate], limit: int, misspelt: bool) -> list[Candidate]:
        """Literal lines, then corrected ones; within each, what finds a product first, then by probability.

        After a misspelt word it is the other way round, and two literal lines stay for the shopper who meant it.
        """
        ordered = sorted(candidates, key=lambda candidate: (candidate.corrected, -candidate.probability))
        literal = [candidate for candidate in ordered if not candidate.corrected][: 2 * limit]
        corrected = [candidate for candidate in ordered if candidate.corrected][: 2 * limit]
        for part in (literal, corrected):
            self._count_products(part)
            part.sort(key=lambda candidate: candidate.product_count == 0)  # stable; None without a catalogue
        if misspelt and corrected:
            kept = literal[:_LITERAL_BESIDE_CORRECTED]
            return (corrected[: limit - len(kept)] + kept)[:limit]
        return (literal + corrected)[:limit]

    def _count_products(self, candidates: Iterable[Candidate]) -> None:
        if self._bundle.products is not None:
            for candidate in candidates:
                if candidate.product_count is None:  # what is stored was counted when it was stored
                    terms = terms_of_normalized(candidate.text)
                    candidate.product_count = self._bundle.products.count_matching(terms)

    def _empty_box(self, query: SuggestQuery, allowed: frozenset[int] | None, started: float) -> SuggestReply:
        """Own recent queries, then what many shoppers look for now, then the head of the log."""
        rows: dict[str, Candidate] = {}
        if allowed is None:
            for text in query.recent[:_RECENT_AT_MOST]:
                _add(rows, Completion(normalize(text), 0, None, Source.RECENT), 1.0)
            for text in query.trending:
                _add(rows, Completion(normalize(text), 0, None, Source.TRENDING), 0.5)
        for source in SOURCES:
            head, weight = self._bundle.completions.complete("", query.limit, source, allowed)
            for entry in head:
                if entry.text not in rows:
                    _add(rows, entry, 0.5 * entry.weight / weight)
        rows.pop("", None)
        shown = list(rows.values())[: query.limit]
        self._count_products(shown)
        suggestions = tuple(self._suggestion(candidate, None, query.explain) for candidate in shown)
        stages = {"empty_box": 1e3 * (time.perf_counter() - started)}
        return SuggestReply(suggestions, self._cards(suggestions, query.include_products), stages)

    def _suggestion(self, candidate: Candidate, typed: Typed | None, explain: bool) -> Suggestion:
        return Suggestion(
            text=candidate.text,
            source=candidate.source,
            score=round(min(1.0, candidate.probability), 6),
            category=None if candidate.category is None else self._bundle.category_names[candidate.category],
            product_count=candidate.product_count,
            highlights=highlights(typed.text, candidate.text) if typed else (),
            corrected=candidate.corrected,
            explain={"contributions": dict(candidate.parts)} if explain else None,
        )

    def _cards(self, suggestions: Sequence[Suggestion], count: int) -> tuple[str, ...]:
        products = self._bundle.products
        if products is None or not count or not suggestions:
            return ()
        return products.best_holding_all(terms_of_normalized(suggestions[0].text), count)


def _add(merged: dict[str, Candidate], entry: Completion, probability: float) -> None:
    """Adds what one source gives to a text; the first source that names a text stays its source."""
    candidate = merged.setdefault(
        entry.text, Candidate(entry.text, 0.0, entry.source, entry.category, product_count=entry.product_count)
    )
    candidate.probability += probability
    candidate.parts[entry.source.value] = candidate.parts.get(entry.source.value, 0.0) + probability
