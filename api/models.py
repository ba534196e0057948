"""From published artifacts to the two flows that serve them."""

from datetime import datetime

from api.state import Models
from config.settings import Settings


def load_models(settings: Settings, version: str | None = None) -> Models:
    """The named artifact version, or else the current one. Raises ArtifactError when it cannot be served."""
    # Imported here: these bring numerical libraries along, which creating the app (and its OpenAPI) does not need.
    from core.services.bundle import load_bundle
    from core.services.search import SearchService
    from core.services.suggest import SuggestService

    bundle = load_bundle(settings.storage.artifacts, settings.models.embedding_model, version)
    suggest = SuggestService(bundle, settings.suggest.suggestion_diversity)
    search = SearchService(bundle)

    cut = bundle.manifest.get("learnt_before")

    def warm_up() -> None:
        suggest.warm_up()
        search.warm_up()

    return Models(
        version=bundle.version,
        manifest=bundle.manifest,
        has_catalog=bundle.has_catalog,
        gather=suggest.gather,
        finish=suggest.finish,
        search=search.search,
        warm_up=warm_up,
        is_known=suggest.is_known,
        finds=suggest.finds,
        learnt_before=datetime.fromisoformat(cut) if cut else None,
    )
