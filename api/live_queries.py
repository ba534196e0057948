"""Learning while serving: a query that shoppers complete now is suggested to others within seconds.

The database is the truth. At the start, and for another served version, every search since that version was learnt is
read; from then on the new ones at intervals. So each worker learns what any worker recorded, and nothing is forgotten
by a restart. A text is learnt when

1. the served version knows it from its history, so that it is public already; or else when `suggestion_min_shoppers`
   different shoppers completed it,
2. it does not look personal (an address, a telephone number, …),
3. no rule blocks it, and
4. it finds a product, where there is a catalogue.

Then each shopper counts once, at the time of the last completion, and half of that after `suggestion_half_life_days`.
Half-typed searches do not count (`core.text.half_typed`): they do until the next letter comes, which takes them back.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Connection

from api.intervals import at_intervals
from api.rules import RulesFollower
from config.settings import SuggestSettings
from core.retrieval.live import LiveIndex
from core.services.live_shoppers import LiveShoppers
from core.text.personal import looks_personal
from database.connection import Database
from database.repositories.live_searches import searches_received, searches_since
from database.repositories.log_window import LogWindow

_SECONDS_PER_DAY = 86_400.0
_ROUNDING = 1e-9


class LearntModels(Protocol):
    """What a served version says about what is learnt on top of it. The functions are thread-safe."""

    @property
    def is_known(self) -> Callable[[str], bool]:
        """Whether a normalised text is in the version's history."""

    @property
    def finds(self) -> Callable[[str], int | None]:
        """How many products a normalised text finds; None where there is no catalogue."""

    @property
    def learnt_before(self) -> datetime | None:
        """Searches that occurred earlier are part of the version; None: no search is."""

    @property
    def catalog_number(self) -> int:
        """Another one for each state of the catalogue."""


class LiveQueries:
    """`index` holds what is learnt; read it anew for each request, for another version gets another one. `forms`: as
    shoppers write a text, where that is not the normalised text.

    `version` grows with every change of it, in this worker alone. `refused` counts texts by the reason why they are not
    learnt though enough shoppers completed them: `personal`, `blocked`, `finds_nothing`.
    """

    def __init__(
        self,
        database: Database,
        settings: SuggestSettings,
        rules: RulesFollower,
        models: LearntModels,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.version = 0
        self._half_life_seconds = settings.suggestion_half_life_days * _SECONDS_PER_DAY
        self._database = database
        self._settings = settings
        self._rules = rules
        self._models = models
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._begin_anew()
        self.index = self._filling

    @property
    def learnt(self) -> int:
        """How many texts are learnt."""
        return len(self._learnt)

    @property
    def refused(self) -> Mapping[str, int]:
        return Counter(self._refused.values())

    def follow(self, models: LearntModels) -> None:
        """Another version is served: at the next refresh, learn anew what that one has not learnt."""
        self._models = models

    async def refresh(self) -> None:
        """Learn from what came in. Raises SQLAlchemyError when the database cannot be read."""
        async with self._one_at_a_time:
            if self._follows is not self._models:
                self._begin_anew()
            await self._database.read(self._read)
            await asyncio.to_thread(self._learn)  # looking for products takes its time

    async def learn_anew(self) -> None:
        """From the log alone, for something was removed from it. Raises SQLAlchemyError as `refresh`."""
        async with self._one_at_a_time:
            self._begin_anew()
        await self.refresh()

    async def keep_fresh(self, stop: asyncio.Event) -> None:
        """Refresh at intervals until told to stop. A failed one leaves everything in place for the next."""
        await at_intervals(self.refresh, self._settings.suggestion_refresh_seconds, stop, "live queries not learnt")

    def _begin_anew(self) -> None:
        self._follows, self._rules_version = self._models, self._rules.version
        self._filling = LiveIndex(self._half_life_seconds)
        self._shoppers: LiveShoppers
        self._ways: dict[str, dict[str, set[int]]] = {}  # how texts are written, not as normalised alone, and by whom
        self.forms: dict[str, str] = {}
        self._window = LogWindow()
        self._touched: set[str] = set()  # what the index may not say correctly
        self._learnt: set[str] = set()
        self._refused: dict[str, str] = {}
        self._finding: dict[str, bool] = {}
        self._catalog_number = self._follows.catalog_number  # as of which `_finding` holds

    def _read(self, connection: Connection) -> None:
        cut, since = self._follows.learnt_before, self._window.since(self._clock())
        if since is None:
            self._shoppers, self._window.known = LiveShoppers(), {}  # whatever a reading that failed left behind
            found = searches_since(connection, cut)
        else:
            found = searches_received(connection, since, self._window.known)
        for search in found:
            if cut is not None and search.at < cut:
                continue
            self._window.note(search.event_id, search.received_at)
            self._touched.update(self._shoppers.complete(search.text, search.shopper, search.at))
            self._note_form(search.text, " ".join(search.written.lower().split()), search.shopper)
        self._window.looked()

    def _note_form(self, text: str, written: str, shopper: str) -> None:
        """Shows a text as half of its shoppers write it, once enough of them do: one alone writes for nobody else."""
        ways = self._ways.get(text)
        if ways is None and written == text:
            return  # as most are: these need no memory
        ways = self._ways.setdefault(text, {})
        ways.setdefault(written, set()).add(hash(shopper))
        way = max(ways, key=lambda one: (len(ways[one]), one))
        if len(ways[way]) >= max(self._settings.suggestion_min_shoppers, len(self._shoppers.of(text)) / 2):
            self.forms[text] = way

    def _learn(self) -> None:
        rules_version = self._rules.version
        if rules_version != self._rules_version:
            self._touched.update(self._shoppers)
        catalog_number = self._follows.catalog_number
        if catalog_number != self._catalog_number:
            # What finds nothing any more is left out where lists are finished; what now finds something is learnt.
            self._touched.update(text for text, reason in self._refused.items() if reason == "finds_nothing")
            self._finding, self._catalog_number = {}, catalog_number
        changed = self.index is not self._filling
        for text in self._touched:
            if self._admits(text):
                self._learnt.add(text)
                self._put(text)
                changed = True
            elif text in self._learnt:
                self._learnt.remove(text)
                self._filling.remove(text)
                changed = True
        self._touched, self._rules_version = set(), rules_version
        self.index = self._filling
        self.version += changed

    def _admits(self, text: str) -> bool:
        self._refused.pop(text, None)
        shoppers = len(self._shoppers.of(text))
        if shoppers < (1 if self._follows.is_known(text) else self._settings.suggestion_min_shoppers):
            return False
        reason = self._reason_against(text)
        if reason is not None:
            self._refused[text] = reason
        return reason is None

    def _reason_against(self, text: str) -> str | None:
        if looks_personal(text):
            return "personal"
        if self._rules.current.blocks(text):
            return "blocked"
        if text not in self._finding:
            self._finding[text] = self._follows.finds(text) != 0
        return None if self._finding[text] else "finds_nothing"

    def _put(self, text: str) -> None:
        """Gives `text` the weight of its shoppers in the index."""
        times = self._shoppers.of(text).values()
        newest = max(times)
        weight = sum(2.0 ** ((at - newest) / self._half_life_seconds) for at in times)
        missing = weight - self._filling.weight_of(text, newest)
        if missing < -_ROUNDING:  # a shopper typed on
            self._filling.remove(text)
            missing = weight
        if missing > _ROUNDING:
            self._filling.add(text, missing, newest)
