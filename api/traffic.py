"""What a request is, told from its method and path alone: before anything of it is read, looked up or routed."""

from enum import StrEnum

from starlette.types import Scope


class Kind(StrEnum):
    """What is counted together. The rest has no budget, and is never refused: pages, files, documentation."""

    KEYSTROKES = "keystrokes"
    SEARCHES = "searches"
    EVENTS = "events"
    ADMIN = "admin"
    REST = "rest"
    PROBES = "probes"  # health, readiness, metrics: whoever watches over the service is never refused


_EXACT = {
    ("POST", "/autosuggest"): Kind.KEYSTROKES,
    ("POST", "/search"): Kind.SEARCHES,
    ("POST", "/browse"): Kind.SEARCHES,
    ("POST", "/recommendations"): Kind.SEARCHES,
    ("GET", "/storefront"): Kind.SEARCHES,
    ("POST", "/engagement"): Kind.EVENTS,
    ("POST", "/engagement/batch"): Kind.EVENTS,
    ("POST", "/user/session/start"): Kind.EVENTS,
    ("GET", "/health"): Kind.PROBES,
    ("GET", "/ready"): Kind.PROBES,
    ("GET", "/metrics"): Kind.PROBES,
}
_BELOW = (
    ("/admin/", Kind.ADMIN),
    ("/analytics/", Kind.ADMIN),
    ("/users/", Kind.ADMIN),
    ("/products/", Kind.SEARCHES),
)


def kind_of(scope: Scope) -> Kind:
    """Of an HTTP request. Paths as the router sees them: what it would not find has no budget and costs nothing."""
    path: str = scope["path"]
    if root := scope.get("root_path"):
        path = path.removeprefix(root)
    found = _EXACT.get((scope["method"], path))
    if found is not None:
        return found
    for prefix, kind in _BELOW:
        if path.startswith(prefix):
            return kind
    return Kind.REST
