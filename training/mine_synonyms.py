"""Synonyms that a shop's own log suggests, for a person to look through: `python -m training.mine_synonyms --home DIR`.

Two queries that lead to the same products and differ in one word or two say that these may mean the same: who clicks
the same things after `fridge filter` and `refrigerator filter`, and so with other words beside it, means one thing by
both. Nothing is used before an operator copies lines into the synonyms file (`SYNONYMS_FILE`), whose format this is.
Of a judged list only products judged 2.5 or better count.
"""

import argparse
import asyncio
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

from rapidfuzz.distance import OSA
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from config.progress import print_error
from config.settings import Settings
from core.errors import CadenceError, InputFileError
from core.text.colors import COLORS
from core.text.near_words import allowed_edits
from core.text.normalize import normalize
from core.text.terms import asked_terms, terms_of_normalized
from core.text.titles import JOINERS
from core.text.units import unit_named
from database.connection import Database
from database.repositories.products import ProductRepository
from database.repositories.query_log import QueryLogRepository

LEAST_CONTEXTS = 3  # different words beside a pair
LEAST_SHARE = 0.2  # of what each of two queries leads to that the other leads to as well, by weight
LEAST_RELEVANCE = 2.5  # of a judged product
FILE_NAME = "synonyms.mined.txt"
_LONGEST = 2  # words of a phrase
_QUERIES_OF_A_PRODUCT = 200  # the heaviest; more say nothing new and pairs grow with their square
_EXAMPLES = 4

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MinedPair:
    """Two phrases that may stand for each other, alphabetically; `contexts`: the words beside them, with the share of
    what either query leads to that both lead to."""

    first: str
    second: str
    contexts: Mapping[str, float]

    @property
    def support(self) -> float:
        """How many contexts there are, each for the share that it has."""
        return sum(self.contexts.values())


def mine(clicks: Iterable[tuple[str, str, float]], brands: Iterable[str] = ()) -> list[MinedPair]:
    """Candidates of `clicks`, that is `(normalised query, product id, weight)`, the best supported first.

    Left out: numbers, units, colours, joining words, two `brands`, other forms or spellings of one word, a phrase
    beside a longer one that holds it, and words that some query has together.
    """
    led: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for query, product_id, weight in clicks:
        led[query][product_id] += weight
    named = {terms for brand in brands if (terms := _terms(normalize(brand)))}
    together = {pair for query in led for pair in combinations(sorted(set(_terms(query))), 2)}
    found: dict[tuple[str, str], list[tuple[float, str, frozenset[str]]]] = defaultdict(list)
    for pair, rest, (one, other) in _differing(led):
        share = min(_shared(led[one], led[other]), _shared(led[other], led[one]))
        if share >= LEAST_SHARE and _may_be_synonyms(*pair, named, together):
            found[pair].append((share, rest, frozenset(led[one]) & frozenset(led[other])))
    mined = [MinedPair(*pair, _independent(contexts)) for pair, contexts in found.items()]
    supported = [pair for pair in mined if len(pair.contexts) >= LEAST_CONTEXTS]
    return sorted(supported, key=lambda pair: (-pair.support, pair.first, pair.second))


def as_file(pairs: Sequence[MinedPair]) -> str:
    """The pairs in the format of `core.text.synonyms`, each below what speaks for it."""
    lines = ["# Mined from the log, best supported first. Copy the lines that are right into the synonyms file."]
    for pair in pairs:
        beside = ", ".join(rest or "nothing" for rest in list(pair.contexts)[:_EXAMPLES])
        lines += ["", f"# support {pair.support:.1f}, {len(pair.contexts)} contexts: beside {beside}"]
        lines.append(f"{pair.first}, {pair.second}")
    return "\n".join(lines) + "\n"


def _independent(contexts: Sequence[tuple[float, str, frozenset[str]]]) -> dict[str, float]:
    """Contexts that lead to different products, the best first: `gear of war` and `gears war` are one."""
    kept: dict[str, float] = {}
    taken: set[str] = set()
    for share, rest, products in sorted(contexts, key=lambda one: (-one[0], one[1])):
        if rest not in kept and taken.isdisjoint(products):
            kept[rest] = share
            taken |= products
    return kept


def _differing(
    led: Mapping[str, Mapping[str, float]],
) -> Iterator[tuple[tuple[str, str], str, tuple[str, str]]]:
    """Pairs of queries with a product in common that differ in one phrase: the two phrases, the rest, the queries."""
    by_product: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for query, products in led.items():
        for product_id, weight in products.items():
            by_product[product_id].append((weight, query))
    seen: set[Words] = set()
    for queries in by_product.values():
        heaviest = [query for _, query in sorted(queries, key=lambda one: (-one[0], one[1]))[:_QUERIES_OF_A_PRODUCT]]
        by_rest: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for query in heaviest:
            for phrase, rest in _spans(query):
                by_rest[rest].append((phrase, query))
        for rest, phrases in by_rest.items():
            for (phrase, query), (other, other_query) in combinations(sorted(phrases), 2):
                if phrase != other and (pair := (min(query, other_query), max(query, other_query), rest)) not in seen:
                    seen.add(pair)
                    yield (phrase, other), rest, (query, other_query)


@cache
def _spans(query: str) -> list[tuple[str, str]]:
    """Each run of at most two words with the terms of the rest, in order of the alphabet."""
    words = query.split()
    spans = []
    for length in range(1, min(_LONGEST, len(words)) + 1):
        for start in range(len(words) - length + 1):
            rest = words[:start] + words[start + length :]
            spans.append((" ".join(words[start : start + length]), " ".join(sorted(asked_terms(" ".join(rest))))))
    return spans


def _shared(products: Mapping[str, float], others: Mapping[str, float]) -> float:
    """The weight of `products` that `others` has too, as a share."""
    return sum(weight for product, weight in products.items() if product in others) / sum(products.values())


@cache
def _terms(phrase: str) -> Words:
    return tuple(terms_of_normalized(phrase))


def _may_be_synonyms(first: str, second: str, brands: Set[Words], together: Set[Words]) -> bool:
    if any(_says_no_thing(word) for word in (*first.split(), *second.split())):
        return False
    terms, others = _terms(first), _terms(second)
    if set(terms) <= set(others) or set(others) <= set(terms) or (terms in brands and others in brands):
        return False
    if any((min(term, other), max(term, other)) in together for term in terms for other in others):
        return False
    one, two = first.replace(" ", ""), second.replace(" ", "")
    return OSA.distance(one, two) > min(allowed_edits(one), allowed_edits(two))


def _says_no_thing(word: str) -> bool:
    return not any(map(str.isalpha, word)) or word[0].isdigit() or word in JOINERS | COLORS or bool(unit_named(word))


async def _read(url: str) -> tuple[list[tuple[str, str, float]], set[str]]:
    """What queries of the log led to, and the catalogue's brands."""
    database = Database(url)
    try:
        await database.migrate()
        async with database.reading() as session:
            log = QueryLogRepository(session)
            clicks = [(query, product_id, float(count)) for query, product_id, count in await log.clicks()]
            judged = [(query, product_id, 1.0) for query, product_id in await log.judged_good(LEAST_RELEVANCE)]
            batches = ProductRepository(session).stream()
            return clicks + judged, {product.brand async for batch in batches for product in batch if product.brand}
    finally:
        await database.dispose()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, metavar="DIR", help="the shop's home (default ./var)")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"default <home>/{FILE_NAME}")
    options = parser.parse_args(arguments)
    if options.home:
        os.environ["CADENCE_HOME"] = str(options.home)
    console = Console()
    settings = Settings()
    out: Path = options.out or settings.storage.cadence_home / FILE_NAME
    try:
        clicks, brands = asyncio.run(_read(settings.storage.url))
        if not clicks:
            raise InputFileError("the log has neither clicks nor products judged good: there is nothing to mine")
        pairs = mine(clicks, brands)
        out.write_text(as_file(pairs), encoding="utf-8")
    except (CadenceError, SQLAlchemyError, OSError) as error:
        print_error(console, error)
        return 1
    console.print(f"{len(pairs):,} pairs to look through in {out}", markup=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
