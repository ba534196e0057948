"""Event files."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.domain import Action
from core.errors import InputFileError
from core.importing.events import event_rows, read_events


def write(folder: Path, *lines: str) -> Path:
    path = folder / "events.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_events_are_typed(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "user_id,timestamp,action_type,item_id,session_id,query,item_rank,duration_seconds,device",
        "u1,2024-01-02T03:04:05Z,add_to_cart,p1,s1,red shoes,3,12.5,phone",
        "u2,1704164645,search,,s2,lamp,,,desktop",
    )
    frame, report = read_events(path)
    cart, search = event_rows(frame)
    assert cart.action_type is Action.ADD_TO_CART
    assert cart.occurred_at == search.occurred_at == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (cart.item_id, cart.session_id, cart.query, cart.item_rank, cart.duration_seconds) == (
        "p1", "s1", "red shoes", 3, 12.5,
    )  # fmt: skip
    assert (search.item_id, search.query, search.item_rank) == (None, "lamp", None)
    assert report.columns_ignored == ("device",)


def test_names_and_actions_of_other_shops(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    actions = ["view", "addToCart", "cart", "Transaction", "remove_from_cart", "PURCHASE"]
    rows = [{"visitor_id": 7, "event_time": 1704164645123, "event": action, "product_id": 99} for action in actions]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    found = [row.action_type for row in event_rows(read_events(path)[0])]
    assert found == [
        Action.VIEW, Action.ADD_TO_CART, Action.ADD_TO_CART, Action.PURCHASE, Action.REMOVE_FROM_CART, Action.PURCHASE,
    ]  # fmt: skip


def test_bad_events(tmp_path: Path) -> None:
    good = [f"u{number},2024-01-01,view,p1,0" for number in range(100)]
    bad = [",2024-01-01,view,p1,1", "u,soon,view,p1,1", "u,2024-01-01,teleport,p1,1", "u,2024-01-01,view,,1"]
    frame, report = read_events(write(tmp_path, "user_id,timestamp,action,item_id,position", *good, *bad))
    assert frame.height == 100
    assert report.bad_rows == {
        "neither item_id nor query": 1,
        "no user_id": 1,
        "timestamp cannot be read": 1,
        "unknown action_type": 1,
    }
    assert report.unreadable_values == {"item_rank": 100}
    assert frame["item_rank"].null_count() == 100


def test_required_columns(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no column for user_id and action_type"):
        read_events(write(tmp_path, "time,product_id", "2024-01-01,p1"))
