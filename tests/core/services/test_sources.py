"""What each source brings into the list, and what is decided at the last moment, over a really trained shop."""

import dataclasses
import math
import time
from datetime import UTC, datetime, timedelta

import pytest

from core.domain import PreviousQuery, Source, Suggestion, SuggestQuery
from core.retrieval.live import LiveIndex
from core.services.bundle import Bundle
from core.services.gathered import Now
from core.services.rules import Pin, SuggestionRules
from core.services.suggest import SuggestService

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def service(bundle: Bundle) -> SuggestService:
    return SuggestService(bundle)


@pytest.fixture(scope="module")
def popular(bundle: Bundle) -> str:
    """The heaviest query of two words or more."""
    history = bundle.completions.by_source[Source.HISTORY]
    return max((entry.weight, entry.text) for entry in history.entries() if " " in entry.text)[1]


def lines(service: SuggestService, prefix: str, now: Now | None = None, **options: object) -> tuple[Suggestion, ...]:
    query = SuggestQuery(prefix, **options)  # type: ignore[arg-type]
    return service.suggest(query, math.inf, now or Now(at=NOW)).suggestions


def texts(service: SuggestService, prefix: str, now: Now | None = None, **options: object) -> list[str]:
    return [line.text for line in lines(service, prefix, now, **options)]


def test_a_popular_query_is_found_from_its_beginning(service: SuggestService, popular: str) -> None:
    assert popular in texts(service, popular[:-2])


def test_words_in_another_order_find_it(service: SuggestService, popular: str) -> None:
    turned = " ".join(reversed(popular.split()))
    assert popular in texts(service, turned)


@pytest.mark.parametrize("slip", ["first letter", "swap", "left out", "missing space"])
def test_one_slip_is_mended_and_marked(service: SuggestService, popular: str, slip: str) -> None:
    typed = {
        "first letter": ("q" if popular[0] != "q" else "z") + popular[1:-1],
        "swap": popular[:2] + popular[3] + popular[2] + popular[4:-1],
        "left out": popular[:3] + popular[4:-1],
        "missing space": popular.replace(" ", "", 1),
    }[slip]
    found = [line for line in lines(service, typed) if line.text == popular]
    assert found, typed
    assert found[0].corrected


def test_every_line_finds_a_product_even_where_nothing_begins_so(service: SuggestService, popular: str) -> None:
    found = lines(service, f"{popular} zzzq")
    assert found and all(line.product_count for line in found)


def test_what_was_learnt_since_joins_and_weighs(service: SuggestService, popular: str) -> None:
    turned = " ".join(reversed(popular.split()))
    live = LiveIndex(86_400.0)
    live.add(turned, 50.0, NOW.timestamp())
    shown = texts(service, turned[:-1], Now(live=live, at=NOW))
    assert shown[0] == turned
    live.remove(turned)
    live.add("flux capacitor", 50.0, NOW.timestamp())
    assert texts(service, "flux cap", Now(live=live, at=NOW)) != ["flux capacitor"]  # it finds nothing in this shop


def test_a_live_query_is_written_as_shoppers_write_it(service: SuggestService, popular: str) -> None:
    turned = " ".join(reversed(popular.split()))
    live = LiveIndex(None)
    live.add(turned, 50.0, NOW.timestamp())
    written = turned.replace(" ", ": ", 1)
    shown = lines(service, turned[:-1], Now(live=live, live_forms={turned: written}, at=NOW))
    assert shown[0].text == written
    assert all(0 <= low < high <= len(line.text) for line in shown for low, high in line.highlights)


def test_rules_hold_for_cached_lists_too(service: SuggestService) -> None:
    query = SuggestQuery("s")
    gathered = service.gather(query, math.inf)
    before = [line.text for line in service.finish(gathered, query, Now(at=NOW)).suggestions]
    rules = SuggestionRules.of(exact=[before[0]], pins=[Pin(before[-1], "s")])
    after = [line.text for line in service.finish(gathered, query, Now(rules=rules, at=NOW)).suggestions]
    assert before[0] not in after and after[0] == before[-1]
    assert [line.text for line in service.finish(gathered, query, Now(at=NOW)).suggestions] == before


def test_what_the_session_searched_comes_first(service: SuggestService, bundle: Bundle) -> None:
    before = texts(service, "s")
    previous = (PreviousQuery(before[-1], NOW - timedelta(minutes=1)),)
    reply = service.suggest(SuggestQuery("s", previous=previous), math.inf, Now(at=NOW))
    assert reply.personalized
    assert [line.text for line in reply.suggestions].index(before[-1]) < len(before) - 1


def test_scopes_add_up_to_no_more_than_is_found(service: SuggestService) -> None:
    reply = service.suggest(SuggestQuery("sh"), math.inf)
    first = reply.suggestions[0]
    assert first.product_count is not None
    assert sum(scope.product_count for scope in reply.scopes) <= first.product_count
    assert len(reply.scopes) != 1


def test_a_sold_out_kind_fades(service: SuggestService, bundle: Bundle) -> None:
    first = lines(service, "s")[0]
    assert first.category is not None
    kind = bundle.category_names.index(first.category)
    stock = tuple(0.0 if at == kind else share for at, share in enumerate(bundle.stock))
    faded = SuggestService(dataclasses.replace(bundle, stock=stock))
    after = {line.text: line.score for line in lines(faded, "s")}
    assert after.get(first.text, 0.0) < first.score


def test_after_the_deadline_the_index_alone_answers(service: SuggestService, popular: str) -> None:
    gathered = service.gather(SuggestQuery(popular[:4] + "x"), time.perf_counter() - 1)
    assert gathered.pool.late and not gathered.complete
    assert "beam" not in gathered.stage_ms


def test_without_the_models_a_gathering_says_that_it_is_not_complete(service: SuggestService) -> None:
    gathered = service.gather(SuggestQuery("zzgx sho"), math.inf, generate=False)
    assert not gathered.complete
    assert service.gather(SuggestQuery("😀"), math.inf, generate=False).complete
