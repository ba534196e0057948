"""Profiles at hand: in this process, in Redis where all workers share one, and in the database, which is the truth.

What a worker folds is in its own memory and in Redis before the shopper's request is answered. Without Redis, workers
learn of each other through a small file below the home that all of them map: eight bytes for each of 65,536 groups of
shoppers, which change with every profile of the group. Looking there costs a microsecond, so every request does, and
reads the database only where something changed. Workers on other machines need Redis (REDIS_URL): then every request
asks it.
"""

import mmap
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from core.errors import ProfileError
from core.personalization.profile import Profile
from database.cache import RETRY_SECONDS, CacheCounts, redis_client
from database.connection import Database
from database.repositories.profiles import StoredProfile, find_profile

MAX_PROFILES = 20_000  # about 300 MB at most, 100 MB of usual ones
TTL_SECONDS = 30 * 86_400.0  # that Redis keeps a profile after its last event or reading; the database keeps it
_NAMESPACE = "cadence:profile:"
_VERSION_DIGITS = 20
_SLOTS, _SLOT_BYTES = 65_536, 8
# Two workers may write one after the other what they committed the other way round: the later version stays.
_PUT_NEWER = """
local known = redis.call('GETRANGE', KEYS[1], 0, 19)
if known < string.sub(ARGV[1], 1, 20) then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
"""
_log = structlog.get_logger(__name__)


class ChangeMarks:
    """A mark for each group of owners that is another one after a change, seen by all processes with this file."""

    def __init__(self, path: Path) -> None:
        """Makes the file if there is none. Raises OSError where it cannot be.

        All its bytes get their place on the disk now: a page of a mapped file that has none is given one when it is
        first written to, and where the disk is full by then, that is a bus error, which ends the process.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            if (size := file.seek(0, 2)) < _SLOTS * _SLOT_BYTES:
                file.write(bytes(_SLOTS * _SLOT_BYTES - size))
                file.flush()
            if hasattr(os, "posix_fallocate"):  # a file that an earlier version has made has holes
                os.posix_fallocate(file.fileno(), 0, _SLOTS * _SLOT_BYTES)
            self._marks = mmap.mmap(file.fileno(), _SLOTS * _SLOT_BYTES)

    def of(self, owner: str) -> bytes:
        start = crc32(owner.encode()) % _SLOTS * _SLOT_BYTES
        return self._marks[start : start + _SLOT_BYTES]

    def change(self, owner: str) -> None:
        """To be called after the commit."""
        start = crc32(owner.encode()) % _SLOTS * _SLOT_BYTES
        self._marks[start : start + _SLOT_BYTES] = time.time_ns().to_bytes(_SLOT_BYTES, "little")

    def close(self) -> None:
        self._marks.close()


class SharedProfiles:
    """Profiles in a Redis server. One that is away, or slow, is no error: it is counted, and left alone for a while."""

    def __init__(self, url: str, timeout_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.failures = 0
        self._clock, self._resume_at = clock, float("-inf")
        self._redis = redis_client(url, timeout_seconds)
        self._put_newer = self._redis.register_script(_PUT_NEWER)

    async def get(self, owner: str) -> tuple[int, bytes] | None:
        """Version and profile."""
        if self._clock() < self._resume_at:
            return None
        try:
            value = await self._redis.getex(_NAMESPACE + owner, ex=int(TTL_SECONDS))
        except (RedisError, OSError):
            self._failed()
            return None
        if not isinstance(value, bytes):
            return None
        return int(value[:_VERSION_DIGITS]), value[_VERSION_DIGITS:]

    async def put(self, owner: str, version: int, profile: bytes) -> None:
        """Unless a later version is there."""
        if self._clock() < self._resume_at:
            return
        value = f"{version:0{_VERSION_DIGITS}d}".encode() + profile
        try:
            await self._put_newer(keys=[_NAMESPACE + owner], args=[value, int(TTL_SECONDS)])
        except (RedisError, OSError):
            self._failed()

    async def forget(self, owner: str) -> bool:
        """False where the server did not answer, and may have it still."""
        try:
            await self._redis.delete(_NAMESPACE + owner)
        except (RedisError, OSError):
            self._failed()
            return False
        return True

    async def close(self) -> None:
        await self._redis.aclose()

    def _failed(self) -> None:
        self.failures += 1
        self._resume_at = self._clock() + RETRY_SECONDS


@dataclass(frozen=True, slots=True)
class _Entry:
    mark: bytes
    version: int  # 0: nothing is known
    profile: Profile


class ProfileCache:
    """Profiles by owner, read through. For one event loop."""

    def __init__(
        self, database: Database, marks: ChangeMarks, shared: SharedProfiles | None = None, size: int = MAX_PROFILES
    ) -> None:
        self.counts = CacheCounts()
        self._database, self._marks, self._shared, self._size = database, marks, shared, size
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def is_shared(self) -> bool:
        """Whether workers share profiles through Redis."""
        return self._shared is not None

    def at_hand(self, owner: str) -> Profile | None:
        """The profile of `owner`, where it is in this process and known to be the newest; None: it must be read."""
        entry = self._entries.get(owner)
        if entry is None or self._shared is not None or entry.mark != self._marks.of(owner):
            return None
        self._entries.move_to_end(owner)
        self.counts.hits += 1
        return entry.profile

    async def get(self, owner: str) -> tuple[Profile, int]:
        """The profile of `owner` as of the last acknowledged event, and its version; empty where nothing is known.

        Never changed by who gets it. Where the database does not answer, what is known here, be it old.
        """
        mark, entry = self._marks.of(owner), self._entries.get(owner)
        if entry is not None and entry.mark == mark and self._shared is None:
            self._entries.move_to_end(owner)
            self.counts.hits += 1
            return entry.profile, entry.version
        if self._shared is not None and (found := await self._shared.get(owner)) is not None:
            version, raw = found
            if entry is not None and entry.mark == mark and entry.version >= version:
                self.counts.hits += 1
                return entry.profile, entry.version
            if (read := _read(raw)) is not None:
                self.counts.hits += 1
                self._keep(owner, _Entry(mark, version, read))
                return read, version
        self.counts.misses += 1
        try:
            stored = await self._database.read(partial(find_profile, owner=owner))
        except SQLAlchemyError as error:
            self.counts.failures += 1
            _log.warning("profile not read", error=type(error).__name__)
            return (entry.profile, entry.version) if entry else (Profile(), 0)
        known = Profile() if stored is None else _read(stored.profile) or Profile()
        entry = _Entry(mark, stored.version if stored else 0, known)
        self._keep(owner, entry)
        if self._shared is not None and stored is not None:
            await self._shared.put(owner, stored.version, stored.profile)
        return entry.profile, entry.version

    async def changed(self, profiles: Sequence[StoredProfile]) -> None:
        """These were committed. Every worker serves them from now on.

        Where another worker has changed the same group of owners since this one last looked, its profile may be the
        later one, whoever comes here first: then it is read anew.
        """
        for stored in profiles:
            owner = stored.owner
            entry, mark = self._entries.pop(owner, None), self._marks.of(owner)
            self._marks.change(owner)
            if self._shared is not None:
                await self._shared.put(owner, stored.version, stored.profile)
            is_newest = entry is not None and entry.mark == mark and entry.version < stored.version
            if is_newest and (read := _read(stored.profile)) is not None:
                self._keep(owner, _Entry(self._marks.of(owner), stored.version, read))

    async def merged(self, owner: str) -> bool:
        """The profile of `owner` is part of another one now, or is no more. False where Redis may have it still."""
        self._marks.change(owner)
        self._entries.pop(owner, None)
        return self._shared is None or await self._shared.forget(owner)

    def clear(self) -> None:
        """Keep none in this process."""
        self._entries.clear()

    async def close(self) -> None:
        self._marks.close()
        if self._shared is not None:
            await self._shared.close()

    def _keep(self, owner: str, entry: _Entry) -> None:
        self._entries[owner] = entry
        self._entries.move_to_end(owner)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)


def marks_of(settings: Settings) -> ChangeMarks:
    """Of the shop's home."""
    return ChangeMarks(settings.storage.cadence_home / "profile_marks.bin")


def shared_profiles(settings: Settings) -> SharedProfiles | None:
    """The profiles that all workers share, where REDIS_URL is set."""
    if settings.storage.redis_url:
        return SharedProfiles(settings.storage.redis_url, settings.storage.redis_timeout_ms / 1_000)
    return None


def _read(raw: bytes) -> Profile | None:
    try:
        return Profile.from_bytes(raw)
    except ProfileError as error:
        _log.warning("profile cannot be read", error=str(error))
        return None
