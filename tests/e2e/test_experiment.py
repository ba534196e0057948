"""An experiment from its definition to its verdict: created by curl, seen by 5,000 shoppers, read by people."""

import json
import random
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import in_ci
from tests.e2e.axe import violations
from tests.e2e.server import ADMIN_KEY, Server
from tests.e2e.test_dashboard import open_with_key, panel

SHOPPERS = 5_000
SHOWN = 3  # suggestions of a list
SEEN = (1.0, 0.8, 0.7)  # probability that a shopper looks at a place
LETTERS = "abcdefghilmnoprstw"
AT_ONCE = 8
EXPERIMENT = {
    "name": "scattered",
    "hypothesis": "ten kinds of things are better than the likeliest one",
    "arms": [{"name": "control"}, {"name": "scattered", "changes": {"suggestion_diversity": 0.95}}],
    "primary_metric": "suggestion_ctr",
    "guardrails": [{"metric": "zero_result_rate", "tolerance": 0.02}],
    "minimum_effect": 0.05,
    "units_per_arm": 2_500,
    "overrides": {"sessions": {"looks-at-control": "control", "looks-at-scattered": "scattered"}},
}


def curl(server: Server, path: str, *options: str) -> Any:
    """The answer that an operator's command line gets."""
    if shutil.which("curl") is None:
        message = "there is no curl: `apt-get install curl`"
        if in_ci():
            pytest.fail(message)
        pytest.skip(message)
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "--noproxy", "*", "--max-time", "60"]
    command += ["-H", f"Authorization: Bearer {ADMIN_KEY}", *options, f"{server.url}{path}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def list_for(server: Server, arm: str, letter: str) -> list[str]:
    body = {"query_prefix": letter, "session_id": f"looks-at-{arm}", "max_suggestions": SHOWN}
    answer = httpx.post(f"{server.url}/autosuggest", json=body, trust_env=False, timeout=30).raise_for_status().json()
    return [str(text).lower() for text in answer["suggestions"]]


def truth(lists: dict[str, list[str]], wanted: list[str]) -> float:
    """How many of these shoppers choose a suggestion on average, from the very lists that an arm shows."""
    found = [lists[query[0]].index(query) if query in lists[query[0]] else None for query in wanted]
    return sum(SEEN[place] for place in found if place is not None) / len(wanted)


def visit_all(server: Server, wanted: list[str]) -> None:
    chance = random.Random(11)
    looks = [chance.random() for _ in wanted]
    with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:

        def visit(number: int) -> dict[str, object] | None:
            """One keystroke, and what the shopper then does."""
            user, query = f"shopper-{number}", wanted[number]
            who = {"user_id": user, "session_id": f"visit-{number}"}
            body = who | {"query_prefix": query[0], "max_suggestions": SHOWN}
            answer = client.post("/autosuggest", json=body).raise_for_status().json()
            texts = [str(text).lower() for text in answer["suggestions"]]
            if query not in texts or looks[number] >= SEEN[texts.index(query)]:
                return None
            told = {"action_type": "suggestion_click", "query": query, "item_rank": texts.index(query) + 1}
            return {**who, **told, "request_id": answer["request_id"]}

        with ThreadPoolExecutor(AT_ONCE) as threads:
            events = [event for event in threads.map(visit, range(len(wanted))) if event is not None]
        for start in range(0, len(events), 500):
            sent = client.post("/engagement/batch", json={"events": events[start : start + 500]})
            sent.raise_for_status()


def test_an_experiment_from_its_definition_to_its_verdict(server: Server, page: Page, npm_modules: Path) -> None:
    created = curl(server, "/admin/experiments", "--json", json.dumps(EXPERIMENT))
    assert (created["state"], created["version"]) == ("running", 1)
    early = curl(server, "/admin/experiments/scattered/results")
    assert early["verdict"]["state"] == "too_early"
    lists = {arm: {letter: list_for(server, arm, letter) for letter in LETTERS} for arm in ("control", "scattered")}
    known = [query for shown in lists["control"].values() for query in shown]
    wanted = random.Random(7).choices(known, k=SHOPPERS)  # each wants one of the likeliest things
    control, scattered = (truth(lists[arm], wanted) for arm in ("control", "scattered"))
    assert scattered < control - 0.05  # the experiment has something to find

    visit_all(server, wanted)
    results = curl(server, "/admin/experiments/scattered/results")
    assert sum(results["units"].values()) == SHOPPERS
    assert (results["by_hand"], results["split"]["alarm"]) == (2, False)
    assert results["verdict"]["state"] == "worse"
    ctr = next(one for one in results["metrics"] if one["metric"] == "suggestion_ctr")
    for arm, true in (("control", control), ("scattered", scattered)):
        assert abs(ctr["values"][arm] - true) < 0.04  # four standard errors of 2,500 shoppers
    [comparison] = ctr["comparisons"]
    assert comparison["low"] < scattered - control < comparison["high"]

    open_with_key(page, server)
    shown = panel(page, "scattered")
    expect(shown).to_contain_text("scattered is worse in suggestion_ctr")
    expect(shown).to_contain_text(re.compile(r"control 2,\d{3} · scattered 2,\d{3}"))
    expect(panel(page, "Audit log")).to_contain_text("create experiment")
    assert violations(page, npm_modules) == []
    curl(server, "/admin/experiments/scattered", "--json", '{"stopped": true}', "-X", "PATCH")
    started = curl(server, "/user/session/start", "--json", "{}", "-H", "Authorization:")
    assert started["experiments"] == {}
