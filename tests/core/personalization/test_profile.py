"""A profile is a pure fold: the same events give the same bytes, however they come; and it stays small."""

import random
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain import Action, Engagement, EventFacts
from core.errors import ProfileError
from core.personalization.decayed import DAYS, HALF_LIVES, SEASON, VISIT, DecayedTable
from core.personalization.keys import Space, key_of, keys_of
from core.personalization.products import TICK
from core.personalization.profile import MAX_BYTES, PRODUCTS, Profile, canonical, folded, seconds_of, weight_of
from tests.core.personalization.events import START, event, logs


def strength(profile: Profile, item: str, now: float, speed: int = SEASON) -> float:
    key = key_of(Space.PRODUCT, item)
    if speed != SEASON:
        found = profile.latest.strengths(now)[profile.latest.key_array() == key, speed]
    else:
        found = profile.products.strengths(now)[profile.products.key_array() == key]
    return float(found[0]) if len(found) else 0.0


@settings(max_examples=60, deadline=None)
@given(logs, st.randoms(use_true_random=False), st.integers(1, 7))
def test_in_one_go_in_batches_and_with_duplicates_the_same_bytes(
    log: list[Engagement], chance: random.Random, size: int
) -> None:
    whole = folded(log).to_bytes()
    shuffled = [*log, *chance.sample(log, len(log) // 2)]
    chance.shuffle(shuffled)
    assert folded(shuffled).to_bytes() == whole
    raw, ordered = Profile().to_bytes(), sorted(log, key=canonical)
    for start in range(0, len(ordered), size):
        profile = Profile.from_bytes(raw)
        for one in ordered[start : start + size]:
            profile.fold(one)
        raw = profile.to_bytes()
    assert raw == whole
    assert len(whole) <= MAX_BYTES <= 4_096


def test_strengths_halve_with_each_half_life() -> None:
    profile = folded([event(1, Action.PURCHASE)])
    for speed in (VISIT, DAYS, SEASON):
        now = START.timestamp()
        assert strength(profile, "p1", now, speed) == pytest.approx(10, rel=0.03)
        assert strength(profile, "p1", now + HALF_LIVES[speed], speed) == pytest.approx(5, rel=0.03)


def test_weights_add_up_and_what_is_removed_from_the_cart_counts_against() -> None:
    now = START.timestamp()
    log = [event(1, Action.ADD_TO_CART), event(2, Action.CLICK, "p2")]
    assert strength(folded(log), "p1", now) == pytest.approx(5, rel=0.03)
    assert strength(folded([*log, event(3, Action.REMOVE_FROM_CART)]), "p1", now) == pytest.approx(2, rel=0.06)
    assert strength(folded([event(4, Action.REMOVE_FROM_CART)]), "p1", now) == pytest.approx(
        -3, rel=0.1
    )  # coarse where it is negative


def test_what_stood_above_the_choice_loses_a_little() -> None:
    chosen = event(1, Action.CLICK, "p9", facts=EventFacts(skipped=("p1", "p2")))
    profile = folded([chosen])
    assert strength(profile, "p1", START.timestamp()) < 0 < strength(profile, "p9", START.timestamp())


def test_a_long_look_counts_more_than_a_glance() -> None:
    glance, look, unknown = (
        weight_of(event(1, Action.VIEW, duration_seconds=seconds)) for seconds in (0.0, 90.0, None)
    )
    assert (glance, look, unknown) == (0.5, 1.5, 1.0)
    assert weight_of(event(1, Action.PURCHASE, duration_seconds=0.0)) == 10


def test_a_repeat_purchase_has_a_rhythm() -> None:
    bought = [event(n, Action.PURCHASE, after=timedelta(days=14 * n)) for n in range(4)]
    looked = event(9, Action.VIEW, after=timedelta(days=44))  # says nothing of when it was bought
    products = folded([*bought, looked]).products
    assert products.purchases().tolist() == [4]
    assert products.gaps().tolist() == pytest.approx([14 * 86_400], rel=0.04)
    now = (START + timedelta(days=49)).timestamp()
    assert products.ages(now).tolist() == pytest.approx([7 * 86_400], abs=TICK)
    once = folded([event(1, Action.CLICK)]).products
    assert once.purchases().tolist() == [0] and np.isnan(once.gaps()).all()


def test_a_full_table_gives_the_weakest_place_to_what_is_new() -> None:
    log = [event(n, Action.PURCHASE if n else Action.VIEW, f"p{n}") for n in range(PRODUCTS)]
    profile = folded([*log, event(PRODUCTS, Action.CLICK, "newcomer")])
    assert len(profile.products) == PRODUCTS
    assert strength(profile, "p0", START.timestamp()) == 0  # the one that was only looked at
    assert strength(profile, "newcomer", START.timestamp()) == pytest.approx(2, rel=0.06)
    assert profile.products.purchases()[0] == 0  # and nothing of it is left for who took its place


def test_searches_leave_their_words() -> None:
    profile = folded([event(1, Action.SEARCH, None, query="Red running shoes")])
    assert set(profile.terms.keys) == set(keys_of(Space.TERM, ["red", "run", "shoe"]).tolist())
    assert not len(profile.products)


def test_an_earlier_event_is_refused() -> None:
    profile = folded([event(1, after=timedelta(days=1))])
    with pytest.raises(ValueError, match="order"):
        profile.fold(event(2))


@pytest.mark.parametrize("raw", [b"", b"\x01", Profile().to_bytes()[:-1], b"\x09" + Profile().to_bytes()[1:]])
def test_bytes_that_are_none_are_said_to_be(raw: bytes) -> None:
    with pytest.raises(ProfileError):
        Profile.from_bytes(raw)


def test_strengths_stay_finite_however_much_happens() -> None:
    table = DecayedTable(2)
    for _ in range(10):
        table.add(1, 50_000.0, 10)
    assert np.isfinite(table.strengths(10)).all()


def test_times_beyond_the_range_are_its_ends() -> None:
    assert seconds_of(START.replace(year=1960)) == 0
    assert seconds_of(START.replace(year=3000)) == 2**32 - 1
