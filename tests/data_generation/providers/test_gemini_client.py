"""One question: what is retried, what is not, what it costs, and that it is asked once."""

import json
import socket

import pytest
from pydantic import BaseModel

from data_generation.providers.budget import BudgetError
from data_generation.providers.gemini_replies import RefusedError, UnusableError
from data_generation.providers.port import ProviderError
from tests.data_generation.providers.conftest import MakeClient
from tests.data_generation.providers.gemini_server import (
    KEY,
    GeminiServer,
    Reply,
    blocked,
    busy,
    failed,
    filtered,
    good,
    said,
)

HANGS_UP = Reply({}, status=0)
CUT_OFF = Reply(b'{"candidates": [{"content": {"par', missing=500)
LIMIT = "What colours are there?"


class Colors(BaseModel):
    """An answer."""

    colors: list[str]


def test_the_answer_is_read_and_its_thoughts_are_not(server: GeminiServer, make_client: MakeClient) -> None:
    parts = [{"text": "hm, {", "thought": True}, {"text": '{"colors": '}, {"text": '["red"]}'}]
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 5, "thoughtsTokenCount": 30, "totalTokenCount": 42}
    body = {"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}], "usageMetadata": usage}
    server.script.append(Reply(body))
    client = make_client(gemini_usd_per_million_input=1, gemini_usd_per_million_output=10)
    assert client.ask(LIMIT, Colors, 1_000) == Colors(colors=["red"])
    (asked,) = server.asked
    assert asked.prompt == LIMIT
    assert asked.schema == Colors.model_json_schema()
    assert asked.config["maxOutputTokens"] == 1_000
    assert client.budget.tokens == 42
    assert client.budget.cost_usd == pytest.approx(357e-6)


@pytest.mark.parametrize(
    "reply",
    [
        busy(),
        failed(500, "INTERNAL"),
        failed(503, "UNAVAILABLE", "The model is overloaded."),
        Reply(b"<html>bad gateway</html>", 502),
        HANGS_UP,
        CUT_OFF,
        Reply(b""),
        Reply(b"3"),
        Reply(b'{"candidates": 3}'),
        Reply(b"<html>a captive portal</html>"),
        said('{"colors": ["red'),
        said('{"colours": []}'),
        said("Sure! Here are some colours."),
        said('{"colors": ["red"', finish="MAX_TOKENS"),
        said('{"colors": ["red"]}', finish="MALFORMED_RESPONSE"),
        Reply({"candidates": [], "usageMetadata": {"promptTokenCount": 5, "totalTokenCount": 5}}),
    ],
    ids=lambda reply: f"{reply.status}-{str(reply.body)[:60]}",
)
def test_what_may_pass_is_tried_again(
    server: GeminiServer, make_client: MakeClient, waits: list[float], reply: Reply
) -> None:
    server.script += [reply, reply]
    client = make_client()
    assert client.ask(LIMIT, Colors, 1_000) == Colors(colors=["red", "blue"])
    assert len(server.asked) == 3
    first, second = waits
    assert 0.5 <= first <= 1.0 <= second <= 2.0


def test_the_number_of_attempts_is_bounded_and_the_end_is_said(
    server: GeminiServer, make_client: MakeClient, waits: list[float]
) -> None:
    server.rule = lambda asked: failed(503, "UNAVAILABLE")
    with pytest.raises(ProviderError, match=r"5 attempts .*503 UNAVAILABLE.*cache"):
        make_client().ask(LIMIT, Colors, 1_000)
    assert len(server.asked) == 5
    assert [round(wait) for wait in waits] == sorted(round(wait) for wait in waits)
    assert len(waits) == 4  # none after the last


def test_answers_that_stay_malformed_are_unusable(server: GeminiServer, make_client: MakeClient) -> None:
    server.rule = lambda asked: said("not JSON")
    with pytest.raises(UnusableError, match="5 attempts"):
        make_client().ask(LIMIT, Colors, 1_000)
    assert len(server.asked) == 5


def test_an_answer_that_is_of_no_use_is_asked_again_and_not_kept(server: GeminiServer, make_client: MakeClient) -> None:
    def wrong(answer: Colors) -> str | None:
        return None if "green" in answer.colors else "no green"

    with pytest.raises(UnusableError, match="no green"):
        make_client().ask(LIMIT, Colors, 1_000, wrong)
    server.script.append(said('{"colors": ["green"]}'))
    assert make_client().ask(LIMIT, Colors, 1_000, wrong).colors == ["green"]
    assert len(server.asked) == 6


def test_nobody_there_is_said_in_one_line(make_client: MakeClient, waits: list[float]) -> None:
    with socket.socket() as taken:  # bound, not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        client = make_client(gemini_base_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ProviderError, match=r"ConnectError") as caught:
            client.ask(LIMIT, Colors, 1_000)
    assert "\n" not in str(caught.value)
    assert len(waits) == 4


@pytest.mark.parametrize(
    ("reply", "least", "most"),
    [
        (busy("22.5s"), 22.5, 23.5),
        (busy(headers={"Retry-After": "7"}), 7, 8),
        (busy("3s", {"Retry-After": "9"}), 9, 10),
        (busy(headers={"Retry-After": "Fri, 15 Jan 2027 08:00:30 GMT"}), 30, 31),
        (busy(headers={"Retry-After": "Fri, 15 Jan 2027 07:00:00 GMT"}), 0.5, 1),
        (busy(headers={"Retry-After": "soon"}), 0.5, 1),
        (failed(503, "UNAVAILABLE", headers={"Retry-After": "4"}), 4, 5),
    ],
)
def test_what_the_server_asks_to_wait_is_waited(
    server: GeminiServer, make_client: MakeClient, waits: list[float], reply: Reply, least: float, most: float
) -> None:
    server.script.append(reply)
    make_client().ask(LIMIT, Colors, 1_000)
    (wait,) = waits
    assert least <= wait <= most


def test_nobody_waits_for_tomorrow(server: GeminiServer, make_client: MakeClient, waits: list[float]) -> None:
    server.script.append(busy("36000s"))
    with pytest.raises(ProviderError, match="36000 s"):
        make_client().ask(LIMIT, Colors, 1_000)
    assert (len(server.asked), waits) == (1, [])


def test_a_cut_answer_gets_more_room(server: GeminiServer, make_client: MakeClient) -> None:
    server.script += [said('{"colors": [', finish="MAX_TOKENS")] * 2
    make_client().ask(LIMIT, Colors, 1_000)
    assert [asked.config["maxOutputTokens"] for asked in server.asked] == [1_000, 2_000, 4_000]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (filtered("SAFETY"), "SAFETY"),
        (filtered("PROHIBITED_CONTENT"), "PROHIBITED_CONTENT"),
        (filtered("RECITATION"), "RECITATION"),
        (filtered("BLOCKLIST"), "BLOCKLIST"),
        (blocked("SAFETY"), "SAFETY"),
        (blocked("PROHIBITED_CONTENT"), "PROHIBITED_CONTENT"),
        (blocked("OTHER"), "OTHER"),
    ],
)
def test_a_refusal_is_not_argued_with(
    server: GeminiServer, make_client: MakeClient, waits: list[float], reply: Reply, reason: str
) -> None:
    server.script.append(reply)
    client = make_client()
    with pytest.raises(RefusedError, match=f"^{reason}$"):
        client.ask(LIMIT, Colors, 1_000)
    assert (len(server.asked), waits, client.budget.tokens) == (1, [], 100)
    assert client.ask(LIMIT, Colors, 1_000).colors  # and not remembered as an answer


@pytest.mark.parametrize(
    ("key", "reply"),
    [
        ("AIza-some-other-key", None),
        (KEY, failed(401, "UNAUTHENTICATED", f"The key {KEY}\nis unknown.")),
        (KEY, failed(403, "PERMISSION_DENIED", f"The key {KEY} may not do this.")),
    ],
)
def test_a_wrong_key_is_said_in_one_line_without_the_key(
    server: GeminiServer, make_client: MakeClient, waits: list[float], key: str, reply: Reply | None
) -> None:
    server.rule = lambda asked: reply
    with pytest.raises(ProviderError, match="GEMINI_API_KEY") as caught:
        make_client(gemini_api_key=key).ask(LIMIT, Colors, 1_000)
    assert_silent(caught.value, key)
    assert (len(server.asked), waits) == (1, [])


@pytest.mark.parametrize(
    ("reply", "match"),
    [
        (failed(404, "NOT_FOUND", f"{KEY} models/x is not found."), "GEMINI_MODEL"),
        (failed(400, "INVALID_ARGUMENT", f"Bad\nschema for {KEY}."), "INVALID_ARGUMENT.*Bad schema"),
        (failed(503, KEY), "5 attempts"),
        (failed(429, KEY), "5 attempts"),
    ],
)
def test_no_message_holds_the_key_or_a_second_line(
    server: GeminiServer, make_client: MakeClient, reply: Reply, match: str
) -> None:
    server.rule = lambda asked: reply
    client = make_client()
    with pytest.raises(ProviderError, match=match) as caught:
        client.ask(LIMIT, Colors, 1_000)
    assert_silent(caught.value, KEY)
    assert KEY not in repr(client)


@pytest.mark.parametrize("key", [None, "", "  ", "two words", "schlüssel", "line\nbreak"])
def test_a_key_that_cannot_be_one_is_refused_at_once(server: GeminiServer, make_client: MakeClient, key: str) -> None:
    with pytest.raises(ProviderError, match="GEMINI_API_KEY") as caught:
        make_client(gemini_api_key=key)
    assert "\n" not in str(caught.value)
    assert not (key or "").strip() or key not in str(caught.value)
    assert server.asked == []


def test_what_was_answered_is_not_asked_again(server: GeminiServer, make_client: MakeClient) -> None:
    first = make_client()
    answers = [first.ask(LIMIT, Colors, 1_000), first.ask(LIMIT, Colors, 1_000)]
    later = make_client()
    answers.append(later.ask(LIMIT, Colors, 500))  # how much room there was is no part of the question
    assert answers == [Colors(colors=["red", "blue"])] * 3
    assert len(server.asked) == 1
    assert (first.asked, first.cached, later.asked, later.cached) == (1, 1, 0, 1)
    assert later.budget.tokens == 0
    later.ask("What shades are there?", Colors, 500)
    assert len(server.asked) == 2


def test_another_model_or_form_is_another_question(server: GeminiServer, make_client: MakeClient) -> None:
    class Shades(Colors):
        """Another form."""

    make_client().ask(LIMIT, Colors, 1_000)
    make_client().ask(LIMIT, Shades, 1_000)
    assert len(server.asked) == 2
    make_client(gemini_model="gemini-2.5-flash").ask(LIMIT, Colors, 1_000)
    assert len(server.asked) == 3
    assert "thinkingConfig" not in server.asked[-1].config  # that model knows no levels
    server.complaints.clear()  # which are about the model that is expected


@pytest.mark.parametrize("reply", [failed(500, "INTERNAL"), HANGS_UP, CUT_OFF, said("{", usage={})])
def test_an_attempt_of_unknown_usage_counts_in_full(
    server: GeminiServer, make_client: MakeClient, reply: Reply
) -> None:
    server.script.append(reply)
    client = make_client()
    client.ask(LIMIT, Colors, 1_000)
    prompt, output = server.asked[0].most_tokens
    assert client.budget.tokens - 150 >= prompt + output


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"promptTokenCount": 7, "candidatesTokenCount": 5, "thoughtsTokenCount": 30}, 42),
        ({"promptTokenCount": 7, "candidatesTokenCount": 5}, 12),
        ({"promptTokenCount": 7, "candidatesTokenCount": 5, "totalTokenCount": 99}, 99),
        ({"promptTokenCount": 7, "totalTokenCount": 20}, 20),
        ({"promptTokenCount": 7, "toolUsePromptTokenCount": 2, "candidatesTokenCount": 5}, 14),
        ({"promptTokenCount": 7}, None),
        ({"candidatesTokenCount": 7, "totalTokenCount": 20}, None),
    ],
)
def test_usage_is_read_as_the_most_that_it_says(
    server: GeminiServer, make_client: MakeClient, usage: dict[str, int], tokens: int | None
) -> None:
    server.script.append(said('{"colors": ["red"]}', usage=usage))
    client = make_client()
    client.ask(LIMIT, Colors, 1_000)
    if tokens is None:  # unknown
        assert client.budget.tokens >= sum(server.asked[0].most_tokens)
    else:
        assert client.budget.tokens == tokens


def test_who_is_turned_away_for_asking_too_often_pays_nothing(server: GeminiServer, make_client: MakeClient) -> None:
    server.script += [busy(), busy()]
    client = make_client()
    client.ask(LIMIT, Colors, 1_000)
    assert client.budget.tokens == 150


def test_a_malformed_answer_costs_what_it_says(server: GeminiServer, make_client: MakeClient) -> None:
    server.script.append(said("not JSON"))
    client = make_client()
    client.ask(LIMIT, Colors, 1_000)
    assert client.budget.tokens == 300


@pytest.mark.parametrize(
    ("tokens", "dollars"), [(9_000, 100.0), (400_000, 0.02), (400_000, 0.0123), (0, 1.0), (1_000, 0.0)]
)
def test_the_budget_holds_where_usage_is_as_large_as_it_can_be(
    server: GeminiServer, make_client: MakeClient, tokens: int, dollars: float
) -> None:
    server.greedy = True
    client = make_client(
        gemini_max_tokens=tokens,
        gemini_max_cost_usd=dollars,
        gemini_usd_per_million_input=1.5,
        gemini_usd_per_million_output=7.5,
    )
    answered = 0
    with pytest.raises(BudgetError) as caught:
        for number in range(100):
            client.ask(f"{number}: what colours are there?", Colors, 700)
            answered += 1
    prompt, output = server.billed
    assert prompt + output == client.budget.tokens <= tokens
    assert (1.5 * prompt + 7.5 * output) / 1e6 == pytest.approx(client.budget.cost_usd)
    assert client.budget.cost_usd <= dollars
    assert len(server.asked) == answered
    assert (answered > 1) == (tokens * dollars > 0 and tokens != 1_000)
    assert client.budget.spent() in str(caught.value)
    assert_silent(caught.value, KEY)


def test_the_budget_holds_through_failures(server: GeminiServer, make_client: MakeClient) -> None:
    server.rule = lambda asked: said("not JSON", finish="MAX_TOKENS")
    server.greedy = True
    client = make_client(gemini_max_tokens=6_000)
    with pytest.raises(BudgetError):
        client.ask(LIMIT, Colors, 1_000)
    assert sum(server.billed) == client.budget.tokens <= 6_000
    assert [asked.config["maxOutputTokens"] for asked in server.asked][:2] == [1_000, 2_000]


def test_the_servers_obliging_answer_is_what_the_form_asks_for(server: GeminiServer, make_client: MakeClient) -> None:
    make_client().ask(LIMIT, Colors, 1_000)
    assert Colors.model_validate_json(json.dumps(good(server.asked[0]))).colors == ["red", "blue"]


def assert_silent(error: BaseException, key: str) -> None:
    """Neither the error nor what led to it holds the key, and it is one line."""
    assert "\n" not in str(error)
    seen: BaseException | None = error
    while seen is not None:
        assert key not in f"{seen} {seen!r}"
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
