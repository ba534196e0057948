"""Which key opens which route: every route has a scope, and means it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient

from api.dependencies import require_admin, require_analytics
from api.main import create_app
from config.security_settings import SecuritySettings
from config.settings import Settings
from core.access import Scope, hash_of, new_key_id, new_secret, read_key, written
from tests.api.calls import in_service, post, rows, start_session, state_of
from tests.api.small_shop import SmallShop

KEYS = "/admin/keys"
PAGES = {"/", "/dashboard"}  # hold nothing of anybody
EVENT = {"user_id": "mary", "session_id": "s", "action_type": "view", "item_id": "p1"}


def routes_of(app: FastAPI) -> Iterator[APIRoute]:
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            yield context.original_route


def guards(app: FastAPI, route: APIRoute) -> set[object]:
    """The dependencies of a route, of its router and of theirs."""
    found: set[object] = set()
    for context in iter_route_contexts(app.routes):
        if context.original_route is route:
            waiting = [*getattr(context, "dependant", route.dependant).dependencies, *route.dependant.dependencies]
            while waiting:
                one = waiting.pop()
                found.add(one.call)
                waiting += one.dependencies
    return found


def scope_of(app: FastAPI, route: APIRoute) -> str | None:
    found = guards(app, route)
    if require_admin in found:
        return "admin"
    if require_analytics in found:
        return "analytics"
    return (route.openapi_extra or {}).get("x-scope")


def make_key(client: TestClient, admin: dict[str, str], *scopes: str, **more: object) -> dict[str, str]:
    made = post(client, KEYS, {"name": "-".join(scopes), "scopes": list(scopes), **more}, admin)
    assert made.status_code == 201, made.text
    return {"Authorization": f"Bearer {made.json()['key']}"}


def test_every_route_has_a_scope(settings: Settings, shop: SmallShop) -> None:
    app = create_app(settings, load=lambda *_: shop.models())
    scopes = {
        (path, *sorted(route.methods or ())): scope_of(app, route) for route in routes_of(app) for path in [route.path]
    }
    assert len(scopes) > 40
    assert {key[0] for key, scope in scopes.items() if scope is None} == PAGES
    for (path, *_), scope in scopes.items():
        if path.startswith("/admin"):
            assert scope in ("admin", "analytics"), path
        if path.startswith(("/users/", "/analytics/user/")):
            assert scope == "oneself", path


@pytest.fixture
def keys(client: TestClient, admin: dict[str, str]) -> dict[str, dict[str, str]]:
    """A header for each kind of caller."""
    scoped = {scope.value: make_key(client, admin, scope.value) for scope in Scope}
    revoked = make_key(client, admin, "admin")
    key_id = revoked["Authorization"].split("_")[1]
    assert client.delete(f"{KEYS}/{key_id}", headers=admin).status_code == 204
    return scoped | {"nobody": {}, "shopper": start_session(client, "mary"), "revoked": revoked}


@pytest.mark.parametrize("scope", ["admin", "analytics"])
def test_a_route_of_a_scope_is_closed_to_the_others(
    client: TestClient, keys: dict[str, dict[str, str]], scope: str
) -> None:
    app = client.app
    assert isinstance(app, FastAPI)
    guarded = [route for route in routes_of(app) if scope_of(app, route) == scope]
    assert len(guarded) >= 5
    for route in guarded:
        path = route.path
        for name in route.param_convertors:
            path = path.replace("{" + name + ":path}", "x").replace("{" + name + "}", "x")
        for method in sorted(route.methods or ()):
            for caller, headers in keys.items():
                opens = caller == "admin" or caller == scope
                status = client.request(method, path, headers=headers).status_code if not opens else None
                if caller in ("nobody", "shopper", "revoked"):
                    assert status == 401, (method, path, caller)
                elif not opens:
                    assert status == 403, (method, path, caller)
            if method == "GET":
                allowed = client.get(path, headers=keys[scope]).status_code
                assert allowed not in (401, 403), (path, allowed)


def test_a_change_by_an_operator_leaves_a_line_with_the_key(client: TestClient, admin: dict[str, str]) -> None:
    mine = make_key(client, admin, "admin")
    rule = {"kind": "block", "text": "bad words"}
    assert post(client, "/admin/suggestion-rules", rule, mine).status_code == 201
    [line] = rows(client, "SELECT action, details FROM audit_log WHERE action LIKE '%suggestion-rules%'")
    assert line.action == "POST /admin/suggestion-rules"
    assert mine["Authorization"].split("_")[1] in line.details


def test_a_key_is_stored_as_a_hash_and_never_shown_again(client: TestClient, admin: dict[str, str]) -> None:
    made = post(client, KEYS, {"name": "importer", "scopes": ["ingest"]}, admin).json()
    _, _, secret = made["key"].split("_", 2)
    [row] = rows(client, "SELECT * FROM api_keys")
    assert row.secret_hash == hash_of(secret)
    assert secret not in str(tuple(row))
    listed = client.get(KEYS, headers=admin).json()["keys"]
    assert [(one["key_id"], one["state"], one["scopes"]) for one in listed] == [(made["key_id"], "active", ["ingest"])]
    assert secret not in str(listed)


def test_a_rotated_key_has_a_time_of_grace(client: TestClient, admin: dict[str, str]) -> None:
    old = make_key(client, admin, "analytics")
    key_id = old["Authorization"].split("_")[1]
    new = post(client, f"{KEYS}/{key_id}/rotate", {"grace_seconds": 60}, admin).json()
    fresh = {"Authorization": f"Bearer {new['key']}"}
    assert [client.get("/admin/stats", headers=one).status_code for one in (old, fresh)] == [200, 200]
    post(client, f"{KEYS}/{key_id}/rotate", {"grace_seconds": 0}, admin)
    assert [client.get("/admin/stats", headers=one).status_code for one in (old, fresh)] == [401, 401]


def test_a_key_ends_with_its_time_and_is_followed_by_other_workers(
    client: TestClient, admin: dict[str, str], settings: Settings, shop: SmallShop
) -> None:
    with TestClient(create_app(settings, load=lambda *_: shop.models())) as other:
        mine = make_key(client, admin, "analytics", expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
        in_service(other, state_of(other).keys.refresh)
        assert other.get("/admin/stats", headers=mine).status_code == 200
        ring = state_of(other).keys.current
        [key] = ring.stored.values()
        assert key.expires_at is not None
        assert key.accepts(key.secret_hash, key.expires_at - timedelta(seconds=1))
        assert not key.accepts(key.secret_hash, key.expires_at)
        client.delete(f"{KEYS}/{key.key_id}", headers=admin)
        in_service(other, state_of(other).keys.refresh)
        assert other.get("/admin/stats", headers=mine).status_code == 401
    past = {"name": "late", "scopes": ["admin"], "expires_at": "2020-01-01T00:00:00Z"}
    assert post(client, KEYS, past, admin).json()["errors"][0]["field"] == "expires_at"


def test_keys_open_without_an_admin_key_in_the_environment(
    client: TestClient, admin: dict[str, str], settings: Settings, shop: SmallShop
) -> None:
    mine = make_key(client, admin, "admin")
    without = settings.model_copy(update={"security": SecuritySettings()})
    with TestClient(create_app(without, load=lambda *_: shop.models())) as later:
        assert later.get("/admin/stats", headers=mine).status_code == 200
        assert later.get("/admin/stats").status_code == 401


def test_ingest_stores_old_events_of_anybody_and_reads_nothing(
    client: TestClient, keys: dict[str, dict[str, str]]
) -> None:
    old = EVENT | {"timestamp": "2024-01-01T00:00:00Z"}
    assert post(client, "/engagement", old, keys["ingest"]).status_code == 200
    [row] = rows(client, "SELECT user_key FROM events")
    assert row.user_key == state_of(client).gate.users.key("mary")
    for caller in ("storefront", "nobody", "shopper"):
        sent = old if caller != "shopper" else old | {"session_id": own_session(client, keys["shopper"])}
        assert post(client, "/engagement", sent, keys[caller]).status_code == 422, caller
    assert post(client, "/autosuggest", {"query_prefix": "r"}, keys["ingest"]).json()["code"] == "insufficient_scope"
    assert post(client, "/engagement", EVENT, keys["analytics"]).status_code == 403


def own_session(client: TestClient, session: dict[str, str]) -> str:
    return state_of(client).gate.claims(session["Authorization"]).session_id


def test_nobody_signs_in_as_somebody_without_the_shop(client: TestClient, keys: dict[str, dict[str, str]]) -> None:
    start = "/user/session/start"
    statuses = {
        caller: post(client, start, {"user_id": "victim"}, headers).status_code for caller, headers in keys.items()
    }
    assert statuses == {
        "admin": 200, "storefront": 200, "analytics": 403, "ingest": 403, "nobody": 401, "revoked": 401, "shopper": 403,
    }  # fmt: skip
    assert post(client, start, {"user_id": "mary"}, keys["shopper"]).status_code == 200  # oneself, once more
    assert post(client, start, {}).status_code == 200  # a guest


def test_the_storefront_key_speaks_for_its_shoppers(client: TestClient, keys: dict[str, dict[str, str]]) -> None:
    post(client, "/search", {"query": "red jacket"}, keys["shopper"])
    in_service(client, state_of(client).writer.flush_events)
    items = post(client, "/autosuggest", {"query_prefix": "", "user_id": "mary"}, keys["storefront"]).json()["items"]
    assert "red jacket" in [item["text"] for item in items if item["source"] == "recent"]


def test_a_written_key_is_read_again_and_other_text_is_none() -> None:
    key_id, secret = new_key_id(), new_secret()
    assert read_key(written(key_id, secret)) == (key_id, hash_of(secret))
    for other in ("", "cad_", written(key_id, secret)[:-1], written(key_id, secret) + "x", "cad_é_", "x" * 10_000):
        assert read_key(other) is None
