"""Who is in which arm: the same everywhere, balanced, exclusive within a layer, and unmoved by a ramp."""

import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from core.experiments.assignment import INTERLEAVED, NOBODY, Assigner, Assignment, draw
from core.experiments.definition import Arm, Audience, Changes, Experiment, Method, Slice, Unit

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
REACH = Experiment(
    "reach", (Arm("control"), Arm("far", changes=Changes(personalization_reach=0.3))), "conversion", 0.05
)


def assign(experiment: Experiment, unit: str, session: str = "x", now: datetime = NOW) -> Assignment:
    return Assigner([experiment], [[]]).assign(unit, session, (), now)


def arm_of(experiment: Experiment, unit: str) -> str | None:
    return assign(experiment, unit).arms.get(experiment.name)


def test_a_draw_is_the_same_in_another_process() -> None:
    here = [draw("salt", "arm", f"u:{user}") for user in range(50)]
    program = "from core.experiments.assignment import draw; print([draw('salt', 'arm', f'u:{u}') for u in range(50)])"
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert there.strip() == str(here)
    assert all(0 <= value < 1 for value in here)


def test_arms_are_balanced_as_weighted() -> None:
    arms = (Arm("a", 2.0), Arm("b", 1.0), Arm("c", 1.0))
    counts = Counter(arm_of(replace(REACH, arms=arms), f"u:{user}") for user in range(40_000))
    assert chisquare([counts["a"], counts["b"], counts["c"]], [20_000, 10_000, 10_000]).pvalue > 0.001


def test_two_experiments_in_different_layers_are_independent() -> None:
    other = replace(REACH, name="other", place=Slice("second"))
    both = Counter((arm_of(REACH, f"u:{user}"), arm_of(other, f"u:{user}")) for user in range(20_000))
    table = [[both[mine, theirs] for theirs in ("control", "far")] for mine in ("control", "far")]
    assert chi2_contingency(table).pvalue > 0.001


def test_slices_of_one_layer_share_nobody_and_leave_nobody_out() -> None:
    first = replace(REACH, name="first", place=Slice("ranking", 0.0, 0.3))
    second = replace(REACH, name="second", place=Slice("ranking", 0.3, 1.0))
    assigner = Assigner([first, second], [[], []])
    found = [assigner.assign(f"u:{user}", "x", (), NOW).arms for user in range(5_000)]
    assert all(len(arms) == 1 for arms in found)
    assert 0.27 < sum("first" in arms for arms in found) / 5_000 < 0.33


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 10_000))
def test_ramping_up_moves_nobody(one: float, other: float, user: int) -> None:
    less, more = sorted((one, other))
    before, after = (arm_of(replace(REACH, traffic=share), f"u:{user}") for share in (less, more))
    assert before is None or before == after


def test_a_session_experiment_draws_for_each_visit() -> None:
    by_visit = replace(REACH, unit=Unit.SESSION)
    placements = [assign(by_visit, "u:ada", session=f"visit{number}").placements[0] for number in range(50)]
    assert {one.unit for one in placements} == {f"s:visit{number}" for number in range(50)}
    assert {one.name for one in placements} == {"control", "far"}


def test_who_is_chosen_by_hand_sees_that_arm_whatever_the_traffic() -> None:
    looked_at = replace(REACH, traffic=0.0, overrides={"u:tester": "far", "s:tablet": "control"})
    [placement] = assign(looked_at, "u:tester").placements
    assert (placement.name, placement.by_hand) == ("far", True)
    [on_tablet] = assign(looked_at, "u:tester", session="tablet").placements
    assert on_tablet.name == "control"
    assert assign(looked_at, "u:other") is NOBODY


@pytest.mark.parametrize(
    ("changed", "runs"),
    [
        ({"starts_at": NOW}, True),
        ({"starts_at": NOW + timedelta(seconds=1)}, False),
        ({"ends_at": NOW}, False),
        ({"ends_at": NOW + timedelta(seconds=1)}, True),
        ({"stopped": True}, False),
    ],
)
def test_nobody_takes_part_before_or_after(changed: dict[str, object], runs: bool) -> None:
    assert bool(assign(replace(REACH, **changed), "u:ada").placements) is runs  # type: ignore[arg-type]


def test_an_audience_is_of_those_who_meet_every_field() -> None:
    assigner = Assigner([replace(REACH, audience=Audience(("phone", "tablet"), ("Oslo",)))], [[{1, 2}, {9}]])  # type: ignore[list-item]
    assert assigner.assign("u:ada", "x", (2, 9), NOW).placements
    assert assigner.assign("u:ada", "x", (1, 3), NOW) is NOBODY
    assert assigner.assign("u:ada", "x", (), NOW) is NOBODY


def test_an_interleaving_shows_both_arms_and_changes_nothing_by_itself() -> None:
    assignment = assign(replace(REACH, method=Method.TEAM_DRAFT), "u:ada")
    assert assignment.arms == {"reach": INTERLEAVED}
    assert assignment.interleaving is assignment.placements[0]
    assert assignment.changes == Changes()


def test_changes_of_several_experiments_come_together() -> None:
    diverse = replace(REACH, name="diverse", arms=(Arm("all", changes=Changes(suggestion_diversity=0.0)),) * 2)
    far = replace(REACH, arms=(REACH.arms[1],) * 2)
    assignment = Assigner([far, diverse], [[], []]).assign("u:ada", "x", (), NOW)
    assert assignment.changes == Changes(personalization_reach=0.3, suggestion_diversity=0.0)
    assert [one.experiment.name for one in assignment.shaped(frozenset({"suggestion_diversity"}))] == ["diverse"]
    assert assignment.shaped(frozenset({"beam_width"})) == ()


def test_a_definition_survives_being_stored() -> None:
    full = replace(
        REACH,
        arms=(Arm("a"), Arm("b", 2.0, Changes(personalization_weights=(0.1, 0.2, 0.3, 0.4), beam_width=4))),
        audience=Audience(("phone",)),
        ends_at=NOW,
        overrides={"u:x": "b"},
    )
    assert Experiment.from_dict(full.to_dict()) == full


def test_an_assignment_costs_less_than_fifty_microseconds() -> None:
    five = [replace(REACH, name=f"e{number}", place=Slice(f"layer{number}")) for number in range(5)]
    assigner = Assigner(five, [[]] * 5)

    def once(user: int) -> float:
        begun = time.perf_counter()
        assigner.assign(f"u:{user}", "x", (), NOW)
        return time.perf_counter() - begun

    assert sorted(map(once, range(2_000)))[1_000] < 50e-6
