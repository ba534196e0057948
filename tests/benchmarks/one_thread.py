"""The two halves of suggesting, called directly on one thread, by kind of prefix: see `autosuggest_latency`."""

import gc
import random
import re
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TypeVar

import numpy as np

from core.domain import Source, SuggestQuery
from core.services.bundle import Bundle
from core.services.gathered import Gathered, Now
from core.services.suggest import SuggestService
from data_generation.typos import misspelled

T = TypeVar("T")
Figures = dict[str, float | None]

LOOKUPS = 2_000  # of each kind
TYPED = 100  # queries typed letter by letter where lists are generated
_LIMIT = 10  # lines of a list
_POPULAR_CHARACTERS = 24  # of the longest prefix in the dictionary


@dataclass
class Times:
    """Of one kind of call, in µs: wall time, CPU time of the thread, and model steps where they are counted."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)

    def of(self, call: Callable[[], T]) -> T:
        """What `call` returns, timed."""
        cpu, wall = time.thread_time(), time.perf_counter()
        result = call()
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        self.wall.append(1e6 * wall)
        self.cpu.append(1e6 * cpu)
        return result

    def figures(self) -> Figures:
        wall, cpu = np.quantile(self.wall, [0.5, 0.99]), np.quantile(self.cpu, [0.5, 0.99])
        steps = float(np.mean(self.steps)) if self.steps else None
        return {
            "calls": len(self.wall), "p50 µs": float(wall[0]), "p99 µs": float(wall[1]),
            "CPU p50 µs": float(cpu[0]), "CPU p99 µs": float(cpu[1]), "model steps": steps,
        }  # fmt: skip


class OneThread:
    """The service called directly. `times` by kind."""

    def __init__(self, bundle: Bundle, queries: Sequence[str]) -> None:
        self.times: dict[str, Times] = defaultdict(Times)
        self._bundle, self._service = bundle, SuggestService(bundle)
        self._models = [model for model in (bundle.query_model, bundle.catalog_model) if model]
        self._queries, self._random = queries, random.Random(0)
        self._history = bundle.completions.by_source[Source.HISTORY]

    def measure(self) -> None:
        """Everything, the kinds that need much memory last."""
        drawn = self._random.choices(self._queries, k=8 * LOOKUPS)
        heads = [query[: self._random.randint(1, 3)] for query in drawn[:LOOKUPS]]
        self._look_up("1–3 characters, index", heads, lambda text: self._history.complete(text, _LIMIT))
        self._list("1–3 characters", heads)
        cut = [query[: self._random.randint(4, max(4, len(query)))] for query in drawn]
        for words, name in ((1, "1 word"), (2, "2 words"), (3, "3 and more words")):
            self._list(name, [text for text in cut if min(3, len(text.split())) == words][:LOOKUPS])
        slips = [misspelled(self._random, query) for query in drawn]
        slips = [slip[: self._random.randint(4, len(slip))] for slip in slips if slip not in drawn and len(slip) > 4]
        strange = [slip for slip in slips if "near" in self._gathered(slip, False).stage_ms][:LOOKUPS]
        fuzzy = self._bundle.completions.fuzzy
        self._look_up("mistyped, fuzzy prefixes", strange, lambda text: fuzzy.near(text, 8))
        self._list("mistyped", strange)
        typed = self._random.choices(self._queries, k=TYPED)
        self._generate("generated, words typed before", typed, each=False)
        self._generate("generated, nothing typed before", typed, each=True)
        prefix_search = self._tantivy()
        if prefix_search:
            for kind, prefixes in (("1–3 characters", heads), ("4 and more characters", cut[:LOOKUPS])):
                self._look_up(f"{kind}, tantivy", prefixes, prefix_search)
        popular = self._popular()
        gc.freeze()  # so many lists are not walked through again while others are timed
        empty: list[str] = []
        self._look_up("1–3 characters, dictionary", heads, lambda text: popular.get(text, empty))
        self._look_up("4 and more characters, dictionary", cut[:LOOKUPS], lambda text: popular.get(text, empty))

    def _gathered(self, prefix: str, generate: bool) -> Gathered:
        return self._service.gather(SuggestQuery(prefix, _LIMIT), float("inf"), generate)

    def _look_up(self, name: str, texts: Sequence[str], call: Callable[[str], object]) -> None:
        for text in texts:  # once unmeasured: pages that nobody touched yet come from the disk
            call(text)
        for text in texts:
            self.times[name].of(partial(call, text))

    def _list(self, name: str, prefixes: Sequence[str]) -> None:
        """The two halves of a list without the models."""
        self._look_up(f"{name}, gather without models", prefixes, lambda text: self._gathered(text, False))
        now, times = Now(), self.times[f"{name}, finish"]
        for prefix in prefixes:
            gathered, query = self._gathered(prefix, False), SuggestQuery(prefix, _LIMIT)
            times.of(partial(self._service.finish, gathered, query, now))

    def _generate(self, name: str, queries: Sequence[str], each: bool) -> None:
        """Queries typed letter by letter, each from an empty node cache; with `each` so is every single keystroke.

        Counted are keystrokes for which the beam ran, without the first one of a query.
        """
        for query in queries:
            self._forget()
            for end in range(1, len(query) + 1):
                if each:
                    self._forget()
                kind, before, asked = Times(), self._steps(), query[:end]
                gathered = kind.of(partial(self._gathered, asked, True))
                if end > 1 and "beam" in gathered.stage_ms:
                    times = self.times[f"{name}, gather"]
                    times.wall += kind.wall
                    times.cpu += kind.cpu
                    times.steps.append(self._steps() - before)
                    finish = partial(self._service.finish, gathered, SuggestQuery(asked, _LIMIT), Now())
                    self.times[f"{name}, finish"].of(finish)

    def _forget(self) -> None:
        for model in self._models:
            model._nodes.clear()

    def _steps(self) -> int:
        return sum(model.reading_steps + model.beam_steps for model in self._models)

    def _popular(self) -> dict[str, list[str]]:
        """Prefix → its most popular completions: nothing is faster, and nothing that it does not hold is found."""
        popular: dict[str, list[str]] = {}
        for entry in sorted(self._history.entries(), key=lambda entry: -entry.weight):
            for end in range(1, min(len(entry.text), _POPULAR_CHARACTERS) + 1):
                listed = popular.setdefault(entry.text[:end], [])
                if len(listed) < _LIMIT:
                    listed.append(entry.text)
        return popular

    def _tantivy(self) -> Callable[[str], object] | None:
        """The same texts in a tantivy index, asked for the heaviest that start with a prefix; None where it is absent.

        It is a search engine: a prefix is a regular expression over its sorted terms, of which whole queries are one.
        """
        try:
            tantivy = import_module("tantivy")
        except ImportError:
            return None
        schema = tantivy.SchemaBuilder()
        schema.add_text_field("text", stored=True, tokenizer_name="raw")
        schema.add_float_field("weight", fast=True)
        schema = schema.build()
        index = tantivy.Index(schema)
        writer = index.writer(num_threads=1)
        for entry in self._history.entries():
            writer.add_document(tantivy.Document(text=entry.text, weight=float(entry.weight)))
        writer.commit()
        index.reload()
        searcher = index.searcher()

        def complete(prefix: str) -> list[str]:
            query = tantivy.Query.regex_query(schema, "text", re.sub(r"\W", r"\\\g<0>", prefix) + ".*")
            hits = searcher.search(query, _LIMIT, count=False, order_by_field="weight").hits
            return [searcher.doc(address)["text"][0] for _, address in hits]

        return complete
