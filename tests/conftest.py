"""What tests share: a home in a temporary folder, settings that ignore the environment, and a client of the service."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from config.security_settings import SecuritySettings
from config.settings import Settings, StorageSettings, documented_names
from database.connection import Database
from database.repositories.products import ProductRepository
from tests.api.calls import ADMIN_KEY
from tests.api.small_shop import PRODUCTS, SmallShop
from tests.redis_server import RedisServer, start_redis
from tests.trained_shop import TrainedShop, make_trained_shop

# Idle OpenMP threads, here and in what the tests start, sleep instead of spinning on a busy machine's cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

SLOW = ("tests/e2e/", "tests/test_standards.py", "tests/training/", "tests/contracts/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow modules first: two processes then end together instead of one waiting for the other's last module."""
    assert len({item.nodeid for item in items}) == len(items)  # of two tests of one id, xdist would run one
    items.sort(key=lambda item: not item.nodeid.startswith(SLOW))


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine and no `.env` file of the working directory reaches a test."""
    for name in documented_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CADENCE_HOME", str(tmp_path / "unused"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where a service under test writes."""
    return tmp_path / "home"


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(
        storage=StorageSettings(cadence_home=home),
        security=SecuritySettings.model_validate({"admin_api_key": ADMIN_KEY}),
    )


@pytest.fixture
async def database(home: Path) -> AsyncIterator[Database]:
    """A migrated, empty database in a real file."""
    database = Database(f"sqlite+aiosqlite:///{(home / 'cadence.sqlite3').as_posix()}")
    await database.migrate()
    yield database
    await database.dispose()


@pytest.fixture
def shop() -> SmallShop:
    return SmallShop()


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose database holds the small shop's catalogue, to be copied."""
    home = tmp_path_factory.mktemp("stocked") / "home"
    asyncio.run(fill_catalogue(Settings(storage=StorageSettings(cadence_home=home))))
    return home


@pytest.fixture
def client(stocked: Path, settings: Settings, shop: SmallShop) -> Iterator[TestClient]:
    """The running service over a small shop."""
    shutil.copytree(stocked, settings.storage.cadence_home)
    with TestClient(create_app(settings, load=lambda *_: shop.models())) as client:
        yield client


@pytest.fixture
def admin() -> dict[str, str]:
    return {"Authorization": f"Bearer {ADMIN_KEY}"}


async def fill_catalogue(settings: Settings) -> None:
    database = Database(settings.storage.url)
    await database.migrate()
    async with database.transaction() as session:
        await ProductRepository(session).upsert_many(PRODUCTS, None, 0)
    await database.dispose()


def in_ci() -> bool:
    return bool(os.environ.get("CI"))


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A private Redis server that nobody stops."""
    with tempfile.TemporaryDirectory() as folder:
        server = _redis(Path(folder))
        yield server.url
        server.end()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A private Redis server to be stopped, continued and killed."""
    with tempfile.TemporaryDirectory() as folder:
        server = _redis(Path(folder))
        yield server
        server.kill()


def _redis(folder: Path) -> RedisServer:
    try:
        return start_redis(folder)
    except FileNotFoundError as missing:
        if in_ci():
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def trained_shop(tmp_path_factory: pytest.TempPathFactory) -> TrainedShop:
    """A small generated shop, imported and trained by the real command line. Read only: copy its home to change it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one of several processes, each with a folder below the one of them all
        folder = folder.parent
    return make_trained_shop(folder / "trained_shop")
