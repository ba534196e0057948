"""Keys: made once, kept private, the same for everyone who starts at the same time."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config.keys import admin_key, session_signing_key, user_hash_key


def test_a_key_is_made_once_and_kept(tmp_path: Path) -> None:
    first = user_hash_key(tmp_path)
    assert len(first) == 32
    assert user_hash_key(tmp_path) == first
    assert first not in (session_signing_key(tmp_path), bytes.fromhex(admin_key(tmp_path)))
    assert user_hash_key(tmp_path / "other") != first


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps permissions in other ways")
def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    admin_key(tmp_path)
    assert stat.S_IMODE((tmp_path / "keys" / "admin.key").stat().st_mode) == 0o600


def test_many_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = set(pool.map(admin_key, [tmp_path] * 64))
    assert len(keys) == 1
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["admin.key"]


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "admin.key").write_text("", encoding="ascii")
    with pytest.raises(ValueError, match=r"admin\.key does not hold a key"):
        admin_key(tmp_path)
