"""/admin/suggestion-rules, and how workers take rules over."""

import asyncio
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.rules import RulesFollower
from config.settings import Settings
from core.errors import InputFileError
from tests.api.calls import in_service, post, state_of

RULES = "/admin/suggestion-rules"


def field_refused(reply: Any) -> str:
    assert reply.status_code == 422
    return str(reply.json()["errors"][0]["field"])


def test_rules_are_added_listed_and_deleted(client: TestClient, admin: dict[str, str]) -> None:
    block = post(client, RULES, {"kind": "block", "text": " Red  SHOES! "}, admin)
    pin = post(client, RULES, {"kind": "pin", "text": "Gaming Laptop", "prefix": "GA", "position": 2}, admin)
    assert (block.status_code, pin.status_code) == (201, 201)
    assert {name: value for name, value in block.json().items() if name != "created_at"} == {
        "id": 1, "kind": "block", "text": "red shoes", "match": "exact", "prefix": None, "position": None,
    }  # fmt: skip
    assert {name: value for name, value in pin.json().items() if name != "created_at"} == {
        "id": 2, "kind": "pin", "text": "gaming laptop", "match": None, "prefix": "ga", "position": 2,
    }  # fmt: skip
    assert client.get(RULES, headers=admin).json() == {"rules": [block.json(), pin.json()]}
    gone = client.delete(f"{RULES}/1", headers=admin)
    assert (gone.status_code, gone.content) == (204, b"")
    assert client.delete(f"{RULES}/1", headers=admin).json()["code"] == "unknown_rule"
    assert client.get(RULES, headers=admin).json() == {"rules": [pin.json()]}


def test_a_rule_is_in_force_here_when_it_is_answered(client: TestClient, admin: dict[str, str]) -> None:
    rules = state_of(client).rules
    before = rules.version
    post(client, RULES, {"kind": "block", "match": "contains", "text": "knife"}, admin)
    assert rules.current.blocks("small knife")
    added = rules.version
    post(client, RULES, {"kind": "pin", "text": "jacket"}, admin)
    assert rules.current.pins("ja") == ("jacket",)
    client.delete(f"{RULES}/1", headers=admin)
    assert not rules.current.blocks("small knife")
    assert len({before, added, rules.version}) == 3


def test_another_worker_follows(client: TestClient, admin: dict[str, str]) -> None:
    other = RulesFollower(state_of(client).database, 60.0)
    post(client, RULES, {"kind": "block", "text": "red shoes"}, admin)
    assert not other.current.blocks("red shoes")
    in_service(client, other.refresh)
    assert other.current.blocks("red shoes")
    assert other.version == state_of(client).rules.version  # so that they can share a cache
    taken = other.current
    in_service(client, other.refresh)
    assert other.current is taken


def test_following_ends_when_told_to(
    client: TestClient, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = RulesFollower(state_of(client).database, 60.0)
    post(client, RULES, {"kind": "block", "text": "red shoes"}, admin)

    async def follow_and_stop() -> None:
        stop, taken = asyncio.Event(), asyncio.Event()
        look = other.refresh

        async def look_and_tell() -> None:
            await look()
            taken.set()

        monkeypatch.setattr(other, "refresh", look_and_tell)
        following = asyncio.create_task(other.keep_fresh(stop))
        await asyncio.wait_for(taken.wait(), 10)
        stop.set()
        await following

    in_service(client, follow_and_stop)
    assert other.current.blocks("red shoes")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "block", "text": "!!"}, "text"),
        ({"kind": "block", "text": ""}, "text"),
        ({"kind": "block"}, "text"),
        ({"kind": "else", "text": "a"}, "kind"),
        ({"kind": "block", "text": "a", "match": "regex"}, "match"),
        ({"kind": "block", "text": "a", "prefix": "a"}, "prefix"),
        ({"kind": "block", "text": "a", "position": 1}, "position"),
        ({"kind": "pin", "text": "a", "match": "exact"}, "match"),
        ({"kind": "pin", "text": "a", "prefix": " "}, "prefix"),
        ({"kind": "pin", "text": "a", "position": 0}, "position"),
        ({"kind": "pin", "text": "a", "position": "1"}, "position"),
        ({"kind": "pin", "text": "a", "other": 1}, "other"),
    ],
)
def test_what_is_no_rule_is_refused_by_its_field(
    client: TestClient, admin: dict[str, str], body: dict[str, object], field: str
) -> None:
    assert field_refused(post(client, RULES, body, admin)) == field


@pytest.mark.parametrize("rule_id", ["0", "-1", "x", str(2**70)])
def test_what_is_no_id_is_refused(client: TestClient, admin: dict[str, str], rule_id: str) -> None:
    assert field_refused(client.delete(f"{RULES}/{rule_id}", headers=admin)) == "rule_id"


def test_rules_are_the_operators_alone(client: TestClient) -> None:
    for reply in (
        client.get(RULES),
        post(client, RULES, {"kind": "block", "text": "a"}),
        client.delete(f"{RULES}/1"),
    ):
        assert reply.status_code == 401


def test_all_methods_of_a_path_are_named(client: TestClient) -> None:
    reply = client.put(RULES)
    assert (reply.status_code, reply.headers["Allow"]) == (405, "GET, POST")


def test_the_shops_safety_list_is_in_force_within_seconds(client: TestClient, settings: Settings) -> None:
    rules, file = state_of(client).rules, settings.storage.safety
    assert rules.current.blocks("buy heroin") and not rules.current.blocks("rain jacket")
    file.write_text("rain jacket\n!heroin\n", encoding="utf-8")
    in_service(client, rules.refresh)
    assert rules.current.blocks("rain jacket") and not rules.current.blocks("buy heroin")
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(InputFileError):
        in_service(client, rules.refresh)
    assert rules.current.blocks("rain jacket")  # what was in force stays so
    file.unlink()
    in_service(client, rules.refresh)
    assert not rules.current.blocks("rain jacket")
