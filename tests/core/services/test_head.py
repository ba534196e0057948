"""What is typed most, from a log of three queries."""

from core.domain import Source
from core.retrieval.completion import Completion
from core.retrieval.completions import build_completions
from core.services.head import head_prefixes

LOG = build_completions(
    [
        Completion("abc", 5.0, None, Source.HISTORY),
        Completion("ab d", 3.0, None, Source.HISTORY),
        Completion("b", 6.0, None, Source.HISTORY),
        Completion("a generated one", 99.0, None, Source.QUERY_MODEL),
    ]
)


def test_prefixes_weigh_what_all_their_completions_weigh() -> None:
    assert head_prefixes(LOG, 10) == ["a", "ab", "b", "abc", "ab ", "ab d"]  # 8, 8, 6, 5, 3, 3


def test_no_more_than_asked_for() -> None:
    assert head_prefixes(LOG, 2) == ["a", "ab"]
    assert head_prefixes(build_completions([]), 5) == []
