"""Simulated shoppers: the same bytes however they are made, and rows that hang together as real ones do."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.importing.catalog import read_catalog
from core.importing.events import read_events
from core.importing.queries import read_queries
from data_generation import simulation, synthetic_data
from data_generation.block import Block, Rows, in_words_of, make_rows
from data_generation.build_world import world_of_shop
from data_generation.calibration import load_calibration
from data_generation.cast import DAY, Cast, Window
from data_generation.catalog import make_products
from data_generation.personas import Persona, load_behaviors, load_personas
from data_generation.simulation import FILES, Plan, simulate
from data_generation.tables import load_types
from data_generation.world import World, load_world

END = 1_790_812_800.0  # 1 October 2026
WINDOW = Window(END - 60 * DAY, END)
PREFIX = "synthetic-3"


@pytest.fixture(scope="module")
def world() -> World:
    return world_of_shop(make_products(load_types(), 1_200, 3), {}, 3, load_calibration())


@pytest.fixture(scope="module")
def folder(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    world.save(folder)
    return folder


def cast_of(world: World, *personas: Persona, seed: int = 3) -> Cast:
    return Cast(world, personas or load_personas(), load_behaviors(), load_calibration(), WINDOW, seed)


@pytest.fixture(scope="module")
def rows(world: World) -> Rows:
    return make_rows(cast_of(world), Block(0, 0, 1_200, 6_000), PREFIX)


def plan(sessions: int = 300, users: int = 90, seed: int = 3) -> Plan:
    return Plan(users, sessions, seed, WINDOW.start, WINDOW.end)


def made(
    out: Path, world: Path, wish: Plan, processes: int = 1, update: Callable[[float, str], None] = print
) -> list[bytes]:
    simulate(out, world, load_personas(), load_calibration(), wish, processes, update)
    return [(out / f"{name}.parquet").read_bytes() for name in FILES]


def test_a_world_comes_back_from_disk_as_it_was(world: World, folder: Path) -> None:
    again = load_world(folder)
    assert list(again.queries) == list(world.queries) and list(again.product_ids) == list(world.product_ids)
    assert np.array_equal(again.results, world.results) and np.array_equal(again.offer_words, world.offer_words)


def test_one_process_and_two_write_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    wish = plan(sessions=16_500, users=3_000)
    assert len(list(wish.blocks(30))) == 3
    assert made(tmp_path / "one", folder, wish, 1) == made(tmp_path / "two", folder, wish, 2)


def test_an_interrupted_simulation_makes_only_what_is_missing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "_VISITS_OF_A_BLOCK", 60)
    whole = made(tmp_path / "whole", folder, plan())
    written: list[int] = []
    write = simulation._write

    def counted(block: Block) -> None:
        written.append(block.number)
        write(block)

    def interrupted(share: float, _note: str) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(simulation, "_write", counted)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "parts", folder, plan(), 1, interrupted)
    assert made(tmp_path / "parts", folder, plan()) == whole
    assert written == [0, 1, 2, 3, 4]
    written.clear()
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "parts", folder, plan(), 1, interrupted)
    assert made(tmp_path / "parts", folder, plan(seed=4)) != whole  # another wish does not go on with these parts
    assert written == [0, 1, 0, 1, 2, 3, 4]


@given(users=st.integers(1, 10**6), sessions=st.integers(1, 10**6), departments=st.integers(1, 300))
def test_blocks_share_out_every_user_and_every_session(users: int, sessions: int, departments: int) -> None:
    blocks = list(plan(sessions, users).blocks(departments))
    assert sum(block.shoppers for block in blocks) == min(users, 4 * sessions)
    assert sum(block.visits for block in blocks) == sessions
    assert max(block.shoppers for block in blocks) * departments <= 2_000_000 + departments
    assert [block.first for block in blocks] == [sum(b.shoppers for b in blocks[:n]) for n in range(len(blocks))]
    assert all(block.shoppers >= 1 and block.visits >= 1 for block in blocks)


def test_many_departments_make_small_blocks() -> None:
    wish = plan(sessions=8_000, users=8_000)
    assert [len(list(wish.blocks(departments))) for departments in (26, 250, 3_000)] == [1, 1, 12]
    assert max(block.shoppers for block in wish.blocks(3_000)) * 3_000 < 2_100_000


@pytest.mark.parametrize(("users", "sessions", "seconds"), [(0, 1, DAY), (1, 0, DAY), (1, 1, 60)])
def test_nobody_nothing_and_no_time_cannot_be_simulated(users: int, sessions: int, seconds: float) -> None:
    with pytest.raises(ValueError, match=r"needed|simulated"):
        Plan(users, sessions, 1, END - seconds, END)


def test_the_same_block_is_the_same_and_another_seed_another(world: World, rows: Rows) -> None:
    block = Block(0, 0, 1_200, 6_000)
    again, other = make_rows(cast_of(world), block, PREFIX), make_rows(cast_of(world, seed=4), block, PREFIX)
    for name in FILES:
        assert getattr(again, name).equals(getattr(rows, name))
        assert not getattr(other, name).equals(getattr(rows, name))


def test_rows_have_their_times_ids_and_ranks(world: World, rows: Rows) -> None:
    assert rows.visits.height == 6_000
    for frame in (rows.queries, rows.events):
        times = frame["timestamp"].dt.epoch("ms").to_numpy() / 1e3
        assert (np.diff(times) >= 0).all()
        assert WINDOW.start <= times[0] and times[-1] < WINDOW.end
        assert frame["user_id"].str.starts_with(PREFIX).all() and frame["session_id"].str.starts_with(PREFIX).all()
    searched = rows.queries.filter(pl.col("first_prefix_typed_time") > pl.col("timestamp"))
    assert searched.height == 0
    assert set(rows.events["item_id"].drop_nulls()) <= set(world.product_ids)
    dwell = rows.events["duration_seconds"].drop_nulls()
    assert dwell.min() >= 0 and 5 < dwell.median() < 60  # type: ignore[operator]


def test_suggestions_are_taken_from_a_list_of_ten_before_the_query_is_typed(rows: Rows) -> None:
    taken = rows.events.filter(pl.col("action_type") == "suggestion_click")
    assert 0.2 < taken.height / rows.queries.height < 0.7
    assert set(taken["item_rank"]) <= set(range(1, 11)) and taken["item_id"].null_count() == taken.height
    ends = rows.queries.join(taken, on=["session_id", "timestamp"]).select("query", pl.col("prefixes").list.last())
    assert ends.filter(pl.col("prefixes").str.len_chars() >= pl.col("query").str.len_chars()).height == 0
    assert ends.filter(~pl.col("query").str.starts_with(pl.col("prefixes"))).height == 0


def test_clicks_fall_with_the_rank_and_are_followed_by_a_view(rows: Rows) -> None:
    clicks = rows.events.filter(pl.col("action_type") == "click")
    by_rank = np.bincount(clicks["item_rank"].to_numpy(), minlength=25)[1:]
    assert by_rank[0] > by_rank[1] > by_rank[3:6].mean() > by_rank[10:24].mean() > 0
    viewed = rows.events.filter(pl.col("action_type") == "view").select("session_id", "item_id", "timestamp")
    assert clicks.join(viewed, on=["session_id", "item_id", "timestamp"], how="anti").height <= 2  # cut by the end


def test_nothing_is_bought_in_a_visit_that_was_not_put_into_the_cart(rows: Rows) -> None:
    of_searches = rows.events.filter(pl.col("query").is_not_null())
    key = ["session_id", "item_id", "query"]
    carts = of_searches.filter(pl.col("action_type") == "add_to_cart").group_by(key).agg(pl.col("timestamp").min())
    bought = of_searches.filter(pl.col("action_type") == "purchase")
    assert bought.height > 20
    paired = bought.join(carts, on=key, how="left", suffix="_cart")
    assert (
        paired.filter(pl.col("timestamp_cart").is_null() | (pl.col("timestamp_cart") > pl.col("timestamp"))).height == 0
    )


def test_only_what_is_used_up_is_bought_again_and_after_its_period(world: World, rows: Rows) -> None:
    period = pl.DataFrame({"item_id": list(world.product_ids), "days": world.period_days[world.kind]})
    again = rows.events.filter(
        pl.col("session_id").str.contains(r"-a\d+$") & (pl.col("action_type") == "purchase")
    ).join(period, on="item_id")
    assert again.height > 5
    assert again["days"].min() > 0  # type: ignore[operator]
    later = rows.events.filter(pl.col("session_id").str.contains(r"-l\d+$") & (pl.col("action_type") == "purchase"))
    aside = rows.events.filter(pl.col("action_type").is_in(["wishlist", "add_to_cart"]))
    assert later.height > 20
    assert later.join(aside, on=["user_id", "item_id"], how="anti").height == 0


def test_visits_go_on_with_narrower_queries(rows: Rows) -> None:
    searches = rows.queries.sort("session_id", "timestamp").with_columns(
        before=pl.col("query").shift(1).over("session_id")
    )
    pairs = searches.drop_nulls("before").select("before", "query").rows()
    narrower = sum(set(before.split()) < set(query.split()) for before, query in pairs)
    assert len(pairs) > 500 and narrower > 0.15 * len(pairs)


def test_what_is_not_on_sale_yet_is_not_clicked(world: World, rows: Rows) -> None:
    arrived = pl.DataFrame({"item_id": list(world.product_ids), "arrived": world.arrived})
    clicks = rows.events.filter(pl.col("action_type") == "click").join(arrived, on="item_id")
    assert world.arrived.max() > WINDOW.start
    assert (clicks["timestamp"].dt.epoch("ms").to_numpy() / 1e3 >= clicks["arrived"].to_numpy()).all()


def test_personas_shop_where_when_and_for_what_price_they_are_said_to(world: World) -> None:
    department = np.repeat(np.arange(len(world.departments)), np.diff(world.department_start))[world.kind]
    products = pl.DataFrame(
        {"item_id": list(world.product_ids), "place": [world.departments[d] for d in department], "price": world.price}
    )
    seen = {}
    for who in load_personas():
        if who.name in ("pet owner", "budget hunter", "tech enthusiast"):
            made_rows = make_rows(cast_of(world, who), Block(0, 0, 500, 3_000), PREFIX)
            clicks = made_rows.events.filter(pl.col("action_type") == "click").join(products, on="item_id")
            seen[who.name] = clicks
            hours = np.bincount(made_rows.visits["started_at"].dt.hour().to_numpy(), minlength=24)
            assert int(np.argmax(np.convolve(np.r_[hours, hours[:2]], [1, 1, 1], "valid"))) + 1 in (
                [(hour + shift) % 24 for hour in [int(np.argmax(who.hours))] for shift in (-2, -1, 0, 1, 2)]
            )
    share = {name: (clicks["place"] == "Pet Supplies").mean() for name, clicks in seen.items()}
    assert share["pet owner"] > 0.35 > 0.1 > share["tech enthusiast"]  # type: ignore[operator]
    assert seen["budget hunter"]["price"].mean() + 0.2 < seen["tech enthusiast"]["price"].mean()  # type: ignore[operator]


def test_tastes_drift_over_the_weeks(world: World) -> None:
    who = next(one for one in load_personas() if one.name == "new parent")
    rows = make_rows(cast_of(world, who), Block(0, 0, 800, 8_000), PREFIX)
    department = np.repeat(np.arange(len(world.departments)), np.diff(world.department_start))[world.kind]
    of = pl.DataFrame({"item_id": list(world.product_ids), "place": [world.departments[d] for d in department]})
    clicks = rows.events.filter(pl.col("action_type") == "click").join(of, on="item_id").sort("timestamp")
    third = clicks.height // 3
    toys = [(part["place"] == "Toys & Games").mean() for part in (clicks[:third], clicks[-third:])]
    assert toys[1] > 1.2 * toys[0]  # type: ignore[operator]


def test_a_pattern_is_not_said_twice() -> None:
    assert in_words_of("cheap {query}", "desk lamp") == "cheap desk lamp"
    assert in_words_of("{query} for running", "running shoes") == "running shoes"


def test_the_command_line_writes_files_that_the_importer_reads(tmp_path: Path) -> None:
    words = ["--users", "40", "--sessions", "200", "--products", "300", "--processes", "1"]
    assert synthetic_data.main(["--out", str(tmp_path), *words]) == 0
    for report in (
        read_catalog(tmp_path / "catalog.csv")[1],
        read_queries(tmp_path / "queries.parquet")[1],
        read_events(tmp_path / "events.parquet")[1],
    ):
        assert report.rows_read == report.rows_kept > 100
        assert (report.bad_rows, report.unreadable_values) == ({}, {})
    frame = read_queries(tmp_path / "queries.parquet")[0]
    assert frame["prefixes"].list.len().min() >= 1  # type: ignore[operator]
    assert frame["occurred_at"].null_count() == 0


def test_shoppers_search_in_a_catalogue_that_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog = tmp_path / "mine.csv"
    titles = ("Acme Garden Hose 50 ft", "Bolt Garden Hose", "Acme Rubber Garden Hose", "Bolt Leaf Rake", "Acme Shed")
    lines = [f"{number},{title}" for number, title in enumerate(titles)]
    catalog.write_text("\n".join(["product_id,title", *lines]), encoding="utf-8")
    words = ["--users", "20", "--sessions", "100", "--processes", "1"]
    assert synthetic_data.main(["--out", str(tmp_path / "log"), "--catalog", str(catalog), *words]) == 0
    queries = set(pl.read_parquet(tmp_path / "log" / "queries.parquet")["query"])
    assert {"garden hose", "leaf rake"} <= queries
    assert any(query.startswith("acme") for query in queries)
    items = set(pl.read_parquet(tmp_path / "log" / "events.parquet")["item_id"].drop_nulls())
    assert items <= {"0", "1", "2", "3", "4"}
    assert not (tmp_path / "log" / "catalog.csv").exists()
    for wrong in (["--users", "0"], ["--days", "0"], ["--seed", "-1"], ["--catalog", str(tmp_path / "absent.csv")]):
        capsys.readouterr()
        assert synthetic_data.main(["--out", str(tmp_path / "no"), *wrong]) == 1
        printed = capsys.readouterr().out
        assert printed.startswith("✗ ") and "Traceback" not in printed
