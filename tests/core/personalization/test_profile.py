"""A profile is a pure fold: the same events give the same bytes, however they come; and it stays small."""

import random
from dataclasses import replace
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
from core.personalization.profile import HEAD, MAX_BYTES, TAIL, Profile, canonical, folded, seconds_of, weight_of
from core.personalization.tail import Tail
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
    taken_out = folded([*log, event(3, Action.REMOVE_FROM_CART)])  # 5 − 5 − 3
    assert strength(taken_out, "p1", now) == pytest.approx(-3, rel=0.1)  # coarse where it is negative


def test_what_stood_above_the_choice_loses_a_little() -> None:
    chosen = event(1, Action.CLICK, "p9", facts=EventFacts(skipped=("p1", "p2")))
    profile = folded([chosen])
    assert strength(profile, "p1", START.timestamp()) < 0 < strength(profile, "p9", START.timestamp())


def test_a_long_look_counts_more_than_a_glance() -> None:
    glance, look, unknown = (
        weight_of(event(1, Action.VIEW, duration_seconds=seconds)) for seconds in (0.0, 90.0, None)
    )
    assert (glance, look, unknown) == (0.1, 1.5, 1.0)
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
    assert (once.purchases().tolist(), once.gaps().tolist()) == ([0], [0])


def test_the_weakest_product_goes_down_into_the_tail_and_comes_up_again() -> None:
    log = [event(n, Action.PURCHASE if n else Action.CLICK, f"p{n}") for n in range(HEAD)]
    profile = folded([*log, event(HEAD, Action.ADD_TO_CART, "newcomer")])
    products, now = profile.products, START.timestamp()
    assert (len(products.keys), len(products.tail)) == (HEAD, 1)
    assert strength(profile, "newcomer", now) == pytest.approx(5, rel=0.06)
    assert products.tail.strengths(now).tolist() == pytest.approx([2], rel=0.25)
    assert products.tail.key_array().tolist() == [key_of(Space.PRODUCT, "p0") & 0xFFFFFF]
    profile.fold(event(HEAD + 1, Action.PURCHASE, "p0"))
    assert strength(profile, "p0", now) == pytest.approx(12, rel=0.1)
    assert len(products.tail) == 1  # the newcomer is the weakest now


def test_what_is_weaker_than_all_of_the_head_stays_in_the_tail_until_it_is_full() -> None:
    log = [event(n, Action.PURCHASE, f"p{n}") for n in range(HEAD)]
    more = [event(HEAD + n, Action.CLICK, f"q{n}", after=timedelta(days=n / 9)) for n in range(TAIL + 50)]
    profile = folded([*log, *more])
    assert (len(profile.products.keys), len(profile.products.tail)) == (HEAD, TAIL)
    keys = set(profile.products.tail.key_array().tolist())
    assert key_of(Space.PRODUCT, f"q{TAIL + 49}") & 0xFFFFFF in keys  # the latest is there, the first one is not
    assert key_of(Space.PRODUCT, "q0") & 0xFFFFFF not in keys


@given(st.floats(0.02, 4_000), st.integers(0, 4_000_000_000), st.integers(0, 100_000_000))
def test_the_tail_keeps_a_strength_and_lets_it_fade(amount: float, at: int, later: int) -> None:
    tail = Tail(2)
    tail.put(7, amount, at)
    faded = amount * 2.0 ** (-later / HALF_LIVES[SEASON])
    assert tail.strengths(at + later)[0] == pytest.approx(faded, rel=0.2)
    assert tail.take(8, at) == 0
    assert tail.take(7 + (1 << 24), at) == pytest.approx(amount, rel=0.2)  # keys are known by 24 bits
    assert not len(tail)


def test_purchases_of_long_ago_fade_like_others() -> None:
    old = START.replace(year=2017)
    profile = folded([replace(event(1, Action.PURCHASE), occurred_at=old)])
    now = old.timestamp() + HALF_LIVES[SEASON]
    assert strength(profile, "p1", now) == pytest.approx(5, rel=0.06)


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
