"""GET /: the demo page and its files."""

import re

from fastapi.testclient import TestClient


def test_the_page_and_everything_it_names_is_served(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/html")
    named = re.findall(r'(?:src|href)="(/static/[^"#?]+)', page.text)
    assert named
    for path in named:
        assert client.get(path).status_code == 200, path


def test_the_page_needs_nothing_that_its_policy_forbids(client: TestClient) -> None:
    page = client.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", page), "a script inside the page"
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page), "styles or handlers inside the page"
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page), "something from another host"
