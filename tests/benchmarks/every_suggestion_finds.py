"""Whether every suggestion keeps its promise: `python -m tests.benchmarks.every_suggestion_finds --home DIR`.

Asks for lists of seeded random prefixes: beginnings of logged queries and of titles' words, random letters, and
mistyped ones. Each line must find products, say so truthfully, be a line of its own (up to case, plural and the order
of its words), mark a part of its text, and not score above the line before it. Prints how many do not, with examples,
and ends with status 1 if there are any.
"""

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from core.domain import SearchQuery, Source, Suggestion, SuggestQuery
from core.errors import NoCatalogError
from core.services.bundle import Bundle, load_bundle
from core.services.search import SearchService
from core.services.suggest import SuggestService
from data_generation.typos import misspelled

RULES = (
    "no product counted",
    "search finds nothing",
    "search finds fewer than counted",
    "search is relaxed",
    "search corrects it",
    "same as another line",
    "highlight outside the text",
    "score above the line before",
)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LONG = 12  # letters: the longest random prefix
_SECONDS = 10.0  # for a list, so that none is cut short
_EXAMPLES = 5


class Promises:
    """Checks lists of one bundle. `broken`: by rule, prefixes with the line that breaks it; `lines`: how many."""

    def __init__(self, bundle: Bundle) -> None:
        self.broken: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.lists = self.lines = 0
        self._suggest, self._search = SuggestService(bundle), SearchService(bundle)
        self._found: dict[str, tuple[str, ...]] = {}  # suggestion → rules that its search breaks

    def check(self, prefix: str) -> None:
        """Asks for the list of `prefix` and looks at each of its lines."""
        reply = self._suggest.suggest(SuggestQuery(prefix), time.perf_counter() + _SECONDS)
        lines = reply.suggestions
        self.lists, self.lines = self.lists + bool(lines), self.lines + len(lines)
        forms: dict[str, str] = {}
        for number, line in enumerate(lines):
            rules = [*self._searched(line)]
            same = forms.setdefault(plain(line.text), line.text)
            if same is not line.text:
                rules.append("same as another line")
            if not inside(line):
                rules.append("highlight outside the text")
            if not 0 <= line.score <= (lines[number - 1].score if number else 1.0):
                rules.append("score above the line before")
            for rule in rules:
                self.broken[rule].append((prefix, line.text if same is line.text else f"{line.text} / {same}"))

    def _searched(self, line: Suggestion) -> tuple[str, ...]:
        known = self._found.get(line.text)
        if known is None:
            known = self._found[line.text] = tuple(self._search_rules(line))
        return known

    def _search_rules(self, line: Suggestion) -> list[str]:
        rules = []
        if line.product_count is None or line.product_count < 1:
            rules.append("no product counted")
        reply = self._search.search(SearchQuery(line.text, limit=1))
        if not reply.hits:
            rules.append("search finds nothing")
        if reply.total_results < (line.product_count or 0):
            rules.append("search finds fewer than counted")
        if reply.relaxed is not None:
            rules.append("search is relaxed")
        if reply.corrected_query is not None:
            rules.append("search corrects it")
        return rules


def plain(text: str) -> str:
    """Equal for texts that are the same up to case, a plural's s and the order of their words.

    Of a word that ends in s, only the s goes, and `ie` then reads `y`: simpler than what the service does.
    """
    words = []
    for word in text.casefold().split():
        if len(word) > 3 and word.isalpha() and word.endswith("s") and not word.endswith("ss"):
            word = word[:-1]
            word = word[:-2] + "y" if word.endswith("ie") else word
        words.append(word)
    return " ".join(sorted(words))


def inside(line: Suggestion) -> bool:
    """Whether the highlights are ascending, not empty and inside the text, in UTF-16 units."""
    end, length = 0, len(line.text.encode("utf-16-le")) // 2
    for low, high in line.highlights:
        if not end <= low < high <= length:
            return False
        end = high
    return True


def random_prefixes(bundle: Bundle, count: int, generator: random.Random) -> list[str]:
    """A quarter each: beginnings of logged queries, of words of titles, random letters, mistyped beginnings."""
    history = bundle.completions.by_source[Source.HISTORY].texts
    queries = [history[generator.randrange(len(history))] for _ in range(count)] if len(history) else ["a"]
    words = [*bundle.vocabulary.words, *bundle.vocabulary.rare_words]
    prefixes = []
    for number in range(count):
        kind, query = number % 4, generator.choice(queries)
        if kind == 0:
            prefixes.append(_beginning(query, generator))
        elif kind == 1:
            titled = " ".join(generator.choices(words, k=generator.randint(1, 2)))
            prefixes.append(_beginning(titled, generator))
        elif kind == 2:
            prefixes.append("".join(generator.choices(_LETTERS, k=generator.randint(1, _LONG))))
        else:
            prefixes.append(_beginning(misspelled(generator, query), generator))
    return prefixes


def _beginning(text: str, generator: random.Random) -> str:
    """A random one, or all of it and a blank."""
    end = generator.randint(1, len(text) + 1)
    return f"{text} "[:end]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, metavar="DIR", help="a home that run_demo.py has prepared")
    parser.add_argument("--prefixes", type=int, default=10_000)
    options = parser.parse_args()
    console = Console()
    bundle = load_bundle(options.home / "artifacts")
    if not bundle.has_catalog:
        raise NoCatalogError("this home was prepared without a catalogue: nothing can be found")
    promises = Promises(bundle)
    for prefix in track(random_prefixes(bundle, options.prefixes, random.Random(0)), "Lists", console=console):
        promises.check(prefix)
    console.print(f"{options.prefixes:,} prefixes, {promises.lists:,} lists, {promises.lines:,} lines")
    console.print(_table(promises.broken))
    return 1 if any(promises.broken.values()) else 0


def _table(broken: dict[str, list[tuple[str, str]]]) -> Table:
    table = Table("violation", "lines", "prefix → line")
    for rule in RULES:
        cases: Sequence[tuple[str, str]] = broken.get(rule, [])
        examples = list(dict.fromkeys(f"{prefix!r} → {text}" for prefix, text in cases))[:_EXAMPLES]
        table.add_row(rule, f"{len(cases):,}", "\n".join(examples))
    return table


if __name__ == "__main__":
    raise SystemExit(main())
