"""Answers that accounts of exchanges really printed: read, and every figure in them met.

Figures only, from tests and source comments of public repositories; `tests/vectors` has their sources.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from marginbook.connectors.books import BookFile, load_book_bytes, market_of
from marginbook.engine.evaluate import Report, evaluate, parameters_source

XBTUSD = {"symbol": "XBTUSD", "currency": "XBt", "commission": 0.00075, "maintMarginReq": 0.005}
BITMEX: Mapping[str, dict[str, Any]] = {
    "short": {"crossMargin": False, "leverage": 2, "currentQty": -1, "avgEntryPrice": 10771, "markPrice": 10816.84}
    | {"posMargin": 4692, "posMaint": 58, "maintMargin": 4653, "unrealisedPnl": -39, "liquidationPrice": 21505}
    | {"timestamp": "2017-11-29T10:39:32.735Z"},
    "margin added": {"crossMargin": False, "leverage": 5, "currentQty": -2000, "avgEntryPrice": 10713.5}
    | {"markPrice": 10567.6, "posMargin": 3821884, "posMaint": 110195, "maintMargin": 4079884}
    | {"unrealisedPnl": 258000, "liquidationPrice": 13370.5, "timestamp": "2019-07-14T20:05:26.007Z"},
    "cross": {"crossMargin": True, "leverage": 100, "currentQty": 1, "avgEntryPrice": 6267, "markPrice": 6270.34}
    | {"posMargin": 173, "posMaint": 93, "maintMargin": 182, "unrealisedPnl": 9, "liquidationPrice": 66.5}
    | {"timestamp": "2019-05-10T11:24:30.253Z"},
}


def read(*documents: Any) -> BookFile:
    return load_book_bytes([(f"{n}.json", json.dumps(document).encode()) for n, document in enumerate(documents)])


def differences(book: BookFile, overlay: Mapping[str, Any] | None = None) -> dict[str, D]:
    """Venue's figure less ours, by name."""
    assert (book.problems, book.rejected) == ((), ())
    (account,), at = book.accounts, book.as_of or 0
    overlays = dict(book.overlays)
    if overlay is not None:
        account = replace(account, parameters="own")
        overlays["own"] = {**overlays.get(book.accounts[0].parameters or "", {}), **overlay}
    report: Report = evaluate(account, market_of(book), parameters_source(overlays, at), at)
    assert report.error is None
    return {line.quantity: line.difference or D(0) for line in report.reconciliation}


@pytest.mark.parametrize("name", BITMEX)
def test_positions_of_bitmex_by_the_rules_of_their_day(name: str) -> None:
    """The row's own time dates prices and parameters: by contract values, and a fee on margin that was added."""
    margin = {"currency": "XBt", "walletBalance": 1500003, "marginBalance": 1500012}
    balance = {"balance": [margin]} if name == "cross" else {}
    found = differences(read({"exchange": "bitmex", "positions": [XBTUSD | BITMEX[name]]} | balance))
    assert len(found) >= 4
    assert set(found.values()) == {D(0)}


def test_a_printed_rate_of_bitmex_is_that_of_the_risk_limit_beside_it() -> None:
    """1 % at a limit of 300 XBT is not raised again for 250 XBT: posMaint = ⌈1 % · cost⌉ + ⌈0.075 % · 1.5 · cost⌉."""
    row = {"crossMargin": False, "leverage": 2, "currentQty": -2500000, "avgEntryPrice": 10000, "markPrice": 10000}
    row |= {"maintMarginReq": 0.01, "riskLimit": 30000000000, "posMargin": 12528125000, "posMaint": 278125000}
    row |= {"timestamp": "2019-07-14T20:05:26.007Z"}
    found = differences(read({"exchange": "bitmex", "positions": [XBTUSD | row]}))
    assert found == {"XBTUSD.short.maintenance_margin": D(0)}


def bybit(total: dict[str, str], coin: dict[str, Any], time: int) -> dict[str, Any]:
    """A wallet of one coin."""
    whole = {"accountType": "UNIFIED", "accountMMRate": "0.01", **total, "coin": [{"coin": "USDT", **coin}]}
    return {"retCode": 0, "result": {"list": [whole]}, "time": time}


def test_a_unified_account_of_bybit_and_its_liquidation_price() -> None:
    position: dict[str, Any] = {
        "symbol": "SOLUSDT",
        "side": "Buy",
        "size": "0.2",
        "avgPrice": "233.02",
        "leverage": "10",
    }
    position |= {"positionValue": "46.604", "markPrice": "233.029", "positionIM": "4.6876214", "tradeMode": 0}
    position |= {"positionMM": "0.2602414", "unrealisedPnl": "0.0018", "liqPrice": "176.89650029"}
    total = {"totalEquity": "11.48691986", "totalMarginBalance": "11.48691986", "totalMaintenanceMargin": "0.26041992"}
    coin = {"equity": "11.47904524", "usdValue": "11.48691986", "walletBalance": "11.47724524"}
    coin |= {"totalPositionMM": "0.2602414", "unrealisedPnl": "0.0018"}
    book = read({"exchange": "bybit", "positions": [position], "balance": bybit(total, coin, 1759432560944)})
    found = differences(book, {"SOLUSDT": {"brackets": [["0", "50000", "0.005"]], "taker_fee": "0.000649"}})
    price = found.pop("SOLUSDT.long.liquidation_price")
    assert set(found.values()) == {D(0)}
    assert abs(price) <= D("0.00000001")


def test_a_coin_of_bybit_that_counts_in_part_is_not_taken_for_whole() -> None:
    total = {"totalEquity": "1001.52819962", "totalMarginBalance": "841.28368768", "totalMaintenanceMargin": "0.1"}
    coin = {"equity": "1001.44207561", "usdValue": "1001.52819962", "walletBalance": "1001.44207561"}
    book = read(bybit(total, coin, 1737725795605))
    assert abs(differences(book)["margin_balance"]) <= D("0.00000001")
    assert next(iter(book.overlays.values()))["USDT"] == {"discount": "0.84"}


THETA: dict[str, Any] = {
    "symbol": "THETA",
    "contract_code": "THETA-USD",
    "volume": "20",
    "cost_hold": "0.65931",
    "lever_rate": 20,
}
ACCOUNT = {"symbol": "THETA", "contract_code": "THETA-USD", "margin_balance": "717.600960962561438668"}
ACCOUNT |= {"margin_static": "723.922949859047086468", "profit_unreal": "-6.3219888964856478", "adjust_factor": "0.4"}


@pytest.mark.parametrize(("price", "profit", "warned"), [("0.64585", "-6.3219888964856478", 0), ("0.6372", "-10.5", 1)])
def test_an_account_of_htx_beside_its_position_or_a_later_one(price: str, profit: str, warned: int) -> None:
    row = {**THETA, "direction": "buy", "last_price": price, "profit_unreal": profit}
    book = read({"status": "ok", "data": [row]}, {"status": "ok", "data": [ACCOUNT], "ts": 1603866747447})
    assert sum("two moments" in warning for warning in book.warnings) == warned
    if not warned:
        assert max(map(abs, differences(book).values())) <= D("0.00000001")


def test_shares_that_count_are_read_from_an_answer_of_okx() -> None:
    rows = [
        ("USDT", "994.3836955620919", "994.8411120620503", "994.8411120620503"),
        ("ADA", "1000", "747.68", "672.912"),
    ]
    details = [
        {"ccy": name, "cashBal": amount, "eq": amount, "eqUsd": value, "disEq": counted}
        for name, amount, value, counted in rows
    ]
    adjusted = "1667.7531120620503"
    book = read({"code": "0", "data": [{"adjEq": adjusted, "details": details, "uTime": "1681256494484"}]})
    assert next(iter(book.overlays.values())) == {"USDT": {"discount": "1"}, "ADA": {"discount": "0.9"}}
    assert abs(differences(book)["margin_balance"]) <= D("0.00000001")


def test_the_envelope_of_deribit_dates_the_account() -> None:
    position = {"instrument_name": "BTC-28JUL23", "direction": "sell", "size": -30430.0, "average_price": 31281.61}
    position |= {"mark_price": 30415.25, "index_price": 30320.3, "total_profit_loss": 0.027708943}
    position |= {"initial_margin": 0.020059747, "maintenance_margin": 0.010054898}
    summary = {"currency": "BTC", "equity": 1.0, "margin_balance": 1.0, "portfolio_margining_enabled": False}
    positions = {"jsonrpc": "2.0", "result": [position]}
    book = read(positions, {"jsonrpc": "2.0", "result": {"summaries": [summary]}, "usOut": 1689454568791009})
    found = differences(book)  # 4 % are asked from 2024 on
    assert {name: abs(value) <= D("0.0000003") for name, value in found.items()} == dict.fromkeys(found, True)
    assert len(found) == 4
    alone = read(positions, {"jsonrpc": "2.0", "result": summary, "usOut": 1689454568791009})
    assert alone.accounts[0].wallet == book.accounts[0].wallet


def test_a_state_of_hyperliquid_without_its_positions_is_refused() -> None:
    """Recorded once: a notional of 24,094.97 USD and no position, so raw USD of −22,358.94 that no wallet is."""
    summary = {"accountValue": "1736.030875", "totalNtlPos": "24094.9691", "totalRawUsd": "-22358.938225"}
    book = read({"assetPositions": [], "crossMarginSummary": summary, "time": 1700000000000})
    (rejected,) = book.rejected
    assert (rejected.problem.code, rejected.problem.place) == ("inconsistent", "0.json: crossMarginSummary.totalNtlPos")
