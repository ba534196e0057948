"""Generation from a prefix: constraint of the half-typed word, probabilities, cached state."""

import itertools

import numpy as np
import pytest
import torch

from core.language_model.generate import QueryGenerator
from tests.core.language_model.models import CATEGORIES, decoder_of, small_model, small_vocabulary

VOCABULARY = small_vocabulary()
EVERY_WORD = np.tile(np.arange(len(VOCABULARY.words)), (CATEGORIES, 1))


@pytest.fixture
def generator() -> QueryGenerator:
    return QueryGenerator(decoder_of(small_model()), VOCABULARY, EVERY_WORD)


def test_every_line_extends_what_is_typed(generator: QueryGenerator) -> None:
    for line in generator.generate(["red"], "sh", [(0, 0.7), (2, 0.3)], limit=10, width=40):
        assert line.words[0] == "red"
        assert line.words[1].startswith("sh")


def test_rare_words_complete_a_half_typed_word(generator: QueryGenerator) -> None:
    assert {line.words[0] for line in generator.generate([], "d", [(0, 1.0)], limit=50, width=200)} == {
        "drill", "drills", "dresser",
    }  # fmt: skip


def test_nothing_starts_with_it(generator: QueryGenerator) -> None:
    assert generator.generate(["red"], "xq", [(0, 1.0)], limit=5, width=5) == []


def test_after_a_space_a_new_word_begins(generator: QueryGenerator) -> None:
    lines = generator.generate(["red"], "", [(1, 1.0)], limit=20, width=60)
    assert lines and all(len(line.words) >= 2 for line in lines)


def test_probabilities_are_those_of_the_full_model() -> None:
    """P(w1 w2 end | starts with "s", category), by hand from the torch model's full recomputation."""
    model = small_model()
    generator = QueryGenerator(decoder_of(model), VOCABULARY, EVERY_WORD)
    category = 1
    lines = {
        line.words: line.probability
        for line in generator.generate([], "sh", [(category, 1.0)], limit=300, width=300, max_new_words=2)
    }
    bos, eos = VOCABULARY.bos_id(category), VOCABULARY.eos_id(category)
    low, high = VOCABULARY.prefix_range("sh")
    allowed = [eos, *range(len(VOCABULARY.words))]
    with torch.inference_mode():
        for first, second in itertools.product(range(low, high), range(len(VOCABULARY.words))):
            logits = model(torch.tensor([[bos, first, second]]), torch.tensor([category]))[0]
            p_first = torch.softmax(logits[0, low:high], 0)[first - low]  # no rare word starts with "sh"
            p_second = torch.softmax(logits[1, allowed], 0)[1 + second]
            p_end = torch.softmax(logits[2, allowed], 0)[0]
            words = (VOCABULARY.words[first], VOCABULARY.words[second])
            assert lines[words] == pytest.approx(float(p_first * p_second * p_end), rel=1e-3)


def test_of_a_long_prefix_the_last_words_are_read(generator: QueryGenerator) -> None:
    long = ["lamp", "wood", *["red", "shoe"] * 4]
    lines = generator.generate(long, "s", [(0, 1.0)], limit=3, width=8)
    assert lines and all(line.words[:-1] == tuple(long) for line in lines)
    assert generator.reading_steps == 8


def test_categories_add_up(generator: QueryGenerator) -> None:
    """A text generated under two categories has the weighted sum of its probabilities."""
    options = {"limit": 300, "width": 300, "max_new_words": 1}
    parts = [
        {line.words: line.probability for line in generator.generate([], "s", [(category, 1.0)], **options)}
        for category in (0, 1)
    ]
    for line in generator.generate([], "s", [(0, 0.25), (1, 0.75)], **options):
        expected = 0.25 * parts[0][line.words] + 0.75 * parts[1][line.words]
        assert line.probability == pytest.approx(expected, rel=1e-4)


def test_typed_words_are_read_once(generator: QueryGenerator) -> None:
    """One model step at most for a new word of a session's prefix: none where the beam foresaw it, or where a keystroke
    only narrows the half-typed word."""
    categories = [(0, 0.5), (1, 0.5)]
    steps = []
    for words, half in [
        ([], "r"),
        ([], "re"),
        (["red"], "s"),
        (["red"], "sh"),
        (["red", "shoe"], ""),
        (["red", "shoe"], "l"),
    ]:
        generator.generate(words, half, categories, limit=3, width=3)
        steps.append(generator.reading_steps)
    assert steps == [0, 0, 0, 0, 1, 1]  # `red` was foreseen, `shoe` after it was not


def test_a_session_of_twelve_keystrokes_reads_each_word_once(generator: QueryGenerator) -> None:
    """Typing `red shoe lam` letter by letter costs one model step a keystroke at most, reading and foreseeing alike."""
    typed, before = "red shoe lam", (0, 0)
    for length in range(1, len(typed) + 1):
        *words, half = typed[:length].split(" ")
        generator.generate(words, half, [(0, 0.5), (1, 0.5)], limit=3, width=2, max_new_words=1)
        reading, beam = generator.reading_steps - before[0], generator.beam_steps - before[1]
        assert reading <= 1 and beam <= 1, typed[:length]
        before = generator.reading_steps, generator.beam_steps
    assert generator.reading_steps <= 2  # two finished words


def test_cached_state_changes_nothing(generator: QueryGenerator) -> None:
    cold = QueryGenerator(decoder_of(small_model()), VOCABULARY, EVERY_WORD)
    generator.generate(["red"], "s", [(0, 1.0)], limit=5, width=8)
    warm = generator.generate(["red", "shoe"], "w", [(0, 0.6), (2, 0.4)], limit=5, width=8)
    assert warm == cold.generate(["red", "shoe"], "w", [(0, 0.6), (2, 0.4)], limit=5, width=8)
