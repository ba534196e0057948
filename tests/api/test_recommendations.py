"""POST /recommendations: reasons, explanations, and what is said where there is nothing to recommend."""

import pytest
from fastapi.testclient import TestClient

from tests.api.calls import in_service, post, rows, start_session, state_of


def test_products_come_with_their_reason_and_are_logged(client: TestClient) -> None:
    reply = post(client, "/recommendations", {"max_results": 2}, start_session(client))
    assert reply.status_code == 200
    answer = reply.json()
    assert [product["reason"] for product in answer["products"]] == ["trending"] * 2
    assert "explain" not in answer["products"][0] and not answer["personalized"]
    in_service(client, state_of(client).writer.flush_lists)
    [row] = rows(client, "SELECT kind, request_id FROM list_log")
    assert (row.kind, row.request_id) == ("recommend", answer["request_id"])


def test_explained_on_request(client: TestClient) -> None:
    [product] = post(client, "/recommendations", {"max_results": 1, "explain": True}).json()["products"]
    assert product["explain"] == {"base": 0.5}


@pytest.mark.parametrize(
    "body", [{"max_results": 0}, {"max_results": 101}, {"reasons": ["luck"]}, {"product_id": ""}, {"more": 1}]
)
def test_what_cannot_be_is_refused(client: TestClient, body: dict[str, object]) -> None:
    reply = post(client, "/recommendations", body)
    assert (reply.status_code, reply.json()["code"]) == (422, "validation_error")


def test_a_product_that_is_not_there(client: TestClient) -> None:
    reply = post(client, "/recommendations", {"product_id": "nowhere"})
    assert (reply.status_code, reply.json()["code"]) == (404, "unknown_product")
