"""Queries generated from what is typed: category constraint, half-typed word, cached state, beam search."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.language_model.beam import END, Expansion, Hypothesis, IntArray, beam_search
from core.language_model.decoder import Decoder, DecoderState, log_softmax, stack
from core.text.vocabulary import Vocabulary

_FIRST_CHOICES = 256  # candidates kept for the half-typed word
_MERGED_AWAY = 4  # hypotheses more than asked for: the same text may come from several categories
_CACHED_STATES = 5_000  # ~10 kB each at the small preset


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated continuation: all words, p(query | what is typed, category weights) and its category."""

    words: tuple[str, ...]
    probability: float
    category: int


class QueryGenerator:
    """One language model bound to its vocabulary. Thread-safe; the states of typed words are cached."""

    def __init__(self, decoder: Decoder, vocabulary: Vocabulary, shortlists: IntArray, max_words: int = 8) -> None:
        """`shortlists` `(K, S)`: the words that each category may continue with.

        Of what is typed the last `max_words` are read; a query grows up to `max_words`, or by one word.
        """
        self._decoder = decoder
        self._vocabulary = vocabulary
        self._max_words = max_words
        self._choices: dict[int, IntArray] = {}  # per category: its end token, then its shortlist
        for category, listed in enumerate(shortlists):
            eos = np.array([vocabulary.eos_id(category)], np.int64)
            self._choices[category] = np.concatenate([eos, listed])
        self._states: OrderedDict[tuple[int, tuple[int, ...]], DecoderState] = OrderedDict()
        self._lock = threading.Lock()
        self.steps = 0  # model steps taken for typed words, for tests and metrics
        rare = np.array(vocabulary.rare_counts, np.float32)
        self._rare_log_share = np.log(rare / rare.sum()) if len(rare) else rare

    def generate(
        self,
        words: Sequence[str],
        half: str,
        categories: Sequence[tuple[int, float]],
        *,
        limit: int,
        width: int,
        max_new_words: int = 4,
        deadline: float = float("inf"),
    ) -> list[Generated]:
        """Continuations of `words` and the half-typed word `half` (empty: a new word begins), best first.

        `categories` are `(id, weight)` with weights summing to 1. Probabilities are conditional on the prefix, so
        they sum to at most 1 over all continuations. Empty when no known word starts with `half`.
        """
        if not categories:
            return []
        new_words = max(1, min(max_new_words, self._max_words - len(words)))
        tokens = tuple(self._vocabulary.encode(words[-self._max_words :]))  # the nearest words say what comes next
        state = self.read(tokens, [category for category, _ in categories])
        first = self._first(state, half)
        if first is None:
            return []
        weights = np.log(np.array([weight for _, weight in categories], np.float32))
        found = beam_search(
            first,
            weights,
            self._step,
            width=width,
            limit=limit + _MERGED_AWAY,
            max_steps=new_words + 1,
            deadline=deadline,
        )
        return self._merge(words, [category for category, _ in categories], found)[:limit]

    def read(self, tokens: tuple[int, ...], categories: Sequence[int]) -> DecoderState:
        """The state after the begin token and `tokens`, one row per category; only what is new is computed."""
        with self._lock:
            known = min(self._longest_known(category, tokens) for category in categories)
            cached = [self._states.get((category, tokens[:known])) for category in categories] if known >= 0 else []
            for category, state in zip(categories, cached, strict=False):
                if state is not None:
                    self._states.move_to_end((category, tokens[:known]))
        ids = np.array(categories, np.int64)
        if known < 0 or any(state is None for state in cached):
            bos = np.array([self._vocabulary.bos_id(category) for category in categories], np.int64)
            state, known = self._decoder.start(ids, bos), 0
            self.steps += 1
            self._remember(state, categories, ())
        else:
            state = stack([part for part in cached if part is not None])
        for length in range(known, len(tokens)):
            state = self._decoder.advance(state, np.full(len(categories), tokens[length], np.int64))
            self.steps += 1
            self._remember(state, categories, tokens[: length + 1])
        return state

    def end_probability(self, state: DecoderState) -> npt.NDArray[np.float32]:
        """p(end of query) `(N,)` after what the rows of `state` have read, over the whole vocabulary."""
        ends = np.array([self._vocabulary.eos_id(category) for category in state.category.tolist()])
        result: npt.NDArray[np.float32] = np.exp(self._decoder.log_probs(state)[np.arange(len(ends)), ends])
        return result

    def _longest_known(self, category: int, tokens: tuple[int, ...]) -> int:
        for length in range(len(tokens), -1, -1):
            if (category, tokens[:length]) in self._states:
                return length
        return -1

    def _remember(self, state: DecoderState, categories: Sequence[int], tokens: tuple[int, ...]) -> None:
        with self._lock:
            for row, category in enumerate(categories):
                self._states[category, tokens] = state.take(np.array([row]))
                self._states.move_to_end((category, tokens))
            while len(self._states) > _CACHED_STATES:
                self._states.popitem(last=False)

    def _first(self, state: DecoderState, half: str) -> Expansion[DecoderState] | None:
        """Candidates for the half-typed word, renormalised over all that start with it."""
        if not half:
            expansion = self._expand(state)
            log_probs = expansion.log_probs.copy()
            log_probs[:, 0] = -np.inf  # ending here would give back what is typed
            return Expansion(log_softmax(log_probs), expansion.tokens, state)
        low, high = self._vocabulary.prefix_range(half)
        rare_low, rare_high = self._vocabulary.rare_prefix_range(half)
        if low == high and rare_low == rare_high:
            return None
        # Renormalised over the slice, the rest of the vocabulary cancels out and need not be computed.
        rare_id = self._vocabulary.rare_id
        rare = self._decoder.logits(state, rare_id, rare_id + 1) + self._rare_log_share[rare_low:rare_high]
        slice_ = log_softmax(np.concatenate([self._decoder.logits(state, low, high), rare], 1))
        ids = np.concatenate([np.arange(low, high), self._vocabulary.input_size + np.arange(rare_low, rare_high)])
        if len(ids) > _FIRST_CHOICES:
            best = np.argpartition(-slice_.max(0), _FIRST_CHOICES)[:_FIRST_CHOICES]
            best.sort()
            slice_, ids = slice_[:, best], ids[best]
        return Expansion(slice_, np.broadcast_to(ids, slice_.shape), state)

    def _step(self, state: DecoderState, rows: IntArray, tokens: IntArray) -> Expansion[DecoderState]:
        read = np.where(tokens >= self._vocabulary.input_size, self._vocabulary.rare_id, tokens)
        return self._expand(self._decoder.advance(state.take(rows), read))

    def _expand(self, state: DecoderState) -> Expansion[DecoderState]:
        tokens = np.stack([self._choices[category] for category in state.category.tolist()])
        tokens[:, 0] = END
        return Expansion(self._decoder.shortlist_log_probs(state, self._choices), tokens, state)

    def _merge(self, words: Sequence[str], categories: Sequence[int], found: Sequence[Hypothesis]) -> list[Generated]:
        """One entry per text: its probabilities under all categories added up, the category of the largest kept."""
        total: dict[tuple[str, ...], float] = {}
        category: dict[tuple[str, ...], int] = {}
        for hypothesis in found:  # best first, so the first category is the largest
            text = (*words, *(self.word(token) for token in hypothesis.tokens))
            total[text] = total.get(text, 0.0) + float(np.exp(hypothesis.log_prob))
            category.setdefault(text, categories[hypothesis.root])
        ranked = sorted(total, key=lambda text: (-total[text], text))
        return [Generated(text, total[text], category[text]) for text in ranked]

    def word(self, token: int) -> str:
        """The word of a candidate's token id; ids past the vocabulary's are rare words."""
        if token >= self._vocabulary.input_size:
            return self._vocabulary.rare_words[token - self._vocabulary.input_size]
        return self._vocabulary.words[token]
