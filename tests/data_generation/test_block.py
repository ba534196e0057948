"""Rows of one block: whose they are, when, and what follows from what."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_generation.block import Block, Rows, in_words_of, make_rows
from data_generation.build_world import world_of_shop
from data_generation.calibration import load_calibration
from data_generation.cast import DAY, Cast, Window
from data_generation.catalog import make_products
from data_generation.personas import load_behaviors, load_personas
from data_generation.realism import click_rates
from data_generation.tables import load_types
from data_generation.world import World

END = 1_790_812_800.0  # 1 October 2026
WINDOW = Window(END - 60 * DAY, END)
BLOCK = Block(2, 500, 900, 5_000)
PREFIX = "synthetic-5"
VISIT = r"^synthetic-5-2-\d+$"
WORDS = st.lists(st.sampled_from(("red", "desk", "lamp", "shoes", "cheap")), min_size=1, max_size=4).map(" ".join)


@pytest.fixture(scope="module")
def world() -> World:
    return world_of_shop(make_products(load_types(), 600, 3), {}, 3, load_calibration())


@pytest.fixture(scope="module")
def cast(world: World) -> Cast:
    return Cast(world, load_personas(), load_behaviors(), load_calibration(), WINDOW, 5)


@pytest.fixture(scope="module")
def rows(cast: Cast) -> Rows:
    return make_rows(cast, BLOCK, PREFIX)


def seconds(times: pl.Series) -> np.ndarray:
    return np.asarray(times.dt.epoch("ms").to_numpy() / 1e3)


def test_users_are_numbered_on_from_the_first_of_the_block_and_sessions_by_block(rows: Rows) -> None:
    users = {f"{PREFIX}-{number}" for number in range(500, 1_400)}
    sessions = {f"{PREFIX}-2-{number}" for number in range(5_000)}
    assert set(rows.visits["session_id"]) == sessions and rows.visits.height == 5_000
    assert set(rows.visits["user_id"]) <= users
    assert set(rows.queries["session_id"]) <= sessions
    own = rows.events["session_id"].str.replace(r"-[la]\d+$", "")
    assert set(own) <= sessions


def test_a_session_is_of_one_user_in_all_three_frames(rows: Rows) -> None:
    user = rows.visits.select("session_id", owner="user_id")
    assert rows.queries.join(user, on="session_id").filter(pl.col("owner") != pl.col("user_id")).height == 0
    own = rows.events.with_columns(pl.col("session_id").str.replace(r"-[la]\d+$", "")).join(user, on="session_id")
    assert own.height == rows.events.height
    assert own.filter(pl.col("owner") != pl.col("user_id")).height == 0


def test_another_block_shares_no_user_and_no_session(cast: Cast, rows: Rows) -> None:
    other = make_rows(cast, Block(3, 1_400, 60, 200), PREFIX)
    for name in ("user_id", "session_id"):
        assert not set(other.visits[name]) & set(rows.visits[name])
        assert not set(other.events[name]) & set(rows.events[name])


def test_a_block_does_not_depend_on_those_made_before_it(cast: Cast, world: World, rows: Rows) -> None:
    fresh = Cast(world, load_personas(), load_behaviors(), load_calibration(), WINDOW, 5)
    make_rows(fresh, Block(0, 0, 30, 60), PREFIX)
    again = make_rows(fresh, BLOCK, PREFIX)
    assert again.queries.equals(rows.queries) and again.events.equals(rows.events)


def test_visits_and_their_rows_are_sorted_and_inside_the_window(rows: Rows) -> None:
    for times in (rows.visits["started_at"], rows.queries["timestamp"], rows.events["timestamp"]):
        assert times.is_sorted()
        assert seconds(times)[0] >= WINDOW.start and seconds(times)[-1] < WINDOW.end


def test_a_visit_begins_with_the_first_key_of_its_first_search(rows: Rows) -> None:
    first = rows.queries.group_by("session_id").agg(pl.col("first_prefix_typed_time").min())
    begun = rows.visits.join(first, on="session_id")
    assert begun.height > 4_900
    assert (begun["first_prefix_typed_time"] == begun["started_at"]).all()


def test_searches_of_a_visit_do_not_overlap(rows: Rows) -> None:
    ordered = rows.queries.sort("session_id", "timestamp").with_columns(
        before=pl.col("timestamp").shift(1).over("session_id")
    )
    assert ordered.filter(pl.col("before") > pl.col("first_prefix_typed_time")).height == 0
    assert ordered.filter(pl.col("timestamp") <= pl.col("first_prefix_typed_time")).height == 0


def test_a_search_names_the_product_that_is_clicked_first(rows: Rows) -> None:
    clicks = rows.events.filter(pl.col("action_type") == "click")
    key = ["session_id", "query"]
    once = rows.queries.group_by(key).len().filter(pl.col("len") == 1)
    first = clicks.sort("timestamp", maintain_order=True).group_by(key, maintain_order=True).first()
    said = rows.queries.join(once, on=key).join(first.select(*key, "item_id"), on=key, how="left")
    assert said.drop_nulls("item_id").height > 1_000
    assert said.filter(pl.col("item_id").is_not_null() & (pl.col("item_id") != pl.col("product_id"))).height == 0
    assert said.filter(pl.col("item_id").is_null() & pl.col("product_id").is_not_null()).height <= 2  # cut by the end


def test_every_event_of_a_search_comes_when_it_is_done(rows: Rows) -> None:
    begun = rows.queries.group_by("session_id", "query").agg(begun=pl.col("timestamp").min())
    of_searches = rows.events.drop_nulls("query").join(begun, on=["session_id", "query"], how="left")
    assert of_searches["begun"].null_count() == 0
    assert of_searches.filter(pl.col("timestamp") < pl.col("begun")).height == 0


def test_only_clicks_and_suggestions_have_ranks_and_only_pages_have_a_dwell_time(rows: Rows) -> None:
    ranked, timed = (set(rows.events.drop_nulls(column)["action_type"]) for column in ("item_rank", "duration_seconds"))
    assert ranked == {"click", "suggestion_click"}
    assert timed == {"view", "review_view", "wishlist", "add_to_cart", "purchase"}
    assert rows.events["duration_seconds"].min() > 0  # type: ignore[operator]
    assert rows.events.filter((pl.col("action_type") == "click") & pl.col("item_rank").is_null()).height == 0


def test_click_rates_fall_with_the_rank(rows: Rows) -> None:
    clicks = rows.events.filter(pl.col("action_type") == "click")["item_rank"]
    rates = click_rates(clicks, rows.queries.height)
    assert 0.05 < rates[0] < 0.6
    assert rates[0] > rates[1] > rates[2:5].mean() > rates[5:].mean() > 0  # so small a shop fills half a page


def test_what_is_clicked_is_what_the_page_showed_at_that_rank(world: World, rows: Rows) -> None:
    place = {text: number for number, text in enumerate(world.queries)}
    clicks = rows.events.filter((pl.col("action_type") == "click") & pl.col("query").is_in(list(place)))
    shown = world.results[[place[text] for text in clicks["query"]], clicks["item_rank"].to_numpy() - 1]
    same = np.array([world.product_ids[number] for number in shown.tolist()]) == clicks["item_id"].to_numpy()
    assert clicks.height > 1_000
    assert same.mean() > 0.99  # a slip or a pattern may read as another query of the shop


def test_a_taken_suggestion_stands_in_the_list_of_what_was_typed(world: World, rows: Rows) -> None:
    taken = rows.events.filter(pl.col("action_type") == "suggestion_click")
    place = {text: number for number, text in enumerate(world.queries)}
    searched = taken.join(rows.queries, on=["session_id", "timestamp"])
    assert searched.height == taken.height > 500
    for text, rank, prefixes in searched.select("query", "item_rank", "prefixes").rows():
        assert text.startswith(prefixes[-1]) and len(prefixes[-1]) < len(text)
        assert world.completion_rank[place[text], len(prefixes[-1]) - 1] == rank


def test_what_was_not_taken_from_the_list_is_typed_to_its_end(rows: Rows) -> None:
    taken = rows.events.filter(pl.col("action_type") == "suggestion_click")
    typed = rows.queries.join(taken, on=["session_id", "timestamp"], how="anti")
    assert typed.height > 1_000
    assert (typed["query"] == typed["prefixes"].list.last()).all()


def test_nothing_is_bought_that_was_not_put_into_the_cart_of_the_visit(rows: Rows) -> None:
    in_visit = rows.events.filter(pl.col("session_id").str.contains(VISIT))
    key = ["session_id", "item_id"]
    carts = in_visit.filter(pl.col("action_type") == "add_to_cart").group_by(key).agg(cart=pl.col("timestamp").min())
    bought = in_visit.filter(pl.col("action_type") == "purchase").join(carts, on=key, how="left")
    assert bought.height > 20
    assert bought["cart"].null_count() == 0
    assert (bought["cart"] < bought["timestamp"]).all()


def test_a_visit_for_a_purchase_is_a_view_and_a_purchase_and_later(rows: Rows) -> None:
    after = rows.events.filter(~pl.col("session_id").str.contains(VISIT))
    assert after.height > 20 and after["query"].null_count() == after.height
    for session, actions in after.group_by("session_id").agg("action_type").rows():
        assert actions in (["view", "purchase"], ["view"]), session  # the window may end between them
    aside = rows.events.drop_nulls("query").group_by("user_id", "item_id").agg(seen=pl.col("timestamp").min())
    back = after.join(aside, on=["user_id", "item_id"], how="left")
    assert back["seen"].null_count() == 0
    assert (back["seen"] < back["timestamp"]).all()


def test_what_lasts_is_not_bought_again(world: World, rows: Rows) -> None:
    lasts = dict(zip(world.product_ids, (world.period_days[world.kind] == 0).tolist(), strict=True))
    again = rows.events.filter(pl.col("session_id").str.contains(r"-a\d+$"))
    assert again.height > 5
    assert not any(lasts[item] for item in again["item_id"])


def test_products_are_not_clicked_before_they_are_on_sale(world: World, rows: Rows) -> None:
    arrived = dict(zip(world.product_ids, world.arrived.tolist(), strict=True))
    clicks = rows.events.filter(pl.col("action_type") == "click")
    on_sale_since = np.array([arrived[item] for item in clicks["item_id"]])
    assert (world.arrived > WINDOW.start).any()
    assert (seconds(clicks["timestamp"]) >= on_sale_since).all()


def test_visits_go_on_with_narrower_queries_much_more_than_with_broader_ones(rows: Rows) -> None:
    visits = rows.queries.sort("session_id", "timestamp").group_by("session_id", maintain_order=True).agg("query")
    steps = [pair for texts in visits["query"] for pair in pairwise(texts)]
    words = [(set(one.split()), set(other.split())) for one, other in steps]
    narrower, broader = sum(one < other for one, other in words), sum(other < one for one, other in words)
    assert narrower > 0.15 * len(steps)
    assert narrower > 5 * broader


def test_personas_speak_in_their_words(rows: Rows) -> None:
    words = {
        one.name: [pattern.replace("{query}", "").strip() for pattern in one.vocabulary] for one in load_personas()
    }
    said = rows.queries.join(rows.visits.select("session_id", "persona"), on="session_id")
    hunters, others = (said.filter((pl.col("persona") == "budget hunter") == own)["query"] for own in (True, False))
    share, elsewhere = (
        np.mean([any(part in text for part in words["budget hunter"]) for text in texts]) for texts in (hunters, others)
    )
    assert share > 0.05 and share > 3 * elsewhere


@given(WORDS)
def test_a_pattern_surrounds_the_query_or_leaves_it(text: str) -> None:
    said = in_words_of("cheap {query}", text)
    assert said == (text if "cheap" in text.split() else f"cheap {text}")
    assert in_words_of("cheap {query}", said) == said


def test_small_words_alone_do_not_make_a_pattern_a_repetition() -> None:
    assert in_words_of("{query} for kids", "gift for dad") == "gift for dad for kids"
    assert in_words_of("{query} for kids", "toys for kids") == "toys for kids"
