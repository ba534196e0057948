"""A real server on a copy of the trained shop, and a real browser."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.conftest import in_ci
from tests.e2e.server import Server, running
from tests.trained_shop import TrainedShop

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# As the demo is served, but that lists are whole on a busy machine, too.
DEMO = {"ALLOW_UNSIGNED_USERS": "true", "MAX_LATENCY_MS": "1000", "MODEL_WAIT_MS": "1000"}
PATIENCE_MS = 20_000  # how long a check may wait on a busy machine; a quiet one needs a fraction of a second


@pytest.fixture(scope="module")
def server(trained_shop: TrainedShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The demo's service, one for the tests of a module."""
    home = tmp_path_factory.mktemp("server") / "home"
    shutil.copytree(trained_shop.home, home)
    with running(home, None, **DEMO) as server:
        yield server


@pytest.fixture
def mortal_server(trained_shop: TrainedShop, tmp_path: Path) -> Iterator[Server]:
    """A service for one test, which may kill it."""
    shutil.copytree(trained_shop.home, tmp_path / "home")
    with running(tmp_path / "home", None, **DEMO) as server:
        yield server


# One per module, not per session: while it is open its event loop runs in this thread, and asyncio tests could not.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        message = f"there is no {CHROMIUM}: `apt-get install chromium`, or name another with CHROMIUM=/path/to/chrome"
        if in_ci():
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def npm_modules() -> Path:
    """The folder of what package.json names, installed once as its lock file says."""
    folder = Path(__file__).parent / "npm"
    npm, installed, lock = shutil.which("npm"), folder / "node_modules", folder / "package-lock.json"
    if npm is None:
        message = "there is no npm: `apt-get install npm`"
        if in_ci():
            pytest.fail(message)
        pytest.skip(message)
    with FileLock(folder / "node_modules.lock"):
        stamp = installed / ".package-lock.json"  # npm writes it last
        if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
            command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            stamp.touch()
    return installed


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console complained about. A test that expects complaints takes them out."""
    return []


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A shopper of one's own: no storage of other tests."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, complaints: list[str]) -> Iterator[Page]:
    """A page that must not complain."""

    def listen(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            complaints.append(said.text)

    page = context.new_page()
    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert complaints == []
