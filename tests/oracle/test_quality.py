"""Faults of price data: each one planted and found, clean data left alone, and one found in a real file."""

import csv
import gzip
from decimal import Decimal as D
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.oracle.quality import check_book, check_price, check_sources, check_time, frozen, gaps, pinned
from marginbook.units import format_time, parse_time

REFERENCE = D(60_000)


@pytest.mark.parametrize(
    ("price", "code"),
    [
        (None, "missing"),
        ("NaN", "not_a_number"),
        ("Infinity", "not_a_number"),
        ("-60000", "negative"),
        ("0", "zero"),
        ("600000", "wrong_unit"),
        ("6100", "wrong_unit"),
        ("590", "wrong_unit"),
        ("61000000", "wrong_unit"),
        ("0.0000166", "inverse"),
        ("6000000000000", "wrong_decimals"),
        ("60000000000000000000000", "wrong_decimals"),
        ("0.006", "wrong_decimals"),
        ("30000", "outlier"),
        ("66001", "outlier"),
    ],
)
def test_a_price_against_a_reference(price: str | None, code: str) -> None:
    (found,) = check_price("index.BTC", None if price is None else D(price), REFERENCE)
    assert found.code == code
    assert found.place == "index.BTC"
    assert found.expected
    assert found.explanation
    assert found.value == ("nothing" if price is None else price)


def test_prices_that_are_fine_are_left_alone() -> None:
    for price in ("60000", "66000", "54000"):
        assert check_price("p", D(price), REFERENCE) == [], "exactly on the band is inside"
    assert check_price("p", D("0.000001")) == []
    assert check_price("p", D("1000000000000")) == []
    assert check_price("p", D("1"), D("0")) == [], "a broken reference says nothing about a price"


@pytest.mark.parametrize("price", ["1000000000001", "0.0000000000009"])
def test_an_absurd_price_without_a_reference(price: str) -> None:
    assert [found.code for found in check_price("p", D(price))] == ["absurd"]


def test_sources_among_themselves() -> None:
    sound = {"A": D(100), "B": D(101), "C": D(99)}
    assert check_sources(sound) == []
    assert check_sources({}) == []
    for price, code in (("0.0101", "inverse"), ("-100", "negative"), ("150", "outlier"), ("1010", "wrong_unit")):
        (found,) = check_sources(sound | {"D": D(price)})
        assert (found.place, found.code) == ("D", code)
    assert [found.code for found in check_sources({"A": None, "B": D(0)})] == ["missing", "zero"]


def test_times() -> None:
    assert [found.code for found in check_time("p", None, 0, 1)] == ["stale"]
    assert [found.code for found in check_time("p", 0, 11, 10)] == ["stale"]
    assert check_time("p", 0, 10, 10) == []
    assert [found.code for found in check_time("p", 6, 0, 10, max_ahead=5)] == ["from_the_future"]
    assert check_time("p", 5, 0, 10, max_ahead=5) == []


def test_books() -> None:
    assert [found.code for found in check_book("b", D("100.01"), D(100))] == ["crossed"]
    assert check_book("b", D(100), D(100)) == []
    assert [found.place for found in check_book("b", None, D(0))] == ["b.bid", "b.ask"]


@given(st.decimals("0.0001", "100000", places=4), st.sampled_from((1, 2, 3, -1, -2, -3)))
def test_a_unit_mistake_is_never_taken_for_a_market_move(reference: D, power: int) -> None:
    (found,) = check_price("p", reference.scaleb(power), reference)
    assert found.code in ("wrong_unit", "inverse")
    assert found.code == "wrong_unit" or abs(reference.scaleb(power) * reference - 1) <= D("0.2")


def series(seed: int, rows: int = 400) -> tuple[list[int], list[D], list[D]]:
    random = np.random.default_rng(seed)
    times = [n * 30_000_000 for n in range(rows)]
    bid, ask = (np.exp(0.2 * random.standard_normal(rows)) * 1e8 for _ in range(2))
    return times, [D(f"{x:.4f}") for x in bid], [D(f"{x:.4f}") for x in ask]


@pytest.mark.parametrize("seed", range(10))
def test_live_depth_is_neither_frozen_nor_pinned(seed: int) -> None:
    times, bid, ask = series(seed)
    assert frozen("bid", times, bid, {"ask": ask}) == []
    assert pinned("bid", times, bid, {"ask": ask}) == []


def test_a_run_of_ten_is_frozen_and_one_of_nine_is_not() -> None:
    times, bid, ask = series(1)
    bid[50:60] = [bid[50]] * 10
    (found,) = frozen("bid", times, bid, {"ask": ask})
    assert found.value == f"{bid[50]} in 10 rows"
    assert format_time(times[50]) in found.explanation
    assert format_time(times[59]) in found.explanation
    bid[59] += 1
    assert frozen("bid", times, bid, {"ask": ask}) == []


def test_a_market_that_is_quiet_on_both_sides_is_not_at_fault() -> None:
    times, bid, ask = series(2)
    bid[50:90], ask[50:90] = [bid[50]] * 40, [ask[50]] * 40
    assert frozen("bid", times, bid, {"ask": ask}) == []
    assert pinned("bid", times, bid, {"ask": ask}) == []


def test_a_value_that_keeps_coming_back_is_pinned_though_it_never_stays() -> None:
    times, bid, ask = series(3)
    for row in range(100, 140, 2):
        bid[row] = D("2142547.0931")
    assert frozen("bid", times, bid, {"ask": ask}) == []
    (found,) = pinned("bid", times, bid, {"ask": ask})
    assert found.value == "2142547.0931 to 2142547.0931 in 20 of 400 rows"
    assert pinned("bid", times, bid, {"ask": ask}, least=21) == []


def test_values_that_lie_close_together_are_a_calm_market() -> None:
    times, _, ask = series(4)
    calm = [D(100) + D(n * 37 % 400) / 100_000 for n in range(400)]
    assert pinned("bid", times, calm, {"ask": ask}) == []


def test_gaps_of_a_regular_series() -> None:
    assert gaps("p", [], 10) == []
    assert gaps("p", [0, 10, 20], 10) == []
    assert [found.value for found in gaps("p", [0, 11], 10)] == ["1 rows missing"]


def test_real_candles_have_one_gap_and_two_wicks_beyond_half_the_price(data: Path) -> None:
    """Hourly candles of 13 symbols in four crashes: LINKUSDT once traded at 0.0001, BCHUSDT at 997; one hour is out."""
    closes: dict[tuple[str, str], D] = {}
    times: dict[tuple[str, str], list[int]] = {}
    wicks = set()
    with (data / "binance_spot_1h_stress_windows.csv").open() as file:
        for row in csv.DictReader(file):
            key = (row["window"], row["symbol"])
            times.setdefault(key, []).append(parse_time(row["open_time_utc"]))
            for side in ("low", "high"):
                for found in check_price(row["symbol"], D(row[side]), closes.get(key), D("0.5")):
                    wicks.add((row["symbol"], row["open_time_utc"], found.code, found.value))
            closes[key] = D(row["close"])
    assert wicks == {
        ("LINKUSDT", "2020-03-12T10:00:00Z", "outlier", "0.0001"),
        ("BCHUSDT", "2021-05-19T13:00:00Z", "outlier", "997.0"),
    }
    missing = {key: gaps(key[1], found, 3_600_000_000) for key, found in times.items()}
    assert {key[0] for key, found in missing.items() if found} == {"2020-03-black-thursday"}
    for found in filter(None, missing.values()):
        assert [(one.value, one.explanation) for one in found] == [
            ("1 rows missing", "nothing between 2020-03-04T09:00:00Z and 2020-03-04T11:00:00Z")
        ]


def test_broken_dollar_prices_of_real_liquidations_are_found(data: Path) -> None:
    """Seized over repaid is 1.04 to 1.15 at Aave: ENJ's and XSUSHI's dollar values are broken at the source."""
    found: dict[str, int] = {}
    with gzip.open(data / "aave_v2_liquidations_2020-12_2022-04_clean.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            if row["collateral_usd"] and row["collateral_asset"] in ("ENJ", "XSUSHI", "DAI"):
                seized, repaid = D(row["collateral_usd"]), D(row["debt_usd"])
                faults = check_price(row["collateral_asset"], seized, repaid, D("0.2"))
                found[row["collateral_asset"]] = found.get(row["collateral_asset"], 0) + len(faults)
    assert found == {"ENJ": 69, "XSUSHI": 33, "DAI": 0}


def test_the_frozen_bid_side_of_10_october_2025_is_found(data: Path) -> None:
    """Depth within 1 % below the price of BTCUSDT: stuck from 15:30:42 on, in 952 of 2,879 snapshots; asks are live."""
    times: list[int] = []
    levels: dict[str, list[D]] = {}
    with gzip.open(data / "binance_um_BTCUSDT_bookDepth_2025-10-10.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            time = parse_time(row["timestamp"].strip())
            if not times or times[-1] != time:
                times.append(time)
            levels.setdefault(row["percentage"], []).append(D(row["notional"]))
    found = {}
    for level, values in levels.items():
        others = {name: other for name, other in levels.items() if name != level}
        found |= {fault.place: fault for fault in pinned(level, times, values, others)}
    assert set(found) == {"-1", "-2", "-3", "-4"}, "cumulative depth: the stuck part floors the wider levels too"
    assert found["-1"].value == "2142311.3113 to 2142547.0931 in 952 of 2879 rows"
    assert "from 2025-10-10T15:30:42Z to 2025-10-10T23:59:30Z" in found["-1"].explanation
