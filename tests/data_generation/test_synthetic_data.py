"""The command line: files that the importer reads, the same ones every time, and one line for what went wrong."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from core.importing.catalog import read_catalog
from core.importing.events import read_events
from core.importing.queries import read_queries
from data_generation import simulation, synthetic_data
from data_generation.block import Block
from data_generation.simulation import FILES
from tests.trained_shop import ROOT

SMALL = ("--users", "40", "--sessions", "150", "--products", "200", "--processes", "1")


def files(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("catalog.csv", *(f"{name}.parquet" for name in FILES))]


@pytest.fixture
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")  # of each test: settings are read, without those of the machine
    assert synthetic_data.main(["--out", str(folder), *SMALL]) == 0
    return folder


def test_the_importer_reads_every_row(written: Path) -> None:
    reports = (
        read_catalog(written / "catalog.csv")[1],
        read_queries(written / "queries.parquet")[1],
        read_events(written / "events.parquet")[1],
    )
    for report in reports:
        assert report.rows_kept == report.rows_read > 0
        assert (report.bad_rows, report.unreadable_values) == ({}, {})


def test_events_and_clicked_products_are_of_the_catalogue(written: Path) -> None:
    products = set(read_catalog(written / "catalog.csv")[0]["product_id"])
    events, queries = (pl.read_parquet(written / f"{name}.parquet") for name in ("events", "queries"))
    assert set(events["item_id"].drop_nulls()) <= products
    assert set(queries["product_id"].drop_nulls()) <= products
    assert len(products) == 200


def test_the_parts_are_cleared_away_and_the_world_is_kept(written: Path) -> None:
    assert sorted(path.name for path in written.iterdir()) == [
        "catalog.csv", "events.parquet", "queries.parquet", "synthetic_data.txt", "visits.parquet", "world",
    ]  # fmt: skip
    assert (written / "world" / "texts.json").is_file()
    assert not list(written.rglob("*.draft"))


def test_the_same_options_give_the_same_bytes_and_another_seed_others(written: Path, tmp_path: Path) -> None:
    for name, more in (("again", ()), ("other", ("--seed", "8"))):
        assert synthetic_data.main(["--out", str(tmp_path / name), *SMALL, *more]) == 0
    assert files(tmp_path / "again") == files(written)
    assert all(one != other for one, other in zip(files(tmp_path / "other"), files(written), strict=True))


def test_the_traffic_lasts_for_so_many_days_until_the_last_one(tmp_path: Path) -> None:
    days = ("--days", "3", "--last-day", "2026-02-28")
    assert synthetic_data.main(["--out", str(tmp_path), *SMALL, *days]) == 0
    for name, column in (("queries", "timestamp"), ("events", "timestamp"), ("visits", "started_at")):
        seen = pl.read_parquet(tmp_path / f"{name}.parquet")[column].dt.date().unique().sort()
        assert [str(day) for day in seen] == ["2026-02-26", "2026-02-27", "2026-02-28"]


def test_interrupted_it_says_so_and_goes_on_to_the_same_bytes(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(simulation, "_VISITS_OF_A_BLOCK", 50)
    assert synthetic_data.main(["--out", str(tmp_path / "whole"), *SMALL]) == 0
    write, numbers = simulation._write, list[int]()

    def interrupted_once(block: Block) -> None:
        numbers.append(block.number)
        if numbers == [0, 1]:
            raise KeyboardInterrupt
        write(block)

    monkeypatch.setattr(simulation, "_write", interrupted_once)
    assert synthetic_data.main(["--out", str(tmp_path / "cut"), *SMALL]) == 130
    assert "goes on from here" in capsys.readouterr().out
    assert synthetic_data.main(["--out", str(tmp_path / "cut"), *SMALL]) == 0
    assert numbers == [0, 1, 1, 2]
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_a_catalogue_of_one_s_own_is_shopped_in(tmp_path: Path) -> None:
    catalog = tmp_path / "mine.csv"
    titles = ("Acme Desk Lamp", "Bolt Desk Lamp", "Corum Brass Desk Lamp", "Bolt Garden Rake")
    catalog.write_text(
        "\n".join(["product_id,title", *(f"{n},{title}" for n, title in enumerate(titles))]), encoding="utf-8"
    )
    out = tmp_path / "log"
    words = ("--users", "20", "--sessions", "120", "--processes", "1")
    assert synthetic_data.main(["--out", str(out), "--catalog", str(catalog), *words]) == 0
    assert read_queries(out / "queries.parquet")[1].bad_rows == read_events(out / "events.parquet")[1].bad_rows == {}
    assert set(pl.read_parquet(out / "events.parquet")["item_id"].drop_nulls()) <= {"0", "1", "2", "3"}
    assert not (out / "catalog.csv").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--users", "0"),
        ("--sessions", "0"),
        ("--products", "0"),
        ("--days", "0"),
        ("--seed", "-1"),
        ("--catalog", "absent.csv"),
        ("--catalog", "untitled.csv"),
        ("--catalog", "empty.csv"),
        ("--catalog", "."),
    ],
)
def test_what_cannot_be_done_is_one_line(
    wrong: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("untitled.csv").write_text("name_of_it;cost\nlamp;4\n", encoding="utf-8")
    Path("empty.csv").write_text("", encoding="utf-8")
    assert synthetic_data.main(["--out", "no", "--processes", "1", *wrong]) == 1
    printed, errors = capsys.readouterr()
    assert printed.startswith("✗ ") and printed.count("\n") == 1 and errors == ""
    assert not Path("no").exists()


def test_a_catalogue_of_numbers_only_is_one_more_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = tmp_path / "numbers.csv"
    catalog.write_text("product_id,title\n1,12 4\n", encoding="utf-8")
    assert synthetic_data.main(["--out", str(tmp_path / "no"), "--catalog", str(catalog), "--processes", "1"]) == 1
    assert "✗ no product of this catalogue has a title that could be searched for" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ("--out", "x", "--products", "9", "--catalog", "a.csv"),
        (),
        ("--out", "x", "--provider", "nobody"),
        ("--out", "x", "--processes", "0"),
        ("--out", "x", "--processes", "-2"),
        ("--out", "x", "--last-day", "2026-13-01"),
        ("--out", "x", "--last-day", "9999-12-31"),
    ],
)
def test_options_that_contradict_or_are_missing_are_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        synthetic_data.main(list(words))
    assert ended.value.code == 2


@pytest.mark.parametrize("wrong", [("--days", "1000000"), ("--last-day", "0001-01-01")])
def test_a_window_outside_the_calendar_is_one_line(wrong: tuple[str, ...], tmp_path: Path) -> None:
    assert synthetic_data.main(["--out", str(tmp_path), *SMALL, *wrong]) == 1


def test_a_simulation_does_not_go_on_with_parts_of_another_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "_VISITS_OF_A_BLOCK", 50)
    write = simulation._write

    def interrupted(block: Block) -> None:
        if block.number:
            raise KeyboardInterrupt
        write(block)

    with monkeypatch.context() as patch:
        patch.setattr(simulation, "_write", interrupted)
        assert synthetic_data.main(["--out", str(tmp_path), *SMALL]) == 130
    other = [word if word != "200" else "90" for word in SMALL]
    assert synthetic_data.main(["--out", str(tmp_path), *other]) == 0
    products = set(read_catalog(tmp_path / "catalog.csv")[0]["product_id"])
    assert set(pl.read_parquet(tmp_path / "events.parquet")["item_id"].drop_nulls()) <= products


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "queries.parquet"
    mine.write_bytes(b"a log of years")
    for out in (tmp_path, mine):
        assert synthetic_data.main(["--out", str(out), *SMALL]) == 1
    printed = capsys.readouterr().out
    assert "holds other files" in printed and "is a file" in printed
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("queries.parquet", b"a log of years")]


def test_a_catalogue_is_not_read_from_where_another_one_is_written(
    written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(written)
    words = ("--catalog", str(written / "catalog.csv"), "--users", "20", "--sessions", "60", "--processes", "1")
    assert synthetic_data.main(["--out", str(written), *words]) == 1
    assert "is written anew" in capsys.readouterr().out
    assert files(written) == before


def test_two_simulations_have_nobody_in_common_whatever_their_seeds(written: Path, tmp_path: Path) -> None:
    more = [word if word != "150" else "160" for word in SMALL]
    assert synthetic_data.main(["--out", str(tmp_path), *more]) == 0
    for name in ("user_id", "session_id"):
        people = [set(pl.read_parquet(folder / "visits.parquet")[name]) for folder in (written, tmp_path)]
        assert not people[0] & people[1]
        assert all(one.startswith("synthetic-7-") for one in people[0] | people[1])


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    "begun",
    [lambda parts: (parts / "plan.json").exists(), lambda parts: len(list(parts.glob("visits-*.parquet"))) > 2],
    ids=["while they start", "while they work"],
)
def test_ctrl_c_is_one_line_however_many_processes_work(begun: Callable[[Path], bool], tmp_path: Path) -> None:
    words = ["--out", str(tmp_path / "out"), "--users", "2000", "--sessions", "400000", "--products", "200"]
    command = [sys.executable, "-m", "data_generation.synthetic_data", *words, "--processes", "2"]
    running = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    parts = tmp_path / "out" / ".parts"
    while running.poll() is None and not begun(parts):
        threading.Event().wait(0.01)
    os.killpg(running.pid, signal.SIGINT)
    said, complained = running.communicate(timeout=60)
    assert (running.returncode, complained) == (130, "")
    assert said.splitlines()[-1].startswith("interrupted")
