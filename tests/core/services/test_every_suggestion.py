"""Every suggestion of a really trained shop finds products and is a line of its own: see the benchmark of that name."""

import random

from core.domain import Source, Suggestion
from core.services.bundle import Bundle
from tests.benchmarks.every_suggestion_finds import Promises, inside, plain, random_prefixes

PREFIXES = 300


def test_every_suggestion_keeps_its_promise(bundle: Bundle) -> None:
    promises = Promises(bundle)
    for prefix in random_prefixes(bundle, PREFIXES, random.Random(0)):
        promises.check(prefix)
    assert promises.lines > PREFIXES  # lists were there to be looked at
    assert {rule: cases[:3] for rule, cases in promises.broken.items()} == {}


def test_plain_joins_forms_of_one_thing() -> None:
    assert plain("Running Shoes") == plain("shoe running")
    assert plain("batteries") == plain("battery")
    assert plain("glass") != plain("glas")
    assert plain("game") != plain("gaming")


def test_inside_counts_utf16_units() -> None:
    def line(*highlights: tuple[int, int]) -> Suggestion:
        return Suggestion("a 😀 b", Source.HISTORY, 0.5, highlights=highlights)

    assert inside(line((0, 1), (2, 4), (5, 6)))
    assert not inside(line((0, 7)))
    assert not inside(line((2, 4), (0, 1)))
    assert not inside(line((1, 1)))
