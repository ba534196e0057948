"""Which provider a name means."""

from pathlib import Path

from config.gemini_settings import GeminiSettings
from data_generation.providers.answer_cache import AnswerCache
from data_generation.providers.gemini import GeminiProvider
from data_generation.providers.gemini_client import GeminiClient
from data_generation.providers.offline import OfflineProvider
from data_generation.providers.port import Provider, ProviderError

NAMES = ("offline", "gemini")


def provider_of(name: str, settings: GeminiSettings, cache_folder: Path) -> Provider:
    """The provider; answers of `gemini` are kept in `cache_folder`. Raises ProviderError: no such name, or no key."""
    if name == "offline":
        return OfflineProvider()
    if name == "gemini":
        return GeminiProvider(GeminiClient(settings, AnswerCache(cache_folder)), OfflineProvider())
    raise ProviderError(f"there is no provider {name!r}: take one of {', '.join(NAMES)}")
