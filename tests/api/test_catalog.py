"""How a worker follows the catalogue in the database, from its start on and into another version."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.exc import OperationalError

from api.catalog import CatalogFollower
from core.domain import Product
from core.retrieval.storage import load_products, save_products
from core.services.current_products import CurrentProducts
from core.services.live_catalog import LiveCatalog
from core.text.embedding import FloatArray
from database.connection import Database
from database.repositories.product_changes import CatalogChanges, apply_changes
from database.repositories.products import ProductRepository

pytestmark = pytest.mark.anyio
SHOE = Product("1", "Red running shoe")
WAIT_SECONDS = 10.0  # of a busy machine


def embed(titles: Sequence[str]) -> FloatArray:
    return np.full((len(titles), 4), 0.5, np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of a version with one product."""
    folder = tmp_path_factory.mktemp("published")
    save_products([SHOE], embed([SHOE.title]), folder)
    return folder


def published(folder: Path, seq: int = 0) -> LiveCatalog:
    """A version that was made after the change `seq`."""
    return LiveCatalog(CurrentProducts(load_products(folder)), seq, embed)


async def change(database: Database, *upserts: Product, deletes: tuple[str, ...] = ()) -> None:
    changes = CatalogChanges(upserts, deletes=deletes)
    await database.commit(partial(apply_changes, changes=changes, changed_at=datetime.now(UTC)))


@pytest.fixture
async def stored(database: Database) -> AsyncIterator[Database]:
    async with database.transaction() as session:
        await ProductRepository(session).upsert_many([SHOE], None, 0)
    yield database


async def test_a_start_serves_what_has_changed_since_the_version(stored: Database, folder: Path) -> None:
    await change(stored, Product("2", "Oak lamp"), Product("3", "Green hat"))
    everything, newer = published(folder), published(folder, seq=1)
    for catalog in (everything, newer):
        await CatalogFollower(stored, 60.0, catalog).refresh()
    assert [everything.current.count(text) for text in ("lamp", "hat")] == [1, 1]
    assert [newer.current.count(text) for text in ("lamp", "hat")] == [0, 1]  # the lamp is in it already, or is not
    assert everything.seq == newer.seq == 2


async def test_a_look_without_news_leaves_the_index(stored: Database, folder: Path) -> None:
    catalog = published(folder)
    follower = CatalogFollower(stored, 60.0, catalog)
    await change(stored, deletes=("1",))
    await follower.refresh()
    served = catalog.current.index
    await follower.refresh()
    assert (catalog.current.index is served, catalog.current.count("shoe")) == (True, 0)


async def test_many_changes_are_served_in_pieces(stored: Database, folder: Path) -> None:
    for start in range(0, 2_500, 500):
        await change(stored, *(Product(f"n{start + number}", "Blue cup") for number in range(500)))
    catalog = published(folder)
    await CatalogFollower(stored, 60.0, catalog).refresh()
    assert (catalog.current.count("cup"), catalog.current.number, catalog.changed) == (2_500, 3, 2_500)


async def test_another_version_is_up_to_date_before_it_is_served(stored: Database, folder: Path) -> None:
    old, new = published(folder), published(folder)
    follower = CatalogFollower(stored, 60.0, old)
    await change(stored, Product("2", "Oak lamp"))
    await follower.follow(new)
    assert (new.current.count("lamp"), follower.followed is new) == (1, True)
    await change(stored, Product("3", "Green hat"))
    await follower.refresh()
    assert (old.current.count("hat"), new.current.count("hat")) == (0, 1)
    await follower.follow(None)
    await follower.refresh()  # a version without a catalogue: nothing to do


async def test_a_failed_look_is_made_up_for(stored: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, stop, failed = published(folder), asyncio.Event(), asyncio.Event()
    follower = CatalogFollower(stored, 0.01, None)
    await change(stored, Product("2", "Oak lamp"))

    async def fail(work: object) -> None:
        failed.set()
        raise OperationalError("SELECT", {}, Exception("gone"))

    with monkeypatch.context() as patched:
        patched.setattr(stored, "read", fail)
        await follower.follow(catalog)
        with pytest.raises(OperationalError):
            await follower.refresh()
        failed.clear()
        following = asyncio.create_task(follower.keep_fresh(stop))
        await asyncio.wait_for(failed.wait(), WAIT_SECONDS)
    assert (follower.followed is catalog, catalog.seq) == (True, 0)
    await until(lambda: catalog.seq == 1, following)
    assert catalog.current.count("lamp") == 1
    stop.set()
    await following


async def test_a_change_here_is_served_at_once(stored: Database, folder: Path) -> None:
    catalog, stop = published(folder), asyncio.Event()
    follower = CatalogFollower(stored, 600.0, catalog)  # nobody waits for its next look
    following = asyncio.create_task(follower.keep_fresh(stop))
    for number in range(1, 4):
        await change(stored, Product(f"n{number}", "Blue cup"))
        await asyncio.wait_for(follower.serve(number), WAIT_SECONDS)
        await until(partial(serves, catalog, number), following)  # it answers without, where that takes long
    assert catalog.current.count("cup") == 3
    stop.set()
    await following


async def test_changes_of_others_and_titles_are_taken_up_until_told_to_stop(stored: Database, folder: Path) -> None:
    other = Database(stored.url.render_as_string())  # the command line, say
    catalog, stop = published(folder), asyncio.Event()
    follower = CatalogFollower(stored, 0.01, catalog)
    tasks = [asyncio.create_task(work(stop)) for work in (follower.keep_fresh, follower.keep_embedding)]
    await change(other, *(Product(f"n{number}", "Blue cup") for number in range(40)))
    await until(lambda: catalog.seq == 40 and not catalog.without_vector, *tasks)
    assert catalog.current.count("cup") == 40
    stop.set()
    await asyncio.gather(*tasks)
    await other.dispose()


def serves(catalog: LiveCatalog, seq: int) -> bool:
    return catalog.seq == seq


async def until(holds: Callable[[], bool], *tasks: "asyncio.Task[None]") -> None:
    """Returns when `holds` does; fails when that takes too long or one of `tasks` has ended."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():
            ended, _ = await asyncio.wait(tasks, timeout=0.01)
            assert not ended
