"""Texts that are code elsewhere, and sound requests that they can be put into, one text after the other."""

from collections.abc import Iterator
from typing import Any

SQL = ["x'; DROP TABLE events; --", '" OR ""="', "' UNION SELECT key_hash FROM api_keys --", "%' ESCAPE '\\", "\\'; --"]
PATHS = ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "..\\..\\windows", "/etc/passwd", "file:///etc/passwd", "....//"]
TEMPLATES = [
    "{{7*7}}",
    "${7*7}",
    "<%= 7*7 %>",
    "#{7*7}",
    "<img src=x onerror=alert(1)>",
    "{0.__class__}",
    "%(x)s %s %n",
]
LINES = ["a\nb", "a\r\nSet-Cookie: x=1", "\x1b[31mred\x1b[0m", "a\u2028b\u0085c", '{"event": "forged"}\n{"level": "x"}']
TEXTS = [SQL[0], SQL[2], PATHS[0], TEMPLATES[0], TEMPLATES[5], LINES[0], LINES[3], "a\x00b", "=1+1"]

_EVENT = {
    "user_id": "mary",
    "session_id": "s1",
    "action_type": "click",
    "item_id": "p1",
    "query": "red",
    "request_id": "a-request",
    "additional_data": {"note": "text"},
}
_EXPERIMENT = {
    "name": "reach",
    "hypothesis": "more",
    "arms": [{"name": "control"}, {"name": "wide", "changes": {"artifact_version": "test-1"}}],
    "primary_metric": "ctr",
    "guardrails": [{"metric": "mrr", "tolerance": 0.1}],
    "units_per_arm": 100,
    "layer": "default",
    "salt": "salt",
    "audience": {"devices": ["phone"], "locations": ["here"], "referrers": ["x.test"]},
    "overrides": {"users": {"mary": "wide"}, "sessions": {"s1": "control"}},
}
_PRODUCT = {
    "title": "Lamp",
    "brand": "Fleet",
    "category": "Lamps",
    "description": "A lamp",
    "currency": "€",
    "image_url": "https://x.test/1.png",
    "attributes": {"colour": "Red"},
}
_FILTERS = {"category": ["Shoes"], "brand": ["Fleet"], "attributes": {"size": ["M"]}}
_CALLER = {"user_id": "mary", "session_id": "s1"}
BODIES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/autosuggest", {"query_prefix": "red", "category": "Shoes", **_CALLER}),
    ("POST", "/search", {"query": "red", "filters": _FILTERS, "sort": "rating", "request_id": "one", **_CALLER}),
    ("POST", "/browse", {"filters": _FILTERS, **_CALLER}),
    ("POST", "/recommendations", {"product_id": "p1", **_CALLER}),
    ("POST", "/engagement", _EVENT),
    ("POST", "/engagement/batch", {"events": [_EVENT]}),
    ("POST", "/user/session/start", {"user_id": "mary", "device": "phone", "location": "here", "referrer": "x.test"}),
    ("POST", "/admin/reload", {"version": "v1"}),
    ("POST", "/admin/generate-synthetic-data", {"provider": "gemini", "users": 2, "sessions": 2}),
    ("POST", "/admin/suggestion-rules", {"kind": "pin", "text": "red", "prefix": "r"}),
    ("POST", "/admin/search-rules", {"kind": "redirect", "query": "red", "url": "/sale"}),
    ("POST", "/admin/search-rules", {"kind": "boost", "query": "red", "field": "brand", "value": "Fleet"}),
    ("POST", "/admin/products/batch", {"upserts": [{"product_id": "p9", **_PRODUCT}], "deletes": ["p8"]}),
    ("PUT", "/admin/products/p9", _PRODUCT),
    ("PATCH", "/admin/products/p1", {"currency": "€"}),
    ("POST", "/admin/keys", {"name": "a key", "scopes": ["ingest"], "expires_at": "2100-01-01T00:00:00Z"}),
    ("POST", "/admin/experiments", _EXPERIMENT),
    ("POST", "/admin/experiments/plan", {"kind": "proportion", "baseline": 0.1}),
]


def with_each_text_replaced(value: Any, text: str) -> Iterator[Any]:
    """Copies of `value`, in each of which one text, or one key of an object, is `text`."""
    if isinstance(value, str):
        yield text
    elif isinstance(value, list):
        for at, one in enumerate(value):
            yield from ([*value[:at], other, *value[at + 1 :]] for other in with_each_text_replaced(one, text))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from ({**value, key: other} for other in with_each_text_replaced(one, text))
            yield {(text if name == key else name): kept for name, kept in value.items()}
