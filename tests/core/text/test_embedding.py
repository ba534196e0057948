"""The query encoder against sentence-transformers, and the cache of bulk embedding."""

from pathlib import Path

import numpy as np
import pytest

from core.text.bert import is_supported
from core.text.embedding import Encoder, embed_cached

TEXTS = [
    "running shoes",
    "a",
    "",
    "1/2 in. PVC elbow, 90° – white (pack of 10)",
    "साड़ी 👗 unbelievable-word-qzx",
    "very long title " * 40,
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder()


def test_equal_to_the_library(encoder: Encoder) -> None:
    expected = encoder._library.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    computed = encoder.encode(TEXTS)
    assert computed.dtype == np.float32
    np.testing.assert_allclose(computed, expected, atol=1e-5, rtol=0)


def test_queries_in_eight_bits_keep_their_meaning(encoder: Encoder) -> None:
    exact = encoder.encode(TEXTS)
    quick = np.stack([encoder.encode_query(text) for text in TEXTS])
    np.testing.assert_allclose(np.linalg.norm(quick, axis=1), 1, atol=1e-6)
    cosine = (exact * quick).sum(1)
    assert cosine.min() > 0.97
    assert cosine.max() < 1 - 1e-5  # or it would not be in 8 bits


def test_bulk_is_the_same_meaning(encoder: Encoder) -> None:
    texts = [
        f"{text} {number}" for number in range(20) for text in ("desk lamp", "red shoes", "oak table", "usb cable")
    ]
    cosine = (encoder.encode(texts) * encoder.encode_many(texts)).sum(1)
    assert cosine.min() > 0.999


def test_no_texts(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == encoder.encode_many([]).shape == (0, encoder.dimensions)


def test_other_models_go_through_the_library(tmp_path: Path) -> None:
    assert not is_supported(tmp_path)


def test_what_was_embedded_is_not_embedded_again(
    encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = embed_cached(encoder, ["red shoes", "oak table", "red shoes"], tmp_path)
    np.testing.assert_array_equal(first[0], first[2])
    asked: list[str] = []
    real = encoder.encode_many

    def counted(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return real(texts)

    monkeypatch.setattr(encoder, "encode_many", counted)
    again = embed_cached(encoder, ["oak table", "new lamp"], tmp_path)
    assert asked == ["new lamp"]
    np.testing.assert_array_equal(again[0], first[1])
    assert not list(tmp_path.glob(".*.partial"))
