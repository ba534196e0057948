"""Who completed what: each shopper once a text, half-typed searches not at all."""

from datetime import UTC, datetime, timedelta

from core.services.live_shoppers import LiveShoppers

NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)


def fed(*searches: tuple[str, str, float]) -> LiveShoppers:
    """`(shopper, text, seconds after NOW)` each."""
    shoppers = LiveShoppers()
    for shopper, text, seconds in searches:
        shoppers.complete(text, shopper, NOW + timedelta(seconds=seconds))
    return shoppers


def counted(shoppers: LiveShoppers) -> dict[str, list[float]]:
    return {text: sorted(at - NOW.timestamp() for at in shoppers.of(text).values()) for text in shoppers}


def test_each_shopper_counts_once_at_the_last_time() -> None:
    assert counted(fed(("a", "hat", 0), ("b", "hat", 20), ("a", "cap", 30), ("a", "hat", 60))) == {
        "hat": [20, 60],
        "cap": [30],
    }


def test_typing_letter_by_letter_counts_the_last_word_only() -> None:
    burst = [("a", "running"[:length], length / 4) for length in range(1, 8)]
    assert counted(fed(*burst)) == {"running": [1.75]}


def test_both_ways_of_recording_a_keystroke_make_no_difference() -> None:
    burst = [("a", text, seconds) for seconds, text in enumerate(("ru", "ru", "run", "run", "runs", "runs"))]
    assert counted(fed(*burst)) == {"runs": [5]}


def test_only_the_same_shopper_soon_and_literally() -> None:
    assert counted(fed(("a", "run", 0), ("b", "running", 1))) == {"run": [0], "running": [1]}
    assert counted(fed(("a", "run", 0), ("a", "running", 15))) == {"running": [15]}
    assert counted(fed(("a", "run", 0), ("a", "running", 15.5))) == {"run": [0], "running": [15.5]}
    assert counted(fed(("a", "run", 0), ("a", "red run", 1))) == {"run": [0], "red run": [1]}


def test_typing_on_takes_nothing_back_that_was_completed_before() -> None:
    assert counted(fed(("a", "run", 0), ("a", "run", 100), ("a", "running", 101))) == {
        "run": [0],
        "running": [101],
    }
    assert counted(fed(("a", "run", 0), ("a", "hat", 50), ("a", "run", 100), ("a", "running", 101))) == {
        "run": [0],
        "hat": [50],
        "running": [101],
    }


def test_what_comes_in_late_is_counted_and_takes_nothing_back() -> None:
    assert counted(fed(("a", "running", 10), ("a", "run", 9), ("a", "running shoes", 12))) == {
        "run": [9],
        "running shoes": [12],
    }


def test_the_texts_concerned_are_said() -> None:
    shoppers = fed(("a", "run", 0))
    assert shoppers.complete("running", "a", NOW) == ["running", "run"]
    assert shoppers.complete("running", "b", NOW) == ["running"]


def test_many_shoppers_do_not_stay_remembered() -> None:
    shoppers = fed(*((str(number), "hat", number) for number in range(20_000)))
    assert len(shoppers.of("hat")) == 20_000
    assert len(shoppers._last) <= 10_000
