"""The durability benchmark sees a reply that comes before its event is on disk: without that, its zero says nothing."""

from tests.benchmarks.sync_trace import calls_of, violations

_ID = "c386bbc4-cd61-4e30-98f1-6adf91b7584a"
_ARRIVAL = (
    f'7 1.000 read(9<TCP:[a:1->b:2]>, "POST /engagement HTTP/1.1 {{\\"event_id\\": \\"{_ID}\\"}}", 99) = 99 <0.000100>'
)
_WRITE = f'8 1.010 pwrite64(5</h/c.sqlite3-wal>, "\\r\\0{_ID}\\0", 4096, 56) = 4096 <0.000010>'
_SYNC = "8 1.020 fdatasync(5</h/c.sqlite3-wal>) = 0 <0.004000>"
_SYNC_OF_MAIN = "8 1.020 fdatasync(4</h/c.sqlite3>) = 0 <0.004000>"
_EARLY_SYNC = "8 1.005 fdatasync(5</h/c.sqlite3-wal>) = 0 <0.004000>"
_REPLY = '7 1.030 write(9<TCP:[a:1->b:2]>, "HTTP/1.1 200 OK", 99) = 99 <0.000100>'
_REPLY_AMID_SYNC = '7 1.022 write(9<TCP:[a:1->b:2]>, "HTTP/1.1 200 OK", 99) = 99 <0.000100>'
_SPLIT_SYNC = (
    "8 1.020 fdatasync(5</h/c.sqlite3-wal> <unfinished ...>",
    "8 1.024 <... fdatasync resumed>) = 0 <0.004000>",
)


def _seen(*lines: str) -> tuple[int, int, int]:
    return violations(calls_of(lines))


def test_a_reply_after_the_sync_is_in_order() -> None:
    assert _seen(_ARRIVAL, _WRITE, _SYNC, _REPLY) == (1, 1, 0)
    assert _seen(_ARRIVAL, _WRITE, *_SPLIT_SYNC, _REPLY) == (1, 1, 0)


def test_a_reply_without_a_later_sync_of_the_log_is_a_violation() -> None:
    assert _seen(_ARRIVAL, _WRITE, _REPLY) == (1, 1, 1)
    assert _seen(_ARRIVAL, _SYNC, _REPLY) == (1, 1, 1)  # somebody else's
    assert _seen(_ARRIVAL, _EARLY_SYNC, _WRITE, _REPLY) == (1, 1, 1)
    assert _seen(_ARRIVAL, _WRITE, _SYNC_OF_MAIN, _REPLY) == (1, 1, 1)
    assert _seen(_ARRIVAL, _WRITE, _SPLIT_SYNC[0], _REPLY_AMID_SYNC, _SPLIT_SYNC[1]) == (1, 1, 1)
    assert _seen(_ARRIVAL, _WRITE, _SYNC.replace("= 0 ", "= -1 EIO (Input/output error) "), _REPLY) == (1, 1, 1)
