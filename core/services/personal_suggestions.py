"""What one shopper's candidates are worth to them: the session's earlier queries, and taste.

Both are added to the log score of a candidate: `session` by the blend's weights, `taste` by the final score of the
formula, which multiplies the odds:

    taste = log(1 + LIFT · final)

So a text that suits entirely is `1 + LIFT` times likelier beside another than it is for everybody, what is far likelier
for everybody stays first, and a little evidence moves little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.personalization.query_taste import query_components
from core.personalization.score import FloatArray, Formula
from core.services.blend import Blend, Session
from core.services.gathered import Now
from core.services.selection import Ranked
from core.services.sources.contract import Candidate

LIFT = 20.0  # chosen on held-out searches of shoppers with a history; see training/LOG.md


@dataclass(frozen=True, slots=True)
class Personal:
    """What is added to the log scores of N candidates, `(N,)` each; `components` `(N, 4)`, if there is a shopper."""

    session: Sequence[float]
    taste: Sequence[float]
    components: FloatArray | None
    formula: Formula

    def explained(self, at: int) -> Mapping[str, float]:
        """What was added to one, and why."""
        said: dict[str, float] = {"session": self.session[at], "taste": self.taste[at]}
        return said if self.components is None else said | dict(self.formula.explained(self.components[at]))


def personal(
    blend: Blend,
    candidates: Sequence[Candidate],
    category_names: Sequence[str],
    typed_words: int,
    session: Session | None,
    now: Now,
) -> Personal | None:
    """None where nothing is known of the shopper."""
    shopper = now.shopper if now.shopper is not None and now.shopper.is_known else None
    if session is None and shopper is None:
        return None
    texts = [candidate.text for candidate in candidates]
    in_session = blend.in_session(texts, typed_words, session) if session is not None else [0.0] * len(texts)
    if shopper is None:
        return Personal(in_session, [0.0] * len(texts), None, Formula())
    kinds = [None if one.category is None else category_names[one.category] for one in candidates]
    components = query_components(shopper, texts, kinds, typed_words)
    taste = np.log1p(np.float32(LIFT) * np.maximum(shopper.formula.final(components), 0))
    return Personal(in_session, taste.tolist(), components, shopper.formula)


def explained(
    line: Ranked, candidates: Sequence[Candidate], base: Sequence[float], added: Personal | None
) -> dict[str, object]:
    """Why a line stands where it does.

    `log_score` = `base` + `session` + `taste`, in log units. Its share among all candidates, with that of other forms
    of the line which are not shown, is `probability`, and lines stand in its order but for what `diversity` took: the
    factor with which the line was compared when its place was given away. `contributions` share the probability out
    over the sources. A pinned line has neither.
    """
    at = next((place for place, one in enumerate(candidates) if one.text == line.text), None)
    said: dict[str, object] = {"probability": line.probability, "diversity": line.share, "pinned": line.pinned}
    if at is None:
        return said
    candidate = candidates[at]
    more = {} if added is None else dict(added.explained(at))
    total = sum(candidate.parts.values()) or 1.0
    return said | {
        "base": base[at],
        **more,
        "log_score": base[at] + more.get("session", 0.0) + more.get("taste", 0.0),
        "contributions": {source: line.probability * part / total for source, part in candidate.parts.items()},
        "match": candidate.match.name.lower(),
        "completions": candidate.weight,
    }
