"""Replies that need no work at all."""

from collections import OrderedDict

from core.domain import SuggestReply

_REPLIES_KEPT = 5_000  # ~10 KB each at most

ReplyKey = tuple[str, int, int, int]


class FinishedReplies:
    """Replies that are the same for everybody, as long as nothing was learnt and no rule changed. One event loop's."""

    def __init__(self) -> None:
        self._replies: OrderedDict[ReplyKey, SuggestReply] = OrderedDict()

    def get(self, key: ReplyKey) -> SuggestReply | None:
        return self._replies.get(key)

    def put(self, key: ReplyKey, reply: SuggestReply) -> None:
        self._replies[key] = reply
        if len(self._replies) > _REPLIES_KEPT:
            self._replies.popitem(last=False)
