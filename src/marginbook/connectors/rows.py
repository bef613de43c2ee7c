"""Rows of text from CSV (also gzipped) and Parquet, one at a time, with the number of the line or row.

Parquet needs the extra `frames` (PyArrow), imported when first asked for. Its numbers become their shortest text, so
a float column that was written from 0.1 reads as exactly 0.1.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from marginbook.connectors.sources import Source, lines
from marginbook.connectors.values import shown
from marginbook.domain.errors import BadInput

COLUMNS_MAX = 10_000
"""Most columns of a table."""
BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Rows:
    """A table as text: its header, and an iterator over (number, cells)."""

    source: Source
    unit: str  # what the number counts: "line" or "row"
    names: list[str]  # of the columns, as written
    header: list[str]  # the same in lower case
    body: Iterator[tuple[int, list[str]]]

    def place(self, number: int, column: str = "") -> str:
        """The place of a row, or of a cell in it."""
        return f"{self.source.name}: {self.unit} {number}" + (f".{column}" if column else "")

    def check_length(self, number: int, cells: list[str]) -> None:
        """BadInput unless the row has as many cells as the header."""
        if len(cells) != len(self.header):
            raise BadInput("wrong_length", self.place(number), f"{len(cells)} cells", f"{len(self.header)} cells")


def open_rows(source: Source) -> Rows:
    """The table in a `.csv`, `.csv.gz` or `.parquet` file."""
    if source.suffix == ".parquet":
        return _open_parquet(source)
    body = _csv_rows(source)
    first = next(body, None)
    if first is None:
        raise BadInput("empty_file", source.name, "nothing", "a header line")
    names = [name.strip() for name in first[1]]
    rows = Rows(source, "line", names, [name.lower() for name in names], body)
    _check_header(rows, first[0])
    return rows


def _check_header(rows: Rows, number: int) -> None:
    header, place = rows.header, rows.place(number)
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        raise BadInput("malformed_csv", place, shown(header[0]), "columns separated by commas")
    if len(header) > COLUMNS_MAX:
        raise BadInput("file_too_large", place, f"{len(header)} columns", f"at most {COLUMNS_MAX}")
    if len(set(header)) != len(header):
        repeated = next(name for name in header if header.count(name) > 1)
        raise BadInput("duplicate_key", place, shown(repeated), "each column once")


def _csv_rows(source: Source) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines(source), strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, cells
    except csv.Error as error:
        place = f"{source.name}: line {reader.line_num}"
        raise BadInput("malformed_csv", place, str(error)[:100], "comma-separated cells") from None


def _open_parquet(source: Source) -> Rows:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        expected = "the extra frames: pip install 'marginbook[frames]'"
        raise BadInput("missing_package", source.name, "no PyArrow", expected) from None
    try:
        file = parquet.ParquetFile(source.open())
    except (arrow.ArrowException, OSError) as error:
        raise BadInput("malformed_parquet", source.name, shown(str(error)), "a Parquet file") from None
    names = [str(name).strip() for name in file.schema_arrow.names]
    rows = Rows(source, "row", names, [name.lower() for name in names], _parquet_rows(source, file, arrow))
    _check_header(rows, 0)
    return rows


def _parquet_rows(source: Source, file: Any, arrow: Any) -> Iterator[tuple[int, list[str]]]:
    number = 0
    try:
        for batch in file.iter_batches(BATCH_ROWS):
            columns = [_column_text(column, arrow) for column in batch.columns]
            for cells in zip(*columns, strict=True):
                number += 1
                yield number, list(cells)
    except (arrow.ArrowException, OSError) as error:
        raise BadInput(
            "malformed_parquet", f"{source.name}: row {number + 1}", shown(str(error)), "plain columns"
        ) from None


def _column_text(column: Any, arrow: Any) -> list[str]:
    if arrow.types.is_timestamp(column.type):
        column = column.cast(arrow.timestamp("us", column.type.tz), safe=False)
    return [text or "" for text in column.cast(arrow.string()).to_pylist()]
