"""Every shipped record: dated, with its source, in order; tier tables sound; and values read off their sources."""

import json
from collections.abc import Iterator
from decimal import Decimal as D
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest

from marginbook.params.records import record_at
from marginbook.units import parse_time
from marginbook.venues import binance_coinm, binance_portfolio
from marginbook.venues.bitmex.parameters import inverse_parameters
from marginbook.venues.brackets import bracket_table, maintenance_amounts, table_warnings
from marginbook.venues.bybit.parameters import uta_parameters
from marginbook.venues.contracts.collateral import DiscountTier
from marginbook.venues.drift.parameters import parameters as drift_parameters
from marginbook.venues.registry import rule_set

RECORDS = {
    path.name.removesuffix(".json"): raw
    for path in files("marginbook.params").joinpath("data").iterdir()
    if "changes" in (raw := json.loads(path.read_text()))
}


def tables() -> Iterator[tuple[str, list[list[Any]]]]:
    for name, raw in RECORDS.items():
        for change in raw["changes"]:
            for market, row in change["rows"].items():
                if isinstance(row, dict) and "brackets" in row:
                    yield f"{name} {change['date']} {market}", row["brackets"]


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_a_record_is_dated_and_names_its_sources(name: str) -> None:
    raw = RECORDS[name]
    times = [parse_time(change["date"]) for change in raw["changes"]]
    assert times == sorted(times)
    assert times[-1] <= parse_time(raw["recorded_until"]) + 24 * 3600 * 10**6
    assert all(len(change["source"]) > 20 and change["rows"] for change in raw["changes"])
    assert record_at(name, times[-1]) is not None


def test_tier_tables_rise_and_keep_the_requirement_continuous() -> None:
    found = list(tables())
    for place, rows in found:
        table = bracket_table(rows, place)
        assert table_warnings(table, place) == [], place
        printed = [row[4] for row in rows if len(row) == 5]
        derived = maintenance_amounts((row.floor, row.rate) for row in table.rows)
        if len(printed) == len(rows):
            assert [D(amount) for amount in printed] == derived, place
        assert all(
            low.max_leverage is None or low.max_leverage >= (high.max_leverage or 0)
            for low, high in pairwise(table.rows)
        ), place
    assert len(found) >= 25


def test_bybit_2026() -> None:
    """Caps, rates and deductions of the first, a middle and the last tier, as the venue printed them."""
    early, late = (uta_parameters("uta", parse_time(day)) for day in ("2026-08-04", "2026-08-06"))
    expected = {
        "BTCUSDT": (35, ("0.005", 2_000_000), ("0.065", 3_232_000), ("0.6", 226_382_000)),
        "ETHUSDT": (35, ("0.005", 900_000), ("0.06", 1_774_220), ("0.6", 138_018_220)),
        "SOLUSDT": (35, ("0.005", 50_000), ("0.05", 612_135), ("0.5", 66_399_135)),
        "XRPUSDT": (35, ("0.005", 50_000), ("0.05", 612_135), ("0.5", 66_399_135)),
        "DOGEUSDT": (30, ("0.0075", 250_000), ("0.12", 2_024_375), ("0.6", 36_074_375)),
        "ADAUSDT": (30, ("0.0075", 200_000), ("0.12", 749_000), ("0.6", 15_809_000)),
        "LTCUSDT": (30, ("0.01", 200_000), ("0.125", 307_500), ("0.4002", 2_670_780)),
    }
    for market, (count, first, middle, last) in expected.items():
        rows = late.terms_of(market).table.rows
        assert len(rows) == count
        assert (rows[0].rate, rows[0].cap) == (D(first[0]), first[1])
        assert [(row.rate, row.cum) for row in (rows[23], rows[-1])] == [(D(r), c) for r, c in (middle, last)]
    assert len(early.terms_of("BTCUSDT").table.rows) == 3
    assert {len(late.terms_of(f"{coin}USDT").table.rows) for coin in ("BNB", "LINK", "AVAX", "ETC", "XLM")} == {30}


def test_coin_margined_brackets_change_at_the_announced_minute() -> None:
    """SOL: 2.5 % to 2,000 SOL before 2025-09-02 06:30 UTC, 1 % to 400 SOL after it."""
    for time, rate, cap, count in (
        ("2025-09-02T06:29:59Z", "0.025", 2000, 6),
        ("2025-09-02T06:30:00Z", "0.01", 400, 9),
    ):
        table = binance_coinm.parameters("coinm", parse_time(time)).terms_of("SOLUSD_PERP").table
        assert (table.rows[0].rate, table.rows[0].cap, len(table.rows)) == (D(rate), cap, count)
    table = binance_coinm.parameters("coinm", parse_time("2025-10-01")).terms_of("XRPUSD_PERP").table
    assert table.maintenance(D(3_000_000)) == 331 + 2650 + 8360 + 75_000 + 100_000


@pytest.mark.parametrize(
    ("asset", "time", "rate"),
    [
        ("LTC", "2026-01-22", "0.9"),
        ("LTC", "2026-01-23T06:00:00Z", "0.85"),
        ("LTC", "2026-02-06T06:00:00Z", "0.8"),
        ("DOT", "2025-08-08T05:59:59Z", "0.8"),
        ("DOT", "2026-03-01", "0.7"),
        ("WBTC", "2026-04-24T06:00:00Z", "0.6"),
        ("USDP", "2026-01-29", "0.999"),
        ("ZEC", "2025-10-28T06:00:00Z", "0.3"),
    ],
)
def test_collateral_ratios_of_portfolio_margin(asset: str, time: str, rate: str) -> None:
    found = binance_portfolio.parameters("portfolio", parse_time(time)).tiers_of(asset)
    assert found == (DiscountTier(D(0), None, D(rate)),)


def test_bitget_by_the_announced_minutes() -> None:
    """SOLUSDT: the first tier to 20,000 USDT, from 2025-09-15 10:00 UTC to 50,000; ETHUSDT: 100x, then 150x."""
    module = rule_set("bitget/usdt").module
    for market, time, cap, rate, leverage, count in (
        ("SOLUSDT", "2025-09-15T09:59:59Z", 20_000, "0.005", 100, 10),
        ("SOLUSDT", "2025-09-15T10:00:00Z", 50_000, "0.005", 100, 10),
        ("ETHUSDT", "2025-09-26T08:18:59Z", 1_000_000, "0.005", 100, 14),
        ("ETHUSDT", "2025-09-26T08:19:00Z", 200_000, "0.004", 150, 15),
        ("BTCUSDT", "2025-09-26T08:21:59Z", 200_000, "0.004", 125, 12),
        ("BTCUSDT", "2025-09-26T08:22:00Z", 200_000, "0.004", 150, 12),
    ):
        rows = module.parameters("usdt", parse_time(time)).terms_of(market).table.rows
        assert (rows[0].cap, rows[0].rate, rows[0].max_leverage, len(rows)) == (cap, D(rate), leverage, count)
        assert rows[-1].rate == D("0.6")
    assert module.parameters("usdt", parse_time("2024-06-01")).as_of == parse_time("2023-11-14")


def test_okx_ada() -> None:
    """Tiers of 1,500, 3,000 and 6,000 contracts of 100 ADA, then 6,000 more and 0.5 % for each."""
    module = rule_set("okx/single-currency").module
    for time, rates, leverage in (
        ("2023-05-19T09:59:59Z", ("0.01", "0.015", "0.02", "0.025"), 75),
        ("2023-05-19T10:00:00Z", ("0.005", "0.0075", "0.01", "0.015"), 75),
        ("2023-10-31T10:00:00Z", ("0.005", "0.0075", "0.01", "0.015"), 50),
    ):
        rows = module.parameters("single-currency", parse_time(time)).terms_of("ADA-USDT-SWAP").table.rows
        assert tuple(row.rate for row in rows[:4]) == tuple(map(D, rates))
        assert (rows[2].cap, rows[3].cap, rows[0].max_leverage) == (600_000, 1_200_000, leverage)


def test_single_rows() -> None:
    xbt = inverse_parameters("inverse", parse_time("2024-11-24")).row("XBTUSD")
    assert (xbt.initial, xbt.maintenance, xbt.taker_fee, xbt.tick) == (D("0.01"), D("0.005"), D("0.0005"), D("0.1"))
    btc = drift_parameters("2", parse_time("2026-07-01")).terms_of("BTC-PERP")
    assert (btc.margin_ratio_initial, btc.margin_ratio_maintenance, btc.imf_factor, btc.liquidator_fee) == (
        500,
        200,
        1900,
        5000,
    )
    htx = rule_set("htx/coin-swap").module.parameters("coin-swap", parse_time("2020-11-01"))
    assert htx.row("BTC-USD")["adjustment_factors"][1] == (125, 2000, D("0.8"))
