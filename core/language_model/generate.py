"""Queries generated from what is typed: category constraint, half-typed word, beam search over cached nodes.

A *node* is what one category's model knows after some words: its state, and the most probable next words with their
log probabilities. Nodes are kept, those that the beam passed through as well as those that were typed. A word that is
finished was mostly foreseen by the beam, so the next keystroke reads it from the cache. Reading a word that nobody
foresaw costs one model step, reading one more letter none; looking ahead costs a step for each further word that some
hypothesis has not been looked at with yet (1.5 steps a generated list in measured sessions).
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.language_model.beam import END, Expansion, Hypothesis, IntArray, beam_search
from core.language_model.decoder import Decoder, DecoderState, softmax, stack
from core.language_model.next_words import NextWords
from core.text.vocabulary import Vocabulary

FloatArray = npt.NDArray[np.float32]

_FIRST_CHOICES = 256  # candidates kept for the half-typed word
_MERGED_AWAY = 4  # hypotheses more than asked for: the same text may come from several categories
_CACHED_NODES = 6_000  # ~12 kB each at the small preset
_NO_PROBABILITY = np.float32(1e-30)
_FOLLOWERS = 24  # next tokens kept of a node: a beam of width b takes at most b of them, wider ones keep more

_Key = tuple[int, tuple[int, ...]]
"""Category and the tokens read after its begin token."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated continuation: all words, p(query | what is typed, category weights) and its category."""

    words: tuple[str, ...]
    probability: float
    category: int


@dataclass(frozen=True, slots=True)
class _Followers:
    """The most probable next tokens of a node, `tokens` and `log_probs` both `(C,)`, in no order."""

    tokens: IntArray
    log_probs: FloatArray


@dataclass(slots=True)
class _Node:
    """One row of state; its followers once they were asked for."""

    state: DecoderState
    followers: _Followers | None = None


_Path = tuple[_Key, _Node]


class QueryGenerator:
    """One language model bound to its vocabulary. Thread-safe; nodes are cached, the least recently used go first."""

    def __init__(
        self,
        decoder: Decoder,
        vocabulary: Vocabulary,
        shortlists: IntArray,
        max_words: int = 8,
        counted: NextWords | None = None,
    ) -> None:
        """`shortlists` `(K, S)`: the words that each category may continue with; `counted`: what followed what before.

        Of what is typed the last `max_words` are read; a query grows up to `max_words`, or by one word.
        """
        self._decoder = decoder
        self._vocabulary = vocabulary
        self._max_words = max_words
        self._choices: dict[int, IntArray] = {}  # per category: its end token, then its shortlist
        for category, listed in enumerate(shortlists):
            eos = np.array([vocabulary.eos_id(category)], np.int64)
            self._choices[category] = np.concatenate([eos, listed])
        self._counted = counted
        # Per category, the column of every token among its choices, −1 for none; the last entry is the end's.
        self._columns = np.full((len(shortlists) if counted else 0, vocabulary.output_size + 1), -1, np.int32)
        for columns, listed in zip(self._columns, shortlists, strict=False):
            columns[listed] = 1 + np.arange(len(listed))
            columns[-1] = 0
        self._nodes: OrderedDict[_Key, _Node] = OrderedDict()
        self._lock = threading.Lock()
        # The state before the first word is the same for every shopper: computed now, and never dropped.
        ids = np.arange(vocabulary.categories)
        begun = decoder.start(ids, vocabulary.bos_id(0) + ids)
        self._begun = [_Node(begun.take(np.array([category]))) for category in ids]
        self.reading_steps = 0  # model steps taken to read typed words
        self.beam_steps = 0  # model steps taken to look ahead
        rare = np.array(vocabulary.rare_counts, np.float32)
        self._rare_log_share = np.log(rare / rare.sum()) if len(rare) else rare

    @property
    def decoder(self) -> Decoder:
        """The model itself, without what was counted."""
        return self._decoder

    def generate(
        self,
        words: Sequence[str],
        half: str,
        categories: Sequence[tuple[int, float]],
        *,
        limit: int,
        width: int,
        max_new_words: int = 4,
        floor: float = 0.0,
        deadline: float = float("inf"),
    ) -> list[Generated]:
        """Continuations of `words` and the half-typed word `half` (empty: a new word begins), best first.

        `categories` are `(id, weight)` with weights summing to 1. Probabilities are conditional on the prefix, so
        they sum to at most 1 over all continuations; those below `floor` under each of the categories are not looked
        for. Empty when no known word starts with `half`.
        """
        if not categories:
            return []
        new_words = max(1, min(max_new_words, self._max_words - len(words)))
        tokens = tuple(self._vocabulary.encode(words[-self._max_words :]))  # the nearest words say what comes next
        roots = self._read(tokens, [category for category, _ in categories])
        first = self._after_space(roots, width) if not half else self._half_typed(roots, half)
        if first is None:
            return []

        def step(paths: Sequence[_Path], rows: IntArray, following: IntArray) -> Expansion[Sequence[_Path]]:
            return self._followed([paths[row] for row in rows], following, width)

        found = beam_search(
            first,
            np.log(np.array([weight for _, weight in categories], np.float32)),
            step,
            width=width,
            limit=limit + _MERGED_AWAY,
            max_steps=new_words + 1,
            floor=math.log(floor) if floor > 0 else -math.inf,
            deadline=deadline,
        )
        return self._merge(words, [category for category, _ in categories], found)[:limit]

    def read(self, tokens: tuple[int, ...], categories: Sequence[int]) -> DecoderState:
        """The state after the begin token and `tokens`, one row per category; only what is new is computed."""
        return stack([node.state for _, node in self._read(tokens, categories)])

    def end_probability(self, state: DecoderState) -> FloatArray:
        """p(end of query) `(N,)` after what the rows of `state` have read, over the whole vocabulary."""
        ends = np.array([self._vocabulary.eos_id(category) for category in state.category.tolist()])
        result: FloatArray = np.exp(self._decoder.log_probs(state)[np.arange(len(ends)), ends])
        return result

    def _read(self, tokens: tuple[int, ...], categories: Sequence[int]) -> list[_Path]:
        length, known = len(tokens), self._known([(category, tokens) for category in categories])
        while length and not all(known):
            length -= 1
            known = self._known([(category, tokens[:length]) for category in categories])
        if length == 0:
            known = [self._begun[category] for category in categories]
        paths = [((category, tokens[:length]), node) for category, node in zip(categories, known, strict=True) if node]
        for token in tokens[length:]:
            self.reading_steps += 1
            paths = self._advanced(paths, [token] * len(paths))
        return paths

    def _known(self, keys: Sequence[_Key]) -> list[_Node | None]:
        with self._lock:
            for key in keys:
                if key in self._nodes:
                    self._nodes.move_to_end(key)
            return [self._nodes.get(key) for key in keys]

    def _advanced(self, paths: Sequence[_Path], tokens: Sequence[int]) -> list[_Path]:
        """The nodes one token further, computed in one step."""
        state = self._decoder.advance(stack([node.state for _, node in paths]), np.array(tokens, np.int64))
        return self._remember([_longer(key, token) for (key, _), token in zip(paths, tokens, strict=True)], state)

    def _remember(self, keys: Sequence[_Key], state: DecoderState) -> list[_Path]:
        paths = [(key, _Node(state.take(np.array([row])))) for row, key in enumerate(keys)]
        with self._lock:
            self._nodes.update(paths)
            while len(self._nodes) > _CACHED_NODES:
                self._nodes.popitem(last=False)
        return paths

    def _after_space(self, roots: list[_Path], width: int) -> Expansion[Sequence[_Path]]:
        """What may follow complete words. Ending here would give back what is typed, so that is left out."""
        expansion = self._followers(roots, width)
        log_probs = np.where(expansion.tokens == END, np.float32(-np.inf), expansion.log_probs)
        ends = np.exp(np.where(expansion.tokens == END, expansion.log_probs, -np.inf).max(1, keepdims=True))
        return Expansion(log_probs - np.log1p(-np.minimum(ends, np.float32(0.999999))), expansion.tokens, roots)

    def _half_typed(self, roots: list[_Path], half: str) -> Expansion[Sequence[_Path]] | None:
        """Candidates for the half-typed word, renormalised over all that start with it; None if there are none."""
        state = stack([node.state for _, node in roots])
        low, high = self._vocabulary.prefix_range(half)
        rare_low, rare_high = self._vocabulary.rare_prefix_range(half)
        if low == high and rare_low == rare_high:
            return None
        # Renormalised over the slice, the rest of the vocabulary cancels out and need not be computed.
        rare_id = self._vocabulary.rare_id
        rare = self._decoder.logits(state, rare_id, rare_id + 1) + self._rare_log_share[rare_low:rare_high]
        slice_ = softmax(np.concatenate([self._decoder.logits(state, low, high), rare], 1))
        if self._counted:
            columns = np.full(self._vocabulary.output_size + 1, -1, np.int64)
            columns[low:high] = np.arange(high - low)
            slice_ = self._mixed(roots, slice_, self._counted, [columns] * len(roots))
        ids = np.concatenate([np.arange(low, high), self._vocabulary.input_size + np.arange(rare_low, rare_high)])
        if len(ids) > _FIRST_CHOICES:
            best = np.argpartition(slice_.max(0), -_FIRST_CHOICES)[-_FIRST_CHOICES:]
            best.sort()
            slice_, ids = slice_[:, best], ids[best]
        return Expansion(_log(slice_), np.broadcast_to(ids, slice_.shape), roots)

    def _followed(self, paths: Sequence[_Path], tokens: IntArray, width: int) -> Expansion[Sequence[_Path]]:
        """What may follow `paths` and one more token each; nodes that are not cached are computed together."""
        read = np.where(tokens >= self._vocabulary.input_size, self._vocabulary.rare_id, tokens).tolist()
        keys = [_longer(key, token) for (key, _), token in zip(paths, read, strict=True)]
        known = dict(zip(keys, self._known(keys), strict=True))
        # Different rare words are the same token to the model: a node may be wanted twice and is computed once.
        missing = {key: at for at, key in enumerate(keys) if known[key] is None}
        if missing:
            self.beam_steps += 1
            known |= self._advanced([paths[at] for at in missing.values()], [read[at] for at in missing.values()])
        return self._followers([(key, node) for key in keys if (node := known[key])], width)

    def _followers(self, paths: list[_Path], width: int) -> Expansion[Sequence[_Path]]:
        """The `width` most probable next tokens of each node at least, the end among them."""
        kept = min(max(width, _FOLLOWERS), len(self._choices[0]))
        asked = [path for path in paths if path[1].followers is None or len(path[1].followers.tokens) < kept]
        if asked:
            state = stack([node.state for _, node in asked])
            probs = softmax(self._decoder.shortlist_logits(state, self._choices))  # (N, S)
            if self._counted:
                probs = self._mixed(asked, probs, self._counted, [self._columns[key[0]] for key, _ in asked])
            columns = np.argpartition(probs, probs.shape[1] - kept, axis=1)[:, -kept:]
            log_probs = _log(np.take_along_axis(probs, columns, 1))
            for row, (key, node) in enumerate(asked):
                tokens = np.where(columns[row] == 0, END, self._choices[key[0]][columns[row]])
                node.followers = _Followers(tokens, log_probs[row])
        found = [node.followers for _, node in paths if node.followers]
        return Expansion(
            np.stack([followers.log_probs[:kept] for followers in found]),
            np.stack([followers.tokens[:kept] for followers in found]),
            paths,
        )

    @staticmethod
    def _mixed(
        paths: Sequence[_Path], probs: FloatArray, counted: NextWords, columns: Sequence[IntArray]
    ) -> FloatArray:
        """`probs` `(N, C)` of the network, corrected by what followed the words of each path before."""
        return np.stack([counted.mixed(key[1], columns[row], probs[row]) for row, (key, _) in enumerate(paths)])

    def _merge(self, words: Sequence[str], categories: Sequence[int], found: Sequence[Hypothesis]) -> list[Generated]:
        """One entry per text: its probabilities under all categories added up, the category of the largest kept."""
        total: dict[tuple[str, ...], float] = {}
        category: dict[tuple[str, ...], int] = {}
        for hypothesis in found:  # best first, so the first category is the largest
            text = (*words, *(self.word(token) for token in hypothesis.tokens))
            total[text] = total.get(text, 0.0) + math.exp(hypothesis.log_prob)
            category.setdefault(text, categories[hypothesis.root])
        ranked = sorted(total, key=lambda text: (-total[text], text))
        return [Generated(text, total[text], category[text]) for text in ranked]

    def word(self, token: int) -> str:
        """The word of a candidate's token id; ids past the vocabulary's are rare words."""
        if token >= self._vocabulary.input_size:
            return self._vocabulary.rare_words[token - self._vocabulary.input_size]
        return self._vocabulary.words[token]


def _log(probs: FloatArray) -> FloatArray:
    return np.log(np.maximum(probs, _NO_PROBABILITY))


def _longer(key: _Key, token: int) -> _Key:
    return key[0], (*key[1], token)
