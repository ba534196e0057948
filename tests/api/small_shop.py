"""A shop of a few products with models that can be checked by eye, behind the interface of the real ones."""

from collections.abc import Iterable, Sequence

from api.state import Models
from core.domain import (
    AppliedRules,
    EventFacts,
    Facets,
    FacetValue,
    PartKind,
    PartUse,
    Product,
    SearchHit,
    SearchQuery,
    SearchReply,
    Source,
    Suggestion,
    SuggestQuery,
    SuggestReply,
    UnderstoodPart,
)
from core.errors import NoCatalogError, UnknownProductError
from core.personalization.shopper import Shopper
from core.services.gathered import Gathered, Now
from core.services.recommendation import Reason, Recommendation
from core.services.sources.contract import Pool
from core.services.typed import Typed
from core.text.normalize import normalize, normalize_prefix, words

PRODUCTS = (
    Product("p1", "Red Running Shoes", brand="Fleet", category="Shoes", price=59.0, rating=4.5, rating_count=12),
    Product("p2", "Blue Running Shoes", brand="Fleet", category="Shoes", price=49.0, rating=4.0, in_stock=False),
    Product("p3", "Red Rain Jacket", brand="Cloud", category="Jackets", price=99.0, image_url="https://x.test/3.png"),
    Product("p'4", 'Jacket "Nord" <b>', brand="O'Neill", category="Jackets", currency="€", attributes={"size": "M"}),
)
QUERIES = ("red running shoes", "running shoes", "red rain jacket", "rain jacket")


def _suggestions(query: SuggestQuery) -> Iterable[Suggestion]:
    typed = normalize(query.prefix)
    offered = [(Source.RECENT, text) for text in query.recent] + [(Source.TRENDING, text) for text in query.trending]
    offered += [(Source.HISTORY, text) for text in QUERIES]
    seen: set[str] = set()
    for source, text in offered:
        if text.startswith(typed) and text not in seen and query.category in (None, "Shoes"):
            seen.add(text)
            yield Suggestion(
                text,
                source,
                score=1 / (1 + len(seen)),
                category="Shoes",
                product_count=2,
                highlights=((0, len(typed)),) if typed else (),
                explain={"base": 1.0} if query.explain else None,
            )


class SmallShop:
    """Counts what it was asked, so that a test can see what came from the cache."""

    def __init__(self, *, has_catalog: bool = True, head: Sequence[str] = ()) -> None:
        self.head = head  # prefixes that are said to be typed most
        self.suggest_calls: list[SuggestQuery] = []
        self.gather_calls: list[SuggestQuery] = []
        self.search_calls: list[SearchQuery] = []
        self.has_catalog = has_catalog
        self.for_beam: dict[int, Sequence[str]] = {}  # what is suggested with another beam, if it begins so
        self.by_reach: dict[float, Sequence[str]] = {}  # ids, in the order in which another reach ranks them

    def suggest(self, query: SuggestQuery, now: Now) -> SuggestReply:
        self.suggest_calls.append(query)
        found = tuple(_suggestions(query))[: query.limit]
        if query.beam_width in self.for_beam:
            texts = list(self.for_beam[query.beam_width])
            found = tuple(sorted((one for one in found if one.text in texts), key=lambda one: texts.index(one.text)))
        return SuggestReply(found, ("p1", "gone", "p2")[: query.include_products], {"beam": 1.0}, asks_models=True)

    def gather(self, query: SuggestQuery, deadline: float, generate: bool) -> Gathered:
        self.gather_calls.append(query)
        return Gathered(Typed.parse(normalize_prefix(query.prefix)), Pool(1.0), (), {}, True)

    def search(self, query: SearchQuery, shopper: Shopper | None = None) -> SearchReply:
        if not self.has_catalog:
            raise NoCatalogError("this shop has no catalogue")
        self.search_calls.append(query)
        text = normalize(query.text)
        rules = query.rules(text) if query.rules else AppliedRules()
        understood: tuple[UnderstoodPart, ...] = ()
        if query.interpret and text.endswith("under 50"):
            text = text.removesuffix("under 50")
            understood = (UnderstoodPart(PartKind.PRICE, "under 50", "≤ 50", PartUse.FILTER),)
        asked = words(text)
        everything = not query.text
        found = [product for product in PRODUCTS if everything or (asked and set(asked) <= set(words(product.title)))]
        if query.filters.category:
            found = [product for product in found if product.category in query.filters.category]
        order = self.by_reach.get(shopper.formula.reach) if shopper else None
        if order:
            found.sort(key=lambda product: order.index(product.product_id))
        page = found[query.offset : query.offset + query.limit]
        return SearchReply(
            hits=tuple(SearchHit(product.product_id, 0.5, {"lexical": 0.5}) for product in page),
            total_results=len(found),
            facets=Facets(category=(FacetValue("Shoes", len(found)),)),
            stage_ms={"lexical": 1.0},
            understood=understood,
            redirect=rules.redirect,
        )

    def recommend(
        self, shopper: Shopper, limit: int, product_id: str | None, reasons: Sequence[Reason], *, explain: bool
    ) -> list[Recommendation]:
        if product_id == "nowhere":
            raise UnknownProductError("no such product")
        reason = reasons[0] if reasons else Reason.TRENDING
        said = {"base": 0.5} if explain else None
        return [Recommendation(product.product_id, reason, 0.5, said) for product in PRODUCTS[:limit]]

    def models(self) -> Models:
        return Models(
            version="test-1",
            manifest={"format": 1, "files": {"a": {}}},
            has_catalog=self.has_catalog,
            gather=self.gather,
            finish=lambda gathered, query, now: self.suggest(query, now),
            search=self.search,
            recommend=self.recommend,
            warm_up=lambda: None,
            is_known=QUERIES.__contains__,
            head=lambda count: self.head[:count],
            finds=lambda text: sum(set(words(text)) <= set(words(product.title)) for product in PRODUCTS),
            serves=lambda product_id: False,
            event_facts=lambda product_id, skipped: EventFacts(brand="Acme", skipped=tuple(skipped)),
            has_reranker=False,
            learnt_before=None,
        )
