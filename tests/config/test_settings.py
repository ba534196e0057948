"""Settings: read from flat names, documented, and refused when they cannot be."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from config.settings import Settings, StorageSettings, documented_names

ROOT = Path(__file__).parents[2]


def test_every_setting_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in documented_names() if f"`{name}`" not in readme] == []


def test_every_setting_states_its_reason() -> None:
    for group in Settings.model_fields.values():
        assert isinstance(group.annotation, type)
        for name, field in group.annotation.model_fields.items():
            assert field.description, name


def test_values_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_LATENCY_MS", "25")
    monkeypatch.setenv("LOG_LEVEL", "debug")
    monkeypatch.setenv("CORS_ORIGINS", "https://a.test, https://b.test")
    settings = Settings()
    assert settings.suggest.max_latency_ms == 25
    assert settings.log.log_level == "DEBUG"
    assert settings.serving.cors_origins == ("https://a.test", "https://b.test")


def test_a_dot_env_file_is_honoured_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ADMIN_API_KEY=from-file\nLOG_LEVEL=ERROR\nSOMETHING_ELSE=1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    settings = Settings()
    assert settings.security.admin_api_key is not None
    assert settings.security.admin_api_key.get_secret_value() == "from-file"
    assert settings.log.log_level == "WARNING"


def test_blank_values_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in documented_names():
        monkeypatch.setenv(name, "")
    settings = Settings()
    assert settings.security.admin_api_key is None
    assert settings.storage.redis_url is None
    assert settings.storage.cadence_home == Path("var")


def test_common_variables_of_a_machine_are_not_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CADENCE_HOME")
    monkeypatch.setenv("HOME", "/somewhere")
    monkeypatch.setenv("URL", "sqlite:///else")
    assert Settings().storage.cadence_home == Path("var")


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("sqlite:///x.db", "sqlite+aiosqlite:///x.db"),
        ("sqlite+aiosqlite:////data/x.db", "sqlite+aiosqlite:////data/x.db"),
        ("postgresql://u:p@host/db", "postgresql+asyncpg://u:p@host/db"),
        ("postgres://host/db", "postgresql+asyncpg://host/db"),
    ],
)
def test_plain_database_urls_get_their_async_driver(given: str, url: str) -> None:
    assert StorageSettings(database_url=given).url == url


def test_the_database_lies_below_the_home(tmp_path: Path) -> None:
    storage = StorageSettings(cadence_home=tmp_path)
    assert storage.url == f"sqlite+aiosqlite:///{(tmp_path / 'cadence.sqlite3').as_posix()}"
    assert storage.artifacts == tmp_path / "artifacts"


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAX_LATENCY_MS", "0"), ("MAX_LATENCY_MS", "soon"), ("LOG_LEVEL", "LOUD"), ("INFERENCE_THREADS", "0")],
)
def test_impossible_values_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_API_KEY", "very-secret")
    assert "very-secret" not in repr(Settings())


def test_the_homes_own_synonyms_are_used_unless_another_file_is_named(tmp_path: Path) -> None:
    assert StorageSettings(cadence_home=tmp_path).synonyms is None
    (tmp_path / "synonyms.txt").write_text("fridge, refrigerator\n", encoding="utf-8")
    assert StorageSettings(cadence_home=tmp_path).synonyms == tmp_path / "synonyms.txt"
    named = StorageSettings(cadence_home=tmp_path, synonyms_file=tmp_path / "other.txt")
    assert named.synonyms == tmp_path / "other.txt"
