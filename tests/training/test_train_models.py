"""The whole way from files to a published version, and what happens when it is run again or on bad input."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.artifacts import current_version, open_current
from core.errors import ArtifactError
from core.services.bundle import load_bundle
from tests.trained_shop import PRODUCTS, TrainedShop, train
from training.versions import other_preset


@pytest.fixture
def copied(trained_shop: TrainedShop, tmp_path: Path) -> Path:
    """A home of one's own, to break."""
    home = tmp_path / "home"
    shutil.copytree(trained_shop.home, home)
    return home


def files(shop: TrainedShop) -> list[str]:
    return ["--catalog", str(shop.files.catalog), "--queries", str(shop.files.queries)]


def test_everything_landed(trained_shop: TrainedShop) -> None:
    folder = open_current(trained_shop.home / "artifacts")
    assert folder.manifest["counts"]["products"] == PRODUCTS
    assert folder.manifest["preset"] == "tiny"
    file = (trained_shop.home / "cadence.sqlite3").as_uri()
    with closing(sqlite3.connect(f"{file}?mode=ro&immutable=1", uri=True)) as database:  # others copy it meanwhile
        assert database.execute("SELECT count(*) FROM products").fetchone() == (PRODUCTS,)
        assert database.execute("SELECT count(*) FROM imports WHERE state = 'complete'").fetchone() == (2,)
    assert not list((trained_shop.home / "work").iterdir())


def test_equal_seeds_give_equal_artifacts(trained_shop: TrainedShop, tmp_path: Path) -> None:
    """Weights, categories, indexes, generated queries: every file of the version, to the last byte."""
    train(tmp_path / "again", *files(trained_shop))
    first, second = (open_current(home / "artifacts").manifest for home in (trained_shop.home, tmp_path / "again"))
    assert first["fingerprint"] == second["fingerprint"]
    assert first["files"] == second["files"]


def test_a_second_run_does_nothing(trained_shop: TrainedShop, copied: Path) -> None:
    version = current_version(copied / "artifacts")
    done = train(copied, *files(trained_shop))
    assert "is up to date" in done.stdout
    assert current_version(copied / "artifacts") == version


def test_another_preset_is_a_reason_to_train_and_is_said(trained_shop: TrainedShop) -> None:
    assert other_preset(trained_shop.home, "tiny") is None
    assert other_preset(trained_shop.home, "small") == "tiny"
    assert other_preset(trained_shop.home / "nowhere", "small") is None


def test_searches_and_live_changes_alone_are_no_reason_to_train_at_every_start(
    trained_shop: TrainedShop, copied: Path
) -> None:
    with closing(sqlite3.connect(copied / "cadence.sqlite3")) as database, database:
        database.executemany(
            "INSERT INTO events (event_id, action, occurred_at, received_at, session_id, normalized, digest) "
            "VALUES (?, 'search', '2026-11-01 10:00:00', '2026-11-01 10:00:00', ?, 'zebra rug', '')",
            [(f"e{number}", f"s{number}") for number in range(5)],
        )
        database.execute(
            "INSERT INTO products (product_id, title, attributes, position) VALUES ('live', 'Zebra rug', '{}', -1)"
        )
        database.execute("INSERT INTO product_changes VALUES ('live', 1, 1, 0, '2026-11-01 10:00:00')")
    version = current_version(copied / "artifacts")
    done = train(copied, *files(trained_shop))
    assert "is up to date" in done.stdout and "shoppers have searched since" in done.stdout
    assert current_version(copied / "artifacts") == version


def test_an_altered_file_stops_the_start(copied: Path) -> None:
    version = current_version(copied / "artifacts")
    weights = copied / "artifacts" / str(version) / "query_model" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"query_model/weights\.safetensors is not the file that was published"):
        load_bundle(copied / "artifacts")


@pytest.mark.parametrize(
    "name, message",
    [("vocabulary.json", "vocabulary.json is missing"), ("manifest.json", "manifest cannot be read")],
)
def test_a_missing_file_stops_the_start(copied: Path, name: str, message: str) -> None:
    (copied / "artifacts" / str(current_version(copied / "artifacts")) / name).unlink()
    with pytest.raises(ArtifactError, match=message):
        load_bundle(copied / "artifacts")


def test_an_unlisted_file_stops_the_start(copied: Path) -> None:
    (copied / "artifacts" / str(current_version(copied / "artifacts")) / "extra.bin").write_bytes(b"?")
    with pytest.raises(ArtifactError, match=r"does not list: extra\.bin"):
        load_bundle(copied / "artifacts")


def test_nothing_published_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="--prepare-only"):
        load_bundle(tmp_path)


def test_another_embedding_model_is_refused(copied: Path) -> None:
    path = copied / "artifacts" / str(current_version(copied / "artifacts")) / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["embedding_model"] = "another"
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="embedded with another"):
        load_bundle(copied / "artifacts")


def test_a_bad_file_costs_nothing(copied: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("colour,size\nred,1\n")
    version = current_version(copied / "artifacts")
    done = train(copied, "--catalog", str(bad), check=False)
    assert done.returncode == 1
    assert "title" in done.stdout and "colour" in done.stdout and "Traceback" not in done.stderr
    assert current_version(copied / "artifacts") == version
    with sqlite3.connect(copied / "cadence.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM products").fetchone() == (PRODUCTS,)


def test_events_alone_are_not_a_shop(tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text("user_id,timestamp,action_type,item_id\nada,2026-11-01T10:00:00Z,view,p1\n")
    done = train(tmp_path / "home", "--events", str(events), check=False)
    assert done.returncode == 1 and "--events alone" in done.stdout


def test_events_join_the_shop_that_is_there(copied: Path, tmp_path: Path) -> None:
    events = tmp_path / "[bold]events[x].csv"
    events.write_text("user_id,timestamp,action_type,item_id\nada,2026-11-01T10:00:00Z,view,p1\n")
    done = train(copied, "--events", str(events))
    assert events.name in done.stdout
    with sqlite3.connect(copied / "cadence.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM events").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM products").fetchone() == (PRODUCTS,)


@pytest.mark.parametrize(
    "catalog, queries",
    [
        ("product_id,title,price\n1,Red lamp,NaN\n", None),
        (None, "query,count\nred lamp,3\nlamp,2\noak table,1\n"),
        ("product_id,title\n1,Red lamp\n2,Oak table\n", "query\nlamp\n"),
    ],
    ids=["one product with a NaN price", "three queries alone", "two products and one query"],
)
def test_the_smallest_shops(catalog: str | None, queries: str | None, tmp_path: Path) -> None:
    options = []
    for kind, content in (("catalog", catalog), ("queries", queries)):
        if content:
            file = tmp_path / f"{kind}.csv"
            file.write_text(content)
            options += [f"--{kind}", str(file)]
    train(tmp_path / "home", *options)
    bundle = load_bundle(tmp_path / "home" / "artifacts")
    assert bundle.has_catalog == (catalog is not None)
    assert (bundle.query_model is not None) == (queries is not None)
    assert (bundle.catalog_model is not None) == (catalog is not None)
