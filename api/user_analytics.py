"""One person's numbers: a single pass over the log that the profile is folded from, and the profile itself."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, and_, func, select

from api.schemas.users import PastSession, Preference, PricePreference, StoredProfileBody, UserAnalytics
from core.analytics.definitions import CLICK_WINDOW_SECONDS, share
from core.domain import ACTION_WEIGHTS, Action, Engagement
from core.errors import ProfileError, UnknownUserError
from core.personalization.decayed import SEASON, DecayedTable
from core.personalization.keys import Space, key_of
from core.personalization.profile import Profile, weight_of
from database.models import list_log, lists_empty, sessions
from database.repositories.profiles import StoredProfile, events_of, find_profile, owner_of
from database.repositories.statements import chunks

K = TypeVar("K")
_SHOWN_SESSIONS, _SHOWN_PREFERENCES = 20, 10


@dataclass(slots=True)
class _Visit:
    first: datetime
    last: datetime
    actions: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Counts:
    actions: Counter[str] = field(default_factory=Counter)
    visits: dict[str, _Visit] = field(default_factory=dict)
    categories: dict[str, float] = field(default_factory=lambda: defaultdict(float))  # sums of weights, as the next two
    brands: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    levels: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    open_searches: dict[tuple[str, str], list[tuple[int, bool]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, event: Engagement) -> None:
        self.actions[event.action] += 1
        if event.session_id is not None:
            visit = self.visits.setdefault(event.session_id, _Visit(event.occurred_at, event.occurred_at))
            visit.last = event.occurred_at
            visit.actions[event.action] += 1
            if event.request_id is not None:
                self._follow(event, (event.session_id, event.request_id))
        weight = weight_of(event)
        if event.facts is not None and event.item_id is not None and weight:
            if event.facts.category:
                self.categories[event.facts.category] += weight
            if event.facts.brand:
                self.brands[event.facts.brand] += weight
            if event.facts.price_level is not None:
                self.levels[event.facts.price_level] += weight

    def _follow(self, event: Engagement, shown: tuple[str, str]) -> None:
        at = int(event.occurred_at.timestamp())
        if event.action is Action.SEARCH:
            self.open_searches[shown].append((at, False))
        elif event.action is Action.CLICK and shown in self.open_searches:
            searches = self.open_searches[shown]
            searches[:] = [(began, clicked or 0 <= at - began <= CLICK_WINDOW_SECONDS) for began, clicked in searches]


def find_user(connection: Connection, user_id: str, user_key: str, now: datetime) -> UserAnalytics:
    """Raises UnknownUserError for somebody who did nothing, was shown nothing and began no session."""
    owner = owner_of(user_key, None) or ""
    counts = _Counts()
    for event in events_of(connection, owner):
        counts.add(event)
    stored = find_profile(connection, owner)
    shown, empty = _lists(connection, user_key)
    if not (counts.actions or stored or shown or _has_session(connection, user_key)):
        raise UnknownUserError("nobody of this id is known here")
    profile = _read(stored)
    followed = [clicked for some in counts.open_searches.values() for _, clicked in some]
    bought = sum(Action.PURCHASE in visit.actions for visit in counts.visits.values())
    levels = _strengths(
        None if profile is None else profile.price_levels, {level: level + 1 for level in counts.levels}, now
    )
    return UserAnalytics(
        user_id=user_id,
        profile=_body(stored, profile),
        events=counts.actions.total(),
        actions=dict(sorted(counts.actions.items())),
        engagement_score=sum(ACTION_WEIGHTS[Action(name)] * count for name, count in counts.actions.items()),
        sessions=len(counts.visits),
        searches=counts.actions[Action.SEARCH] + empty,
        search_ctr=share(sum(followed), len(followed) + empty),
        conversion=share(bought, len(counts.visits)),
        preferred_categories=_preferences(
            counts.categories, Space.CATEGORY, None if profile is None else profile.categories, now
        ),
        preferred_brands=_preferences(counts.brands, Space.BRAND, None if profile is None else profile.brands, now),
        preferred_prices=[
            PricePreference(level=level, weight=weight, strength=levels[level])
            for level, weight in sorted(counts.levels.items())
        ],
        session_history=_history(connection, counts.visits),
    )


def _lists(connection: Connection, user_key: str) -> tuple[int, int]:
    """How many lists were shown, and how many searches showed nothing."""
    found = select(func.count(), func.count().filter(and_(list_log.c.kind == "search", lists_empty)))
    shown, empty = connection.execute(found.where(list_log.c.user_key == user_key)).one()
    return shown, empty


def _has_session(connection: Connection, user_key: str) -> bool:
    begun = select(sessions.c.session_id).where(sessions.c.user_key == user_key).limit(1)
    return connection.execute(begun).first() is not None


def _read(stored: StoredProfile | None) -> Profile | None:
    try:
        return None if stored is None else Profile.from_bytes(stored.profile)
    except ProfileError:  # of another release: it is folded anew with the next event
        return None


def _body(stored: StoredProfile | None, profile: Profile | None) -> StoredProfileBody | None:
    if stored is None or profile is None:
        return None
    return StoredProfileBody(
        version=stored.version,
        size_bytes=len(stored.profile),
        events=profile.events,
        products=len(profile.products),
        words=len(profile.terms),
    )


def _preferences(
    weights: Mapping[str, float], space: Space, table: DecayedTable | None, now: datetime
) -> list[Preference]:
    strengths = _strengths(table, {name: key_of(space, name) for name in weights}, now)
    ranked = sorted(weights, key=lambda name: (-strengths[name], -weights[name], name))
    return [
        Preference(name=name, weight=weights[name], strength=strengths[name]) for name in ranked[:_SHOWN_PREFERENCES]
    ]


def _strengths(table: DecayedTable | None, keys: Mapping[K, int], now: datetime) -> dict[K, float]:
    known: dict[int, float] = {}
    if table is not None and len(table):
        season = table.strengths(now.timestamp())[:, SEASON]
        known = dict(zip(table.keys, season.tolist(), strict=True))
    return {name: known.get(key, 0.0) for name, key in keys.items()}


def _history(connection: Connection, visits: Mapping[str, _Visit]) -> list[PastSession]:
    latest = sorted(visits.items(), key=lambda one: (one[1].first, one[0]), reverse=True)[:_SHOWN_SESSIONS]
    devices: dict[str, str | None] = {}
    for some in chunks([session_id for session_id, _ in latest]):
        rows = select(sessions.c.session_id, sessions.c.device).where(sessions.c.session_id.in_(some))
        devices.update((session_id, device) for session_id, device in connection.execute(rows))
    return [
        PastSession(
            session_id=session_id,
            first_event_at=visit.first,
            last_event_at=visit.last,
            device=devices.get(session_id),
            actions=dict(sorted(visit.actions.items())),
        )
        for session_id, visit in latest
    ]
