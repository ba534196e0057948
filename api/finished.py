"""A keystroke's reply in the forms in which it leaves, on the wire and in the list log; built once where shared."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from api.schemas.autosuggest import ScopeItem, SuggestionItem
from core.domain import Suggestion, SuggestReply
from database.repositories.lists import ShownItem, items_text

_REPLIES_KEPT = 5_000  # ~15 KB each at most

ReplyKey = tuple[str, int, float | None, int, int, int]


@dataclass(frozen=True, slots=True)
class Finished:
    """`reply` as items of the response and as lines of the log."""

    reply: SuggestReply
    texts: list[str]
    items: list[SuggestionItem]
    scopes: list[ScopeItem]
    shown: str

    @classmethod
    def of(cls, reply: SuggestReply, *, explain: bool, credits: Sequence[float] | None = None) -> "Finished":
        """`credits`: of an interleaved list, one for each line."""
        credit: Sequence[float | None] = credits or [None] * len(reply.suggestions)
        return cls(
            reply,
            [one.text for one in reply.suggestions],
            [_item(one, explain=explain) for one in reply.suggestions],
            [ScopeItem(category=scope.category, product_count=scope.product_count) for scope in reply.scopes],
            items_text(
                ShownItem(one.text, rank, one.source.value, one.score, credit=credit[rank - 1])
                for rank, one in enumerate(reply.suggestions, 1)
            ),
        )


class FinishedReplies:
    """Replies that are the same for everybody, as long as nothing was learnt and no rule or product changed.

    For one event loop.
    """

    def __init__(self) -> None:
        self._replies: OrderedDict[ReplyKey, Finished] = OrderedDict()

    def get(self, key: ReplyKey) -> Finished | None:
        return self._replies.get(key)

    def clear(self) -> None:
        self._replies.clear()

    def put(self, key: ReplyKey, reply: Finished) -> None:
        self._replies[key] = reply
        if len(self._replies) > _REPLIES_KEPT:
            self._replies.popitem(last=False)


def _item(suggestion: Suggestion, *, explain: bool) -> SuggestionItem:
    asked = {"explain": suggestion.explain or {}} if explain else {}
    return SuggestionItem(
        text=suggestion.text,
        category=suggestion.category,
        product_count=suggestion.product_count,
        source=suggestion.source,
        highlights=list(suggestion.highlights),
        score=suggestion.score,
        corrected=suggestion.corrected,
        **asked,
    )
