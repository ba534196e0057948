"""Suggestions and search over a shop that was really trained."""

import subprocess
import sys
import time

import pytest

from core.domain import SearchFilters, SearchQuery, SortOrder, Source, SuggestQuery, SuggestReply
from core.services.bundle import Bundle
from core.services.corrections import readings
from core.services.highlight import highlights
from core.services.relaxed import NEAREST_IN_MEANING
from core.services.search import SearchService
from core.services.suggest import SuggestService
from core.services.typed import Typed
from core.text.normalize import normalize
from tests.trained_shop import ROOT, TrainedShop


@pytest.fixture(scope="module")
def suggest(bundle: Bundle) -> SuggestService:
    return SuggestService(bundle)


@pytest.fixture(scope="module")
def search(bundle: Bundle) -> SearchService:
    return SearchService(bundle)


def ask(service: SuggestService, prefix: str, **options: object) -> SuggestReply:
    return service.suggest(SuggestQuery(prefix, **options), time.perf_counter() + 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("prefix", ["s", "sh", "wi", "women", "running s", "for ", "Ca"])
def test_literal_prefixes(suggest: SuggestService, prefix: str) -> None:
    found = ask(suggest, prefix).suggestions
    assert found
    assert len({line.text for line in found}) == len(found) <= 10
    for line in found:
        typed = set(normalize(prefix).split()[:-1])  # what does not begin so holds the words, or is marked
        assert line.corrected or line.text.startswith(normalize(prefix)) or typed <= set(line.text.split())
        assert 0 <= line.score <= 1
        assert line.product_count is not None
        assert normalize(line.text) == line.text


def test_corrections_are_marked_and_come_last(suggest: SuggestService, bundle: Bundle) -> None:
    word = next(
        w
        for w in sorted(bundle.corrector.counts, key=lambda w: -bundle.corrector.counts[w])
        if len(w) > 7 and w.isalpha()
    )
    typo = word[0] + word[2] + word[1] + word[3:]
    found = ask(suggest, typo).suggestions
    assert any(line.text.startswith(word[:4]) and line.corrected for line in found)
    flags = [line.corrected for line in found]
    assert flags == sorted(flags)


@pytest.mark.parametrize("prefix", ["😀", "!!", "\u200f\u202e"])
def test_no_word_no_suggestion(suggest: SuggestService, prefix: str) -> None:
    assert ask(suggest, prefix).suggestions == ()


@pytest.mark.parametrize("prefix", ["x" * 10_000, "a " * 100, "שלום", "'; DROP TABLE products;--", "\x00a"])
def test_odd_prefixes_are_answered(suggest: SuggestService, prefix: str) -> None:
    ask(suggest, prefix)


def test_empty_box_is_recent_then_trending_then_head(suggest: SuggestService) -> None:
    recent, trending = ("Running  Shoes", "tent", "flux capacitor"), ("tent", "protein bars", "zzzq")
    found = ask(suggest, " ", recent=recent, trending=trending).suggestions
    assert [(line.text, line.source) for line in found[:3]] == [
        ("running shoes", Source.RECENT), ("tent", Source.RECENT), ("protein bars", Source.TRENDING),
    ]  # fmt: skip
    assert len(found) == 10 and all(line.product_count for line in found)


def test_category_constrains(suggest: SuggestService, bundle: Bundle) -> None:
    name = bundle.category_names[0]
    found = ask(suggest, "s", category=name.upper()).suggestions
    assert {line.category for line in found} <= {name}
    assert ask(suggest, "s", category="no such thing").suggestions == ()


def test_the_shops_own_category_stands_for_its_clusters(suggest: SuggestService, bundle: Bundle) -> None:
    assert bundle.products is not None
    department = bundle.products.columns.category.values[0]
    allowed = {bundle.category_names[index] for index in bundle.category_aliases[department.casefold()]}
    assert {line.category for line in ask(suggest, "s", category=department).suggestions} <= allowed


def test_a_passed_deadline_still_answers_from_the_index(suggest: SuggestService, bundle: Bundle) -> None:
    known = max((entry.weight, entry.text) for entry in bundle.completions.entries())[1]
    reply = suggest.suggest(SuggestQuery(known[:3]), time.perf_counter() - 1)
    assert any(line.text == known for line in reply.suggestions)


def test_explain_and_cards(suggest: SuggestService, bundle: Bundle) -> None:
    reply = ask(suggest, "sh", explain=True, include_products=3)
    first = reply.suggestions[0]
    assert first.explain is not None
    assert sum(first.explain["contributions"].values()) == pytest.approx(first.score, abs=1e-5)  # type: ignore[attr-defined]
    assert first.product_count is not None
    assert len(reply.product_ids) == min(3, first.product_count)


def test_search_finds_its_own_titles(search: SearchService, bundle: Bundle) -> None:
    assert bundle.products is not None
    for product_id in bundle.products.ids[:20]:
        row = bundle.products.ids.index(product_id)
        title = _title(bundle, row)
        hits = search.search(SearchQuery(title, limit=5)).hits
        assert product_id in [hit.product_id for hit in hits]


def _title(bundle: Bundle, row: int) -> str:
    """The terms that a row holds with the largest impacts stand for its title."""
    assert bundle.products is not None
    lexical = bundle.products.lexical.base
    held = [
        (float(lexical.impacts[at]), lexical.vocabulary[term])
        for term in range(len(lexical.vocabulary))
        for at in range(lexical.indptr[term], lexical.indptr[term + 1])
        if lexical.postings[at] == row
    ]
    return " ".join(term for _, term in sorted(held, reverse=True)[:6])


def test_paging_is_stable_and_totals_hold(search: SearchService) -> None:
    whole = search.search(SearchQuery("shoes", limit=100))
    pages = [search.search(SearchQuery("shoes", limit=7, offset=offset)) for offset in range(0, 28, 7)]
    assert [hit.product_id for page in pages for hit in page.hits] == [hit.product_id for hit in whole.hits[:28]]
    assert {page.total_results for page in pages} == {whole.total_results}
    assert search.search(SearchQuery("shoes", offset=10_000)).hits == ()


def test_filters_and_sort(search: SearchService, bundle: Bundle) -> None:
    assert bundle.products is not None
    columns, ids = bundle.products.columns, bundle.products.ids
    reply = search.search(
        SearchQuery("shoes", limit=50, filters=SearchFilters(price_max=80.0), sort=SortOrder.PRICE_DESC)
    )
    prices = [float(columns.price[ids.index(hit.product_id)]) for hit in reply.hits]
    assert prices == sorted(prices, reverse=True) and max(prices) <= 80


def test_search_spells(search: SearchService) -> None:
    reply = search.search(SearchQuery("runnign shoes"))
    assert reply.corrected_query == "running shoes"
    assert reply.hits


def test_search_without_a_word(search: SearchService) -> None:
    reply = search.search(SearchQuery("😀"))
    assert (reply.hits, reply.total_results) == ((), 0)


def test_relaxed_says_so(search: SearchService) -> None:
    reply = search.search(SearchQuery("running shoes with flux capacitor zzzq"))
    assert reply.relaxed == "without flux, capacitor, zzzq"
    unheard = search.search(SearchQuery("fluxes zzzqs"))
    assert unheard.relaxed == (NEAREST_IN_MEANING if unheard.hits else None)
    assert search.search(SearchQuery("running shoes")).relaxed is None


@pytest.mark.parametrize(
    "typed, text, expected",
    [
        ("red sh", "red shoes", ((0, 6),)),
        ("red ", "red shoes", ((0, 3),)),
        ("shoe", "red shoes", ((4, 8),)),
        ("𝒳y", "𝒳yz", ((0, 3),)),  # the first character is two UTF-16 units
        ("lamp", "table", ()),
    ],
)
def test_highlights(typed: str, text: str, expected: tuple[tuple[int, int], ...]) -> None:
    assert highlights(typed, text) == expected


def test_known_words_have_no_other_reading(bundle: Bundle) -> None:
    word = max(bundle.known_words.counts)
    typed = Typed.parse(f"{word} ")
    assert typed is not None and readings(typed, bundle.known_words, bundle.corrector) == []


def test_a_misspelt_word_is_corrected_first_and_kept_last(suggest: SuggestService) -> None:
    found = ask(suggest, "runnign sh").suggestions
    assert found[0].text.startswith("running sh") and found[0].corrected
    literal = [line for line in found if not line.corrected]
    assert len(literal) <= 2 and found[-len(literal) or len(found) :] == tuple(literal)


def test_a_long_line_of_typos_costs_no_more_than_its_length(suggest: SuggestService) -> None:
    typos = "runnign shoess " * 12
    started = time.perf_counter()
    ask(suggest, typos + "sh")
    ask(suggest, "runnign shoess runnign shoess runnign shoess runnign shoess sh")
    assert time.perf_counter() - started < 3  # it was exponential once: hours


def test_the_whole_corrected_query_is_offered(suggest: SuggestService) -> None:
    texts = [line.text for line in ask(suggest, "runnign shoess").suggestions if line.corrected]
    assert "running shoes" in texts[:3]


def test_what_fits_nothing_is_left_out_at_the_end(bundle: Bundle) -> None:
    typed = Typed.parse("running zzzqqq shoes qqx")
    assert typed is not None
    found = readings(typed, bundle.known_words, bundle.corrector)
    assert found and all(reading.dropped for reading in found)
    assert found[0].typed.words == ("running", "shoes")


def test_serving_needs_no_torch(trained_shop: TrainedShop) -> None:
    """A worker without torch in memory starts seconds sooner and 200 MB smaller."""
    program = (
        "import sys, time, pathlib; from core.domain import *; from core.services.bundle import load_bundle;"
        "from core.services.search import SearchService; from core.services.suggest import SuggestService;"
        "bundle = load_bundle(pathlib.Path(sys.argv[1]));"
        "SuggestService(bundle).suggest(SuggestQuery('sh'), time.perf_counter() + 1);"
        "SearchService(bundle).search(SearchQuery('shoes'));"
        "print(sorted({'torch', 'transformers', 'sklearn', 'numba'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", program, str(trained_shop.home / "artifacts")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
