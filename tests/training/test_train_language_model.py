"""Training: it learns, it stops, and a broken run ends as an unbroken one."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core.language_model.config import PRESETS
from core.language_model.corpus import Line, batches, draw, is_held_out
from core.text.vocabulary import Vocabulary, build_vocabulary
from training.sampled_softmax import SampledSoftmax
from training.train_language_model import TrainingPlan, log_likelihood, plan_from, train

WORDS = {f"word{index:02d}": 10.0 for index in range(20)}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small lose by being split over cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def vocabulary() -> Vocabulary:
    return build_vocabulary(WORDS, 2, min_count=1, max_words=100)


@pytest.fixture
def lines() -> list[Line]:
    """Category 0 counts up, category 1 counts down: only a model that reads words and category can tell."""
    up = [Line(tuple(range(start, start + 3)), 0) for start in range(17)]
    down = [Line(tuple(range(start + 2, start - 1, -1)), 1) for start in range(17)]
    return (up + down) * 8


@pytest.fixture
def plan(vocabulary: Vocabulary, lines: list[Line]) -> TrainingPlan:
    made = plan_from(PRESETS["tiny"], vocabulary, titles=False, lines=len(lines), seed=3)
    return dataclasses.replace(made, epochs=20, batch_size=16, learning_rate=1e-2, eval_every_lines=256)


def test_learns_words_and_category(
    plan: TrainingPlan, vocabulary: Vocabulary, lines: list[Line], tmp_path: Path
) -> None:
    trained = train(plan, vocabulary, lines, lines[:34], tmp_path)
    assert trained.log_likelihood > -1.1  # a uniform guess is −3.1, knowing all but the first word −0.7
    held_out = [entry["held_out_log_likelihood"] for entry in trained.curve]
    assert trained.log_likelihood == max(held_out)
    assert log_likelihood(trained.model, lines[:34], vocabulary) == pytest.approx(trained.log_likelihood, abs=1e-5)


def test_an_interrupted_run_ends_as_an_unbroken_one(
    plan: TrainingPlan, vocabulary: Vocabulary, lines: list[Line], tmp_path: Path
) -> None:
    class InterruptError(Exception):
        pass

    def interrupt(share: float, note: str) -> None:
        if share > 0.5:
            raise InterruptError

    whole = train(plan, vocabulary, lines, lines[:34], tmp_path / "whole")
    with pytest.raises(InterruptError):
        train(plan, vocabulary, lines, lines[:34], tmp_path / "broken", interrupt)
    resumed = train(plan, vocabulary, lines, lines[:34], tmp_path / "broken")
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], value, atol=0, rtol=0)


def test_another_plans_checkpoint_is_not_taken_up(
    plan: TrainingPlan, vocabulary: Vocabulary, lines: list[Line], tmp_path: Path
) -> None:
    train(plan, vocabulary, lines, lines[:34], tmp_path)
    other = train(dataclasses.replace(plan, seed=4, epochs=1), vocabulary, lines, lines[:34], tmp_path)
    assert other.curve[-1]["step"] <= len(lines) / plan.batch_size + 4


def test_nothing_to_train_on_is_refused(plan: TrainingPlan, vocabulary: Vocabulary, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no lines"):
        train(plan, vocabulary, [], [], tmp_path)


def test_batches_hold_every_line_once_without_padding(vocabulary: Vocabulary) -> None:
    lines = [Line((1,) * length, length % 2) for length in (1, 2, 3, 2, 1, 5, 1)]
    rows = [tuple(row) for batch in batches(lines, vocabulary, 2, seed=1) for row in batch.tokens.tolist()]
    expected = [(vocabulary.bos_id(line.category), *line.tokens, vocabulary.eos_id(line.category)) for line in lines]
    assert sorted(rows) == sorted(expected)


def test_drawing_follows_the_weights() -> None:
    lines = [Line((1,), 0, 1.0), Line((2,), 0, 9.0)] * 500
    drawn = draw(lines, 1_000, seed=0)
    assert 850 < sum(line.tokens == (2,) for line in drawn) < 950


def test_held_out_share_is_fixed_by_the_text() -> None:
    held_out = [text for text in (f"query {index}" for index in range(4_000)) if is_held_out(text)]
    assert 150 < len(held_out) < 250
    assert all(is_held_out(text) for text in held_out)


def test_sampled_loss_has_the_gradient_of_the_full_one_on_average() -> None:
    """Over many samples the mean gradient of the sampled loss points where that of the full softmax does."""
    torch.manual_seed(0)
    vocabulary = build_vocabulary({f"w{index:03d}": 1.0 for index in range(200)}, 1, min_count=1, max_words=300)
    lines = [Line((index % 50,), 0) for index in range(400)]
    sampled = SampledSoftmax(lines, vocabulary, 60)
    output = torch.nn.Linear(6, vocabulary.output_size)
    contexts, targets = torch.randn(32, 6), torch.randint(0, 50, (32,))

    def gradient(loss: torch.Tensor) -> torch.Tensor:
        (result,) = torch.autograd.grad(loss, output.weight)
        return result.flatten()

    full = gradient(torch.nn.functional.cross_entropy(output(contexts), targets))
    mean = torch.stack([gradient(sampled(contexts, targets, output)) for _ in range(400)]).mean(0)
    assert torch.cosine_similarity(full, mean, dim=0) > 0.97
