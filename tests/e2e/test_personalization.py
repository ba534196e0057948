"""Personalisation over HTTP: what a shopper did a moment ago is in the next list, whichever worker makes it."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.jobs import waited_for
from tests.e2e.server import ADMIN_KEY, Server, running
from tests.trained_shop import TrainedShop


@pytest.fixture(scope="module")
def workers(trained_shop: TrainedShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """Two services on one home, as two workers are."""
    home = tmp_path_factory.mktemp("workers") / "home"
    shutil.copytree(trained_shop.home, home)
    # What all shoppers do is learnt a moment later, in each worker for itself: here it stays as it was at the start.
    with (
        running(home, EXPLORATION_SHARE="0", CROWD_REFRESH_SECONDS="3600") as one,
        running(home, EXPLORATION_SHARE="0", CROWD_REFRESH_SECONDS="3600") as other,
    ):
        yield one, other


class Shopper:
    """A visitor with a session of their own. Every call goes to the given worker."""

    def __init__(self, at: Server, **start: str) -> None:
        self._client = httpx.Client(trust_env=False, timeout=30)
        self.started = self._post(at, "/user/session/start", dict(start), None)

    def call(self, at: Server, path: str, body: dict[str, Any]) -> dict[str, Any]:
        body = {"session_id": self.started["session_id"], **body}
        return self._post(at, path, body, self.started["session_token"])

    def does(self, at: Server, action: str, product: str, **more: Any) -> None:
        event = {"user_id": self.started["user_id"], "action_type": action, "item_id": product, **more}
        assert self.call(at, "/engagement", event)["success"]

    def search(self, at: Server, query: str, **more: Any) -> dict[str, Any]:
        return self.call(at, "/search", {"query": query, "explain": True, "max_results": 100, **more})

    def sign_in(self, at: Server, user_id: str) -> None:
        token = self.started["session_token"]
        self.started = self._post(at, "/user/session/start", {"user_id": user_id}, token, **{"X-API-Key": ADMIN_KEY})

    def _post(self, at: Server, path: str, body: dict[str, Any], token: str | None, **more: str) -> dict[str, Any]:
        headers = more if token is None else {"Authorization": f"Bearer {token}", **more}
        reply = self._client.post(f"{at.url}{path}", json=body, headers=headers)
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer


def ids(answer: dict[str, Any]) -> list[str]:
    return [product["product_id"] for product in answer["products"]]


def some_query(trained_shop: TrainedShop, shopper: Shopper, at: Server) -> tuple[str, dict[str, Any]]:
    """A query that finds a page of products of several brands."""
    for query in ("shoes", "phone case", "shirt", "lamp", "coffee", "bag"):
        answer = shopper.search(at, query)
        if len({product["brand"] for product in answer["products"]}) > 2 and answer["total_results"] > 8:
            return query, answer
    raise AssertionError("the generated shop finds nothing for any of these")


def test_the_next_list_of_any_worker_knows_what_was_just_done(
    trained_shop: TrainedShop, workers: tuple[Server, Server]
) -> None:
    one, other = workers
    shopper = Shopper(one)
    query, before = some_query(trained_shop, shopper, one)
    wanted = before["products"][6]["product_id"]
    for turn in range(6):
        done_at, asked_at = (one, other) if turn % 2 else (other, one)
        shopper.does(done_at, "purchase", wanted, event_id=str(uuid.uuid4()))
        after = shopper.search(asked_at, query)
        assert after["personalized"]
        [product] = [product for product in after["products"] if product["product_id"] == wanted]
        assert product["explain"]["personal"] > 0
        assert ids(after).index(wanted) < ids(before).index(wanted)
        there = shopper.search(done_at, query)
        assert there["personalized"] and ids(there).index(wanted) == ids(after).index(wanted)


def test_keystrokes_know_it_too(trained_shop: TrainedShop, workers: tuple[Server, Server]) -> None:
    one, other = workers
    shopper = Shopper(one)
    plain = shopper.call(other, "/autosuggest", {"query_prefix": "s", "explain": True})
    assert not plain["personalized"]
    liked = next(item for item in reversed(plain["items"]) if item["category"])
    product = ids(shopper.search(one, liked["text"]))[0]
    shopper.does(one, "click", product)

    def known() -> dict[str, Any] | None:
        """A list that did not have to be ready before the profile was read, as on a busy machine."""
        answer: dict[str, Any] = shopper.call(other, "/autosuggest", {"query_prefix": "s", "explain": True})
        return answer if answer["personalized"] else None

    after = waited_for(known, "a personal list")
    explained = [item["explain"] for item in after["items"] if "taste" in item["explain"]]
    assert any(said["taste"] > 0 for said in explained)


def test_without_personalisation_everybody_has_the_same_list(
    trained_shop: TrainedShop, workers: tuple[Server, Server]
) -> None:
    one, other = workers
    shopper, stranger = Shopper(one), Shopper(other)
    query, before = some_query(trained_shop, stranger, other)
    shopper.does(one, "purchase", before["products"][6]["product_id"])
    same = shopper.search(other, query, include_personalization=False)
    assert ids(same) == ids(before) and not same["personalized"]
    assert ids(shopper.search(one, query)) != ids(before)


def test_who_signs_in_takes_the_visit_along(trained_shop: TrainedShop, workers: tuple[Server, Server]) -> None:
    one, other = workers
    guest = Shopper(one)
    query, before = some_query(trained_shop, guest, one)
    wanted = before["products"][6]["product_id"]
    guest.does(one, "add_to_cart", wanted)
    guest.sign_in(one, f"user-{uuid.uuid4().hex}")
    after = guest.search(other, query)
    assert ids(after).index(wanted) < 6
    stranger = Shopper(one)
    assert ids(stranger.search(one, query)) == ids(before)


def test_recommendations_have_reasons_and_change_with_the_shopper(
    trained_shop: TrainedShop, workers: tuple[Server, Server]
) -> None:
    one, other = workers
    shopper = Shopper(one)
    _, found = some_query(trained_shop, shopper, one)
    liked, bought = found["products"][0]["product_id"], found["products"][1]["product_id"]
    nothing = shopper.call(one, "/recommendations", {"reasons": ["for_you"]})
    assert nothing["products"] == []
    shopper.does(one, "click", liked)
    for_you = shopper.call(other, "/recommendations", {"reasons": ["for_you"], "explain": True})
    assert for_you["products"] and for_you["personalized"]
    assert {product["reason"] for product in for_you["products"]} == {"for_you"}
    for product in for_you["products"]:
        said = product["explain"]
        assert said["base"] + said["taste"] == pytest.approx(product["score"], abs=2e-6)
    beside = shopper.call(one, "/recommendations", {"product_id": liked})
    assert liked not in ids(beside) and "similar" in {product["reason"] for product in beside["products"]}
    shopper.does(one, "purchase", bought)
    again = shopper.call(one, "/recommendations", {"reasons": ["for_you"], "max_results": 50})
    assert bought not in ids(again)


def test_a_product_that_is_not_there_is_a_problem(workers: tuple[Server, Server], tmp_path: Path) -> None:
    reply = httpx.post(f"{workers[0].url}/recommendations", json={"product_id": "nowhere"}, trust_env=False)
    assert (reply.status_code, reply.json()["code"]) == (404, "unknown_product")
