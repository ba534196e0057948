"""GET /dashboard and GET /admin/dashboard."""

import csv
import re
from datetime import datetime

import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from api.schemas.dashboard import MAX_HOURS, DashboardResponse, Figures
from config.settings import Settings
from tests.api.calls import in_service, post, state_of
from tests.api.small_shop import SmallShop


def test_the_page_is_served_without_a_key_and_names_only_what_is_there(client: TestClient) -> None:
    page = client.get("/dashboard")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    named = re.findall(r'(?:src|href)="(/static/[^"#?]+)', page.text)
    assert named
    for path in named:
        assert client.get(path).status_code == 200, path
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=", page.text), (
        "forbidden by its policy"
    )


def test_the_figures_need_the_admin_key(client: TestClient, settings: Settings, shop: SmallShop) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        refused = client.get("/admin/dashboard", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    security = settings.security.model_copy(update={"admin_api_key": None})
    keyless = create_app(settings.model_copy(update={"security": security}), load=lambda *_: shop.models())
    with TestClient(keyless) as other:
        assert other.get("/admin/dashboard").json()["code"] == "admin_disabled"


@pytest.mark.parametrize("hours", ["0", "-1", str(MAX_HOURS + 1), "1.5", "day", ""])
def test_a_range_has_whole_hours_and_an_end(client: TestClient, admin: dict[str, str], hours: str) -> None:
    refused = client.get("/admin/dashboard", params={"hours": hours}, headers=admin)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "hours"


@pytest.mark.parametrize("hours", [1, 24, MAX_HOURS])
def test_a_quiet_shop_has_no_shares(client: TestClient, admin: dict[str, str], hours: int) -> None:
    answer = client.get("/admin/dashboard", params={"hours": hours}, headers=admin).json()
    assert answer["bucket_seconds"] == hours * 3_600 / 48
    assert all(values == [0] * 48 for values in answer["series"].values())
    shares = {name for name, value in answer["figures"].items() if value is None}
    assert shares == {
        "suggestion_ctr", "mean_position", "search_ctr", "zero_result_rate", "saved_characters", "saved_share"
    }  # fmt: skip
    length = datetime.fromisoformat(answer["end"]) - datetime.fromisoformat(answer["start"])
    assert length.total_seconds() == hours * 3_600


def test_what_was_done_is_counted_at_once(client: TestClient, admin: dict[str, str]) -> None:
    shopper = {"session_id": "a-session"}
    for prefix in ("", "r", "re"):
        listed = post(client, "/autosuggest", {**shopper, "query_prefix": prefix}).json()
    person = {**shopper, "user_id": "someone"}
    chosen = {"query": "red running shoes", "item_rank": 2, "additional_data": {"prefix": "re"}}
    post(
        client,
        "/engagement",
        {**person, **chosen, "action_type": "suggestion_click", "request_id": listed["request_id"]},
    )
    searched = post(client, "/search", {**shopper, "query": "Red"}).json()
    assert post(client, "/search", {**shopper, "query": "nothing like it"}).json()["total_results"] == 0
    for action in ("click", "add_to_cart"):
        event = {**person, "action_type": action, "item_id": "p1", "request_id": searched["request_id"]}
        post(client, "/engagement", event)
    in_service(client, state_of(client).writer.flush_events)
    in_service(client, state_of(client).writer.flush_lists)

    answer = client.get("/admin/dashboard", headers=admin).json()
    figures = answer["figures"]
    assert {name: sum(values) for name, values in answer["series"].items()} == {
        "keystrokes": 2, "searches": 2, "clicks": 1, "add_to_cart": 1, "purchases": 0
    }  # fmt: skip
    assert {name: figures[name] for name in answer["series"]} == {
        "keystrokes": 2, "searches": 2, "clicks": 1, "add_to_cart": 1, "purchases": 0
    }  # fmt: skip
    assert (figures["suggest_lists"], figures["search_lists"], figures["sessions"]) == (3, 2, 1)
    assert (figures["typing_sequences"], figures["suggestion_ctr"], figures["mean_position"]) == (1, 1.0, 2.0)
    assert (figures["search_ctr"], figures["zero_result_rate"]) == (0.5, 0.5)
    assert (figures["saved_characters"], figures["saved_share"]) == (15.0, pytest.approx(15 / 17))
    assert [one for one in answer["positions"] if one["choices"]] == [{"position": 2, "choices": 1}]
    assert len(answer["positions"]) == 11
    assert answer["funnel"] == {"searched": 1, "clicked": 1, "added_to_cart": 1, "purchased": 0}
    assert answer["top_queries"] == [{"query": "red", "searches": 1, "click_through": 1.0}]
    assert answer["trending_queries"] == [{"query": "red", "searches": 1, "earlier": 0}]
    assert answer["zero_result_queries"] == [{"query": "nothing like it", "searches": 1}]
    assert answer["top_products"] == [{"product_id": "p1", "title": "Red Running Shoes", "clicks": 1}]
    assert answer["before"]["searches"] == 0


def test_every_figure_is_defined(client: TestClient, admin: dict[str, str]) -> None:
    answer = client.get("/admin/dashboard", headers=admin).json()
    tables = ("positions", "funnel", "top_queries", "trending_queries", "zero_result_queries", "top_products")
    assert set(answer["definitions"]) == {*Figures.model_fields, *tables}
    schema = client.get("/openapi.json").json()["components"]["schemas"]["Figures"]["properties"]
    assert {name: one["description"] for name, one in schema.items()}.items() <= answer["definitions"].items()
    DashboardResponse.model_validate(answer)


def test_tables_come_as_csv_that_no_spreadsheet_computes(client: TestClient, admin: dict[str, str]) -> None:
    for item in ("=1+1", "plain, with a comma", "-2"):
        said = {"session_id": "s", "user_id": "u", "action_type": "click", "item_id": item}
        assert post(client, "/engagement", said).status_code == 200
    answer = client.get("/admin/dashboard/top_products.csv", params={"hours": 1}, headers=admin)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="top_products-1h.csv"'
    assert list(csv.reader(answer.text.splitlines())) == [
        ["product_id", "title", "clicks"], ["'-2", "", "1"], ["'=1+1", "", "1"], ["plain, with a comma", "", "1"]
    ]  # fmt: skip
    for table, lines in {"series": 49, "funnel": 5, "positions": 12, "figures": 1 + len(Figures.model_fields)}.items():
        text = client.get(f"/admin/dashboard/{table}.csv", headers=admin).text
        assert len(text.splitlines()) == lines, table
    assert client.get("/admin/dashboard/top_products.csv").status_code == 401
    assert client.get("/admin/dashboard/nothing.csv", headers=admin).status_code == 422
