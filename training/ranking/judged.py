"""Judged searches: for each query the products that answer it, with grades from 1 (bad) to 3 (perfect).

They come from a judged list, or from clicks with the bias of positions taken out (`training.ranking.clicks`).
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.errors import InputFileError
from core.importing.queries import query_rows, read_queries

LEAST_GRADE, BEST_GRADE = 1.0, 3.0
HELD_OUT = 0.15  # of the queries: what is learnt from the others is measured on them

Grades = Mapping[str, Mapping[str, float]]
"""Query as written → product id → grade."""


def gain(grade: float) -> float:
    """2^(grade − 1) − 1: 0 for a bad answer, 3 for a perfect one."""
    return float(2 ** (grade - LEAST_GRADE) - 1)


def read_judgments(file: Path, mapping: Mapping[str, str] | None = None) -> Grades:
    """The judged list in `file`; raises InputFileError where it has no relevance column.

    Relevance on another scale is brought to 1…3 in proportion.
    """
    frame, report = read_queries(file, mapping)
    if not report.judged:
        raise InputFileError(f"{file.name} has no relevance column")
    grades: dict[str, dict[str, float]] = defaultdict(dict)
    for row in query_rows(frame):
        if row.product_id is not None and row.relevance is not None:
            grades[row.query][row.product_id] = row.relevance
    return on_scale(grades)


def on_scale(grades: Grades) -> Grades:
    """The same with grades between 1 and 3, unchanged where they are already."""
    values = [grade for judged in grades.values() for grade in judged.values()]
    low, high = min(values, default=LEAST_GRADE), max(values, default=BEST_GRADE)
    if low >= LEAST_GRADE and high <= BEST_GRADE:
        return grades
    span = (BEST_GRADE - LEAST_GRADE) / max(high - low, 1e-9)
    return {
        query: {product: LEAST_GRADE + (grade - low) * span for product, grade in judged.items()}
        for query, judged in grades.items()
    }


@dataclass(frozen=True, slots=True)
class JudgedQueries:
    """Queries with the judged products that the catalogue has, `(row, grade)`; those without any are left out."""

    texts: tuple[str, ...]
    judged: tuple[tuple[tuple[int, float], ...], ...]

    def __len__(self) -> int:
        return len(self.texts)

    def at(self, places: Sequence[int]) -> "JudgedQueries":
        return JudgedQueries(tuple(self.texts[at] for at in places), tuple(self.judged[at] for at in places))

    def split(self, seed: int) -> tuple["JudgedQueries", "JudgedQueries"]:
        """What is learnt from, and what it is measured on."""
        places = list(range(len(self)))
        random.Random(seed).shuffle(places)
        held_out = int(np.ceil(HELD_OUT * len(places)))
        return self.at(sorted(places[held_out:])), self.at(sorted(places[:held_out]))

    def folds(self, count: int, seed: int) -> list[list[int]]:
        """Places of the queries in `count` parts."""
        places = list(range(len(self)))
        random.Random(seed).shuffle(places)
        return [sorted(places[at::count]) for at in range(count)]


def in_catalogue(grades: Grades, rows: Mapping[str, int]) -> JudgedQueries:
    """`grades` with row numbers for product ids; queries in alphabetical order."""
    texts, judged = [], []
    for query in sorted(grades):
        found = tuple((rows[product], grade) for product, grade in sorted(grades[query].items()) if product in rows)
        if found:
            texts.append(query)
            judged.append(found)
    return JudgedQueries(tuple(texts), tuple(judged))
