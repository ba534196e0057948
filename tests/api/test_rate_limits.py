"""Budgets as a caller meets them: who is counted as whom, what is answered, and what never happens."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from api.main import create_app
from config.limit_settings import LimitSettings
from config.settings import ServingSettings, Settings, StorageSettings
from database.limit_counts import LimitCounts, SharedCounts
from tests.api.calls import in_service, post, raw_post, start_session, state_of
from tests.api.small_shop import SmallShop
from tests.redis_server import RedisServer

PROXY, SOMEBODY = "10.0.0.1", "203.0.113.9"
SMALL: dict[str, Any] = {
    "rate_limit_window_seconds": 3_600,  # ends in no test
    "rate_limit_keystrokes": (3, 5, 7),
    "rate_limit_searches": (2, 4, 6),
    "rate_limit_events": (4, 6, 6),
    "rate_limit_admin": (2, 3, 4),
}


@contextmanager
def limited(settings: Settings, peer: str = PROXY, redis: str | None = None, **changes: Any) -> Iterator[TestClient]:
    """The service with small budgets behind a proxy; `redis`: counts there, and waits for it as long as it takes."""
    limits = LimitSettings(**{**SMALL, "trusted_proxies": (PROXY,), **changes})
    shop = settings.model_copy(update={"limits": limits})
    with TestClient(create_app(shop, load=lambda *_: SmallShop().models()), client=(peer, 4_000)) as client:
        if redis is not None:
            window = limits.rate_limit_window_seconds
            state_of(client).limits = LimitCounts(window, SharedCounts(redis, 30.0))
        yield client
        if redis is not None:
            in_service(client, state_of(client).limits.close)


@pytest.fixture(params=["memory", "redis"])
def redis(request: pytest.FixtureRequest) -> str | None:
    """Where it is counted; each test of Redis has an empty one."""
    if request.param == "memory":
        return None
    server: RedisServer = request.getfixturevalue("own_redis")
    return server.url


def of(address: str, session: Mapping[str, str] | None = None) -> dict[str, str]:
    return {"X-Forwarded-For": address, **(session or {})}


def type_in(client: TestClient, headers: Mapping[str, str]) -> Any:
    return post(client, "/autosuggest", {"query_prefix": "red"}, headers)


def statuses(client: TestClient, headers: Mapping[str, str], times: int) -> list[int]:
    return [type_in(client, headers).status_code for _ in range(times)]


def test_a_session_an_address_and_a_key_have_budgets_of_their_own(
    settings: Settings, redis: str | None, admin: dict[str, str]
) -> None:
    with limited(settings, redis=redis) as client:
        first, second = start_session(client), start_session(client)
        assert statuses(client, of("198.51.100.1", first), 4) == [200, 200, 200, 429]
        assert statuses(client, of("198.51.100.1", second), 2) == [200, 200]
        assert statuses(client, of("198.51.100.1", second), 1) == [429]  # the address's fifth was the last
        assert statuses(client, of("198.51.100.2", second), 1) == [429]  # the session has had its three
        assert statuses(client, of("198.51.100.2"), 6) == [200] * 5 + [429]
        assert statuses(client, of("198.51.100.2", admin), 8) == [200] * 7 + [429]  # a key counts for itself alone
        assert dict(state_of(client).metrics.limited) == {
            ("keystrokes", "session"): 2,
            ("keystrokes", "address"): 2,
            ("keystrokes", "key"): 1,
        }


def test_what_is_used_up_of_one_kind_touches_no_other(settings: Settings, redis: str | None) -> None:
    with limited(settings, redis=redis) as client:
        session = of(SOMEBODY, start_session(client))
        assert statuses(client, session, 4)[-1] == 429
        event = {"user_id": "u", "session_id": "s", "action_type": "view", "item_id": "p1"}
        assert post(client, "/engagement", event, of(SOMEBODY)).status_code == 200
        assert post(client, "/search", {"query": "red"}, session).status_code == 200
        for path in ("/health", "/ready", "/metrics", "/", "/dashboard", "/openapi.json", "/static/style.css"):
            for _ in range(8):
                assert client.get(path, headers=session).status_code in (200, 404)
        assert client.get("/storefront", headers=session).status_code == 200
        assert client.get("/products/p1", headers=session).json()["code"] == "rate_limited"


def test_answers_say_how_much_is_left_and_refusals_when_to_come_back(settings: Settings, redis: str | None) -> None:
    with limited(settings, redis=redis) as client:
        session = of(SOMEBODY, start_session(client))
        replies = [type_in(client, session) for _ in range(4)]
        assert [reply.headers["RateLimit-Limit"] for reply in replies] == ["3"] * 4
        assert [reply.headers["RateLimit-Remaining"] for reply in replies] == ["2", "1", "0", "0"]
        for reply in replies:
            assert 1 <= int(reply.headers["RateLimit-Reset"]) <= 3_600
            assert reply.headers["RateLimit-Policy"] == '3;w=3600;comment="session", 5;w=3600;comment="address"'
        refused = replies[-1]
        assert refused.status_code == 429
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.json()["code"] == "rate_limited"
        assert refused.json()["request_id"] == refused.headers["X-Request-ID"]
        assert 1 <= int(refused.headers["Retry-After"]) <= 3_600
        assert "Retry-After" not in replies[0].headers
        for headers in (of(SOMEBODY, {"Authorization": "Bearer nonsense"}), of(SOMEBODY)):  # the address has less left
            assert type_in(client, headers).headers["RateLimit-Limit"] == "5"


def test_an_invalid_token_is_no_identity(settings: Settings, redis: str | None) -> None:
    with limited(settings, redis=redis) as client:
        for number in range(5):
            made_up = {"Authorization": f"Bearer made-up-{number}"}
            assert type_in(client, of(SOMEBODY, made_up)).status_code == 401
        assert type_in(client, of(SOMEBODY, {"Authorization": "Bearer another"})).status_code == 429
        assert type_in(client, of(SOMEBODY)).status_code == 429


def test_nobody_but_a_declared_proxy_names_another_address(settings: Settings) -> None:
    with limited(settings, peer=SOMEBODY) as client:
        found = [type_in(client, of(f"198.51.100.{number}")).status_code for number in range(6)]
        assert found == [200] * 5 + [429]
    with limited(settings) as client:  # behind the proxy, which appends whom it heard
        found = [type_in(client, of(f"198.51.100.{number}, {SOMEBODY}")).status_code for number in range(6)]
        assert found == [200] * 5 + [429]


def test_a_window_ends(settings: Settings) -> None:
    now = 1_000_000.0
    with limited(settings, rate_limit_window_seconds=10) as client:
        state_of(client).limits = LimitCounts(10, None, lambda: now)
        assert statuses(client, of(SOMEBODY), 5) == [200] * 5
        refused = type_in(client, of(SOMEBODY))
        assert refused.status_code == 429
        now += int(refused.headers["Retry-After"])
        assert type_in(client, of(SOMEBODY)).status_code == 200


def test_two_services_with_one_redis_count_together(settings: Settings, own_redis: RedisServer, tmp_path: Path) -> None:
    elsewhere = settings.model_copy(update={"storage": StorageSettings(cadence_home=tmp_path / "elsewhere")})
    with (
        limited(settings, redis=own_redis.url) as one,
        limited(elsewhere, redis=own_redis.url) as two,
    ):
        found = [type_in(client, of(SOMEBODY)).status_code for client in (one, two, one, two, one, two, one)]
        assert found == [200] * 5 + [429] * 2


def test_a_redis_that_does_not_answer_delays_nobody(settings: Settings, own_redis: RedisServer) -> None:
    storage = StorageSettings(cadence_home=settings.storage.cadence_home, redis_url=own_redis.url)
    with limited(settings.model_copy(update={"storage": storage})) as client:
        own_redis.stop()
        begun = time.monotonic()
        assert statuses(client, of(SOMEBODY), 6) == [200] * 5 + [429]
        assert time.monotonic() - begun < 5
        assert state_of(client).limits.failures >= 1
        assert "cadence_rate_limit_failures_total 0.0" not in client.get("/metrics").text
        own_redis.go_on()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_this_machine_itself_is_not_limited(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    for peer in ("127.0.0.1", "::1"):
        with limited(settings, peer=peer, trusted_proxies=()) as client:
            assert statuses(client, {}, 9) == [200] * 9
            assert "RateLimit-Limit" not in type_in(client, {}).headers
    assert warnings(caplog) == []
    with limited(settings, peer="127.0.0.1", rate_limit_loopback=True) as client:
        assert statuses(client, {}, 6) == [200] * 5 + [429]


def test_a_proxy_of_this_machine_that_nobody_declared_is_warned_of_once(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with limited(settings, peer="127.0.0.1", trusted_proxies=()) as client:
        assert statuses(client, of(SOMEBODY), 9) == [200] * 9
    [warning] = warnings(caplog)
    assert "TRUSTED_PROXIES" in warning
    assert SOMEBODY not in warning  # addresses are not logged


def test_a_declared_proxy_of_this_machine_is_believed(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with limited(settings, peer="127.0.0.1", trusted_proxies=("127.0.0.1",)) as client:
        assert statuses(client, of(SOMEBODY), 6) == [200] * 5 + [429]
        assert statuses(client, of("198.51.100.1"), 1) == [200]
    assert warnings(caplog) == []


def test_a_server_that_believes_everybody_is_warned_of(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    with limited(settings):
        pass
    assert [one for one in warnings(caplog) if "FORWARDED_ALLOW_IPS" in one]


def test_administration_has_its_own_budget_and_guesses_use_up_the_address(
    settings: Settings, admin: dict[str, str]
) -> None:
    with limited(settings) as client:
        found = [client.get("/admin/stats", headers=of(SOMEBODY)).status_code for _ in range(4)]
        assert found == [401, 401, 401, 429]
        assert client.get("/analytics/user/ada", headers=of(SOMEBODY)).status_code == 429
        assert client.get("/admin/stats", headers=of(SOMEBODY, admin)).status_code == 200


def test_zero_is_no_limit(settings: Settings, admin: dict[str, str]) -> None:
    with limited(settings, rate_limit_keystrokes=(0, 0, 0)) as client:
        assert statuses(client, of(SOMEBODY), 9) == [200] * 9
        assert "RateLimit-Limit" not in type_in(client, of(SOMEBODY)).headers


def test_other_origins_may_read_what_is_left(settings: Settings) -> None:
    shop = settings.model_copy(update={"serving": ServingSettings(cors_origins=("https://shop.test",))})
    with limited(shop) as client:
        origin = of(SOMEBODY, {"Origin": "https://shop.test"})
        replies = [type_in(client, origin) for _ in range(6)]
        assert replies[-1].status_code == 429
        for reply in replies:
            assert reply.headers["Access-Control-Allow-Origin"] == "https://shop.test"
            assert {"RateLimit-Remaining", "Retry-After"} <= set(
                reply.headers["Access-Control-Expose-Headers"].replace(" ", "").split(",")
            )
        preflight = origin | {"Access-Control-Request-Method": "POST"}
        assert client.options("/autosuggest", headers=preflight).status_code == 200  # asks nothing of the service


def test_refusals_are_counted_where_operators_look(settings: Settings, admin: dict[str, str]) -> None:
    with limited(settings) as client:
        statuses(client, of(SOMEBODY), 6)
        text = client.get("/metrics").text
        assert 'cadence_rate_limited_total{budget="keystrokes",identity="address"} 1.0' in text
        stats = client.get("/admin/stats", headers=of(SOMEBODY, admin)).json()
        assert stats["traffic"]["limited"] == {"keystrokes": {"address": 1}}
        assert stats["traffic"]["limits_counted_in"] == "memory"
        assert stats["degraded"]["limits_counted_alone"] == 0
        assert stats["endpoints"]["POST /autosuggest"]["count"] == 5
        assert stats["endpoints"]["limited"]["count"] == 1


def test_a_body_is_not_looked_at_before_the_budget(settings: Settings) -> None:
    with limited(settings) as client:
        broken = [raw_post(client, "/autosuggest", b"{", of(SOMEBODY)).status_code for _ in range(6)]
        assert broken == [400] * 5 + [429]


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate_limit_keystrokes": "1,2"},
        {"rate_limit_keystrokes": "1,2,-3"},
        {"rate_limit_events": "many"},
        {"trusted_proxies": "10.0.0.0/99"},
        {"trusted_proxies": "proxy.example"},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LimitSettings(**wrong)


def test_settings_are_read_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATE_LIMIT_SEARCHES", "1, 2, 0")
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1, unix")
    settings = Settings()
    assert settings.limits.rate_limit_searches == (1, 2, 0)
    assert settings.limits.trusted_proxies == ("10.0.0.0/8", "127.0.0.1", "unix")
