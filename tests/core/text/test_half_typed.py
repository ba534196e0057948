"""When a search was only on the way to another one."""

from datetime import UTC, datetime, timedelta

import pytest

from core.text.half_typed import is_half_typed

NOW = datetime(2025, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "next_text", "seconds", "half"),
    [
        ("run", "running", 1, True),
        ("run", "running", 15, True),
        ("run", "running", 0, True),
        ("run", "running", 15.5, False),
        ("run", "running", -1, False),
        ("run", "run", 1, False),
        ("running", "run", 1, False),
        ("run", "red running", 1, False),
        ("shoes", "shoes red", 5, True),
    ],
)
def test_half_typed(text: str, next_text: str, seconds: float, half: bool) -> None:
    assert is_half_typed(text, NOW, next_text, NOW + timedelta(seconds=seconds)) is half
