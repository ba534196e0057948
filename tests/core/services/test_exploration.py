"""What chance does to lists."""

from collections import Counter

import numpy as np
import pytest

from core.services.exploration import SWAPPED, swapped

ORDER = np.arange(100, 130, dtype=np.int32)


def test_without_a_share_or_a_request_nothing_is_drawn() -> None:
    for share, request in ((0.0, "r"), (1.0, None)):
        order, drawn = swapped(ORDER, share, request)
        assert (order.tolist(), drawn) == (ORDER.tolist(), {})


def test_a_swap_moves_two_of_the_first_places_and_says_how_likely_that_was() -> None:
    order, drawn = swapped(ORDER, 1.0, "request-1")
    moved = np.flatnonzero(order != ORDER)
    assert len(moved) == 2 and moved.max() < SWAPPED
    assert set(drawn) == set(ORDER[:SWAPPED].tolist())
    for place, row in enumerate(order[:SWAPPED].tolist(), 1):
        propensity, rank = drawn[row]
        assert ORDER[rank - 1] == row
        assert propensity == pytest.approx(2 / 90 if rank != place else 1 - 2 / 10)
    assert swapped(ORDER, 1.0, "request-1")[0].tolist() == order.tolist()


def test_places_come_as_often_as_is_logged() -> None:
    lists, places = 4_000, Counter[int]()
    for number in range(lists):
        order, _ = swapped(ORDER, 0.5, f"request-{number}")
        places[int(np.flatnonzero(order == ORDER[0])[0])] += 1
    assert abs(places[0] / lists - (1 - 2 * 0.5 / 10)) < 0.02
    assert all(abs(places[place] / lists - 0.5 / 45) < 0.01 for place in range(1, SWAPPED))


def test_a_list_of_one_has_nothing_to_swap() -> None:
    assert swapped(ORDER[:1], 1.0, "r")[1] == {}
