"""Completions that the language models generate now, for prefixes whose end nobody has typed yet."""

import math

from core.categories.predictor import CategoryPredictor
from core.domain import Source
from core.language_model.generate import QueryGenerator
from core.services.corrections import KnownWords
from core.services.sources.contract import Candidate, Keystroke, Match, Pool
from core.services.sources.history import MODEL_SHARES
from core.services.typed import Typed
from core.text.terms import dangles, repeats_a_term

WIDTH = 16
NARROW = 8  # where there are two readings of what was typed, each has half
CATEGORIES = 3
NEW_WORDS = 2  # a list for what is typed now: the words after these come with the next keystrokes
LIKELY = 0.25  # p of a generated line that is high; where even such a line would not enter the list, none is generated
UNKNOWN = 4.0  # nats: a word that neither catalogue nor log holds is mostly a slip
_SPARE = 6  # lines more than needed: some repeat a word, or find nothing
_LEAST = 1e-3  # p below which a line is not worth its steps


def _joint(candidate: Candidate) -> float:
    return candidate.cost - math.log(candidate.weight + 1e-9)


class BeamSource:
    """The query model, which started from the catalogue's words; the catalogue model where it has too little to say."""

    name = "beam"
    generates = True

    def __init__(
        self,
        predictor: CategoryPredictor,
        known: KnownWords,
        query_model: QueryGenerator | None,
        catalog_model: QueryGenerator | None,
    ) -> None:
        self._predictor, self._known = predictor, known
        models = {Source.QUERY_MODEL: query_model, Source.CATALOG_MODEL: catalog_model}
        self._models = [(source, model) for source, model in models.items() if model]

    def wanted(self, keystroke: Keystroke, pool: Pool) -> bool:
        return bool(self._models) and pool.last_weight(keystroke.limit) < pool.evidence * LIKELY

    def add(self, keystroke: Keystroke, pool: Pool) -> None:
        """Where a typed word is unknown, what begins as a near query does is completed beside what may be a slip."""
        typed = keystroke.typed
        if all(word in self._known for word in typed.words):
            self.complete(typed, keystroke, pool, Match.LITERAL, 0.0, alone=True)
            return
        near = min((one for one in pool.candidates.values() if one.match is Match.NEAR), key=_joint, default=None)
        reading = Typed.parse(near.matched) if near else None
        if near and reading:
            self.complete(reading, keystroke, pool, Match.NEAR, near.cost)
        self.complete(typed, keystroke, pool, Match.LITERAL, UNKNOWN)

    def complete(
        self, typed: Typed, keystroke: Keystroke, pool: Pool, match: Match, cost: float, *, alone: bool = False
    ) -> None:
        """Adds completions of `typed`, which is what was typed or a reading of it: the only one where it is `alone`."""
        width = keystroke.beam_width or WIDTH
        if not alone:
            width = max(1, width * NARROW // WIDTH)
        categories = self._predictor.likeliest(typed.words, typed.half, CATEGORIES, keystroke.allowed)
        least = max(_LEAST, pool.last_weight(keystroke.limit) / pool.evidence)
        found = 0
        for source, model in self._models:
            lines = model.generate(
                typed.words, typed.half, categories, limit=keystroke.limit + _SPARE, width=width,
                max_new_words=NEW_WORDS, floor=least, deadline=keystroke.deadline,
            )  # fmt: skip
            share = 1.0 if len(self._models) == 1 else MODEL_SHARES[source]
            for line in lines:
                text = " ".join(line.words)
                added = " ".join(line.words[len(typed.words) :])
                if not dangles(text) and not repeats_a_term(" ".join(typed.words), added):
                    found += 1
                    pool.add(
                        text, source, match, typed.text, cost=cost,
                        generated=share * line.probability, category=line.category,
                    )  # fmt: skip
            if found >= keystroke.limit:
                break
