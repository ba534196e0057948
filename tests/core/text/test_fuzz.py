"""A small share of `python -m tests.benchmarks.fuzz`: no text breaks what reads it, and none makes it slow."""

from functools import partial
from pathlib import Path

import pytest

from core.text.personal import looks_personal
from core.text.titles import title_segments
from tests.benchmarks.fuzz_targets import IMPORT_REFUSALS, Target, import_file, text_targets
from tests.fuzz_inputs import LONGEST, each, mutated_files, texts

TARGETS = text_targets()
REPEATED = [
    "a",
    "1",
    "a.",
    "1-",
    "(",
    "(a",
    "+(",
    "a@",
    " ",
    "… ",
    "...",
    "box.box.#.su",
    "aa11 ",
    "main road ",
    "to 1 a ",
]


@pytest.mark.parametrize("name", TARGETS)
def test_any_text_is_read(name: str) -> None:
    target, use = Target(name), TARGETS[name]
    each(texts, 60, 7, lambda text: target.give(text, lambda: use(text)))
    assert target.inputs >= 50 and target.is_sound, (target.crashes, target.slowest_input)


def test_any_file_is_read_or_refused(tmp_path: Path) -> None:
    target = Target("files")
    for kind, ending, data in mutated_files(60, 7):
        path = tmp_path / f"file.{ending}"
        path.write_bytes(data)
        target.give(data, partial(import_file, kind, path), refusals=IMPORT_REFUSALS)
    assert target.is_sound, target.crashes
    assert len(target.answers) == 2  # some are read, some refused


@pytest.mark.parametrize("unit", REPEATED)
def test_no_repetition_is_slow(unit: str) -> None:
    text = (unit * LONGEST)[:LONGEST] + "!"
    target = Target("repetition")
    target.give(unit, lambda: looks_personal(text))
    target.give(unit, lambda: title_segments(text, expand_parentheses=True))
    assert target.is_sound, target.slowest
