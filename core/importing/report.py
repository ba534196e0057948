"""What an import did: counted, with examples, for people and for JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

EXAMPLES_SHOWN = 5  # enough to recognise a pattern without filling the screen


@dataclass(frozen=True, slots=True)
class BadRow:
    """One skipped row: its number (1 is the first after the header), why, and the start of the value at fault."""

    row: int
    reason: str
    value: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The outcome of reading one file. `rows_read = rows_kept + duplicates + the sum of bad_rows`."""

    path: str  # the file's name without its folder
    kind: str  # "catalog", "queries" or "events"
    rows_read: int
    rows_kept: int
    duplicates: int = 0  # earlier rows replaced by a later one with the same product_id
    bad_rows: Mapping[str, int] = field(default_factory=dict)  # reason → rows skipped
    examples: tuple[BadRow, ...] = ()
    columns_used: Mapping[str, str] = field(default_factory=dict)  # our field → column in the file
    columns_attributes: tuple[str, ...] = ()  # columns kept as attributes (catalogue only)
    columns_ignored: tuple[str, ...] = ()
    unreadable_values: Mapping[str, int] = field(default_factory=dict)  # our field → values read as missing
    missing_values: Mapping[str, int] = field(default_factory=dict)  # our field → rows kept without it (catalogue)
    encoding: str = "utf-8"
    judged: bool = False  # queries with a relevance column
    ids_from_content: bool = False  # the catalogue had no id column
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Everything as plain values that `json.dumps` accepts."""
        plain = asdict(self)
        plain["examples"] = [asdict(example) for example in self.examples]
        for name in ("columns_attributes", "columns_ignored", "notes"):
            plain[name] = list(plain[name])
        return plain

    def lines(self) -> list[str]:
        """The report as lines of text for a terminal."""
        text = [f"{self.path}: {self.rows_kept:,} of {self.rows_read:,} rows kept as {self.kind} ({self.encoding})"]
        text.append("  columns: " + ", ".join(f"{name} ← {column}" for name, column in self.columns_used.items()))
        if self.columns_attributes:
            text.append("  attributes: " + ", ".join(self.columns_attributes))
        if self.columns_ignored:
            text.append("  ignored columns: " + ", ".join(self.columns_ignored))
        if self.judged:
            text.append("  a judged list: rows are graded pairs, not clicks or popularity")
        if self.ids_from_content:
            text.append("  no id column: ids are hashes of the rows' content")
        if self.duplicates:
            text.append(f"  {self.duplicates:,} rows replaced by a later row with the same product_id")
        for name, count in self.unreadable_values.items():
            text.append(f"  {name}: {count:,} unreadable values read as missing")
        if self.missing_values:
            text.append("  rows without: " + ", ".join(f"{name} {n:,}" for name, n in self.missing_values.items()))
        text.extend(bad_row_lines(self.bad_rows, self.examples))
        text.extend(f"  {note}" for note in self.notes)
        return text


def bad_row_lines(bad_rows: Mapping[str, int], examples: tuple[BadRow, ...]) -> list[str]:
    """The skipped rows by reason, then the examples, one line each."""
    text = [f"  skipped {count:,} rows: {reason}" for reason, count in bad_rows.items()]
    return text + [f"    row {example.row:,}: {example.reason} {example.value!r}" for example in examples]
