"""Ten shoppers, and what they come to see: it changes as a person would expect, and fades as it should."""

from datetime import timedelta

from core.domain import Action, EventFacts
from core.personalization.crowd import cohort_key
from tests.core.personalization.events import START
from tests.core.personalization.small_world import THINGS, Story, buys, crowd_of

NOW = timedelta()
MINUTE, DAY, WEEK = timedelta(minutes=1), timedelta(days=1), timedelta(days=7)
SHOES = ["fine shoe", "cheap shoe", "trail shoe", "road shoe"]
POTS = ["steel pot", "red pot", "iron pot"]
MIXED = ["steel pot", "fine shoe", "novel", "trail shoe", "iron pot"]


def test_a_runner_sees_running_shoes_of_the_brand_first() -> None:
    story = Story()
    story.does(Action.PURCHASE, "road shoe")
    assert story.order(SHOES, DAY)[0] == "road shoe"
    assert story.order(SHOES[:3], DAY)[0] == "trail shoe"  # never seen, but by the same maker


def test_then_the_runner_cooks_and_later_runs_again() -> None:
    story = Story()
    for week in range(8):
        story.does(Action.PURCHASE, "trail shoe", week * WEEK)
    tonight = 8 * WEEK
    story.does(Action.CLICK, "iron pot", tonight)
    story.does(Action.ADD_TO_CART, "iron pot", tonight + MINUTE)
    visit, shoes = story.taste(MIXED, tonight + 2 * MINUTE).components, MIXED.index("trail shoe")
    pot = MIXED.index("iron pot")
    assert visit[pot, 1] > visit[shoes, 1]  # this visit is about pots
    assert visit[pot, 0] < visit[shoes, 0]  # the shopper is a runner all the same
    assert story.order(MIXED, tonight + 30 * DAY)[0] == "trail shoe"


def test_the_parent_is_reminded_when_the_nappies_are_due() -> None:
    story = Story()
    for time in range(4):
        story.does(Action.PURCHASE, "soft nappies", 2 * time * WEEK)
    last = 6 * WEEK
    names = ["eco nappies", "soft nappies"]
    soon, due = (story.taste(names, last + gap).features for gap in (DAY, 2 * WEEK))
    assert story.order(names, last + 2 * WEEK)[0] == "soft nappies"
    from core.personalization.features import PLACE

    assert soon[1, PLACE["due"]] < due[1, PLACE["due"]]


def test_the_bargain_hunter_sees_the_cheap_one_first() -> None:
    story = Story()
    for number, name in enumerate(("steel pot", "other ink", "novel")):
        story.does(Action.CLICK, name, number * MINUTE)
    story.does(Action.PURCHASE, "other ink", DAY)
    assert story.order(["fine shoe", "trail shoe", "cheap shoe"], 2 * DAY)[0] == "cheap shoe"


def test_whoever_loves_red_finds_red_things_of_other_kinds() -> None:
    story = Story()
    story.does(Action.PURCHASE, "road shoe")
    assert story.order(POTS, DAY)[0] == "red pot"


def test_what_was_taken_out_of_the_cart_goes_down() -> None:
    story = Story()
    story.does(Action.CLICK, "iron pot")
    assert story.order(POTS, MINUTE)[0] == "iron pot"
    story.does(Action.REMOVE_FROM_CART, "iron pot", MINUTE)
    story.does(Action.REMOVE_FROM_CART, "iron pot", 2 * MINUTE)
    assert story.order(POTS, 3 * MINUTE)[-1] == "iron pot"


def test_what_is_left_alone_at_the_top_goes_down() -> None:
    story, names = Story(), ["steel pot", "red pot"]
    for number in range(3):
        story.does(Action.CLICK, "novel", number * DAY, facts=EventFacts(kind="books", skipped=("steel pot",)))
    assert story.order(names, 4 * DAY) == ["red pot", "steel pot"]


def test_a_present_for_somebody_else_is_forgotten() -> None:
    story = Story()
    for week in range(6):
        story.does(Action.PURCHASE, "novel", week * WEEK)
    bought = 6 * WEEK
    story.does(Action.CLICK, "printer", bought)
    names = ["laser", "cookbook"]
    assert story.order(names, bought + MINUTE)[0] == "laser"  # now it is about printers
    assert story.order(names, bought + 3 * DAY)[0] == "cookbook"


def test_a_newcomer_from_berlin_sees_what_berlin_likes() -> None:
    berlin = cohort_key("location", "Berlin")
    crowd = crowd_of([["fine shoe"]] * 12)
    for number in range(9):
        buys(crowd, 100 + number, ["road shoe"], cohorts=(berlin,))
    assert Story(crowd).order(SHOES, MINUTE)[0] == "fine shoe"  # from nowhere: what most buy
    assert Story(crowd, (berlin,)).order(SHOES, MINUTE)[0] == "road shoe"


def test_who_bought_the_printer_is_shown_its_ink() -> None:
    story = Story(crowd_of([["printer", "ink"]] * 3 + [["laser", "other ink"]] * 3 + [["printer", "other ink"]]))
    story.does(Action.PURCHASE, "printer")
    components = story.taste(["other ink", "ink"], DAY).components
    assert components[1, 2] > components[0, 2]
    assert story.order(["other ink", "ink"], DAY)[0] == "ink"


def test_one_stranger_leads_nobody() -> None:
    crowd = crowd_of([["printer", "novel"]])
    for _ in range(50):
        buys(crowd, 7, ["fine shoe"])
    story = Story(crowd)
    story.does(Action.PURCHASE, "printer")
    assert not story.taste(["novel", "ink"], DAY).components[:, 2].any()
    quiet = Story()
    quiet.does(Action.PURCHASE, "printer")
    shift = story.taste(SHOES, DAY).final - quiet.taste(SHOES, DAY).final
    assert float(shift.max() - shift.min()) < 0.04  # not even who buys one thing fifty times
    assert crowd.popular(5, START.timestamp()) == crowd.rising(5, START.timestamp()) == []


def test_a_glance_is_no_interest() -> None:
    story = Story()
    story.does(Action.VIEW, "iron pot", duration_seconds=0.5)
    looked = Story()
    looked.does(Action.VIEW, "iron pot", duration_seconds=45.0)
    glance, look = (
        float(one.taste(POTS, MINUTE).final[2] - one.taste(POTS, MINUTE).final[0]) for one in (story, looked)
    )
    assert 0 <= glance < look / 3


def test_suggestions_follow_what_was_searched_and_fade() -> None:
    story = Story()
    story.does(Action.CLICK, "trail shoe")
    story.searches("trail running", MINUTE)
    texts, kinds = ["red pot", "trail bike", "shoes"], ["pots", None, "running shoes"]
    assert story.order_of_queries(texts, kinds, 2 * MINUTE)[-1] == "red pot"
    now, later, last = (story.query_components(texts, kinds, after)[:, 1] for after in (2 * MINUTE, DAY, 10 * WEEK))
    assert (now[1:] > 0.05).all() and (last < 0.01).all()
    assert (later[1:] < now[1:]).all() and (later[1:] > 0.02).all()  # the next visit begins where this one ended
    story.does(Action.IMPRESSION, sorted(THINGS)[0], DAY - MINUTE)  # to be shown something is to say nothing
    assert (story.query_components(texts, kinds, DAY)[:, 1] == later).all()
    story.searches("red pot", DAY)
    said = story.query_components(texts, kinds, DAY + MINUTE)[:, 1]
    assert said[0] > 0.05 and (said[1:] < 0.01).all()  # until it says what it is about


def test_of_somebody_unknown_nothing_is_known() -> None:
    assert not Story().shopper(NOW).is_known
    final = Story().taste(SHOES, NOW).final
    assert (final == final[0]).all()  # and so taste changes no order
    assert START.weekday() == 0
