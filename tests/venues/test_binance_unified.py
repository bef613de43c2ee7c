"""Binance's accounts of many assets: multi-assets mode, portfolio margin, and the deleveraging rank."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, LendingAction, Stamp
from marginbook.domain.market import Market, Quote
from marginbook.domain.zones import Zone
from marginbook.exact import CONTEXT, divide
from marginbook.margin_calls.zones import zone_of_account
from marginbook.units import parse_time
from marginbook.venues.binance_adl import adl_quantiles, adl_score
from marginbook.venues.binance_multi_assets import auto_exchanges
from marginbook.venues.registry import rule_set

AT = parse_time("2026-10-01")
MULTI, WHOLE = rule_set("binance/multi-assets"), rule_set("binance/portfolio")
RATES = {"USDT": {"collateral_rate": "1"}, "BTC": {"collateral_rate": "0.95"}, "BUSD": {"collateral_rate": "1"}}


def market(index: dict[str, str], **marks: str) -> Market:
    quotes = {("binance", name, "index"): Quote(D(price)) for name, price in index.items()}
    quotes |= {("binance", name, "mark"): Quote(D(price)) for name, price in marks.items()}
    return Market(quotes=quotes)


def account(rules: str, *positions: Position, **wallet: str) -> Account:
    return Account(id="a", rules=rules, wallet={k: D(v) for k, v in wallet.items()}, positions=positions)


def test_a_live_account_values_one_asset_at_two_rates() -> None:
    """2024-07-28: 0.009 BTC long at 80x; 0.54238506 USDT of profit were 0.54230362 USD, 2.43022194 of requirement
    2.43034303 USD. Both follow from one index and buffers of 0.01 %."""
    parameters = MULTI.module.parameters("multi-assets", AT, {"BTCUSDT": {"maintenance_rate": "0.004"}})
    mark = D("2.43022194") / (D("0.009") * D("0.004"))
    entry = mark - D("0.54238506") / D("0.009")
    position = Position(market="BTCUSDT", side="long", quantity=D("0.009"), entry=entry, leverage=D(80))
    held = account("binance/multi-assets", position, USDT="3.72964781")
    prices = market({"USDT": "0.99994984"}, BTCUSDT=str(mark))
    (sums,) = MULTI.module.risk(held, prices, parameters, AT).values()
    assert abs(sums.support - D("4.27203287") * D("0.54230362") / D("0.54238506")) < D("1e-6")
    assert abs(sums.demand - D("2.43034303")) < D("1e-7")
    assert abs(sums.demand_initial - D("7.59482199")) < D("1e-6")


def test_haircuts_of_the_faq() -> None:
    """BNB worth 1,000 counts 950, ADA worth 1,000 counts 900; what is owed counts more."""
    parameters = MULTI.module.parameters("multi-assets", AT)
    prices = market({"BNB": "500", "ADA": "0.5", "USDT": "1"})
    for wallet, expected in (({"BNB": "2"}, "950"), ({"ADA": "2000"}, "900"), ({"USDT": "-100"}, "-100.01")):
        (found,) = MULTI.module.quantities(account("binance/multi-assets", **wallet), prices, parameters, AT).values()
        assert found.margin_balance == D(expected)


def test_auto_exchange_sells_with_its_buffer() -> None:
    """-20,000 BUSD: 20,000 / 97.5 % = 20,513 BUSD of BTC are sold; at -10,000 nothing yet."""
    parameters = MULTI.module.parameters("multi-assets", AT)
    prices = market({"BUSD": "1", "BTC": "50000"})
    (found,) = auto_exchanges(account("x", BUSD="-20000", BTC="2"), prices, parameters)
    assert (found.asset, found.sold, round(found.bought)) == ("BUSD", "BTC", 20513)
    assert auto_exchanges(account("x", BUSD="-10000", BTC="2"), prices, parameters) == ()


def test_multi_assets_mode_refuses_isolated_margin() -> None:
    parameters = MULTI.module.parameters("multi-assets", AT)
    prices = market({"USDT": "1"}, BTCUSDT="50000")
    fill = Fill(
        stamp=Stamp(), account="a", market="BTCUSDT", side="buy", quantity=D(1), price=D(50000), mode="isolated"
    )
    with pytest.raises(BadInput, match="isolated_not_offered"):
        MULTI.module.apply(account("binance/multi-assets", USDT="1"), prices, fill, parameters, AT)
    held = replace(account("binance/multi-assets", USDT="1"), mode="isolated")
    crossed, _ = MULTI.module.apply(held, prices, replace(fill, mode="cross"), parameters, AT)
    assert MULTI.module.risk(crossed, prices, parameters, AT)["cross"].demand > 0
    isolated = replace(crossed, positions=(replace(crossed.positions[0], mode="isolated"),))
    with pytest.raises(BadInput, match="isolated_not_offered"):
        MULTI.module.risk(isolated, prices, parameters, AT)
    with pytest.raises(BadInput, match="no_parameters"):
        MULTI.module.risk(account("x", XYZ="1"), market({"XYZ": "1"}), parameters, AT)


def portfolio(**details: str) -> Account:
    held = Position(market="BTCUSDT", side="short", quantity=D(1), entry=D(50000), leverage=D(10))
    whole = account("binance/portfolio", held, USDT="3000", BTC="0.04")
    return replace(whole, details={"loan_USDT": "1000", **details})


def test_equity_takes_the_smaller_of_value_and_haircut() -> None:
    """BTC 0.04 at 50,000 counts 1,900; USDT 3,000 − 1,000; MM = 1 % of 50,000 + 10 % of the loan."""
    overlay = {**RATES, "BTCUSDT": {"maintenance_rate": "0.01"}}
    parameters = WHOLE.module.parameters("portfolio", AT, overlay)
    prices = market({"USDT": "1", "BTC": "50000"}, BTCUSDT="50000")
    (found,) = WHOLE.module.quantities(portfolio(), prices, parameters, AT).values()
    assert found.margin_ratio is not None
    assert found.margin_ratio.value == D("6.5")  # 3,900 / 600
    owed = replace(portfolio(), wallet={"USDT": D(3000), "BTC": D("-0.04")})
    (found,) = WHOLE.module.quantities(owed, prices, parameters, AT).values()
    assert found.margin_ratio is not None
    assert found.margin_ratio.value == D(0)  # 2,000 − 2,000: a debt counts in full


@pytest.mark.parametrize(
    ("equity", "zone"),
    [
        ("900", Zone.SAFE),
        ("899.99", Zone.WARNING),
        ("719.99", Zone.CALL),
        ("630.01", Zone.CALL),
        ("630", Zone.LIQUIDATION),
    ],
)
def test_bands_of_the_unified_maintenance_margin_ratio(equity: str, zone: Zone) -> None:
    """MM 600: 150 % is 900, 120 % is 720, 105 % is 630."""
    parameters = WHOLE.module.parameters("portfolio", AT, {**RATES, "BTCUSDT": {"maintenance_rate": "0.01"}})
    prices = market({"USDT": "1", "BTC": "50000"}, BTCUSDT="50000")
    held = replace(portfolio(), wallet={"USDT": D(1000) + D(equity)})
    assert zone_of_account(WHOLE, held, prices, parameters, AT) == zone


def test_loans_orders_and_margin_actions_of_a_portfolio() -> None:
    parameters = WHOLE.module.parameters("portfolio", AT, {**RATES, "BTCUSDT": {"maintenance_rate": "0.01"}})
    prices = market({"USDT": "1", "BTC": "50000"}, BTCUSDT="50000")
    held = portfolio(margin_leverage="10")
    (sums,) = WHOLE.module.risk(held, prices, parameters, AT).values()
    assert sums.demand == D("1.05") * 550  # 500 + 5 % of 1,000
    order = Order(market="BTCUSDT", side="buy", quantity=D(1), price=D(50100))
    (with_order,) = WHOLE.module.risk(replace(held, orders=(order,)), prices, parameters, AT).values()
    assert sums.support - with_order.support == 100
    for kind, wallet, debt in (("borrow", "3100", "1100"), ("repay", "2900", "900"), ("supply", "3100", "1000")):
        action = LendingAction(stamp=Stamp(), account="a", kind=kind, asset="USDT", amount=D(100))  # type: ignore[arg-type]
        after, _ = WHOLE.module.apply(held, prices, action, parameters, AT)
        assert (after.wallet["USDT"], after.details["loan_USDT"]) == (D(wallet), debt)
    everything = LendingAction(stamp=Stamp(), account="a", kind="repay", asset="USDT", amount=D("Infinity"))
    # What a contract in coin has paid never ends; loans are kept at 8 decimals.
    for owned, debt in ((divide(D(1000), D(3)), "666.66666667"), (D(4000), "0")):
        after, _ = WHOLE.module.apply(replace(held, wallet={"USDT": owned}), prices, everything, parameters, AT)
        assert after.details["loan_USDT"] == debt
        assert after.wallet["USDT"] == CONTEXT.subtract(owned, 1000 - D(debt))
        assert WHOLE.module.risk(after, prices, parameters, AT)
    with pytest.raises(BadInput, match="insufficient_balance"):
        WHOLE.module.apply(replace(held, wallet={"USDT": D(-5)}), prices, everything, parameters, AT)
    action = LendingAction(stamp=Stamp(), account="a", kind="withdraw", asset="USDT", amount=D(3000))
    with pytest.raises(BadInput, match="no_new_risk"):
        WHOLE.module.apply(replace(held, wallet={"USDT": D(3000)}), prices, action, parameters, AT)
    with pytest.raises(BadInput, match="bad_detail"):
        WHOLE.module.risk(portfolio(margin_leverage="4"), prices, parameters, AT)


def test_tiers_of_collateral_are_dated() -> None:
    """VET at 20 % from 2026-01-16 06:00 UTC, at 40 % before; and as a book's own tiers."""
    prices, many = market({"VET": "0.02"}), account("x", VET="7500000")
    tiers = {"VET": {"collateral_tiers": [["0", "50000", "1"], ["50000", "100000", "0.8"], ["100000", "", "0.5"]]}}
    for time, overlay, support in (
        ("2026-01-16T06:00:00Z", None, 30_000),
        ("2026-01-16T05:59:59Z", None, 60_000),
        ("2026-01-16T06:00:00Z", tiers, 50_000 + 40_000 + 25_000),
    ):
        parameters = WHOLE.module.parameters("portfolio", parse_time(time), overlay)
        assert [found.support for found in WHOLE.module.risk(many, prices, parameters, AT).values()] == [support]
    early = WHOLE.module.parameters("portfolio", parse_time("2025-08-01"))
    with pytest.raises(BadInput, match="no_parameters"):
        WHOLE.module.risk(account("x", VET="1"), prices, early, AT)
    with pytest.raises(BadInput, match="bad_tiers"):
        WHOLE.module.parameters("portfolio", AT, {"VET": {"collateral_tiers": [["1", "2", "0.5"]]}})


def test_the_deleveraging_rank() -> None:
    """wallet 100, profit 50, MM 3: 0.5 · 3/150 = 0.01; losers and the bankrupt have 0."""
    scores = [adl_score(D(100), D(50), D(3)), adl_score(D("0.5"), D(2), D(1)), adl_score(D(9), D(-1), D(1))]
    assert scores == [D("0.01"), D("0.8"), D(0)]
    assert [round(q, 4) for q in adl_quantiles(scores)] == [D("0.6667"), D(1), D("0.3333")]
