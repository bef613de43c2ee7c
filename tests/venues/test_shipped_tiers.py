"""Tier tables of exchanges as announcements and answers print them: the figures below were read off the sources."""

from decimal import Decimal as D

import pytest

from marginbook.domain.errors import BadInput
from marginbook.params.records import record_at
from marginbook.units import parse_time
from marginbook.venues import binance_coinm
from marginbook.venues.bitmex.parameters import inverse_parameters, linear_parameters
from marginbook.venues.brackets import Bracket
from marginbook.venues.contracts.model import Terms
from marginbook.venues.registry import rule_set

OKX = rule_set("okx/single-currency").module


def okx(market: str, at: str) -> Terms:
    terms: Terms = OKX.parameters("single-currency", parse_time(at)).terms_of(market)
    return terms


@pytest.mark.parametrize(
    ("market", "at", "contract", "caps", "rates", "leverage"),
    [
        # contracts and per cent as printed; the last cap is one step above the one before it
        ("ETH-USDT-SWAP", "2021-07-01", "0.1", (3000, 6000, 12000, 24000), ("0.4", "0.5", "1", "1.5"), 125),
        ("ADA-USDT-SWAP", "2021-07-01", "100", (500, 1000, 2000, 4000), ("1", "1.5", "2", "2.5"), 75),
        ("ADA-USDT-SWAP", "2022-07-01", "100", (500, 1000, 6000, 12000), ("1", "1.5", "2", "2.5"), 75),
        ("ETH-USD-SWAP", "2022-09-08", "10", (3000, 30000, 150000, 300000), ("0.4", "0.5", "1", "1.5"), 125),
        ("ETH-USD-SWAP", "2022-09-10", "10", (1500, 15000, 75000, 150000), ("0.4", "0.5", "1", "1.5"), 125),
        ("SOL-USD-SWAP", "2022-11-08T06:29:59Z", "10", (2000, 5000, 10000, 20000), ("1", "1.5", "2", "2.5"), 75),
        ("SOL-USD-SWAP", "2022-11-08T06:30:00Z", "10", (1000, 2500, 5000, 10000), ("1", "1.5", "2", "2.5"), 75),
        ("SOL-USDT-SWAP", "2022-11-08T06:29:59Z", "1", (1000, 2000, 9000, 18000), ("1", "1.5", "2", "2.5"), 75),
        ("SOL-USDT-SWAP", "2022-11-08T06:30:00Z", "1", (500, 1000, 4000, 8000), ("1", "1.5", "2", "2.5"), 75),
        ("BTC-USD-SWAP", "2023-06-10", "100", (2000, 5000, 20000, 40000), ("0.4", "0.5", "1", "1.5"), 125),
        ("BTC-USD-SWAP", "2023-06-16", "100", (2000, 5000, 20000, 40000), ("0.4", "0.5", "0.75", "1.25"), 125),
        ("BTC-USDC-SWAP", "2023-06-10", "0.0001", (50000, 120000, 250000, 500000), ("0.4", "0.5", "1", "1.5"), 125),
        ("BTC-USDC-SWAP", "2023-06-16", "0.0001", (30000, 60000, 120000, 240000), ("0.4", "0.5", "0.75", "1.25"), 125),
        ("BTC-USDC-SWAP", "2023-08-24", "0.0001", (15000, 30000, 60000, 120000), ("0.5", "0.75", "1", "1.5"), 75),
        ("ETH-USDC-SWAP", "2023-08-24", "0.001", (25000, 50000, 100000, 200000), ("0.5", "0.75", "1", "1.5"), 75),
        ("ADA-USD-SWAP", "2023-11-01", "10", (1500, 3000, 6000, 12000), ("0.5", "0.75", "1", "1.5"), 50),
        ("BTC-USD-SWAP", "2026-10-01", "100", (2000, 5000, 20000, 40000), ("0.4", "0.5", "0.75", "1.25"), 100),
        ("BTC-USDT-SWAP", "2026-10-01", "0.01", (1000, 5000, 20000, 40000), ("0.4", "0.5", "0.75", "1.25"), 100),
        ("ETH-USD-SWAP", "2026-10-01", "10", (8000, 50000, 200000, 400000), ("0.4", "0.5", "0.75", "1.25"), 100),
        ("ETH-USDT-SWAP", "2026-10-01", "0.1", (5000, 10000, 25000, 50000), ("0.4", "0.5", "0.75", "1.25"), 100),
        ("SOL-USD-SWAP", "2026-10-01", "10", (12000, 25000, 50000, 100000), ("0.65", "1", "1.5", "2"), 50),
        ("SOL-USDT-SWAP", "2026-10-01", "1", (5000, 10000, 20000, 40000), ("0.4", "0.5", "0.75", "1.25"), 100),
        ("XRP-USD-SWAP", "2026-10-01", "10", (3800, 7800, 15000, 30000), ("1", "1.5", "3", "3.5"), 50),
        ("XRP-USDT-SWAP", "2026-10-01", "100", (2500, 5000, 10000, 20000), ("0.4", "0.5", "0.75", "1.25"), 100),
        ("DOGE-USD-SWAP", "2026-10-01", "10", (10000, 20000, 38000, 76000), ("0.65", "1", "1.5", "2"), 50),
        ("ADA-USDT-SWAP", "2026-10-01", "100", (2200, 4500, 10000, 20000), ("1", "1.5", "3", "3.5"), 50),
        ("BNB-USDT-SWAP", "2026-10-01", "0.01", (20000, 40000, 80000, 160000), ("0.65", "1", "1.5", "2"), 50),
        ("LINK-USD-SWAP", "2026-10-01", "10", (500, 1000, 2000, 4000), ("1", "1.5", "3", "3.5"), 50),
        ("LINK-USDT-SWAP", "2026-10-01", "1", (6200, 12000, 25000, 50000), ("0.65", "1", "1.5", "2"), 50),
        ("LTC-USD-SWAP", "2026-10-01", "10", (2800, 5500, 10000, 20000), ("1", "1.5", "3", "3.5"), 50),
        ("LTC-USDT-SWAP", "2026-10-01", "1", (500, 2000, 6000, 12000), ("0.65", "1", "1.5", "2"), 50),
    ],
)
def test_okx(market: str, at: str, contract: str, caps: tuple[int, ...], rates: tuple[str, ...], leverage: int) -> None:
    table = okx(market, at).table
    assert [row.cap for row in table.rows[:4]] == [D(contract) * cap for cap in caps]
    assert [row.rate * 100 for row in table.rows[:4]] == [D(rate) for rate in rates]
    assert table.rows[0].max_leverage == leverage
    first, second = table.rows[0], table.rows[1]
    assert first.cap is not None
    assert table.bracket_up_to(first.cap) is first
    assert table.bracket_up_to(first.cap + D("0.0001")) is second
    assert all(row.cum == 0 for row in table.rows), "the rate of a tier holds for the whole position"


@pytest.mark.parametrize(
    ("market", "tier", "cap", "rate", "leverage"),
    [
        ("BTC-USD-SWAP", 26, 480_000 * 100, "0.1225", "7.4"),
        ("BTC-USDT-SWAP", 26, 4_800, "0.1225", "7.4"),
        ("ETH-USD-SWAP", 26, 4_800_000 * 10, "0.1225", "7.4"),
        ("ETH-USDT-SWAP", 26, 60_000, "0.1225", "7.4"),
        ("SOL-USD-SWAP", 26, 1_200_000 * 10, "0.13", "6.06"),
        ("SOL-USDT-SWAP", 12, 200_000, "0.0525", "15.38"),
        ("XRP-USD-SWAP", 19, 255_000 * 10, "0.11", "7.69"),
        ("XRP-USDT-SWAP", 22, 200_000 * 100, "0.1025", "8.69"),
        ("DOGE-USD-SWAP", 26, 912_000 * 10, "0.13", "6.06"),
        ("ADA-USDT-SWAP", 24, 220_000 * 100, "0.135", "6.45"),
        ("BNB-USDT-SWAP", 26, 19_200, "0.13", "6.06"),
        ("LINK-USD-SWAP", 26, 48_000 * 10, "0.145", "6.06"),
        ("LINK-USDT-SWAP", 26, 600_000, "0.13", "6.06"),
        ("LTC-USD-SWAP", 24, 220_000 * 10, "0.135", "6.45"),
        ("LTC-USDT-SWAP", 26, 144_000, "0.13", "6.06"),
    ],
)
def test_okx_tiers_that_follow_by_increments_are_those_of_the_answer(
    market: str, tier: int, cap: int, rate: str, leverage: str
) -> None:
    row: Bracket = okx(market, "2026-10-01").table.rows[tier - 1]
    assert (row.cap, row.rate, row.max_leverage) == (D(cap), D(rate), D(leverage))


@pytest.mark.parametrize(
    ("market", "last", "gone"),
    [
        ("ETH-USDT-SWAP", "2022-06-11T08:59:59Z", "2022-06-11T09:00:00Z"),
        ("ETH-USD-SWAP", "2023-09-09T06:59:59Z", "2023-09-09T07:00:00Z"),
        ("SOL-USDT-SWAP", "2023-11-08T06:29:59Z", "2023-11-08T06:30:00Z"),
        ("BTC-USDC-SWAP", "2024-08-23T06:59:59Z", "2024-08-23T07:00:00Z"),
        ("ADA-USDT-SWAP", "2024-10-31T09:59:59Z", "2024-10-31T10:00:00Z"),
    ],
)
def test_what_was_not_seen_for_a_year_is_the_books_own_again(market: str, last: str, gone: str) -> None:
    assert okx(market, last).table.rows
    with pytest.raises(BadInput, match="no_parameters"):
        okx(market, gone)


@pytest.mark.parametrize(
    ("at", "rate"),
    [
        ("2020-04-17T00:59:59Z", "0.005"),
        ("2020-04-17T01:00:00Z", "0.0045"),
        ("2020-05-05T01:59:59Z", "0.0045"),
        ("2020-05-05T02:00:00Z", "0.004"),
        ("2020-11-05T08:56:05Z", "0.004"),
        ("2020-11-05T08:56:06Z", "0.0035"),
        ("2024-03-14T03:59:59Z", "0.0035"),
        ("2024-03-14T04:00:00Z", "0.005"),
    ],
)
def test_bitmex_xbtusd_by_the_announced_hours(at: str, rate: str) -> None:
    row = inverse_parameters("inverse", parse_time(at)).row("XBTUSD")
    assert (row.initial, row.maintenance) == (D("0.01"), D(rate))


def test_bitmex_linear() -> None:
    before, after = (
        linear_parameters("linear", parse_time(at)) for at in ("2025-01-21T07:59:59Z", "2025-01-21T08:00Z")
    )
    assert (before.row("SOLUSDT").initial, before.row("SOLUSDT").maintenance) == (D("0.02"), D("0.01"))
    assert (after.row("SOLUSDT").initial, after.row("SOLUSDT").maintenance) == (D("0.01"), D("0.005"))
    assert {before.row(f"{coin}USDT").maintenance for coin in ("BCH", "BNB", "DOGE", "LINK", "LTC")} == {D("0.01")}
    assert after.row("ETHUSDT").maintenance == D("0.005")
    assert linear_parameters("linear", parse_time("2024-12-02T02:14:59Z")).row("XRPUSDT").maintenance == D("0.01")
    with pytest.raises(BadInput, match="no_parameters"):
        before.row("XRPUSDT")
    assert before.as_of == parse_time("2024-12-02T02:15:00Z"), "the report says until when the record is complete"


def test_bitget_ethusdt_of_july_2025() -> None:
    module = rule_set("bitget/usdt").module
    with pytest.raises(BadInput, match="no_parameters"):
        module.parameters("usdt", parse_time("2025-07-23T03:59:59Z")).terms_of("ETHUSDT")
    rows = module.parameters("usdt", parse_time("2025-07-23T04:00:00Z")).terms_of("ETHUSDT").table.rows
    assert [(row.cap, row.rate, row.max_leverage) for row in (rows[0], rows[3], rows[12])] == [
        (200_000, D("0.005"), 100),
        (16_000_000, D("0.03"), 20),
        (800_000_000, D("0.6"), 1),
    ]
    assert len(rows) == 13


def test_leverage_of_coin_margined_btc() -> None:
    """125x to 5 BTC … 4x to 400 BTC: half of the initial margin everywhere is the maintenance rate."""
    rows = binance_coinm.parameters("coinm", parse_time("2024-08-01")).terms_of("BTCUSD_PERP").table.rows
    assert [row.max_leverage for row in rows[:7]] == [125, 100, 50, 20, 10, 5, 4]
    assert {row.rate * row.max_leverage for row in rows[:7] if row.max_leverage is not None} == {D("0.5")}
    assert [row.max_leverage for row in rows[7:]] == [None] * 3


def test_an_entry_taken_away_was_there() -> None:
    """The record of a null row has the entry up to that time, and none of it after."""
    before, after = (record_at("bitmex", parse_time(at)) for at in ("2024-12-02T02:14:59Z", "2024-12-02T02:15:00Z"))
    assert before is not None
    assert after is not None
    assert "XRPUSDT" in before.rows
    assert "XRPUSDT" not in after.rows
