"""Price histories: long and wide, CSV and Parquet, late and bad rows."""

import gzip
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest

from marginbook.connectors.books import load_book
from marginbook.connectors.histories import price_frames_of, read_price_frames
from marginbook.connectors.sources import source_of_bytes
from marginbook.domain.errors import Problem
from marginbook.domain.events import PriceFrame, Stamp
from marginbook.units import parse_time

EXAMPLES = Path(__file__).parents[2] / "examples"
LONG = """time,venue,market,kind,price
2026-01-01T00:00:00Z,binance,BTCUSDT,,60000
2026-01-01T00:00:00Z,aave,WETH,oracle,3000.10
2026-01-01T00:00:01Z,generic,X,,1
"""
WIDE = """time,binance:BTCUSDT,aave:WETH:oracle,generic:X
1767225600,60000,3000.10,
1767225601,,,1
"""


def read(text: str, name: str = "p.csv") -> list[PriceFrame | Problem]:
    return list(price_frames_of(source_of_bytes(name, text.encode())))


def problems(items: Iterable[PriceFrame | Problem]) -> list[tuple[str, str]]:
    return [(item.code, item.place) for item in items if isinstance(item, Problem)]


def test_long_form_makes_one_frame_of_equal_times() -> None:
    at = parse_time("2026-01-01")
    assert read(LONG) == [
        PriceFrame(
            stamp=Stamp(source="p.csv", source_sequence=1, time=at),
            prices={("binance", "BTCUSDT", "mark"): Decimal(60000), ("aave", "WETH", "oracle"): Decimal("3000.1")},
        ),
        PriceFrame(
            stamp=Stamp(source="p.csv", source_sequence=2, time=at + 1_000_000),
            prices={("generic", "X", "mark"): Decimal(1), ("generic", "X", "oracle"): Decimal(1)},
        ),
    ]


def test_wide_form_says_the_same() -> None:
    assert read(WIDE) == read(LONG)


def test_gzip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.csv.gz"
    path.write_bytes(gzip.compress(LONG.encode()))
    assert len(list(read_price_frames(path))) == 2


def test_parquet_timestamps_and_floats(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    at = parse_time("2026-01-01")
    for unit, scale in (("ns", 1000), ("us", 1), ("ms", 0.001)):
        times = arrow.array([int(at * scale)] * 2, arrow.timestamp(unit, "UTC"))
        columns = {"time": times, "venue": ["binance"] * 2, "market": ["A", "B"], "price": [0.1, 60000.0]}
        parquet.write_table(arrow.table(columns), tmp_path / "p.parquet")
        (frame,) = read_price_frames(tmp_path / "p.parquet")
        assert isinstance(frame, PriceFrame)
        assert frame.stamp.time == at
        assert frame.prices == {("binance", "A", "mark"): Decimal("0.1"), ("binance", "B", "mark"): Decimal(60000)}


def test_late_and_bad_rows_are_told_and_skipped() -> None:
    items = read(
        """time,venue,market,kind,price
2026-01-01T00:00:02,binance,A,,1
2026-01-01T00:00:01,binance,A,,9
yesterday,binance,A,,9
2026-01-01T00:00:02,binance,B,,-1
2026-01-01T00:00:02,binance,A,,2
2026-01-01T00:00:02,binance,A,close,2
2026-01-01T00:00:02,nowhere,A,,2
2026-01-01T00:00:02,nowhere,A,mark,2
2026-01-01T00:00:03,binance
2026-01-01T00:00:03,binance,A,,nan
2026-01-01T00:00:03,binance,A,,3
"""
    )
    assert problems(items) == [
        ("late_price", "p.csv: line 3.time"),
        ("bad_time", "p.csv: line 4.time"),
        ("not_positive", "p.csv: line 5.price"),
        ("duplicate_price", "p.csv: line 6.price"),
        ("unknown_choice", "p.csv: line 7.kind"),
        ("unknown_venue", "p.csv: line 8.venue"),
        ("wrong_length", "p.csv: line 10"),
        ("not_finite", "p.csv: line 11.price"),
    ]
    frames = [item for item in items if isinstance(item, PriceFrame)]
    assert [dict(frame.prices) for frame in frames] == [
        {("binance", "A", "mark"): 1, ("nowhere", "A", "mark"): 2},
        {("binance", "A", "mark"): 3},
    ]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_file"),
        ("time;venue;market;price\n", "malformed_csv"),
        ("time,venue,price\n", "missing_key"),
        ("venue,market,price\n", "missing_key"),
        ("time,venue,market,prise,price\n", "unknown_key"),
        ("time,BTCUSDT\n", "bad_text"),
        ("time,time,binance:X\n", "duplicate_key"),
        ('time,binance:X\n1767225600,"1\n', "malformed_csv"),
    ],
)
def test_a_bad_header_is_one_problem(text: str, code: str) -> None:
    assert [c for c, _ in problems(read(text))] == [code]


def test_truncated_gzip_is_a_problem_after_its_whole_rows() -> None:
    body = LONG + "".join(f"2026-01-01T00:01:{n % 60:02d}Z,binance,X{n * 7919},,{n + 1}\n" for n in range(60))
    content = gzip.compress(body.encode())
    items = list(price_frames_of(source_of_bytes("p.csv.gz", content[: len(content) // 2])))
    assert isinstance(items[-1], Problem) or problems(items)
    assert problems(items)[-1][0] == "unreadable_file"


def test_history_as_prices_of_a_book_gives_the_latest_of_each_market(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(WIDE)
    book = load_book([EXAMPLES / "two-accounts.toml"], [path])
    assert book.as_of == parse_time("2026-01-01T00:00:01")
    assert book.quotes["aave", "WETH", "oracle"].price == Decimal("3000.1")
    assert book.quotes["aave", "WETH", "oracle"].time == parse_time("2026-01-01")
    assert book.quotes["aave", "USDC", "oracle"].price == 1
