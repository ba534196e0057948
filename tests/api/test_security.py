"""Who may do what: tokens, keys, and text that tries to be more than text."""

import base64
import uuid

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from api.errors import ProblemError
from api.keys import KeyRing, environment_key
from api.main import create_app
from api.security import Gate
from api.tokens import SessionClaims, SessionTokens
from config.security_settings import SecuritySettings
from config.settings import Settings, StorageSettings
from core.access import Scope
from database.identity import UserKeys
from tests.api.calls import post, rows, start_session, state_of
from tests.api.small_shop import SmallShop

CLAIMS = SessionClaims("session", "mary")
HOSTILE = [
    "mary'; DROP TABLE events; --",
    '"',
    "' OR '1'='1",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "💥",
    "\\",
    "%s%n",
    "a" * 256,
]


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def gate(*, admin: str | None = None, unsigned: bool = False, clock: Clock | None = None) -> Gate:
    tokens = SessionTokens(b"s" * 32, ttl_seconds=60, clock=clock or Clock())
    ring = KeyRing(environment_key(SecretStr(admin) if admin else None))
    return Gate(tokens, UserKeys(b"u" * 32), lambda: ring, unsigned)


def bearer(token: str) -> str:
    return f"Bearer {token}"


def test_a_token_vouches_for_its_session_and_user() -> None:
    door = gate()
    caller = door.caller(bearer(door.tokens.issue(CLAIMS)), None, None)
    assert caller.session_id == "session"
    assert caller.user_key == door.users.key("mary")
    assert not caller.may_backdate


def test_a_token_ends_with_its_time() -> None:
    clock = Clock()
    door = gate(clock=clock)
    token = door.tokens.issue(CLAIMS)
    clock.now += 60
    assert door.tokens.read(token) == CLAIMS
    clock.now += 1
    with pytest.raises(ProblemError) as refused:
        door.tokens.read(token)
    assert (refused.value.status, refused.value.code) == (401, "expired_token")


def test_a_token_that_was_touched_is_refused() -> None:
    door = gate()
    token = door.tokens.issue(CLAIMS)
    payload, rest = token.split(".", 1)
    other = base64.urlsafe_b64encode(b'["session","john"]').decode().rstrip("=")
    foreign = SessionTokens(b"x" * 32, 60, Clock()).issue(CLAIMS)
    for bad in (f"{other}.{rest}", token[:-1], token[:-2] + "AA", payload, "", ".", "..", "é", foreign, token + "x"):
        with pytest.raises(ProblemError) as refused:
            door.caller(bearer(bad), None, None)
        assert refused.value.status == 401


def test_a_token_is_no_admin_key_and_other_schemes_are_none() -> None:
    door = gate(admin="key")
    for header in (
        None,
        "key",
        "Basic key",
        bearer("other"),
        bearer(""),
        bearer("kéy"),
        bearer(door.tokens.issue(CLAIMS)),
    ):
        with pytest.raises(ProblemError) as refused:
            door.require(header, Scope.ADMIN)
        assert refused.value.status == 401
    door.require("bearer key", Scope.ADMIN)


def test_unsigned_users_count_only_where_allowed() -> None:
    assert gate().caller(None, "s", "mary").user_key is None
    allowed = gate(unsigned=True)
    assert allowed.caller(None, "s", "mary").user_key == allowed.users.key("mary")
    assert allowed.caller(None, "s", None).user_key is None


def test_an_operator_speaks_for_any_user() -> None:
    door = gate(admin="key")
    caller = door.caller(bearer("key"), "s", "mary")
    assert (caller.session_id, caller.user_key, caller.may_backdate) == ("s", door.users.key("mary"), True)


def test_a_missing_session_becomes_a_new_one_each_time() -> None:
    assert gate().caller(None, None, None).session_id != gate().caller(None, None, None).session_id


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/autosuggest", {"query_prefix": ""}),
        ("/search", {"query": "red"}),
        ("/engagement", {"user_id": "mary", "session_id": "own", "action_type": "view", "item_id": "p1"}),
    ],
)
def test_a_token_that_says_otherwise_than_the_request_is_refused(
    client: TestClient, path: str, body: dict[str, object]
) -> None:
    session = start_session(client, "mary")
    own = state_of(client).gate.tokens.read(session["Authorization"].split()[1]).session_id
    body = body | ({"session_id": own} if "session_id" in body else {})
    assert post(client, path, body, session).status_code == 200
    for change, code in (({"session_id": "other"}, "session_mismatch"), ({"user_id": "john"}, "user_mismatch")):
        refused = post(client, path, body | change, session)
        assert refused.status_code == 403
        assert refused.json()["code"] == code
    broken = post(client, path, body, {"Authorization": "Bearer nonsense"})
    assert broken.status_code == 401
    assert broken.headers["WWW-Authenticate"] == "Bearer"


def test_without_a_token_a_known_users_history_stays_closed(client: TestClient) -> None:
    session = start_session(client, "mary")
    found = post(client, "/search", {"query": "red jacket"}, session).json()
    for body in ({"user_id": "mary"}, {"session_id": found["session_id"]}, {"user_id": "mary", "session_id": "x"}):
        items = post(client, "/autosuggest", {"query_prefix": "", **body}).json()["items"]
        assert [item["text"] for item in items if item["source"] == "recent"] == []
    again = start_session(client, "mary")
    items = post(client, "/autosuggest", {"query_prefix": ""}, again).json()["items"]
    assert [item["text"] for item in items if item["source"] == "recent"] == ["red jacket"]


def test_unsigned_users_are_believed_where_the_setting_says_so(settings: Settings, shop: SmallShop) -> None:
    open_door = settings.model_copy(update={"security": SecuritySettings(allow_unsigned_users=True)})
    with TestClient(create_app(open_door, load=lambda *_: shop.models())) as client:
        event = {"user_id": "mary", "session_id": "s", "action_type": "view", "item_id": "p1"}
        assert post(client, "/engagement", event).status_code == 200
        [row] = rows(client, "SELECT user_key FROM events")
        assert row.user_key == state_of(client).gate.users.key("mary")


def test_the_admin_endpoint_needs_its_key(client: TestClient, admin: dict[str, str]) -> None:
    assert client.get("/admin/stats", headers=admin).status_code == 200
    for headers in ({}, {"Authorization": "Bearer wrong"}, start_session(client, "admin")):
        refused = client.get("/admin/stats", headers=headers)
        assert refused.status_code == 401
        assert refused.json()["code"] == "unauthorized"


def test_without_a_key_the_admin_endpoint_is_closed(settings: Settings, shop: SmallShop) -> None:
    closed = settings.model_copy(update={"security": SecuritySettings()})
    with TestClient(create_app(closed, load=lambda *_: shop.models())) as client:
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
            refused = client.get("/admin/stats", headers=headers)
            assert refused.status_code == 403
            assert refused.json()["code"] == "admin_disabled"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(client: TestClient, text: str) -> None:
    session = start_session(client, text)
    own = state_of(client).gate.tokens.read(session["Authorization"].split()[1])
    assert own.user_id == text
    event = {"user_id": text, "session_id": own.session_id, "action_type": "view", "item_id": text}
    assert post(client, "/engagement", event, session).status_code == 200
    [row] = rows(client, "SELECT item_id, user_key FROM events")
    assert (row.item_id, row.user_key) == (text, state_of(client).gate.users.key(text))


def test_no_user_id_is_stored_anywhere(client: TestClient, settings: Settings) -> None:
    user_id = f"mary-{uuid.uuid4()}"
    session = start_session(client, user_id)
    own = state_of(client).gate.tokens.read(session["Authorization"].split()[1])
    event = {"user_id": user_id, "session_id": own.session_id, "action_type": "view", "item_id": "p1"}
    post(client, "/engagement", event, session)
    post(client, "/search", {"query": "red", "user_id": user_id}, session)
    for file in settings.storage.cadence_home.rglob("*"):
        assert not file.is_file() or user_id.encode() not in file.read_bytes(), file


def test_sessions_outlive_a_restart_and_end_with_another_home(
    settings: Settings, shop: SmallShop, client: TestClient
) -> None:
    session = start_session(client, "mary")
    with TestClient(create_app(settings, load=lambda *_: shop.models())) as restarted:
        assert post(restarted, "/autosuggest", {"query_prefix": ""}, session).status_code == 200
    elsewhere = Settings(storage=StorageSettings(cadence_home=settings.storage.cadence_home / "elsewhere"))
    with TestClient(create_app(elsewhere, load=lambda *_: shop.models())) as other:
        assert post(other, "/autosuggest", {"query_prefix": ""}, session).status_code == 401
