"""The recurrence, its causality, and the equality of the numpy decoder with the torch reference."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ArtifactError
from core.language_model.decoder import Decoder, stack
from tests.core.language_model.models import CATEGORIES, decoder_of, small_model, small_vocabulary

MODEL = small_model()
DECODER = decoder_of(MODEL)
INPUTS = small_vocabulary().input_size
sequences = st.lists(st.integers(0, INPUTS - 1), min_size=1, max_size=7)


def full_log_probs(rows: list[list[int]], categories: list[int]) -> np.ndarray:
    with torch.inference_mode():
        logits = MODEL(torch.tensor(rows), torch.tensor(categories))
        return torch.log_softmax(logits, -1).numpy()


def naive_layer(layer: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """The formulas of the paper, written out position by position for one row `(T, I)`."""
    weight = dict(layer.named_parameters())
    hidden = weight["memory_candidate.weight"].shape[0]
    u_z, u_r, u_o = torch.split(weight["input_gates.weight"], hidden)
    b_z, b_r, b_o = torch.split(weight["input_gates.bias"], hidden)
    w_z, w_r = torch.split(weight["memory_gates.weight"], hidden)
    tape: list[torch.Tensor] = []
    memory = torch.zeros(hidden)
    for x_t in x:
        if tape:
            scores = torch.stack(
                [
                    weight["attend_score.weight"][0]
                    @ torch.tanh(
                        weight["attend_tape.weight"] @ h
                        + weight["attend_input.weight"] @ x_t
                        + weight["attend_memory.weight"] @ memory
                    )
                    for h in tape
                ]
            )
            share = torch.softmax(scores, 0)
            memory = sum((s * h for s, h in zip(share, tape, strict=True)), torch.zeros(hidden))
        z = torch.sigmoid(u_z @ x_t + w_z @ memory + b_z)
        r = torch.sigmoid(u_r @ x_t + w_r @ memory + b_r)
        o = torch.tanh(u_o @ x_t + weight["memory_candidate.weight"] @ (r * memory) + b_o)
        tape.append(z * memory + (1 - z) * o)
    return torch.stack(tape)


def test_layer_is_the_papers_recurrence() -> None:
    layer = MODEL.layers[0]
    x = torch.randn(2, 6, 10, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        computed = layer(x)
        for row in range(2):
            torch.testing.assert_close(computed[row], naive_layer(layer, x[row]), atol=1e-5, rtol=0)


@given(tokens=sequences, category=st.integers(0, CATEGORIES - 1))
@settings(max_examples=40, deadline=None)
def test_incremental_decoding_equals_full_recomputation(tokens: list[int], category: int) -> None:
    expected = full_log_probs([tokens], [category])[0]
    state = DECODER.start(np.array([category]), np.array(tokens[:1]))
    for position, token in enumerate(tokens):
        if position:
            state = DECODER.advance(state, np.array([token]))
        np.testing.assert_allclose(DECODER.log_probs(state)[0], expected[position], atol=1e-5, rtol=0)


def test_rows_of_one_batch_do_not_touch_each_other() -> None:
    rows, categories = [[1, 2, 3, 4], [5, 6, 7, 0], [1, 2, 0, 0]], [0, 2, 1]
    expected = full_log_probs(rows, categories)[:, -1]
    state = DECODER.start(np.array(categories), np.array([row[0] for row in rows]))
    for position in range(1, 4):
        state = DECODER.advance(state, np.array([row[position] for row in rows]))
    np.testing.assert_allclose(DECODER.log_probs(state), expected, atol=1e-5, rtol=0)
    shuffled = stack([state.take(np.array([row])) for row in (2, 0, 1)])
    np.testing.assert_array_equal(DECODER.log_probs(shuffled), DECODER.log_probs(state.take(np.array([2, 0, 1]))))


@given(tokens=st.lists(st.integers(0, INPUTS - 1), min_size=3, max_size=7), data=st.data())
@settings(max_examples=40, deadline=None)
def test_no_position_sees_the_future(tokens: list[int], data: st.DataObject) -> None:
    position = data.draw(st.integers(1, len(tokens) - 1))
    changed = tokens[:position] + [(token + 1) % INPUTS for token in tokens[position:]]
    before, after = full_log_probs([tokens, changed], [0, 0])
    np.testing.assert_allclose(before[:position], after[:position], atol=1e-6, rtol=0)
    assert not np.allclose(before[position:], after[position:], atol=1e-4)


def test_category_matters_at_every_position() -> None:
    first, second = full_log_probs([[1, 2, 3]] * 2, [0, 1])
    assert (np.abs(first - second).max(1) > 1e-3).all()


def test_missing_or_misshapen_weights_are_refused() -> None:
    weights = {name: value.numpy() for name, value in MODEL.state_dict().items()}
    absent = {name: value for name, value in weights.items() if name != "context.weight"}
    with pytest.raises(ArtifactError, match="do not fit"):
        Decoder(MODEL.config, absent)
    with pytest.raises(ArtifactError, match="configured shapes"):
        Decoder(MODEL.config, weights | {"output.weight": weights["output.weight"][:-1]})
