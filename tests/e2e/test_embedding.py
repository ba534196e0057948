"""The search box on somebody else's page: another origin, one script; its types; the peer that our adapter serves."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.axe import violations
from tests.e2e.server import ADMIN_KEY, Server, running
from tests.e2e.storefront import COMPLETED, PREFIX, awaited_events, events, told
from tests.trained_shop import TrainedShop

_PAGE = """<!doctype html>
<html lang="{lang}" dir="{direction}">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Another shop</title>
<link rel="icon" href="data:,">
<body><main><h1>Another shop</h1>
<cadence-search {attributes}><form action="/found"><input name="q" aria-label="Search"></form></cadence-search>
<output id="said"></output></main>
<script type="module" src="{service}/static/cadence-search.js"></script>
</body></html>"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@dataclass(frozen=True)
class OtherSite:
    """A static site on an origin of its own."""

    folder: Path
    port: int

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    def write(self, name: str, service: Server, attributes: str = "", *, lang: str = "en", rtl: bool = False) -> str:
        """A page with the box on it; its address."""
        direction = "rtl" if rtl else "ltr"
        page = _PAGE.format(lang=lang, direction=direction, attributes=attributes, service=service.url)
        (self.folder / name).write_text(page, encoding="utf-8")
        return f"{self.origin}/{name}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherSite]:
    folder = tmp_path_factory.mktemp("other-site")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    (folder / "found").mkdir()
    found = "<!doctype html><title>Found</title><link rel=icon href='data:,'>"
    (folder / "found" / "index.html").write_text(found, encoding="utf-8")
    yield OtherSite(folder, server.server_port)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def service(trained_shop: TrainedShop, site: OtherSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service that lets pages of the other site call it."""
    home = tmp_path_factory.mktemp("service") / "home"
    shutil.copytree(trained_shop.home, home)
    with running(home, CORS_ORIGINS=site.origin) as server:
        yield server


def test_one_script_is_all_another_origin_needs(page: Page, service: Server, site: OtherSite) -> None:
    page.goto(site.write("shop.html", service, 'action="/found/"'))
    box = page.get_by_role("combobox", name="Search products")
    box.press_sequentially(PREFIX)
    first = page.get_by_role("option").first
    expect(first.locator(".typed")).to_have_text(PREFIX)
    expect(page.locator(".suggestion-product")).to_have_count(3)
    with page.expect_response(told("impression")) as seen:
        expect(first).to_be_visible()
    assert seen.value.ok
    box.press("ArrowDown")
    box.press("Enter")
    expect(page).to_have_url(f"{site.origin}/found/?q=protein+powder")
    # The page that it was done on is gone: the event outlived it.
    [click] = awaited_events(service, "suggestion_click")
    assert (click["query"], click["item_rank"]) == (COMPLETED, 1)
    assert click["request_id"] and click["request_id"] in {one["request_id"] for one in events(service, "impression")}


def test_its_events_can_be_taken_over_and_prevented(page: Page, service: Server, site: OtherSite) -> None:
    page.goto(site.write("taken.html", service, 'action="/found/" products="2" suggestions="4" log-searches'))
    page.evaluate(
        """() => {
            const box = document.querySelector("cadence-search");
            window.said = [];
            for (const name of ["cadence:suggest", "cadence:select", "cadence:search"]) {
                document.addEventListener(name, (event) => {
                    window.said.push([name, event.detail.query ?? event.detail.prefix, event.detail.kind ?? ""]);
                    if (name !== "cadence:suggest") event.preventDefault();
                });
            }
        }"""
    )
    box = page.get_by_role("combobox", name="Search products")
    box.fill(PREFIX)
    expect(page.locator(".suggestion:not(.suggestion-product):not(.suggestion-scope)")).to_have_count(4)
    expect(page.locator(".suggestion-product")).to_have_count(2)
    page.get_by_role("option").first.click()
    box.fill("something else")
    with page.expect_response(told("search")):
        box.press("Enter")
    said = page.evaluate("window.said.filter(([name]) => name !== 'cadence:suggest')")
    assert said == [["cadence:select", COMPLETED, "suggestion"], ["cadence:search", "something else", ""]]
    assert page.url.endswith("taken.html")  # prevented


def begun_by_the_shop(service: Server, user_id: str) -> dict[str, str]:
    """The session that a shop's own server begins for who has logged in there."""
    key = {"Authorization": f"Bearer {ADMIN_KEY}"}
    reply = httpx.post(f"{service.url}/user/session/start", json={"user_id": user_id}, headers=key, trust_env=False)
    begun: dict[str, str] = reply.raise_for_status().json()
    return begun


def test_a_given_session_is_used_and_words_can_be_changed(page: Page, service: Server, site: OtherSite) -> None:
    page.goto(site.write("given.html", service, rtl=True, lang="ar"))
    page.evaluate(
        """(session) => {
            const box = document.querySelector("cadence-search");
            localStorage.clear();
            box.setAttribute("session", JSON.stringify(session));
            box.labels = { label: "بحث", placeholder: "ابحث هنا", submit: "بحث", products: "منتجات" };
            window.given = session;
        }""",
        begun_by_the_shop(service, "someone"),
    )
    box = page.get_by_role("combobox", name="بحث")
    expect(box).to_have_attribute("placeholder", "ابحث هنا")
    with page.expect_response("**/autosuggest") as asked:
        box.fill("coffee")
    assert asked.value.json()["session_id"] == page.evaluate("window.given.session_id")
    expect(page.get_by_role("group", name="منتجات")).to_be_visible()
    left = page.get_by_role("button", name="بحث", exact=True).bounding_box()
    right = page.locator(".box > .icon").bounding_box()
    assert left and right and left["x"] < right["x"]


def test_what_is_set_before_the_script_is_there_holds(page: Page, service: Server, site: OtherSite) -> None:
    address = site.write("early.html", service)
    file = site.folder / "early.html"
    early = """<script>Object.assign(document.querySelector("cadence-search"), {
        labels: { label: "Finden" }, value: "cof", request: { max_suggestions: 2 },
        picture: () => document.createElement("hr") });</script><script type="module" """
    file.write_text(file.read_text(encoding="utf-8").replace('<script type="module" ', early), encoding="utf-8")
    page.goto(address)
    box = page.get_by_role("combobox", name="Finden")
    expect(box).to_have_value("cof")
    box.press("End")
    box.press_sequentially("fee")
    expect(page.locator(".suggestion:not(.suggestion-product):not(.suggestion-scope)")).to_have_count(2)
    expect(page.locator(".suggestion-product hr")).to_have_count(3)


def test_it_can_be_themed_from_outside(page: Page, service: Server, site: OtherSite) -> None:
    address = site.write("themed.html", service, 'theme="dark"')
    page.goto(address)
    page.add_style_tag(
        content="""cadence-search { --cadence-accent: rgb(200, 0, 100) }
        cadence-search::part(popup) { border-width: 7px }"""
    )
    page.get_by_role("combobox").fill("coffee")
    popup = page.locator("#suggestions")
    expect(popup).to_have_css("border-top-width", "7px")
    expect(page.locator(".submit")).to_have_css("background-color", "rgb(200, 0, 100)")
    expect(popup).to_have_css("background-color", "rgb(28, 30, 33)")


def test_axe_finds_nothing_in_a_page_that_embeds_it(
    page: Page, service: Server, site: OtherSite, npm_modules: Path
) -> None:
    page.goto(site.write("plain.html", service))
    page.get_by_role("combobox").fill("coffee")
    expect(page.get_by_role("option").first).to_be_visible()
    assert violations(page, npm_modules) == []


def test_an_origin_that_is_not_on_the_list_gets_nothing(
    page: Page, service: Server, site: OtherSite, complaints: list[str]
) -> None:
    other = site.write("shop.html", service).replace("localhost", "127.0.0.1")
    page.goto(other)
    expect(page.locator("cadence-search form")).to_be_visible()  # the form inside it serves whom the script does not
    assert complaints and all("CORS" in one or "ERR_FAILED" in one for one in complaints)
    complaints.clear()


def test_the_adapter_serves_autocomplete_js(page: Page, service: Server, site: OtherSite, npm_modules: Path) -> None:
    peer = npm_modules / "@algolia" / "autocomplete-js" / "dist" / "umd" / "index.production.js"
    shutil.copy(peer, site.folder / "autocomplete.js")
    (site.folder / "peer.html").write_text(
        f"""<!doctype html><html lang="en"><title>Peer</title><link rel="icon" href="data:,">
        <div id="autocomplete"></div><output id="said"></output>
        <script src="/autocomplete.js"></script>
        <script type="module">
          import {{ CadenceClient }} from "{service.url}/static/cadence-search.js";
          import {{ autocompleteSource }} from "{service.url}/static/cadence-autocomplete.js";
          const client = new CadenceClient();
          const onSearch = (query) => (document.getElementById("said").textContent = query);
          const {{ autocomplete }} = window["@algolia/autocomplete-js"];
          const getSources = () => [autocompleteSource(client, {{ onSearch }})];
          autocomplete({{ container: "#autocomplete", detachedMediaQuery: "none", getSources }});
        </script>""",
        encoding="utf-8",
    )
    page.goto(f"{site.origin}/peer.html")
    before = len(events(service, "suggestion_click"))
    page.locator(".aa-Input").fill(PREFIX)
    first = page.locator(".aa-Item").first
    expect(first).to_have_text(COMPLETED)
    expect(first.locator("b")).to_have_text(COMPLETED.removeprefix(PREFIX))
    with page.expect_response(told("suggestion_click")):
        first.click()
    expect(page.locator("#said")).to_have_text(COMPLETED)
    assert len(events(service, "suggestion_click")) == before + 1


def test_the_types_agree_with_how_it_is_used(npm_modules: Path) -> None:
    compiler = npm_modules / ".bin" / "tsc"
    options = ["--noEmit", "--strict", "--target", "esnext", "--module", "esnext", "--moduleResolution", "bundler"]
    command = [str(compiler), *options, "usage.ts"]
    done = subprocess.run(command, cwd=npm_modules.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_pages_name_nothing_that_is_not_there(npm_modules: Path) -> None:
    """Names and imports of all our scripts, as the TypeScript compiler reads them; their types are not checked."""
    command = [str(npm_modules / ".bin" / "tsc"), "-p", "pages.tsconfig.json"]
    done = subprocess.run(command, cwd=npm_modules.parent, capture_output=True, text=True, check=False)
    unknown = ("TS2304", "TS2305", "TS2307", "TS2552", "TS2614", "TS2724")  # names, exports and modules
    assert [line for line in done.stdout.splitlines() if any(f"error {code}:" in line for code in unknown)] == []
    assert "error TS18003" not in done.stdout  # no inputs were found
