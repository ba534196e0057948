"""axe-core in the page: what it finds must be nothing."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page, npm_modules: Path) -> list[str]:
    """What axe-core finds on the page as it stands, one line for each element; shadow trees included."""
    if not page.evaluate("'axe' in window"):
        # By the devtools, which the page's content policy does not reach: the page itself stays as strict as it is.
        page.evaluate((npm_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate(
        """async (tags) => {
            const runOnly = { type: "tag", values: tags };
            return (await axe.run(document, { runOnly, resultTypes: ["violations"] })).violations;
        }""",
        _RULES,
    )
    return [f"{one['id']}: {node['html'][:200]} ({node['failureSummary']})" for one in found for node in one["nodes"]]
