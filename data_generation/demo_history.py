"""One persona → one shopper's recent history in one shop, by the simulator of `data_generation.block`.

A demo shopper is a pronounced specimen: all that they want is of their persona's departments, where one of many
simulated shoppers wants half of it from anywhere; and of a few such shoppers it is the one who came closest to what the
persona wants. Everything else about them is the persona's. The same weeks are simulated whenever this is done, without
a look at what has come on sale since, and moved by whole days to end when they shall: on any day the shop has the same
demo shoppers.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import polars as pl

from core.demo_shoppers import FAVOURITES, DemoShopper
from core.domain import ACTION_WEIGHTS, Action, Engagement, EventFacts
from core.importing.events import EventRow, engagement_of
from data_generation.block import Block, Rows, make_rows
from data_generation.calibration import load_calibration
from data_generation.cast import DAY, Cast, Window
from data_generation.personas import Persona, load_behaviors
from data_generation.tables import TABLES
from data_generation.world import World

DAYS = 28  # that a history lasts: what is older has faded
VISITS = 40
SIMULATED_UNTIL = datetime(2026, 11, 1, tzinfo=UTC)
DRAWN = 6  # shoppers of whom the most typical one is taken
_NAMESPACE = UUID("6f0d7c1e-6f5b-5b0e-9d55-1f6a0f2c9a51")
FactsOf = Callable[[str], EventFacts | None]
"""What the served version knows of a product id; None for what is not sold."""


@dataclass(frozen=True, slots=True)
class History:
    """What one demo shopper did, in the order of its times, and what a page says of them."""

    shopper: DemoShopper
    events: tuple[Engagement, ...]


def user_id(persona: Persona) -> str:
    """Of the persona's demo shopper: `demo-home-chef`."""
    return "demo-" + re.sub(r"[^a-z0-9]+", "-", persona.name.lower()).strip("-")


def history(
    world: World, persona: Persona, until: datetime, seed: int, key: Callable[[str], str], facts_of: FactsOf
) -> History:
    """The persona's history until `until`, a midnight. `key`: the key under which a user id is stored.

    The same arguments give the same events with the same ids, another `until` the same at other times. What the shop
    does not sell any more is left out.
    """
    who, name = replace(persona, own=1.0), user_id(persona)
    end, moved = SIMULATED_UNTIL.timestamp(), until - SIMULATED_UNTIL
    window = Window(end - DAYS * DAY, end)
    on_sale = replace(world, arrived=np.zeros(len(world.product_ids)))
    cast = Cast(on_sale, (who,), load_behaviors(), load_calibration(), window, seed)
    rows = _most_typical(cast, [make_rows(cast, Block(number, number, 1, VISITS), name) for number in range(DRAWN)])
    searched = ({"action_type": Action.SEARCH.value, **row} for row in rows.queries.iter_rows(named=True))
    done = sorted([*searched, *rows.events.iter_rows(named=True)], key=_order)
    ids, events = uuid5(_NAMESPACE, f"{persona.name} {seed}"), []
    for position, row in enumerate(done):
        event = engagement_of(_event_row(row, name, moved), key(name), ids, position)
        if event.item_id is None:
            events.append(event)
        elif (facts := facts_of(event.item_id)) is not None:
            events.append(replace(event, facts=facts))
    about = _about().get(persona.name) or f"Shops like a {persona.name}."
    favourites = _favourites(events)
    if not cast.speaks[0].any() and favourites:
        about += f" This shop has nothing of the kind: {_listed(favourites)} instead."
    label = persona.name[0].upper() + persona.name[1:]
    return History(DemoShopper(name, persona.name, label, about, favourites), tuple(events))


def _most_typical(cast: Cast, drawn: Sequence[Rows]) -> Rows:
    """Of whom the departments of what was done lie nearest to what the persona wants, in total variation."""
    world, wanted = cast.world, (cast.early[0] + cast.late[0]) / 2
    department = np.searchsorted(world.department_start, world.kind, side="right") - 1
    of = pl.DataFrame({"item_id": list(world.product_ids), "department": department})
    distances = []
    for rows in drawn:
        done = rows.events.join(of, on="item_id")["department"].to_numpy()
        share = np.bincount(done, minlength=len(wanted)) / max(1, len(done))
        distances.append(float(np.abs(share - wanted).sum()))
    return drawn[int(np.argmin(distances))]


def _order(row: Mapping[str, Any]) -> tuple[datetime, bool]:
    """By time; of one moment the search first."""
    return row["timestamp"], row["action_type"] != Action.SEARCH.value


def _event_row(row: Mapping[str, Any], name: str, moved: timedelta) -> EventRow:
    searched = row["action_type"] == Action.SEARCH.value
    return EventRow(
        user_id=name,
        occurred_at=row["timestamp"] + moved,
        action_type=Action(row["action_type"]),
        item_id=None if searched else row["item_id"],
        session_id=row["session_id"],
        query=row["query"],
        item_rank=row.get("item_rank"),
        duration_seconds=row.get("duration_seconds"),
    )


def _favourites(events: list[Engagement]) -> tuple[str, ...]:
    """The shop's categories that weigh most; of a shop without categories those that were found in it."""
    weights: defaultdict[str, float] = defaultdict(float)
    for event in events:
        if event.facts and (category := event.facts.category or event.facts.kind):
            weights[category] += ACTION_WEIGHTS[event.action]
    return tuple(sorted(weights, key=lambda category: (-weights[category], category))[:FAVOURITES])


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


@cache
def _about() -> Mapping[str, str]:
    return tomllib.loads((TABLES / "personas" / "about.toml").read_text(encoding="utf-8"))
