"""The models of the comparison: ours as published, and every baseline trained on the same lines or taken from disk."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from config.progress import Steps
from core.artifacts import ArtifactFolder
from core.errors import ArtifactError
from core.language_model.config import GruMnConfig, Preset
from core.language_model.stored_corpus import CORPUS, load_lines
from core.services.bundle import CATALOG_MODEL, QUERY_MODEL
from core.text.vocabulary import Vocabulary
from training.baselines.neural import Architecture, ShopLines, trained_baseline
from training.baselines.ngram_models import Family, NgramModel
from training.evaluation.scored_models import GruMnScored, NeuralScored
from training.evaluation.scoring import ScoredModel

OURS = "NQLM+CC+SA (ours)"
CATALOGUE = "NCLM+CC+SA (ours, titles alone)"

_NGRAMS: tuple[tuple[str, Family, bool], ...] = (
    ("SLM: stupid back-off 4-gram", "stupid_backoff", False),
    ("SLM+CC", "stupid_backoff", True),
    ("Kneser-Ney 4-gram", "kneser_ney", False),
    ("Kneser-Ney 4-gram+CC", "kneser_ney", True),
)
_NEURAL: tuple[tuple[str, Architecture, bool], ...] = (
    ("NQLM: word LSTM", "lstm", False),
    ("NQLM+CC", "lstm", True),
    ("Transformer (GPT-2)", "transformer", False),
    ("Transformer+CC", "transformer", True),
    ("GRU+CC, no tape", "gru", True),
)
QUERIES_ALONE = ", queries alone"


@dataclass(frozen=True, slots=True)
class Shop:
    """What a published version gives to compare on."""

    folder: ArtifactFolder
    vocabulary: Vocabulary
    lines: ShopLines
    preset: Preset
    ours: GruMnConfig

    @property
    def without_category(self) -> Vocabulary:
        return replace(self.vocabulary, categories=1)


def load_shop(folder: ArtifactFolder, vocabulary: Vocabulary) -> Shop:
    """Raises ArtifactError for a version that holds no query model or not the lines it was trained on."""
    if not folder.has(CORPUS) or not folder.has(f"{QUERY_MODEL}/config.json"):
        raise ArtifactError(f"version {folder.version} has no query model, or not the lines it learnt from: train anew")
    sides = [load_lines(folder.path / CORPUS, side) for side in ("title", "title_held_out", "query", "query_held_out")]
    config = GruMnConfig.from_dict(folder.json(f"{QUERY_MODEL}/config.json"))
    return Shop(folder, vocabulary, ShopLines(*sides), folder.manifest["preset"], config)


def our_models(shop: Shop) -> Iterator[tuple[str, ScoredModel]]:
    """The published query model and, where there is one, the catalogue model."""
    for name, model in ((OURS, QUERY_MODEL), (CATALOGUE, CATALOG_MODEL)):
        if shop.folder.has(f"{model}/config.json"):
            config = GruMnConfig.from_dict(shop.folder.json(f"{model}/config.json"))
            yield name, GruMnScored.load(shop.folder.path / model, config, shop.vocabulary)


def baselines(shop: Shop, home: Path, steps: Steps, *, titles_first: bool) -> Iterator[tuple[str, ScoredModel]]:
    """Every baseline, ready to be scored. What had to be trained is kept below `<home>/baselines/<version>/`."""
    suffix = "" if titles_first else QUERIES_ALONE
    plain = shop.lines.without_category()
    for name, family, uses_category in _NGRAMS:
        with steps.step(f"Counting {name}{suffix}"):
            sides = [shop.lines.queries]
            if titles_first and shop.lines.titles:
                sides.append(shop.lines.titles)
            counted = NgramModel(
                family, shop.vocabulary, sides, shop.lines.queries_held_out, uses_category=uses_category
            )
        yield name + suffix, counted
    parameters = GruMnScored.load(shop.folder.path / QUERY_MODEL, shop.ours, shop.vocabulary).parameters
    for name, architecture, uses_category in _NEURAL:
        vocabulary = shop.vocabulary if uses_category else shop.without_category
        folder = home / "baselines" / shop.folder.version / f"{architecture}{'_category' * uses_category}"
        with steps.step(f"Training {name}{suffix}") as update:
            model = trained_baseline(
                architecture,
                shop.ours,
                parameters,
                shop.preset,
                vocabulary,
                shop.lines if uses_category else plain,
                folder / ("titles_first" if titles_first else "queries_alone"),
                update,
                titles_first=titles_first,
            )
        yield name + suffix, NeuralScored(model, vocabulary, uses_category=uses_category)
