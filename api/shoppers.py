"""From a request to whom it is for: the profile as of the last acknowledged event, and what is known of the visit."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.crowd import CrowdFollower, cohorts_of
from api.security import Caller
from config.settings import PersonalizationSettings
from core.personalization.profile import Profile
from core.personalization.score import Formula
from core.personalization.shopper import Shopper
from database.connection import Database
from database.profile_cache import ProfileCache
from database.repositories.profiles import owner_of
from database.repositories.sessions import ShopSession, find_visit

MAX_VISITS = 50_000  # about 10 MB
_log = structlog.get_logger(__name__)


class Shoppers:
    """For one event loop."""

    def __init__(
        self,
        database: Database,
        profiles: ProfileCache,
        crowd: CrowdFollower,
        settings: PersonalizationSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.late = 0  # keystrokes that had to do without a profile
        self._database, self._profiles, self._crowd, self._settings = database, profiles, crowd, settings
        self._clock = clock
        self._cohorts: OrderedDict[str, tuple[int, ...]] = OrderedDict()
        self._formula = Formula(
            settings.personalization_weights,
            settings.personalization_reach,
            settings.personalization_depth,
            settings.exploration_share,
        )

    @property
    def crowd_events(self) -> int:
        """How many events the crowd has learnt from."""
        return self._crowd.crowd.events

    async def find(self, caller: Caller, patience_seconds: float | None = None) -> Shopper:
        """Whom to serve: a signed user, or else the session alone.

        What is not at hand is waited for no longer than `patience_seconds`: then it is somebody of whom nothing is
        known, which is counted (`late`). With 0 nothing is read.
        """
        if not caller.is_known:
            return self.nobody()
        owner = owner_of(caller.user_key, caller.session_key) or ""
        profile, cohorts = self._profiles.at_hand(owner), self.cohorts_at_hand(caller.session_key)
        if profile is not None and cohorts is not None:
            return self._shopper(profile, cohorts)
        if patience_seconds == 0:
            self.late += 1
            return self.nobody()
        try:
            return self._shopper(*await asyncio.wait_for(self._read(owner, caller.session_key), patience_seconds))
        except TimeoutError:
            self.late += 1
            return self.nobody()

    def _shopper(self, profile: Profile, cohorts: tuple[int, ...]) -> Shopper:
        now = self._clock().timestamp()
        crowd = self._crowd.crowd
        known = crowd.known_cohorts(cohorts) if self._settings.cohort_priors else ()
        return Shopper(profile, crowd, now, known, self._formula, self._settings.learned_reranker)

    async def _read(self, owner: str, session_id: str) -> tuple[Profile, tuple[int, ...]]:
        profile, _ = await self._profiles.get(owner)
        return profile, await self._cohorts_of(session_id)

    def nobody(self) -> Shopper:
        """Somebody of whom nothing is known."""
        return self._shopper(Profile(), ())

    def clear(self) -> None:
        """Forget the visits."""
        self._cohorts.clear()

    async def learn_anew(self) -> None:
        """The crowd, from the log alone. Raises SQLAlchemyError when it cannot be read."""
        await self._crowd.learn_anew()

    def begin(self, visit: ShopSession) -> None:
        """A visit begins here."""
        self._keep(visit.session_id, visit)

    def cohorts_at_hand(self, session_id: str) -> tuple[int, ...] | None:
        """The cohorts of a visit (`api.crowd.cohorts_of`); None where it was not read yet."""
        known = self._cohorts.get(session_id)
        if known is not None:
            self._cohorts.move_to_end(session_id)
        return known

    async def _cohorts_of(self, session_id: str) -> tuple[int, ...]:
        if (known := self.cohorts_at_hand(session_id)) is not None:
            return known
        try:
            visit = await self._database.read(partial(find_visit, session_id=session_id))
        except SQLAlchemyError as error:
            _log.warning("visit not read", error=type(error).__name__)
            return ()
        return self._keep(session_id, visit)

    def _keep(self, session_id: str, visit: ShopSession | None) -> tuple[int, ...]:
        cohorts = () if visit is None else tuple(cohorts_of(visit.device, visit.location, visit.referrer))
        self._cohorts[session_id] = cohorts
        if len(self._cohorts) > MAX_VISITS:
            self._cohorts.popitem(last=False)
        return cohorts
