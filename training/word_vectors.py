"""Word embeddings learnt from the shop's own texts, which the language models start from (CADENCE §4.2: fastText).

gensim's FastText knows words by their letters as well, so that rare words and new forms start near their relatives.
One worker and a seed make it deterministic.
"""

from collections.abc import Sequence

import numpy as np
import torch

from core.text.vocabulary import Vocabulary

_WINDOW = 3
_EPOCHS = 3
_BUCKETS = 50_000  # of hashed letter sequences
_SCALE = 0.2  # standard deviation of an embedding's coordinates: twice that of the random start learns faster


def word_vectors(
    lines: Sequence[Sequence[str]], vocabulary: Vocabulary, dimensions: int, seed: int = 0
) -> torch.Tensor:
    """`(V, dimensions)` float32 for the vocabulary's words, in its order, each coordinate of spread 0.2.

    Raises ValueError without lines.
    """
    from gensim.models import FastText  # seconds of imports that only training needs

    if not lines:
        raise ValueError("word vectors need lines to learn from")
    model = FastText(
        vector_size=dimensions, window=_WINDOW, min_count=1, sg=1, negative=5, bucket=_BUCKETS, min_n=3, max_n=5,
        workers=1, seed=seed,
    )  # fmt: skip
    texts = [list(words) for words in lines]
    model.build_vocab(corpus_iterable=texts)
    model.train(corpus_iterable=texts, total_examples=len(texts), epochs=_EPOCHS)
    found = np.stack([model.wv[word] for word in vocabulary.words]).astype(np.float32)
    found -= found.mean(0)
    found *= _SCALE / max(1e-9, float(found.std()))
    return torch.from_numpy(found)
