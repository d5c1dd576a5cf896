"""What a verification found, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from monitor.errors import ExitCode
from monitor.terminal import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class RowDifference:
    """One row that differs: by its key where the table has one, with both values of each column that differs.

    `kind` is where the row is: on one side only, or on both with other values. Values are shown as text.
    """

    kind: Literal["missing", "extra", "changed"]
    key: dict[str, str]
    columns: dict[str, tuple[str | None, str | None]]


@dataclass(frozen=True)
class TableFinding:
    """One table: row counts, checksums (sums modulo 2**64), and the first rows that differ.

    `target_rows` is None where the table does not exist. `ranges_differing` counts the parts of the table, of
    `ranges` in all, whose sums differ; `rows` has rows of the first of them only. `rejected` rows of the
    source are expected to be missing, because they are kept aside exactly as the source has them;
    `unconfirmed` are rows kept aside that the source does not have so.
    """

    table: str
    source_rows: int
    target_rows: int | None
    source_checksum: str
    target_checksum: str | None
    ranges: int = 0
    ranges_differing: int = 0
    rows: tuple[RowDifference, ...] = ()
    rejected: int = 0
    unconfirmed: tuple[RowDifference, ...] = ()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> TableFinding:
        """What `to_json` made of one."""
        rows = {
            name: tuple(
                RowDifference(
                    item["kind"], item["key"], {key: tuple(pair) for key, pair in item["columns"].items()}
                )
                for item in content[name]
            )
            for name in ("rows", "unconfirmed")
        }
        return cls(**{**content, **rows})

    @property
    def equal(self) -> bool:
        return (
            self.target_rows is not None
            and self.source_rows == self.target_rows + self.rejected
            and not self.unconfirmed
            and self.source_checksum == self.target_checksum
            and self.ranges_differing == 0
        )


@dataclass(frozen=True)
class ObjectFinding:
    """Something declared in the source that the target has not, or has otherwise.

    `announced` is what the plan's note about it says; `level` that note's level.
    """

    kind: str
    name: str
    table: str
    text: str
    announced: str | None = None
    level: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether the plan said beforehand that it would be so, other than by leaving the object out."""
        return self.announced is not None and self.level != "left"


@dataclass(frozen=True)
class SequenceFinding:
    """The sequence behind one column.

    `next` is what it gives out next (None: there is none), `used` the largest value ever used: stored on
    either side, or given out by SQLite.
    """

    table: str
    column: str
    next: int | None
    used: int

    @property
    def ahead(self) -> bool:
        return self.next is not None and self.next > self.used


@dataclass(frozen=True)
class OrphanFinding:
    """Rows that refer to no row of their parent, counted on both sides (None: it cannot be asked there).

    What a side cannot compare, it has no foreign key over either; that one is missing is an object's finding.
    """

    table: str
    columns: tuple[str, ...]
    parent: str
    source: int | None
    target: int | None

    @property
    def equal(self) -> bool:
        return None in (self.source, self.target) or self.source == self.target


@dataclass(frozen=True)
class Verification:
    """Everything that was compared. `seconds` is how long it took."""

    tables: tuple[TableFinding, ...]
    objects: tuple[ObjectFinding, ...]
    sequences: tuple[SequenceFinding, ...]
    orphans: tuple[OrphanFinding, ...]
    seconds: float

    @property
    def equal(self) -> bool:
        """Whether nothing differs but what the plan announced as changed."""
        return (
            all(table.equal for table in self.tables)
            and all(item.accepted for item in self.objects)
            and all(sequence.ahead for sequence in self.sequences)
            and all(orphan.equal for orphan in self.orphans)
        )

    @property
    def rejected(self) -> int:
        """Rows of the source that were not stored, but kept aside."""
        return sum(table.rejected for table in self.tables)

    @property
    def rows_equal(self) -> bool:
        """Whether every row of every table is the same on both sides, whatever became of other objects."""
        return all(table.equal for table in self.tables)

    @property
    def surprises(self) -> bool:
        """Whether something differs that the plan has not announced."""
        return not self.equal and not all(
            (
                self.rows_equal,
                all(item.announced is not None for item in self.objects),
                all(sequence.ahead for sequence in self.sequences),
                all(orphan.equal for orphan in self.orphans),
            )
        )

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE if self.equal else ExitCode.DIFFERS

    def to_json(self) -> dict[str, Any]:
        """All findings with their verdicts."""
        content: dict[str, Any] = to_json(self)
        for name in ("tables", "orphans"):
            for item, finding in zip(content[name], getattr(self, name), strict=True):
                item["equal"] = finding.equal
        for item, found in zip(content["objects"], self.objects, strict=True):
            item["accepted"] = found.accepted
        for item, sequence in zip(content["sequences"], self.sequences, strict=True):
            item["ahead"] = sequence.ahead
        return {
            "equal": self.equal,
            "rows_equal": self.rows_equal,
            "rejected": self.rejected,
            "surprises": self.surprises,
            **content,
        }
