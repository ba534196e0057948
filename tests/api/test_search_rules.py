"""/admin/search-rules, and what of it and of query understanding /search shows."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from api.rules import SearchRulesFollower
from api.schemas.search_rules import is_safe_url
from core.domain import Adjustment, AppliedRules
from tests.api.calls import in_service, post, state_of
from tests.api.small_shop import SmallShop
from tests.api.test_rules import field_refused

RULES = "/admin/search-rules"
NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)
PIN: dict[str, object] = {"kind": "pin", "query": "red shoes", "product_id": "p1"}
BOOST: dict[str, object] = {"kind": "boost", "match": "any", "field": "brand", "value": "Fleet"}


def applied(client: TestClient, text: str, now: datetime = NOW) -> AppliedRules:
    return state_of(client).search_rules.current.for_query(text, now)


def test_rules_are_added_listed_and_deleted(client: TestClient, admin: dict[str, str]) -> None:
    pin = post(client, RULES, PIN | {"query": " Red  SHOES! ", "ends_at": "2025-02-01T00:00:00+01:00"}, admin)
    assert pin.status_code == 201
    assert {name: value for name, value in pin.json().items() if name != "created_at"} == {
        "id": 1, "kind": "pin", "match": "exact", "query": "red shoes", "product_id": "p1", "position": 1,
        "field": None, "value": None, "strength": None, "url": None, "starts_at": None,
        "ends_at": "2025-01-31T23:00:00Z", "products": None,
    }  # fmt: skip
    boost = post(client, RULES, BOOST, admin)
    assert (boost.status_code, boost.json()["strength"], boost.json()["query"]) == (201, 0.2, None)
    assert client.get(RULES, headers=admin).json() == {"rules": [pin.json(), boost.json()]}
    assert client.delete(f"{RULES}/1", headers=admin).status_code == 204
    assert client.delete(f"{RULES}/1", headers=admin).json()["code"] == "unknown_rule"
    assert client.get(RULES, headers=admin).json() == {"rules": [boost.json()]}


def test_rules_are_in_force_here_at_once_and_elsewhere_after_a_look(client: TestClient, admin: dict[str, str]) -> None:
    other = SearchRulesFollower(state_of(client).database, 60.0)
    post(client, RULES, PIN | {"position": 3, "ends_at": "2025-02-01T00:00:00"}, admin)
    post(client, RULES, BOOST, admin)
    post(client, RULES, {"kind": "bury", "match": "contains", "query": "shoes", "product_id": "p2"}, admin)
    post(client, RULES, {"kind": "redirect", "query": "red shoes", "url": "/shoes"}, admin)
    expected = AppliedRules(
        (("p1", 3),), (Adjustment(-0.2, product_id="p2"), Adjustment(0.2, field="brand", value="Fleet")), "/shoes"
    )
    assert applied(client, "red shoes") == expected
    assert applied(client, "red shoes", datetime(2025, 2, 1, tzinfo=UTC)).pins == ()
    assert other.current.for_query("red shoes", NOW) == AppliedRules()
    in_service(client, other.refresh)
    assert other.current.for_query("red shoes", NOW) == expected
    assert other.version == state_of(client).search_rules.version


def test_a_search_carries_the_rules_and_shows_where_they_lead(
    client: TestClient, admin: dict[str, str], shop: SmallShop
) -> None:
    assert "redirect" not in post(client, "/search", {"query": "red"}).json()
    post(client, RULES, {"kind": "redirect", "query": "red", "url": "https://shop.test/red"}, admin)
    reply = post(client, "/search", {"query": "Red"}).json()
    assert reply["redirect"] == "https://shop.test/red"
    assert [product["product_id"] for product in reply["products"]] == ["p1", "p3"]
    rules = shop.search_calls[-1].rules
    assert rules is not None and rules("red").redirect == "https://shop.test/red"


def test_a_search_shows_what_was_understood_unless_told_not_to_interpret(client: TestClient) -> None:
    understood = post(client, "/search", {"query": "red under 50"}).json()["understood"]
    assert understood == [{"kind": "price", "text": "under 50", "value": "≤ 50", "applied": "filter"}]
    assert "understood" not in post(client, "/search", {"query": "red under 50", "interpret": False}).json()
    assert "understood" not in post(client, "/search", {"query": "red"}).json()
    assert field_refused(post(client, "/search", {"query": "red", "interpret": "no"})) == "interpret"


_REFUSED: list[tuple[Mapping[str, object], str]] = [
    ({"kind": "else"}, "kind"),
    (PIN | {"match": "any"}, "match"),
    (PIN | {"query": "!!"}, "query"),
    ({"kind": "pin", "product_id": "p1"}, "query"),
    (BOOST | {"query": "red"}, "query"),
    ({"kind": "pin", "query": "red"}, "product_id"),
    ({"kind": "redirect", "query": "red", "url": "/a", "product_id": "p1"}, "product_id"),
    (PIN | {"position": 0}, "position"),
    (PIN | {"position": 101}, "position"),
    (PIN | {"position": "1"}, "position"),
    (BOOST | {"position": 1}, "position"),
    (PIN | {"field": "brand", "value": "Fleet"}, "field"),
    (BOOST | {"product_id": "p1"}, "field"),
    (BOOST | {"field": "price"}, "field"),
    (BOOST | {"field": "attributes."}, "field"),
    ({"kind": "boost", "query": "red"}, "field"),
    ({"kind": "boost", "query": "red", "field": "brand"}, "value"),
    ({"kind": "boost", "query": "red", "product_id": "p1", "value": "Fleet"}, "value"),
    (BOOST | {"strength": 0}, "strength"),
    (BOOST | {"strength": 1.5}, "strength"),
    (PIN | {"strength": 0.5}, "strength"),
    (PIN | {"url": "/a"}, "url"),
    ({"kind": "redirect", "query": "red"}, "url"),
    ({"kind": "redirect", "query": "red", "url": "javascript:alert(1)"}, "url"),
    (PIN | {"starts_at": 5}, "starts_at"),
    (PIN | {"starts_at": "2025-01-31T12:00:00Z", "ends_at": "2025-01-31T13:00:00+01:00"}, "ends_at"),
    (PIN | {"other": 1}, "other"),
]


def test_what_is_no_rule_is_refused_by_its_field(client: TestClient, admin: dict[str, str]) -> None:
    for body, field in _REFUSED:
        assert field_refused(post(client, RULES, body, admin)) == field, body
    assert client.get(RULES, headers=admin).json() == {"rules": []}


@pytest.mark.parametrize("url", ["/", "/sale?brand=a&b=c#top", "https://shop.test", "http://shop.test:8080/a/ü"])
def test_where_a_redirect_may_lead(url: str) -> None:
    assert is_safe_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "", "sale", "//evil.test", "/\\evil.test", "/\t/evil.test", "/a b", "/a\n", "\\\\evil.test",
        "javascript:alert(1)", "JAVASCRIPT:alert(1)", " javascript:alert(1)", "data:text/html,a",
        "ftp://shop.test", "https:", "https:///a", "http://[", "https://user@evil.test/", "https://shop.test\\@evil.test",
    ],
)  # fmt: skip
def test_where_it_may_not(url: str) -> None:
    assert not is_safe_url(url)


def test_rules_are_the_operators_alone(client: TestClient) -> None:
    for reply in (client.get(RULES), post(client, RULES, PIN), client.delete(f"{RULES}/1")):
        assert reply.status_code == 401
