"""Files as they come: bounded reading, UTF-8 text, TOML and JSON parsed with every number exact.

Whatever is wrong with a file becomes `BadInput` with the file's name and, where there is one, line and column.
"""

import gzip
import io
import json
import re
import stat
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, Any, cast

from marginbook.connectors.values import shown
from marginbook.domain.errors import BadInput

TEXT_BYTES_MAX = 256 * 2**20
"""Largest TOML or JSON file."""
TABLE_BYTES_MAX = 8 * 2**30
"""Largest CSV or Parquet file, after decompression."""
LINE_MAX = 2**20
"""Longest line of a CSV or JSON-lines file [characters]."""
KEY_PARTS_MAX = 32
"""Most parts of a dotted TOML key."""

_AT_LINE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_LONG_DOTTED_KEY = re.compile(
    r"(?<![A-Za-z0-9_-])(?:(?:[A-Za-z0-9_-]++|\"[^\"\n]*+\"|'[^'\n]*+')[ \t]*+\.[ \t]*+){" + str(KEY_PARTS_MAX) + "}"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A named file, on disk or in memory (an upload)."""

    name: str
    open: Callable[[], IO[bytes]]

    @property
    def suffix(self) -> str:
        """Lower-case ending without a trailing `.gz`: `.csv` of `prices.csv.gz`."""
        name = self.name.lower()
        return Path(name.removesuffix(".gz")).suffix

    @property
    def place(self) -> str:
        """The place that everything inside the file starts with."""
        return f"{self.name}:"

    def binary(self) -> IO[bytes]:
        """The file's bytes, decompressed where the name ends in `.gz`."""
        stream = self.open()
        return cast(IO[bytes], gzip.open(stream)) if self.name.lower().endswith(".gz") else stream


def source_of_path(path: Path) -> Source:
    """A file on disk; the name in errors is the path as given."""
    name = _printable(path.as_posix())

    def open_path() -> IO[bytes]:
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise BadInput("unreadable_file", name, "not a regular file", "a file")
            return path.open("rb")
        except FileNotFoundError:
            raise BadInput("missing_file", name, "nothing", "a file or folder of this name") from None
        except (OSError, ValueError) as error:
            raise BadInput("unreadable_file", name, type(error).__name__, "a readable file") from None

    return Source(name, open_path)


def source_of_bytes(name: str, content: bytes) -> Source:
    """A file held in memory."""
    return Source(_printable(name), lambda: io.BytesIO(content))


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)[1:-1]


def read_text(source: Source) -> str:
    """The whole file as text: UTF-8, a byte order mark tolerated, at most `TEXT_BYTES_MAX`."""
    try:
        with source.binary() as stream:
            content = stream.read(TEXT_BYTES_MAX + 1)
    except (OSError, EOFError) as error:
        raise BadInput("unreadable_file", source.name, type(error).__name__, "a readable file") from None
    if len(content) > TEXT_BYTES_MAX:
        raise BadInput(
            "file_too_large", source.name, f"over {TEXT_BYTES_MAX} bytes", "a smaller file, or CSV or Parquet"
        )
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput("wrong_encoding", source.name, "UTF-16", "UTF-8 text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{content[error.start]:02x}"
        raise BadInput("wrong_encoding", f"{source.name}: line {line}", byte, "UTF-8 text") from None


def lines(source: Source) -> Iterator[str]:
    """The file's lines as text, one at a time, each at most `LINE_MAX` long."""
    total = number = 0
    try:
        with io.TextIOWrapper(source.binary(), encoding="utf-8-sig", errors="strict", newline="") as stream:
            while line := stream.readline(LINE_MAX):
                number += 1
                total += len(line)
                if len(line) >= LINE_MAX or total > TABLE_BYTES_MAX:
                    raise BadInput(
                        "file_too_large", f"{source.name}: line {number}", "a very long line", "shorter lines"
                    )
                yield line
    except UnicodeDecodeError as error:
        byte = f"byte 0x{error.object[error.start]:02x}"
        raise BadInput("wrong_encoding", f"{source.name}: line {number + 1}", byte, "UTF-8 text") from None
    except (OSError, EOFError) as error:
        place = f"{source.name}: line {number + 1}"
        raise BadInput("unreadable_file", place, type(error).__name__, "a whole, readable file") from None


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """A TOML document; floats are `Decimal` of their text."""
    if key := _LONG_DOTTED_KEY.search(text):
        place = f"{name}: line {text.count(chr(10), 0, key.start()) + 1}"
        raise BadInput("nested_too_deep", place, shown(key[0]), f"keys of at most {KEY_PARTS_MAX} parts")
    try:
        return tomllib.loads(text, parse_float=_exact_float)
    except RecursionError:
        raise BadInput("nested_too_deep", name, "very deep nesting", "a book file") from None
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = _AT_LINE.search(message)
        line, column = (int(at[1]), int(at[2])) if at and at[1] else _end_of(text)
        message = message[: at.start()] if at else message
        raise _malformed("malformed_toml", name, text, line, column, message) from None
    except (ValueError, OverflowError):
        raise BadInput("out_of_range", name, "a number or date beyond all bounds", "a book file") from None


def parse_json(text: str, place: str, first_line: int | None = None) -> Any:
    """A JSON document; fractions are `Decimal` of their text, a repeated key is an error.

    `first_line` is the line of `text` inside the file; None: `place` already names it.
    """
    try:
        return json.loads(text, parse_float=_exact_float, parse_constant=Decimal, object_pairs_hook=_without_repeats)
    except RecursionError:
        raise BadInput("nested_too_deep", place, "very deep nesting", "a book file") from None
    except json.JSONDecodeError as error:
        raise _malformed("malformed_json", place, text, error.lineno, error.colno, error.msg) from None
    except _RepeatedKey as error:
        raise BadInput("duplicate_key", place, shown(error.args[0]), "each key once") from None
    except ValueError:
        raise BadInput("out_of_range", place, "an integer of thousands of digits", "a book file") from None


class _RepeatedKey(ValueError):
    pass


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedKey(next(name for name in names if names.count(name) > 1))
    return table


def _exact_float(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:60]} is beyond all bounds") from None


def _end_of(text: str) -> tuple[int, int]:
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _malformed(code: str, place: str, text: str, line: int, column: int, message: str) -> BadInput:
    rows = text.split("\n")
    row = rows[line - 1].strip() if line <= len(rows) else ""
    expected = f"{'TOML' if code == 'malformed_toml' else 'JSON'} ({message[:120]})"
    return BadInput(code, f"{place}: line {line}, column {column}", shown(row) if row else "nothing", expected)
