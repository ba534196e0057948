"""Which experiments must not run at the same time: whoever reads the figures could not tell their effects apart."""

from collections.abc import Iterable

from core.experiments.definition import Experiment, Method


def conflict(new: Experiment, others: Iterable[Experiment]) -> str | None:
    """Why `new` cannot run beside one of the `others`, in words; None where it can.

    In one layer slices must not overlap, and there is one kind of unit. Across layers nothing may be changed by two.
    """
    for other in others:
        if other.name == new.name or other.stopped or not _meet_in_time(new, other):
            continue
        same_layer = new.place.layer == other.place.layer
        if same_layer and new.unit is not other.unit:
            return f"{other.name} assigns by {other.unit} in layer {new.place.layer}, this one by {new.unit}"
        if not new.place.overlaps(other.place):
            continue
        if same_layer:
            return (
                f"{other.name} has {other.place.start:g} to {other.place.end:g} of layer {new.place.layer}, "
                f"which overlaps {new.place.start:g} to {new.place.end:g}"
            )
        shared = sorted(new.touches & other.touches)
        if shared:
            return f"{other.name} in layer {other.place.layer} changes {', '.join(shared)}, too"
        if new.method is not Method.AB and other.method is not Method.AB:
            return f"{other.name} interleaves lists, too: a list can be of two arms only"
    return None


def _meet_in_time(one: Experiment, other: Experiment) -> bool:
    def ends_before(first: Experiment, second: Experiment) -> bool:
        return first.ends_at is not None and second.starts_at is not None and first.ends_at <= second.starts_at

    return not (ends_before(one, other) or ends_before(other, one))
