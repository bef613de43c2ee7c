"""Answers of exchanges, through ccxt and as they are, become accounts whose printed figures are met.

Samples in `answers/`: figures that live accounts or the venues' own documentation printed (tests/vectors, comments
of ccxt's parsers, MIT), ccxt's own fields left at None; wallets that no source prints are made.
"""

import copy
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from marginbook.connectors.books import BookFile, load_book_bytes, market_of
from marginbook.connectors.exchanges import exchange_of_balance, exchange_of_position
from marginbook.connectors.venue_answers import shape_of
from marginbook.engine.evaluate import Report, evaluate, parameters_source
from marginbook.units import parse_time

FOLDER = Path(__file__).parent / "answers"
SAMPLES: dict[str, Any] = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
EXCHANGES = [name for name in SAMPLES if isinstance(SAMPLES[name].get("positions"), list)]
AT = parse_time("2026-10-01")
LAST_DIGIT = Decimal("0.00000001")


def load(document: Any, name: str = "x.json") -> BookFile:
    return load_book_bytes([(name, json.dumps(document).encode())])


def refused(document: Any) -> tuple[str, str]:
    book = load(document)
    (problem,) = [*book.problems, *(rejected.problem for rejected in book.rejected)]
    return problem.code, problem.place


def sample(name: str) -> Any:
    return copy.deepcopy(SAMPLES[name])


def report_of(book: BookFile) -> Report:
    assert book.rejected == ()
    assert book.problems == ()
    at = book.as_of or AT
    return evaluate(book.accounts[0], market_of(book), parameters_source(book.overlays, at), at)


@pytest.mark.parametrize(
    ("name", "rules", "met", "largest"),
    [
        ("bybit", "bybit/uta", 7, 0),
        ("okx", "okx/single-currency", 5, "0.00000004"),  # the equity is printed at 8 digits
        ("bitget", "bitget/usdt", 5, "0.002"),  # the price is printed on the tick
        ("deribit", "deribit/standard", 7, LAST_DIGIT),
        ("bitmex", "bitmex/linear", 4, 0),
        ("htx", "htx/coin-swap", 7, LAST_DIGIT),  # ours have 8 decimals, theirs 18
        ("binance-coinm", "binance/coinm", 4, LAST_DIGIT),  # one unit of a notional
        ("hyperliquid", "hyperliquid/perps", 6, "0.00002"),  # printed margins leave that much open
        ("dydx", "dydx/4", 4, "0.0000014"),  # whole quantums of 10^-6
        ("aave", "aave/3.6", 4, 0),
        ("compound", "compound/2", 1, LAST_DIGIT),
    ],
)
def test_what_the_venue_printed_is_met(name: str, rules: str, met: int, largest: Any) -> None:
    report = report_of(load(SAMPLES[name]))
    assert report.rules == rules
    assert report.error is None
    assert len(report.reconciliation) == met
    for line in report.reconciliation:
        assert line.difference is not None
        assert abs(line.difference) <= Decimal(largest), line


@pytest.mark.parametrize("name", EXCHANGES)
def test_no_float_of_ccxt_is_read_beside_info(name: str) -> None:
    document = sample(name)
    for position in document["positions"]:
        for key in ("contracts", "entryPrice", "markPrice", "leverage", "notional", "initialMargin", "collateral"):
            position[key] = 1.1
    document["balance"].update(free={"USDT": 1.1}, used={"USDT": 1.1}, total={"USDT": 1.1})
    changed, plain = load(document), load(SAMPLES[name])
    assert changed.accounts == plain.accounts
    assert changed.quotes == plain.quotes


@pytest.mark.parametrize("name", [n for n in EXCHANGES if n not in ("okx", "binance-coinm")])
def test_the_venue_s_own_rows_need_no_ccxt(name: str) -> None:
    """OKX's rows do not tell the size of a contract."""
    document = sample(name)
    document["positions"] = [position["info"] for position in document["positions"]]
    document["balance"] = document["balance"]["info"]
    assert load(document).accounts == load(SAMPLES[name]).accounts
    named = {"exchange": "binancecoinm" if name == "binance-coinm" else name, **document}
    assert load(named).accounts == load(SAMPLES[name]).accounts


@pytest.mark.parametrize("name", ["bybit", "okx", "bitget", "deribit", "htx"])
def test_separate_files_and_envelopes(name: str) -> None:
    whole = SAMPLES[name]
    rows = [position["info"] for position in whole["positions"]]
    if name == "okx":
        rows[0] = {**rows[0], "ctVal": "0.1"}
    envelope: Any = {"deribit": {"result": rows}, "bybit": {"retCode": 0, "result": {"list": rows}}}.get(
        name, {"code": "0", "data": rows}
    )
    files = [("positions.json", envelope), ("main.json", whole["balance"]["info"])]
    book = load_book_bytes([(file, json.dumps(document).encode()) for file, document in files])
    assert (book.problems, book.rejected) == ((), ())
    assert book.accounts[0].id == "main"
    assert book.accounts[0].positions == load(whole).accounts[0].positions


def test_the_size_of_okx_s_contracts_is_needed_and_its_tiers_become_base_units() -> None:
    document = sample("okx")
    (account,) = load(document).accounts
    assert account.positions[0].quantity == Decimal("0.15")
    assert load(document).overlays["x: brackets"]["ETH-USDT-SWAP"]["brackets"][:2] == [
        ["0", "100", "0.008", 100, ""],
        ["100", "200", "0.01", 75, ""],
    ]
    document["positions"][0]["contractSize"] = None
    assert refused(document) == ("missing_key", "x.json: positions[0].info.ctVal")


def test_okx_in_multi_currency_mode_has_all_its_currencies() -> None:
    document = sample("okx")
    row = document["balance"]["info"]["data"][0]
    row["adjEq"] = "100"
    row["details"].append({"ccy": "BTC", "cashBal": "0.5", "eq": "0.5", "eqUsd": "30000", "upl": "0", "isoEq": ""})
    row["details"].append({"ccy": "DUST", "cashBal": "0", "eq": "0", "eqUsd": "0"})
    book = load(document)
    assert book.accounts[0].rules == "okx/multi-currency"
    assert set(book.accounts[0].wallet) == {"USDT", "BTC"}
    assert book.quotes["okx", "BTC", "index"].price == 60000
    assert book.accounts[0].reported == {"margin_balance": 100}
    row["details"][1]["eq"] = "0.6"
    assert any("do not add up" in warning for warning in load(document).warnings)


def test_bybit_accounts_before_the_unified_one_and_its_isolated_mode() -> None:
    document = sample("bybit")
    row = document["balance"]["info"]["result"]["list"][0]
    row["accountMMRate"] = ""
    document["positions"][0]["info"].update(tradeMode=1, positionBalance="5.3")
    (account,) = load(document).accounts
    assert (account.wallet, account.positions[0].isolated_wallet) == ({}, Decimal("5.3"))
    row.update(accountType="CONTRACT", accountMMRate="")
    assert load(document).accounts[0].rules == "bybit/classic"
    document["rules"] = "bybit/uta"
    assert load(document).accounts[0].rules == "bybit/uta"
    document["rules"] = "okx/single-currency"
    assert refused(document) == ("unknown_choice", "x.json")


def test_bybit_coins_are_joined_unless_they_are_no_collateral() -> None:
    document = sample("bybit")
    row = document["balance"]["info"]["result"]["list"][0]
    row["totalMaintenanceMargin"] = "0.57"
    btc = {"coin": "BTC", "walletBalance": "0.1", "equity": "0.1", "usdValue": "6000", "collateralSwitch": True}
    row["coin"][1] = btc
    book = load(document)
    assert set(book.accounts[0].wallet) == {"USDT", "BTC"}
    assert book.quotes["bybit", "BTC", "index"].price == 60000
    assert book.accounts[0].reported["maintenance_margin"] == Decimal("0.57")
    btc.update(spotBorrow="0.02", equity="0.09", unrealisedPnl="0.01")
    assert load(document).accounts[0].wallet["BTC"] == Decimal("0.08")
    assert not any("options" in warning for warning in load(document).warnings)
    btc.update(equity="0.10")
    assert any("0.01 BTC of equity" in warning for warning in load(document).warnings)
    btc["collateralSwitch"] = False
    assert set(load(document).accounts[0].wallet) == {"USDT"}


@pytest.mark.parametrize("name", ["bitget", "bitmex"])
def test_a_wallet_that_may_hold_isolated_margins_is_not_guessed(name: str) -> None:
    document = sample(name)
    other = copy.deepcopy(document["positions"][0])
    changes = {"bitget": {"marginMode": "isolated"}, "bitmex": {"crossMargin": True}}[name]
    other["info"].update(symbol={"bitget": "ETHUSDT", "bitmex": "XBTUSDT"}[name], **changes)
    document["positions"].append(other)
    code, place = refused(document)
    assert code == "unsupported"
    assert place.startswith("x.json: balance.info")


def test_bitget_s_wallet_without_a_printed_profit_of_the_account() -> None:
    document = sample("bitget")
    row = document["balance"]["info"][0]
    row["unrealizedPL"] = ""
    assert load(document).accounts[0].wallet == {"USDT": Decimal("342.53742977")}
    document["positions"][0]["info"]["unrealizedPL"] = ""
    assert refused(document) == ("missing_key", "x.json: balance.info[0].unrealizedPL")
    row.update(unrealizedPL="0", assetMode="union")
    assert refused(document) == ("unsupported", "x.json: balance.info[0].assetMode")


def test_the_sample_of_okx_s_documentation_adds_up() -> None:
    """Strategies' equity is beside the cash: 4850.435693622894 − 7.545600000000006 + 150 = 4992.890093622894."""
    document = sample("okx")
    document["positions"][0]["info"]["upl"] = "-7.545600000000006"
    document["balance"]["info"]["data"][0]["details"][0].update(
        cashBal="4850.435693622894", eq="4992.890093622894", stgyEq="150", upl="-7.545600000000006"
    )
    book = load(document)
    assert not any("add up" in warning for warning in book.warnings)
    assert book.accounts[0].reported["margin_balance"] == Decimal("4842.890093622894")


def test_deribit_s_wallet_makes_equity_what_is_printed() -> None:
    document = sample("deribit")
    option = {"instrument_name": "BTC-26SEP25-100000-C", "kind": "option", "direction": "sell", "size": -0.1,
              "average_price": 0.05, "mark_price": 0.06, "index_price": 106000.0}  # fmt: skip
    document["positions"].append({"symbol": "BTC/USD:BTC-250926-100000-C", "contracts": 0.1, "info": option})
    (account,) = load(document).accounts
    assert account.wallet == {"BTC": Decimal("0.016")}
    summary = document["balance"]["info"]["summaries"][0]
    summary["margin_model"] = "segregated_pm"
    assert load(document).accounts[0].rules == "deribit/portfolio"
    summary["margin_model"] = "cross_sm"
    assert refused(document) == ("unsupported", "x.json: balance.info.summaries[0].margin_model")


def test_inverse_contracts_of_bitmex_are_read_and_quantos_refused() -> None:
    document = sample("bitmex")
    info = document["positions"][0]["info"]
    info.update(symbol="XBTUSD", currency="XBt", underlying="XBT", currentQty=-100, markPrice=60000,
                crossMargin=True)  # fmt: skip
    document["balance"]["info"].append({"currency": "XBt", "walletBalance": 12345, "marginBalance": 12345})
    (account,) = load(document).accounts
    assert account.rules == "bitmex/inverse"
    assert (account.wallet, account.positions[0].quantity) == ({"XBT": Decimal("0.00012345")}, 100)
    info["symbol"] = "ETHUSD"
    assert refused(document) == ("unsupported", "x.json: positions[0].info.symbol")


def test_coin_margined_contracts_of_binance_with_their_tiers() -> None:
    document = sample("binance-coinm")
    tier = {"tier": 1, "minNotional": 0, "maxNotional": 5, "maintenanceMarginRate": 0.02, "maxLeverage": 50}
    document["leverageTiers"] = {"BTC/USD:BTC": [tier]}
    info = document["positions"][0]["info"]
    info.update(marginType="cross")
    book = load(document)
    assert book.accounts[0].wallet == {"BTC": Decimal("0.00731942")}
    assert book.overlays["x: brackets"] == {"BTCUSD_PERP": {"brackets": [[0, 5, "0.02", 50, ""]]}}
    assert load([info, {**info, "symbol": "ETHUSD_PERP", "positionAmt": "0"}]).rejected[0].problem.code == "missing_key"


@pytest.mark.parametrize("name", ["deribit", "bitmex", "htx"])
def test_tiers_that_rules_cannot_use_are_refused(name: str) -> None:
    document = sample(name)
    tier = {"tier": 1, "minNotional": 0, "maxNotional": 5, "maintenanceMarginRate": 0.02, "maxLeverage": 50}
    document["leverageTiers"] = {"X/USD:X": [tier]}
    assert refused(document) == ("unsupported", "x.json: leverageTiers")


def test_tiers_of_bybit_and_bitget_are_their_own_strings() -> None:
    bybit, bitget = sample("bybit"), sample("bitget")
    unified = {"tier": 1, "minNotional": 0, "maxNotional": 1.1, "maintenanceMarginRate": 1.1, "maxLeverage": 1.1}
    limit = {"id": 1, "symbol": "BTCUSDT", "riskLimitValue": "2000000", "maintenanceMargin": "0.5",
             "initialMargin": "1", "maxLeverage": "100.00"}  # fmt: skip
    bybit["leverageTiers"] = {"BTC/USDT:USDT": [{**unified, "info": limit}]}
    assert load(bybit).overlays["x: brackets"]["BTCUSDT"]["brackets"] == [["0", "2000000", "0.005", "100.00", "0"]]
    level = {"symbol": "BTCUSDT", "level": "1", "startUnit": "0", "endUnit": "150000", "leverage": "125",
             "keepMarginRate": "0.004"}  # fmt: skip
    bitget["leverageTiers"] = {"BTC/USDT:USDT": [{**unified, "info": level}]}
    assert load(bitget).overlays["x: brackets"]["BTCUSDT"]["brackets"] == [["0", "150000", "0.004", "125", ""]]


@pytest.mark.parametrize(("printed", "warned"), [(None, False), ("0.1", False), ("0.3", True)])
def test_a_deduction_that_tiers_leave_out_is_derived_and_a_printed_one_checked(
    printed: str | None, warned: bool
) -> None:
    """0.5 % to 20, then 1 %: the second tier deducts 20 · (1 % − 0.5 %) = 0.1."""
    document = sample("bybit")
    row = {"id": 1, "symbol": "BTCUSDT", "riskLimitValue": "20", "maintenanceMargin": "0.005",
           "initialMargin": "0.01", "maxLeverage": "100", "mmDeduction": "0"}  # fmt: skip
    second = {**row, "id": 2, "riskLimitValue": "2000000", "maintenanceMargin": "0.01", "mmDeduction": printed or ""}
    tier = {"minNotional": 0, "maxNotional": 1, "maintenanceMarginRate": 0.005, "maxLeverage": 100}
    document["leverageTiers"] = {
        "BTC/USDT:USDT": [{**tier, "tier": number, "info": info} for number, info in ((1, row), (2, second))]
    }
    report = report_of(load(document))
    fee = Decimal("0.57258882") - Decimal("103.6829") * Decimal("0.005")
    deduction = Decimal(printed or "0.1")
    assert report.money["maintenance_margin"] == Decimal("103.6829") * Decimal("0.01") - deduction + fee
    assert any("amount" in warning for warning in report.warnings) is warned


def test_positions_beside_a_whole_account_agree_with_it() -> None:
    document = sample("dydx")
    document["positions"][0]["info"] = {**document["positions"][0]["info"], "size": "0.002"}
    assert refused(document) == ("inconsistent", "x.json: positions[0].info.size")
    state = SAMPLES["hyperliquid"]
    row = {"symbol": "ETH/USDC:USDC", "contracts": 0.0335, "info": state["assetPositions"][0]}
    balance = {"info": state, "total": {"USDC": 13.1}, "free": {}}
    (account,) = load({"positions": [row], "balance": balance}).accounts
    assert account.rules == "hyperliquid/perps"
    assert account.positions == load(state).accounts[0].positions
    assert refused({"exchange": "hyperliquid", "positions": [row]}) == ("missing_key", "x.json")


@pytest.mark.parametrize(
    ("name", "path", "value", "code"),
    [
        ("bybit", "positions.0.info.side", "None", "unknown_choice"),
        ("bybit", "positions.0.info.symbol", "BTC-26DEC25-100000-C", "unsupported"),
        ("bybit", "positions.0.info.avgPrice", "0", "not_positive"),
        ("bybit", "positions.0.info.tradeMode", 1, None),
        ("bybit", "balance.info.result.list.0.accountType", "SPOT", "unknown_choice"),
        ("bybit", "balance.info.result.list.0.coin.0.walletBalance", "", "missing_key"),
        ("okx", "positions.0.info.instType", "MARGIN", "unsupported"),
        ("okx", "positions.0.info.mgnMode", "cash", "unknown_choice"),
        ("okx", "positions.0.info.avgPx", None, "not_given"),
        ("okx", "balance.info.data.0.details.0.cashBal", "x", "not_a_number"),
        ("bitget", "positions.0.info.marginCoin", "BTC", "unsupported"),
        ("bitget", "positions.0.info.posSide", "long", "unsupported"),
        ("bitget", "balance.info.0.accountEquity", None, "missing_key"),
        ("deribit", "positions.0.info.direction", "buy", "inconsistent"),
        ("deribit", "positions.0.info.instrument_name", "BTC", "unknown_market"),
        ("deribit", "balance.info.summaries.0.equity", None, "missing_key"),
        ("bitmex", "positions.0.info.currency", "GWEI", "unsupported"),
        ("bitmex", "positions.0.info.posMargin", None, "missing_key"),
        ("bitmex", "positions.0.info.posMargin", 1.5, "wrong_type"),
        ("htx", "positions.0.info.contract_code", "BTC-USDT", "unsupported"),
        ("htx", "positions.0.info.cost_hold", None, "not_given"),
        ("htx", "balance.info.data.0.margin_static", None, "missing_key"),
        ("htx", "balance.info.data.0.symbol", "ETH", "missing_key"),
        ("binance-coinm", "positions.0.info.isolatedWallet", None, "missing_key"),
        ("binance-coinm", "positions.0.info.positionSide", "UP", "unknown_choice"),
        ("dydx", "balance.info.assetPositions.USDC.side", "UP", "unknown_choice"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(name: str, path: str, value: Any, code: str | None) -> None:
    document = sample(name)
    *keys, last = (int(key) if key.isdigit() else key for key in path.split("."))
    inner = document
    for key in keys:
        inner = inner[key]
    inner[last] = value
    if code is None:
        (account,) = load(document).accounts
        assert account.positions[0].mode == "isolated"
        return
    found, place = refused(document)
    assert found == {"not_given": "wrong_type"}.get(code, code)
    assert place.startswith("x.json: balance" if path.startswith("balance") else "x.json: positions[0].info")


def test_positions_of_two_rule_sets_are_two_files() -> None:
    document = sample("bitmex")
    other = copy.deepcopy(document["positions"][0])
    other["info"].update(symbol="XBTUSD", currency="XBt", currentQty=-1)
    document["positions"].append(other)
    assert refused(document) == ("ambiguous", "x.json")


def test_an_answer_has_one_account() -> None:
    for name, path in (("okx", "data"), ("bybit", "result.list")):
        document = sample(name)
        rows = document["balance"]["info"]
        for key in path.split("."):
            rows = rows[key]
        rows.append(rows[0])
        assert refused(document) == ("ambiguous", f"x.json: balance.info.{path}")
    document = sample("bitget")
    document["balance"]["info"][0]["marginCoin"] = "BTC"
    assert refused(document) == ("missing_key", "x.json: balance.info")


def test_isolated_positions_alone_take_nothing_of_the_balance() -> None:
    bitget, okx = sample("bitget"), sample("okx")
    bitget["positions"][0]["info"]["marginMode"] = "isolated"
    okx["positions"][0]["info"].update(mgnMode="isolated", margin="20", imr="", posSide="long")
    for document, margin in ((bitget, "165.9645"), (okx, "20")):
        (account,) = load(document).accounts
        assert account.wallet == {}
        assert account.positions[0].isolated_wallet == Decimal(margin)
        del document["balance"]
        document["exchange"] = account.venue
        assert load(document).accounts[0].positions == account.positions


@pytest.mark.parametrize(
    ("name", "wallet"),
    [
        ("bybit", {"USDT": "100"}),
        ("okx", {"USDT": "25.68468559"}),
        ("bitget", {"USDT": "342.53742727"}),
        ("deribit", {"BTC": "0.01"}),
        ("bitmex", {"USDT": "100"}),
        ("htx", {"BTC": "0.001027070082162999"}),
        ("binance-coinm", {"BTC": "0.00731942"}),
    ],
)
def test_an_account_without_positions_has_its_wallet(name: str, wallet: dict[str, str]) -> None:
    document = sample(name)
    document.pop("leverageTiers", None)
    document.update(exchange="binancecoinm" if name == "binance-coinm" else name, positions=[])
    (account,) = load(document).accounts
    assert account.wallet == {currency: Decimal(amount) for currency, amount in wallet.items()}
    assert account.positions == ()
    assert report_of(load(document)).error is None


def test_positions_of_size_zero_are_none() -> None:
    sizes = {"bybit": "size", "okx": "pos", "bitget": "total", "deribit": "size", "bitmex": "currentQty",
             "htx": "volume", "binance-coinm": "positionAmt"}  # fmt: skip
    for name, key in sizes.items():
        document = sample(name)
        info = document["positions"][0]["info"]
        info.update({key: "0", **({"direction": "zero"} if name == "deribit" else {})})
        document["exchange"] = "binancecoinm" if name == "binance-coinm" else name
        assert load(document).accounts[0].positions == ()


def test_deribit_needs_the_summary_of_every_currency_and_one_margin_model() -> None:
    document = sample("deribit")
    other = copy.deepcopy(document["positions"][0])
    other["info"].update(instrument_name="ETH-PERPETUAL", average_price=2000, mark_price=2000, index_price=2000)
    document["positions"].append(other)
    assert set(load(document).accounts[0].wallet) == {"BTC", "ETH"}
    summaries = document["balance"]["info"]["summaries"]
    summaries[1]["portfolio_margining_enabled"] = True
    assert refused(document) == ("ambiguous", "x.json: balance.info")
    del summaries[1]
    assert refused(document) == ("missing_key", "x.json: balance.info")
    del other["info"]["total_profit_loss"], document["positions"][0]["info"]["total_profit_loss"]
    assert refused(document)[0] == "missing_key"


def test_margin_modes_of_coin_margined_contracts() -> None:
    document = sample("binance-coinm")
    position = document["positions"][0]
    info = position["info"]
    del info["marginType"]
    for changes, unified, mode in (
        ({"isolated": False}, None, "cross"),
        ({"isolated": None}, "cross", "cross"),
        ({"isolated": None}, None, "isolated"),
    ):
        info.update(changes)
        position["marginMode"] = unified
        assert load(document).accounts[0].positions[0].mode == mode
    info.update(positionSide="LONG", positionAmt="-2")
    assert refused(document) == ("inconsistent", "x.json: positions[0].info.positionAmt")
    info.update(positionSide="SHORT", marginType="cross")
    (account,) = load(document).accounts
    assert (account.position_mode, account.positions[0].side) == ("hedge", "short")
    document["exchange"] = "binancecoinm"
    document["balance"]["info"]["assets"][0]["asset"] = "ETH"
    assert refused(document) == ("missing_key", "x.json: balance.info.assets")


def test_tiers_of_other_families_of_okx_leave_the_shipped_ones() -> None:
    document = sample("okx")
    document["leverageTiers"] = {"SOL/USDT:USDT": document["leverageTiers"]["ETH/USDT:USDT"]}
    (account,) = load(document).accounts
    assert account.parameters is None


def test_an_exchange_is_named_by_ccxt_s_id() -> None:
    document = sample("bybit")
    assert refused({**document, "exchange": "bibit"}) == ("unknown_choice", "x.json: exchange")
    assert "did you mean bybit" in load({**document, "exchange": "bibit"}).problems[0].expected
    assert refused({**document, "exchange": "okx"}) == ("unsupported", "x.json: positions[0].info")
    assert refused({**document, "positions": [], "exchange": "okx"}) == ("unsupported", "x.json: balance.info")
    (account,) = load({**document, "positions": [], "exchange": "bybit"}).accounts
    assert account.positions == ()
    del document["positions"][0]["info"]
    assert refused({**document, "exchange": "bybit"}) == ("missing_key", "x.json: positions[0].info")
    assert refused({**document, "balance": {"total": {"USDT": 1}, "free": {}}, "positions": [], "exchange": "bybit"})[
        0
    ] == ("missing_key")


def test_answers_of_two_venues_are_not_mixed() -> None:
    bybit, okx = sample("bybit"), sample("okx")
    assert refused({**bybit, "balance": okx["balance"]}) == ("unsupported", "x.json: balance.info")
    mixed = {**bybit, "positions": bybit["positions"] + okx["positions"]}
    assert refused(mixed) == ("unsupported", "x.json: positions[1].info")


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in ("aave", "maker", "compound", "comet")])
def test_the_venue_is_told_from_the_fields(name: str) -> None:
    if name == "hyperliquid":
        assert shape_of(SAMPLES[name]) == "exchange_account"
        assert exchange_of_balance(SAMPLES[name]) == name
        return
    expected = {"binance-coinm": "binance_usdm"}.get(name, name)
    assert shape_of(SAMPLES[name]) == "combined"
    assert exchange_of_position(SAMPLES[name]["positions"][0]["info"]) == expected
    if name != "binance-coinm":
        assert exchange_of_balance(SAMPLES[name]["balance"]["info"]) == name


ODD = (None, "", "x", "-1", -1, 10**400, True, [], {}, [None], {"a": None}, "nan", "1e999")


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in items for path in ((*here, key), *paths(inner, (*here, key)))]


@pytest.mark.parametrize("name", SAMPLES)
def test_an_odd_value_in_any_place_is_a_problem_or_nothing(name: str) -> None:
    for path in paths(SAMPLES[name]):
        document = sample(name)
        inner = document
        for key in path[:-1]:
            inner = inner[key]
        kept = inner[path[-1]]
        for odd in ODD:
            inner[path[-1]] = odd
            for problem in (*load(document).problems, *(one.problem for one in load(document).rejected)):
                assert problem.place.startswith("x.json"), (path, odd, problem)
        inner[path[-1]] = kept
