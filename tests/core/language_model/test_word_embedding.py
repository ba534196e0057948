"""Tied embeddings: one matrix in, out and on disk, and the decoder reads it as torch does."""

import numpy as np
import pytest
import torch
from torch import nn

from core.language_model.word_embedding import TiedEmbedding, word_embedding
from tests.core.language_model.models import decoder_of, small_model, small_vocabulary


def test_words_are_rows_of_the_output_layer_and_begins_their_own() -> None:
    output = nn.Linear(4, 6)
    embedding = word_embedding(output, 8, 4, tied=True)
    assert isinstance(embedding, TiedEmbedding)
    found = embedding(torch.tensor([[0, 5, 6, 7]]))[0]
    torch.testing.assert_close(found[:2], output.weight[[0, 5]])
    torch.testing.assert_close(found[2:], embedding.begins.weight)
    assert [name for name, _ in embedding.named_parameters()] == ["begins.weight"]


def test_both_uses_move_the_same_weights() -> None:
    model = small_model(tied=True)
    loss = model(torch.tensor([[0, 1]]), torch.tensor([1])).logsumexp(-1).sum()
    loss.backward()
    gradient = model.output.weight.grad
    assert gradient is not None and (gradient.abs().sum(1) > 0).all()
    assert "word_embedding.weight" not in model.state_dict()


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match="as wide"):
        word_embedding(nn.Linear(4, 6), 8, 5, tied=True)


def test_the_decoder_equals_torch() -> None:
    model, vocabulary = small_model(tied=True), small_vocabulary()
    decoder = decoder_of(model)
    tokens = [vocabulary.bos_id(2), 3, vocabulary.rare_id, 0]
    with torch.inference_mode():
        expected = torch.log_softmax(model(torch.tensor([tokens]), torch.tensor([2]))[0], -1).numpy()
    state = decoder.start(np.array([2]), np.array(tokens[:1]))
    for position in range(len(tokens)):
        if position:
            state = decoder.advance(state, np.array([tokens[position]]))
        np.testing.assert_allclose(decoder.log_probs(state)[0], expected[position], atol=1e-5)
