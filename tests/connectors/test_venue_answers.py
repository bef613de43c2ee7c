"""Raw Binance answers and ccxt structures read as they are."""

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from marginbook.connectors.books import BookFile, load_book, load_book_bytes, market_of
from marginbook.connectors.venue_answers import shape_of
from marginbook.domain.account import Position
from marginbook.engine.evaluate import evaluate, parameters_source
from marginbook.units import parse_time

EXAMPLES = Path(__file__).parents[2] / "examples"
RAW: dict[str, Any] = json.loads((EXAMPLES / "binance-answers.json").read_text())
CCXT: dict[str, Any] = json.loads((EXAMPLES / "ccxt.json").read_text())


def load(**files: Any) -> BookFile:
    return load_book_bytes([(f"{name}.json", json.dumps(document).encode()) for name, document in files.items()])


def stripped(position: Position) -> tuple[Any, ...]:
    return position.market, position.side, position.quantity, position.entry, position.leverage


def test_raw_answers_are_the_worked_account() -> None:
    expected = load_book([EXAMPLES / "two-accounts.toml"]).accounts[0]
    book = load_book([EXAMPLES / "binance-answers.json"])
    assert (book.problems, book.rejected, book.warnings) == ((), (), ())
    (account,) = book.accounts
    assert account.id == "trader-1"
    assert account.wallet == expected.wallet
    assert [stripped(p) for p in account.positions] == [stripped(p) for p in expected.positions]
    assert account.reported == {
        "wallet_balance": 10000,
        "unrealized_pnl": -1400,
        "margin_balance": 8600,
        "initial_margin": 2540,
        "maintenance_margin": Decimal("161.6"),
        "available_balance": 6060,
    }
    assert account.positions[1].reported == {
        "unrealized_pnl": -400,
        "notional": 10400,
        "initial_margin": 1040,
        "maintenance_margin": Decimal("41.6"),
        "liquidation_price": Decimal("4701.19521912"),
    }
    quote = book.quotes["binance", "BTCUSDT", "mark"]
    assert (quote.price, quote.time) == (60000, parse_time("2026-10-01T12:00:00Z"))
    assert book.as_of == quote.time


def test_separate_files_of_one_folder_are_one_account() -> None:
    book = load(account=RAW["account"], positions=RAW["positionRisk"])
    assert [a.id for a in book.accounts] == ["account"]
    assert book.accounts[0].positions[0].leverage == 20
    assert book.as_of is None
    assert any("no time" in warning for warning in book.warnings)


def test_ccxt_prefers_the_venue_strings() -> None:
    document = copy.deepcopy(CCXT)
    for position in document["positions"]:
        position.update(entryPrice=1.1, markPrice=1.1, contracts=1.1, leverage=3, initialMargin=1.1)
    raw, bot = load(raw=RAW).accounts[0], load(bot=document).accounts[0]
    assert load(bot=document).quotes["binance", "ETHUSDT", "mark"].price == 2600
    assert bot.id == "bot"
    assert bot.wallet == raw.wallet
    assert [stripped(p) for p in bot.positions] == [stripped(p) for p in raw.positions]
    assert bot.reported == raw.reported
    assert "liquidation_price" not in bot.positions[0].reported


def test_ccxt_without_info_stands_on_its_floats_and_says_so() -> None:
    document = copy.deepcopy(CCXT)
    for position in document["positions"]:
        del position["info"]
    del document["balance"]["info"]
    document["positions"].append({**document["positions"][0], "symbol": "X/USDT:USDT", "contracts": 0.0})
    book = load(bot=document)
    assert book.rejected == ()
    (account,) = book.accounts
    assert [stripped(p) for p in account.positions] == [stripped(p) for p in load(raw=RAW).accounts[0].positions]
    assert account.wallet == {"USDT": 10000}
    assert sum("ccxt" in warning for warning in book.warnings) == 3


def test_ccxt_inverse_contract_size_is_not_mistaken() -> None:
    document = copy.deepcopy(CCXT)
    del document["positions"][0]["info"]
    document["positions"][0]["symbol"] = "BTC/USD:BTC"
    (rejected,) = load(bot=document).rejected
    assert (rejected.problem.code, rejected.problem.place) == ("unsupported", "bot.json: positions[0].symbol")


def isolated(side: str, amount: str, wallet: str, **more: str) -> dict[str, Any]:
    return {
        "symbol": "SOLUSDT",
        "positionSide": side,
        "positionAmt": amount,
        "entryPrice": "100",
        "markPrice": "110",
        "liquidationPrice": "0",
        "marginAsset": "USDT",
        "isolatedWallet": wallet,
        **more,
    }


def test_hedge_mode_isolated_and_zero_sizes() -> None:
    rows = [
        isolated("LONG", "2", "25", marginType="isolated", leverage="8"),
        isolated("SHORT", "-1", "0", marginType="cross", leverage="8"),
        isolated("BOTH", "0", "0", marginType="cross", leverage="8"),
    ]
    book = load(account=RAW["account"], positions=RAW["positionRisk"] + rows)
    (account,) = book.accounts
    assert account.position_mode == "hedge"
    long, short = account.positions[2:]
    assert (long.side, long.quantity, long.mode, long.isolated_wallet) == ("long", 2, "isolated", 25)
    assert (short.side, short.quantity, short.mode, short.isolated_wallet) == ("short", 1, "cross", None)
    assert "liquidation_price" not in long.reported


def test_the_wallet_is_the_cross_wallet() -> None:
    document = copy.deepcopy(RAW)
    document["account"]["assets"][0]["crossWalletBalance"] = "9975"
    (account,) = load(raw=document).accounts
    assert account.wallet == {"USDT": 9975}
    assert account.reported["wallet_balance"] == 10000


def test_isolated_wallet_from_isolated_margin() -> None:
    row = isolated("BOTH", "2", "", marginType="isolated", leverage="8", isolatedMargin="45", unRealizedProfit="20")
    (account,) = load(account={**RAW["account"], "positions": []}, positions=[row]).accounts
    assert account.positions[-1].isolated_wallet == 25
    assert account.positions[-1].reported["isolated_margin"] == 45


def test_account_v2_alone_substitutes_the_mark_price() -> None:
    account = copy.deepcopy(RAW["account"])
    for row, entry in zip(account["positions"], ("62000", "2500"), strict=True):
        row.update(entryPrice=entry, leverage="20", isolated=False)
    book = load(account=account)
    assert book.rejected == ()
    assert book.quotes["binance", "ETHUSDT", "mark"].price == 2600
    assert book.quotes["binance", "ETHUSDT", "mark"].substituted
    assert len(book.warnings) == 3


def test_open_order_margin_is_warned_of() -> None:
    document = copy.deepcopy(RAW)
    document["account"]["assets"][0]["openOrderInitialMargin"] = "12.5"
    assert any("open orders hold 12.5 USDT" in warning for warning in load(raw=document).warnings)


def test_several_currencies_report_by_currency() -> None:
    document = copy.deepcopy(RAW)
    document["account"]["assets"].append({**document["account"]["assets"][0], "asset": "USDC"})
    document["positionRisk"].append({**document["positionRisk"][0], "symbol": "BTCUSDC", "marginAsset": "USDC"})
    (account,) = load(raw=document).accounts
    assert account.wallet == {"USDT": 10000, "USDC": 10000}
    assert account.reported["margin_balance:USDC"] == 8600


def changed(change: Any) -> dict[str, Any]:
    document = copy.deepcopy(RAW)
    change(document)
    return document


@pytest.mark.parametrize(
    ("change", "code", "place"),
    [
        (lambda d: d["account"].update(multiAssetsMargin=True), "unsupported", "raw.json"),
        (lambda d: d["positionRisk"][0].pop("entryPrice"), "missing_key", "raw.json: positionRisk[0].entryPrice"),
        (lambda d: d["positionRisk"][1].update(entryPrice="x"), "not_a_number", "raw.json: positionRisk[1].entryPrice"),
        (lambda d: d["positionRisk"][1].update(markPrice="-1"), "not_positive", "raw.json: positionRisk[1].markPrice"),
        (
            lambda d: d["positionRisk"][1].update(positionAmt="-5"),
            "inconsistent",
            "raw.json: positionRisk[1].positionAmt",
        ),
        (
            lambda d: d["positionRisk"].append({**d["positionRisk"][0], "symbol": "BTCUSD_PERP"}),
            "unsupported",
            "raw.json: positionRisk[2].symbol",
        ),
        (lambda d: d["positionRisk"].append(7), "unknown_format", "raw.json: positionRisk"),
        (lambda d: d["account"].update(assets=[]), "missing_key", "raw.json"),
        (
            lambda d: d["account"]["assets"][0].pop("crossWalletBalance"),
            "missing_key",
            "raw.json: account.assets[0].crossWalletBalance",
        ),
        (lambda d: d.update(postions=[]), "unknown_key", "raw.json: postions"),
    ],
)
def test_bad_answers_name_the_place(change: Any, code: str, place: str) -> None:
    book = load(raw=changed(change))
    problems = [*book.problems, *(r.problem for r in book.rejected)]
    assert [(p.code, p.place) for p in problems] == [(code, place)]


def test_two_balances_in_one_folder_are_ambiguous() -> None:
    book = load(one=RAW["account"], two=RAW["account"])
    assert [p.code for p in book.problems] == ["ambiguous"]


def test_positions_without_a_balance_are_refused() -> None:
    (rejected,) = load(positions=RAW["positionRisk"]).rejected
    assert rejected.problem.code == "missing_key"
    assert "balance" in rejected.problem.expected


@pytest.mark.parametrize(
    ("document", "shape"),
    [
        (RAW["account"], "binance_account"),
        (RAW["positionRisk"], "binance_positions"),
        (RAW["account"]["assets"], "binance_balance"),
        (CCXT["positions"], "ccxt_positions"),
        (CCXT["balance"], "ccxt_balance"),
        (CCXT, "combined"),
        (RAW, "combined"),
        ({"account": []}, None),
        ([1], None),
        ([], "binance_positions"),
        (None, None),
    ],
)
def test_shapes(document: Any, shape: str | None) -> None:
    assert shape_of(document) == shape


def test_premium_index_gives_marks_with_their_time() -> None:
    rows = [
        {
            "symbol": "BTCUSDT",
            "markPrice": "60000.1",
            "indexPrice": "60001",
            "time": 1790856000000,
            "nextFundingTime": 0,
        },
        {"symbol": "ETHUSDT", "markPrice": "x", "indexPrice": "1", "time": 1790856000000},
    ]
    book = load(index=rows)
    assert book.as_of == parse_time("2026-10-01T12:00:00Z")
    assert book.quotes["binance", "BTCUSDT", "mark"].price == Decimal("60000.1")
    assert book.quotes["binance", "BTCUSDT", "index"].time == book.as_of
    assert [(p.code, p.place) for p in book.problems] == [("not_a_number", "index.json: [1].markPrice")]


def test_premium_index_as_prices_file(tmp_path: Path) -> None:
    path = tmp_path / "premium.json"
    path.write_text(json.dumps({"symbol": "BTCUSDT", "markPrice": "59000", "time": 1790856060000}))
    book = load_book([EXAMPLES / "two-accounts.toml"], [path])
    assert book.problems == ()
    assert book.quotes["binance", "BTCUSDT", "mark"].price == 59000
    assert book.quotes["binance", "ETHUSDT", "mark"].price == 2600
    assert book.as_of == parse_time("2026-10-01T12:01:00Z")


LIVE_POSITION = {
    "symbol": "BTCUSDT",
    "positionSide": "BOTH",
    "positionAmt": "0.009",
    "entryPrice": "67445.9",
    "isolatedMargin": "0",
    "marginAsset": "USDT",
    "isolatedWallet": "0",
    "openOrderInitialMargin": "0",
    "updateTime": "1722161166529",
}
LIVE_ASSETS = [
    {"asset": "FDUSD", "crossWalletBalance": "0.00000000", "availableBalance": "18.46663722"},
    {"asset": "USDT", "crossWalletBalance": "3.72964781", "availableBalance": "18.65856952"},
    {"asset": "USDC", "crossWalletBalance": "22.00000000", "availableBalance": "18.65830123"},
]
"""Printed by the venue for a live account, 2024-07-28 (positionRisk v3 and account v3; test data of ccxt, MIT)."""


@pytest.mark.parametrize(
    ("mark", "notional", "margin"),
    [("67502.68519858", "607.52416678", "7.59405208"), ("67582.20000000", "608.23980000", "7.60299749")],
)
def test_leverage_of_a_live_position_risk_v3_is_the_account_s_own(mark: str, notional: str, margin: str) -> None:
    row = {**LIVE_POSITION, "markPrice": mark, "notional": notional, "positionInitialMargin": margin}
    (account,) = load(balance=LIVE_ASSETS[1:], positions=[row]).accounts
    (position,) = account.positions
    assert (position.leverage, position.mode) == (80, "cross")


def test_multi_assets_mode_shows_in_what_an_empty_asset_has_available() -> None:
    row = {**LIVE_POSITION, "markPrice": "67502.68519858", "leverage": "80"}
    (rejected,) = load(balance=LIVE_ASSETS, positions=[row]).rejected
    assert (rejected.problem.code, rejected.problem.value) == ("unsupported", "multi-assets mode")


def test_coin_margined_and_portfolio_margin_answers_are_refused_by_name() -> None:
    inverse = {**LIVE_POSITION, "symbol": "BTCUSD_PERP", "markPrice": "68234.2", "marginType": "cross"}
    del inverse["marginAsset"]
    empty = {**inverse, "symbol": "BCHUSD_241227", "positionAmt": "0"}
    (rejected,) = load(balance=LIVE_ASSETS[1:], positions=[empty, inverse]).rejected
    assert (rejected.problem.code, rejected.problem.place) == ("unsupported", "positions.json: [1].symbol")
    portfolio = {"info": [{"asset": "USDT", "umWalletBalance": "105.43"}], "total": {"USDT": 136.03}, "free": {}}
    (rejected,) = load(balance=portfolio).rejected
    assert rejected.problem.code == "unsupported"


def test_what_the_venue_printed_is_reconciled_to_the_last_digit() -> None:
    for name in ("binance-answers.json", "ccxt.json"):
        book = load_book([EXAMPLES / name])
        assert book.as_of is not None
        parameters_of = parameters_source(book.overlays, book.as_of)
        report = evaluate(book.accounts[0], market_of(book), parameters_of, book.as_of)
        assert len(report.reconciliation) >= 5
        assert {line.difference for line in report.reconciliation} == {0}


def test_an_account_without_positions() -> None:
    balance = {**CCXT["balance"], "info": {**RAW["account"], "positions": []}}
    for files in ({"bot": {"positions": [], "balance": balance}}, {"positions": [], "balance": balance}):
        (account,) = load(**files).accounts
        assert account.wallet == {"USDT": 10000}
        assert account.positions == ()
    (rejected,) = load(positions=[]).rejected
    assert rejected.problem.code == "missing_key"


def test_isolated_positions_alone_need_no_balance() -> None:
    row = isolated("BOTH", "2", "25", marginType="isolated", leverage="8")
    (account,) = load(positions=[row]).accounts
    assert account.wallet == {}
    assert account.positions[0].isolated_wallet == 25


BRACKETS = [
    {
        "symbol": symbol,
        "brackets": [
            {"bracket": n, "initialLeverage": x, "notionalCap": cap, "notionalFloor": floor, "maintMarginRatio": rate}
            for n, x, floor, cap, rate in ((2, 10, 20000, None, 0.02), (1, 20, 0, 20000, 0.01))
        ],
    }
    for symbol in ("BTCUSDT", "ETHUSDT")
]
TIERS = {
    "BTC/USDT:USDT": [
        {"tier": 1, "minNotional": 0.0, "maxNotional": 20000.0, "maintenanceMarginRate": 0.01, "maxLeverage": 20.0},
        {"tier": 2, "minNotional": 20000.0, "maxNotional": 1e9, "maintenanceMarginRate": 0.02, "maxLeverage": 10.0},
    ]
}


@pytest.mark.parametrize(
    ("files", "maintenance"),
    [
        ({"raw": {**RAW, "leverageBracket": BRACKETS}}, Decimal(504)),
        ({"raw": {**RAW, "leverageTiers": TIERS}}, Decimal("441.6")),
        ({"account": RAW["account"], "risk": RAW["positionRisk"], "brackets": BRACKETS}, Decimal(504)),
    ],
)
def test_the_venue_s_own_brackets_are_used(files: dict[str, Any], maintenance: Decimal) -> None:
    book = load(**files)
    assert (book.problems, book.rejected) == ((), ())
    at = parse_time("2026-10-01T12:00:00Z")
    report = evaluate(book.accounts[0], market_of(book), parameters_source(book.overlays, at), at)
    assert report.money["maintenance_margin"] == maintenance


def test_malformed_brackets_are_refused() -> None:
    (rejected,) = load(raw={**RAW, "leverageBracket": [{"symbol": "X", "brackets": [{"bracket": 1}]}]}).rejected
    assert (rejected.problem.code, rejected.problem.place) == ("unknown_format", "raw.json: leverageBracket")
