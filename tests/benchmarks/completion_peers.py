"""What our lists are compared with: counting, two search engines that run in the process, two language models.

Every peer knows the same searches. The engines get one document for each distinct text, the most frequent first, so
that what they hold to be equal comes in the order of popularity. The language models read the lines that ours learnt
from (`training.evaluation.compared_models`), and a beam that honours the half-typed word writes the list.
"""

import heapq
import importlib
import math
import re
import tempfile
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track

from config.progress import Steps, Update
from core.artifacts import open_current
from core.retrieval.live import LiveIndex
from core.services.bundle import QUERY_MODEL, Bundle
from core.text.normalize import normalize, normalize_prefix
from core.text.vocabulary import Vocabulary
from training.baselines.neural import trained_baseline
from training.baselines.ngram_counts import FloatArray, classes, end_class
from training.baselines.ngram_models import Component, fit_weights, interpolated
from training.baselines.stupid_backoff import StupidBackoff
from training.evaluation.compared_models import Shop, load_shop
from training.evaluation.keystroke_protocol import LINES, Search, Trial
from training.evaluation.scored_models import GruMnScored

Completer = Callable[[str], list[str]]
"""At most ten lines for what is typed."""
Words = tuple[int, ...]
Next = Callable[[Sequence[Words]], FloatArray]
"""`(B, C)`: how likely each class comes after B texts of equally many words."""

HALF_LIFE_SECONDS = 14 * 86_400.0
DELAY_SECONDS = 60.0  # until a search is known to those who learn as they go
_TEXTS_AT_MOST = 10_000_000
_WIDTH = 20  # of the beam
_ORDER = 4  # of the n-grams
_NOTHING = 1e-30
_WORDS_AT_MOST = 6  # that the beam adds
_MAP_BYTES = 2**32  # of address space for milli's memory map


def completers(bundle: Bundle, home: Path, train: Sequence[Search], folder: Path, steps: Steps) -> dict[str, Completer]:
    """The peers that learn nothing on the way; the engines keep their files in `folder`."""
    plain = most_popular(counted(train))
    result = {"MPC": plain}
    last = train[-1].at
    if last is not None:
        result["MPC, 14-day decay"] = most_popular(counted(train, HALF_LIFE_SECONDS), last.timestamp())
    result |= engines(train, folder, steps.say)
    for name, complete in language_models(bundle, home, train, steps):
        result |= {name: complete, f"MPC ∪ {name}": joined(plain, complete)}
    return result


def asked(name: str, complete: Completer, trials: Sequence[Trial]) -> list[list[str]]:
    """The list for each trial; equal prefixes are asked once. `name` stands beside the bar."""
    distinct = dict.fromkeys(trial.prefix for trial in trials)
    lists = {prefix: complete(prefix) for prefix in track(distinct, name)}
    return [lists[trial.prefix] for trial in trials]


def counted(searches: Sequence[Search], half_life_seconds: float | None = None) -> LiveIndex:
    """How often each text was searched; with a half-life, older searches count less."""
    index = LiveIndex(half_life_seconds, _TEXTS_AT_MOST)
    if half_life_seconds is None:
        for text, count in _counts(searches).items():
            index.add(text, count, 0.0)
    else:
        for search in searches:
            assert search.at is not None
            index.add(search.text, search.count, search.at.timestamp())
    return index


def most_popular(index: LiveIndex, now: float = 0.0) -> Completer:
    """Most popular completion (Bar-Yossef & Kraus 2011): the heaviest texts that start with what is typed."""
    return lambda prefix: [text for text, _ in index.complete(prefix, LINES, now)[0]]


def learning_online(before: Sequence[Search], trials: Sequence[Trial]) -> list[list[str]]:
    """Most popular completion with decay that also counts the searches of the trials, each a minute later."""
    index, waiting, lists = counted(before, HALF_LIFE_SECONDS), deque[tuple[str, float]](), []
    for trial in trials:
        assert trial.search.at is not None
        now = trial.search.at.timestamp()
        while waiting and waiting[0][1] + DELAY_SECONDS <= now:
            text, at = waiting.popleft()
            index.add(text, 1.0, at)
        lists.append([text for text, _ in index.complete(trial.prefix, LINES, now)[0]])
        waiting.append((trial.search.text, now))
    return lists


def joined(first: Completer, second: Completer) -> Completer:
    """The lines of the first, then those of the second that are not among them."""
    return lambda prefix: list(dict.fromkeys([*first(prefix), *second(prefix)]))[:LINES]


def engines(searches: Sequence[Search], folder: Path, say: Callable[[str], None]) -> Iterator[tuple[str, Completer]]:
    """tantivy and milli, as far as they are installed (tests/requirements-benchmarks.txt)."""
    texts = _counts(searches)
    for name, make in (("tantivy", _tantivy), ("milli", _milli)):
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            say(f"{name} is left out: {error}")
            continue
        yield name, make(module, texts, folder)


def _counts(searches: Sequence[Search]) -> dict[str, int]:
    """By text, the most frequent first, then the shorter and the alphabetically first."""
    counts: Counter[str] = Counter()
    for search in searches:
        counts[search.text] += search.count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], len(item[0]), item[0])))


def _tantivy(module: Any, texts: Mapping[str, int], folder: Path) -> Completer:
    """Texts that begin with what is typed, then those with all its words, then with one typing error a word.

    Each by count. The last word may be half-typed; words of fewer than four characters are taken as they are.
    """
    schema = (
        module.SchemaBuilder()
        .add_text_field("whole", stored=True, tokenizer_name="raw")
        .add_text_field("words")
        .add_integer_field("count", fast=True)
        .build()
    )
    index = module.Index(schema)
    writer = index.writer(num_threads=1)
    for text, count in texts.items():
        writer.add_document(module.Document(whole=text, words=text, count=count))
    writer.commit()
    index.reload()
    searcher, must = index.searcher(), module.Occur.Must

    def near(field: str, text: str, distance: int, half_typed: bool) -> Any:
        return module.Query.fuzzy_term_query(schema, field, text, distance=distance, prefix=half_typed)

    def complete(prefix: str) -> list[str]:
        words = re.findall(r"[^\W_]+", prefix)  # as its default tokenizer splits
        half = bool(words) and prefix.endswith(words[-1])
        tiers = [near("whole", prefix, 0, True)]
        for distance in (0, 1):
            parts = [
                (must, near("words", word, distance if len(word) > 3 else 0, half and place == len(words)))
                for place, word in enumerate(words, start=1)
            ]
            if parts:
                tiers.append(module.Query.boolean_query(parts))
        lines: dict[str, None] = {}
        for tier in tiers:
            hits = searcher.search(tier, 2 * LINES, count=False, order_by_field="count").hits
            lines |= {searcher.doc(address)["whole"][0]: None for _, address in hits}
            if len(lines) >= LINES:
                break
        return list(lines)[:LINES]

    return complete


def _milli(module: Any, texts: Mapping[str, int], folder: Path) -> Completer:
    """Meilisearch's engine as it is: words, typing errors, proximity, attribute, exactness; ties by popularity."""
    place = tempfile.mkdtemp(dir=folder)
    index, listed = module.Index(place, _MAP_BYTES), list(texts)
    index.add_documents([{"id": number, "text": text} for number, text in enumerate(listed)])
    return lambda prefix: [listed[number] for number in index.search(prefix)[:LINES]]


def language_models(
    bundle: Bundle, home: Path, searches: Sequence[Search], steps: Steps
) -> Iterator[tuple[str, Completer]]:
    """CADENCE's two baselines without category: stupid back-off, and the word LSTM, trained now or before."""
    shop = load_shop(open_current(home / "artifacts"), bundle.vocabulary)
    written: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for search in searches:
        written[normalize(search.text)][search.text] += search.count
    forms = {text: max(ways, key=lambda way: (ways[way], way)) for text, ways in written.items()}
    with steps.step("Counting SLM"):
        slm = _slm(shop)
    yield "SLM", written_by(slm, bundle.vocabulary, forms)
    with steps.step("Training LSTM") as update:
        lstm = _lstm(shop, home, update)
    yield "LSTM", written_by(lstm, bundle.vocabulary, forms)


def _slm(shop: Shop) -> Next:
    """A 4-gram model of queries and one of titles, interpolated as the language-model suite does."""
    end, size = end_class(shop.vocabulary), classes(shop.vocabulary)
    models = [StupidBackoff(side, size, end, _ORDER) for side in (shop.lines.queries, shop.lines.titles) if side]
    parts: list[Component] = [lambda words, _, model=model: model.scores(words) for model in models]  # type: ignore[misc]
    mixed = interpolated(parts, fit_weights(parts, shop.lines.queries_held_out, end))
    known = lru_cache(4_096)(lambda words: mixed(words, 0))
    # Three words say as much as all; where there are no more, the begin mark counts too.
    return lambda texts: np.stack([known(words[-_ORDER + 1 :] if len(words) >= _ORDER else words) for words in texts])


def _lstm(shop: Shop, home: Path, update: Update) -> Next:
    """As the language-model suite trains it, and kept where that keeps it."""
    parameters = GruMnScored.load(shop.folder.path / QUERY_MODEL, shop.ours, shop.vocabulary).parameters
    folder = home / "baselines" / shop.folder.version / "lstm" / "titles_first"
    vocabulary, lines = shop.without_category, shop.lines.without_category()
    model = trained_baseline(
        "lstm", shop.ours, parameters, shop.preset, vocabulary, lines, folder, update, titles_first=True
    )

    def after(texts: Sequence[Words]) -> FloatArray:
        tokens = torch.tensor([(vocabulary.bos_id(0), *words) for words in texts])
        with torch.inference_mode():
            context = model.contexts(tokens, torch.zeros(len(texts), dtype=torch.long))[:, -1]
            shares: FloatArray = torch.softmax(model.output(context), -1).double().numpy()
        return shares

    return after


def written_by(after: Next, vocabulary: Vocabulary, forms: Mapping[str, str]) -> Completer:
    """The likeliest queries of a model that begin with what is typed, by beam search over words.

    `forms`: normalised text → as shoppers mostly write it. The first word added completes the half-typed one, be it
    one of the vocabulary or, with its share of the rare token, a rare one.
    """
    end, rare_total = end_class(vocabulary), sum(vocabulary.rare_counts) or 1.0

    def first_words(half: str, shares: FloatArray) -> Iterator[tuple[str, int, float]]:
        low, high = vocabulary.prefix_range(half)
        best = np.arange(low, high)
        if len(best) > _WIDTH:
            best = low + np.argpartition(-shares[low:high], _WIDTH)[:_WIDTH]
        yield from ((vocabulary.words[token], token, float(shares[token])) for token in best.tolist())
        low, high = vocabulary.rare_prefix_range(half) if half else (0, 0)
        rare = heapq.nlargest(_WIDTH, range(low, high), key=vocabulary.rare_counts.__getitem__)
        share = float(shares[vocabulary.rare_id]) / rare_total
        for row in rare:
            yield vocabulary.rare_words[row], vocabulary.rare_id, share * vocabulary.rare_counts[row]

    @cache
    def complete(prefix: str) -> list[str]:
        *typed, half = normalize_prefix(prefix).split(" ")
        if not typed and not half:
            return []
        beam = [(0.0, tuple(vocabulary.encode(typed)), tuple(typed))]
        finished: list[tuple[float, str]] = []
        for added in range(_WORDS_AT_MOST + 1):
            longer = []
            for (score, tokens, words), shares in zip(beam, after([tokens for _, tokens, _ in beam]), strict=True):
                if added or (not half and words):
                    finished.append((score + math.log(float(shares[end]) + _NOTHING), " ".join(words)))
                for word, token, share in first_words("" if added else half, shares):
                    longer.append((score + math.log(share + _NOTHING), (*tokens, token), (*words, word)))
            finished = heapq.nsmallest(LINES, finished, key=lambda line: (-line[0], line[1]))
            beam = heapq.nsmallest(_WIDTH, longer, key=lambda line: (-line[0], line[2]))
            if not beam or (len(finished) == LINES and finished[-1][0] >= beam[0][0]):
                break
        return list(dict.fromkeys(forms.get(text, text) for _, text in finished))

    return complete
