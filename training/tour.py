"""`python run_demo.py --tour`: the method in the terminal, on what is published.

Data and categories → the models → two shoppers in front of an empty box → one session, keystroke by keystroke → search
→ the same search for two shoppers who bought something.
Every line is computed while you watch; nothing is canned.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from config.progress import print_error
from config.settings import Settings
from core.domain import Action, Engagement, SearchQuery, SuggestQuery
from core.errors import CadenceError
from core.personalization.crowd import Crowd
from core.personalization.profile import folded
from core.personalization.score import COMPONENTS
from core.personalization.shopper import Shopper
from core.services.bundle import Bundle, load_bundle
from core.services.search import SearchService
from core.services.suggest import SuggestService

_SHOWN, _COMPARED = 5, 8


class Tour:
    """One walk over one bundle."""

    def __init__(self, bundle: Bundle, console: Console, deadline_ms: float) -> None:
        self._bundle, self._console, self._deadline_ms = bundle, console, deadline_ms
        self._suggest, self._search = SuggestService(bundle), SearchService(bundle)
        self._suggest.warm_up()
        self._search.warm_up()

    def walk(self) -> None:
        self._data()
        self._categories()
        self._models()
        query = self._example()
        self._two_shoppers()
        self._session(query)
        self._results(query)
        self._two_tastes(query)

    def _title(self, text: str) -> None:
        self._console.rule(f"[bold]{text}", align="left")

    def _data(self) -> None:
        self._title("1  What was learnt from")
        for name, count in self._bundle.manifest["counts"].items():
            self._console.print(f"  {count:>9,} {name}")
        self._console.print(f"  version {self._bundle.version}, preset {self._bundle.manifest['preset']}")

    def _categories(self) -> None:
        self._title("2  Pseudo-categories: HDBSCAN over title embeddings, no taxonomy given")
        names = self._bundle.category_names
        self._console.print(f"  {len(names)} found, the largest: {', '.join(names[:12])}")
        for text in self._head(3):
            likeliest = self._bundle.predictor.likeliest(text.split(), count=3)
            said = ", ".join(f"{names[category]} {weight:.0%}" for category, weight in likeliest)
            self._console.print(f"  p(category | “{text}”): {said}")

    def _models(self) -> None:
        self._title("3  Two language models: GRU memory networks over queries and over titles")
        for name, value in self._bundle.manifest["metrics"].items():
            self._console.print(f"  {name.replace('_', ' ')}: {value:.3f}")

    def _two_shoppers(self) -> None:
        self._title("4  Two shoppers, one empty box: what each searched last comes first")
        head = self._head(6)
        table = Table("shopper A searched " + ", ".join(head[:3]), "shopper B searched " + ", ".join(head[3:]))
        lists = [self._texts(SuggestQuery("", limit=_SHOWN, recent=tuple(recent))) for recent in (head[:3], head[3:])]
        for left, right in zip(*lists, strict=False):
            table.add_row(left, right)
        self._console.print(table)

    def _session(self, query: str) -> None:
        self._title(f"5  One session: “{query}”, keystroke by keystroke")
        table = Table("typed", "first suggestions", "from", "ms")
        for length in range(1, len(query) + 1):
            started = time.perf_counter()
            deadline = started + self._deadline_ms / 1e3
            reply = self._suggest.suggest(SuggestQuery(query[:length], limit=_SHOWN), deadline)
            milliseconds = 1e3 * (time.perf_counter() - started)
            texts = " · ".join(suggestion.text for suggestion in reply.suggestions[:3])
            sources = ", ".join(dict.fromkeys(suggestion.source.value for suggestion in reply.suggestions))
            table.add_row(query[:length], texts, sources, f"{milliseconds:.1f}")
        self._console.print(table)

    def _results(self, query: str) -> None:
        self._title(f"6  Search: “{query}”")
        if not self._bundle.has_catalog:
            self._console.print("  this shop was set up from queries alone: there are no products to search")
            return
        reply = self._search.search(SearchQuery(query, limit=_SHOWN))
        spent = sum(reply.stage_ms.values())
        self._console.print(f"  {reply.total_results:,} products in {spent:.1f} ms; by category:", end=" ")
        self._console.print(", ".join(f"{value.value} {value.count}" for value in reply.facets.category[:6]) or "–")
        for hit in reply.hits:
            self._console.print(f"  {hit.score:.3f}  product {hit.product_id}")

    def _two_tastes(self, query: str) -> None:
        self._title(f"7  “{query}” for nobody, and for two shoppers who each bought one of these")
        if not self._bundle.has_catalog:
            return
        plain = [hit.product_id for hit in self._search.search(SearchQuery(query, limit=_COMPARED)).hits]
        bought = [plain[min(place, len(plain) - 1)] for place in (4, 7)] if plain else []
        lists, reasons = [plain], []
        for product in bought:
            now = datetime.now(UTC)
            facts = self._search.event_facts(product)
            purchase = Engagement("tour", Action.PURCHASE, now, session_id="tour", item_id=product, facts=facts)
            shopper = Shopper(folded([purchase]), Crowd(), now.timestamp())
            hits = self._search.search(SearchQuery(query, limit=_COMPARED, explain=True), shopper).hits
            lists.append([hit.product_id for hit in hits])
            reasons.append(next(hit.explain or {} for hit in hits if hit.product_id == product))
        table = Table("nobody", *(f"bought {product}" for product in bought))
        for row in zip(*lists, strict=True):
            table.add_row(*(f"[bold]{one}[/bold]" if one in bought else one for one in row))
        self._console.print(table)
        for product, why in zip(bought, reasons, strict=True):
            parts = " + ".join(f"{why[f'{name}_weight']} · {why[name]:.2f} {name}" for name in COMPONENTS)
            self._console.print(f"  {product}: final {why['final']:.2f} = {parts}")

    def _head(self, count: int) -> list[str]:
        return self._texts(SuggestQuery("", limit=count))

    def _texts(self, query: SuggestQuery) -> list[str]:
        reply = self._suggest.suggest(query, time.perf_counter() + 1)
        return [suggestion.text for suggestion in reply.suggestions]

    def _example(self) -> str:
        """A query of two words from the head of the log, to type."""
        head = self._head(20)
        return next((text for text in head if 1 <= text.count(" ") <= 2), (head or ["shoes"])[0])


def main(arguments: Sequence[str] = ()) -> int:
    console = Console()
    settings = Settings()
    try:
        bundle = load_bundle(settings.storage.artifacts, settings.models.embedding_model)
    except CadenceError as error:
        print_error(console, error)
        return 1
    Tour(bundle, console, settings.suggest.max_latency_ms).walk()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
