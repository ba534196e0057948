"""Neural baselines: causal, of equal size, step by step the same as at once, the same for the same seed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.language_model.config import PRESETS
from core.language_model.corpus import Line
from core.text.vocabulary import Vocabulary, build_vocabulary
from tests.core.language_model.models import small_model, small_vocabulary
from training.baselines.neural import Architecture, ShopLines, build, trained_baseline
from training.baselines.sizes import TOLERANCE, parameter_count
from training.evaluation.scored_models import GruMnScored, NeuralScored
from training.evaluation.scoring import ScoredModel

ARCHITECTURES: tuple[Architecture, ...] = ("lstm", "transformer", "gru")
VOCABULARY = build_vocabulary({f"word{index:03d}": 5.0 for index in range(300)}, 3, min_count=1, max_words=1_000)
OURS = PRESETS["tiny"].config(
    input_size=VOCABULARY.input_size, output_size=VOCABULARY.output_size, categories=3, titles=False
)
PARAMETERS = 100_000


def scored(architecture: Architecture, *, uses_category: bool) -> ScoredModel:
    """An untrained model with weights large enough that mistakes show."""
    vocabulary = VOCABULARY if uses_category else one_category(VOCABULARY)
    model = build(architecture, OURS, vocabulary, PARAMETERS, seed=1)
    generator = torch.Generator().manual_seed(5)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    return NeuralScored(model, vocabulary, uses_category=uses_category)


def one_category(vocabulary: Vocabulary) -> Vocabulary:
    return build_vocabulary(dict(zip(vocabulary.words, vocabulary.counts, strict=True)), 1, 1, 1_000)


MODELS: dict[str, ScoredModel] = {
    "ours": GruMnScored(small_model(), small_vocabulary()),
    **{name: scored(name, uses_category=True) for name in ARCHITECTURES},
    "lstm, no category": scored("lstm", uses_category=False),
    "transformer, no category": scored("transformer", uses_category=False),
}
models = pytest.mark.parametrize("name", list(MODELS))


@models
@given(tokens=st.lists(st.integers(0, 8), min_size=1, max_size=7), data=st.data())
@settings(max_examples=15, deadline=None)
def test_no_model_sees_the_future(name: str, tokens: list[int], data: st.DataObject) -> None:
    """Other words from some position on change nothing before it, and something after it."""
    model = MODELS[name]
    position = data.draw(st.integers(0, len(tokens) - 1))
    changed = tokens[:position] + [(token + 1) % 8 for token in tokens[position:]]
    before, after = model.probabilities(np.array([tokens, changed]), np.zeros(2, np.int64))
    np.testing.assert_allclose(before[: position + 1], after[: position + 1], atol=1e-6)
    assert not np.allclose(before[position + 1 :], after[position + 1 :], atol=1e-6)


@models
def test_probabilities_sum_to_one_and_steps_equal_the_whole(name: str) -> None:
    model = MODELS[name]
    category = model.categories - 1
    whole = model.probabilities(np.array([[3, 1, 4, 1]]), np.array([category]))[0]
    np.testing.assert_allclose(whole.sum(1), 1.0, atol=1e-5)
    assert whole.shape == (5, len(model.vocabulary.words) + 2)
    np.testing.assert_allclose(np.stack(list(model.stepwise([3, 1, 4, 1], category))), whole, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_sizes_are_equal_within_three_percent(architecture: Architecture) -> None:
    for parameters in (PARAMETERS, 2 * PARAMETERS):
        count = parameter_count(build(architecture, OURS, VOCABULARY, parameters, seed=0))
        assert abs(count - parameters) <= TOLERANCE * parameters


def test_a_size_below_the_embeddings_is_refused() -> None:
    with pytest.raises(ValueError, match="no width"):
        build("lstm", OURS, VOCABULARY, 5_000, seed=0)


@pytest.fixture
def lines() -> ShopLines:
    up = [Line((start, start + 1, start + 2), start % 3) for start in range(60)] * 2
    return ShopLines(up, up[:9], up[30:], up[9:18])


def test_equal_seeds_give_equal_models_and_a_trained_one_is_taken_from_disk(lines: ShopLines, tmp_path: Path) -> None:
    notes: list[str] = []

    def trained(folder: str) -> dict[str, torch.Tensor]:
        model = trained_baseline(
            "lstm", OURS, PARAMETERS, "tiny", VOCABULARY, lines, tmp_path / folder,
            lambda share, note: notes.append(note), titles_first=True, seed=2,
        )  # fmt: skip
        return model.state_dict()

    first, second = trained("one"), trained("two")
    assert notes
    notes.clear()
    again = trained("one")
    assert not notes
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, atol=0, rtol=0)
        torch.testing.assert_close(again[name], value, atol=0, rtol=0)


def test_lines_without_category_are_the_same_lines(lines: ShopLines) -> None:
    plain = lines.without_category()
    assert [line.tokens for line in plain.titles] == [line.tokens for line in lines.titles]
    assert {line.category for line in (*plain.titles, *plain.queries)} == {0}
