"""Fourteen personas and five behaviours that hang together with the tables."""

import numpy as np
import pytest

from data_generation.personas import load_behaviors, load_personas
from data_generation.tables import load_types


def test_personas_name_what_there_is() -> None:
    personas, behaviors, types = load_personas(), load_behaviors(), load_types()
    assert len(personas) == len({one.name for one in personas}) == 14
    assert len(behaviors) == len({one.name for one in behaviors}) == 5
    assert sum(one.share for one in personas) == pytest.approx(1)
    departments = {kind.department for kind in types}
    brands = {brand for kind in types for brand in kind.brands}
    for one in personas:
        assert one.departments.keys() | one.later.keys() <= departments
        assert set(one.brands) <= brands
        assert one.behaviors.keys() <= {behavior.name for behavior in behaviors}
        assert sum(one.behaviors.values()) == pytest.approx(1)
        assert len(one.hours) == 24 and min(one.hours) > 0
        assert all("{query}" in pattern for pattern in one.vocabulary)
        assert 0 <= one.price <= 1 and 0 < one.own < 1 and 0 <= one.typo_share < 0.3
        early, late = (sum(table.values()) for table in (one.departments, one.later))
        moved_weights = [one.departments.get(d, 0) / early - one.later.get(d, 0) / late for d in departments]
        assert max(map(abs, moved_weights)) > 0.02 or one.name in ("beauty fan", "pet owner", "book lover")


def test_every_chain_can_end_and_buys_only_out_of_the_cart() -> None:
    for behavior in load_behaviors():
        table = np.array(behavior.chain)
        assert table.shape == (5, 5) and (table >= 0).all()
        assert (table.sum(axis=1) < 1).all()
        assert (table[[0, 1, 2, 4], 4] == 0).all() and table[3, 4] > 0
        assert min(behavior.dwell_seconds) > 0
