"""dydx/4: the chain's own expected values, borders to the quantum, updates, plans and overlays."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from marginbook.domain.account import Account, Fixed, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Fill, IndexUpdate, OrderChange, Setting, Stamp, Transfer
from marginbook.domain.market import Index, Market, Quote
from marginbook.testing.conformance import conform
from marginbook.units import parse_time
from marginbook.venues.dydx.quantums import NOTHING, MarginRisk, is_valid_transition
from marginbook.venues.dydx.subaccount import Holding, Perpetual, Subaccount, asset_collateral, deleveraging_quote
from marginbook.venues.registry import rule_set

AT = parse_time("2026-10-01")
STAMP = Stamp()
VECTORS = Path(__file__).parent.parent / "vectors" / "dydx" / "v4.json"
RULES = rule_set("dydx/4")
MODULE = RULES.module
PARAMETERS = MODULE.parameters("4", AT)


def quoted(**prices: str) -> Market:
    return Market(quotes={("dydx", f"{name}-USD", "oracle"): Quote(Decimal(price)) for name, price in prices.items()})


def held(market: str = "BTC-USD", quantity: str = "1", side: Any = "long", **more: Any) -> Position:
    return Position(market=market, side=side, quantity=Decimal(quantity), entry=Decimal(50_000), **more)


def owner(usdc: str, *positions: Position, **more: Any) -> Account:
    return Account(id="a", rules="dydx/4", wallet={"USDC": Decimal(usdc)}, positions=positions, **more)


def after(account: Account, event: Any, market: Market) -> Account:
    found: Account = MODULE.apply(account, market, event, PARAMETERS, AT)[0]
    return found


def bought(quantity: str, price: str, side: Any = "buy", market: str = "BTC-USD", **more: Any) -> Fill:
    return Fill(
        stamp=STAMP, account="a", market=market, side=side, quantity=Decimal(quantity), price=Decimal(price), **more
    )


def moved(amount: str, kind: Any = "withdrawal", **more: Any) -> Transfer:
    return Transfer(stamp=STAMP, account="a", kind=kind, asset="USDC", amount=Decimal(amount), **more)


def refused(call: Any) -> str:
    with pytest.raises(BadInput) as caught:
        call()
    return caught.value.problem.code


def test_every_expected_value_of_the_chains_own_tests() -> None:
    answer = conform([VECTORS])
    assert answer["failures"] == []
    assert sum(row["passed"] for row in answer["results"]) >= 140
    assert sum(row["unsupported"] for row in answer["results"]) == 0


@pytest.mark.parametrize(
    ("usdc", "liquidatable"), [("-49400", False), ("-49400.000001", True), ("-49399.999999", False)]
)
def test_liquidatable_one_quote_quantum_below_maintenance(usdc: str, liquidatable: bool) -> None:
    # 1 BTC at 50,000: maintenance 1.2 % = 600, net collateral 50,000 − 49,400 = 600.
    assert (
        MODULE.is_liquidatable(owner(usdc, held()), "cross:USDC", quoted(BTC="50000"), PARAMETERS, AT) is liquidatable
    )


def test_negative_usdc_without_a_position_is_not_liquidatable() -> None:
    assert not MODULE.is_liquidatable(owner("-5"), "cross:USDC", Market(), PARAMETERS, AT)


def test_requirements_are_rounded_up_twice_and_notional_is_cut() -> None:
    # 1e-10 BTC at 50,000 is 5e-6 USDC, five quanta: initial ceil(5·0.02) = 1, maintenance ceil(1·0.6) = 1.
    found = MODULE.risk(owner("1", held(quantity="0.0000000001")), quoted(BTC="50000"), PARAMETERS, AT)["cross:USDC"]
    assert (found.support, found.demand, found.demand_initial) == (1_000_005, 1, 1)
    short = MODULE.risk(owner("1", held(quantity="0.0000000001", side="short")), quoted(BTC="59999.9"), PARAMETERS, AT)
    assert short["cross:USDC"].support == 1_000_000 - 5  # −5.99999 quanta, toward zero


def test_open_interest_and_own_fraction_raise_initial_margin_only() -> None:
    market = replace(quoted(SOL="100"), state={("dydx", "SOL-USD", "open_interest"): Decimal(350_000)})
    account = owner("1000", held("SOL-USD", "10"))
    found = MODULE.risk(account, market, PARAMETERS, AT)["cross:USDC"]
    assert found.demand_initial == 550_000_000  # 35 M between caps of 20 M and 50 M: 10 % + 90 % · 1/2
    assert found.demand == 50_000_000
    own = replace(account, positions=(held("SOL-USD", "10", details={"custom_imf_ppm": "800000"}),))
    raised = MODULE.risk(own, market, PARAMETERS, AT)["cross:USDC"]
    assert (raised.demand_initial, raised.demand) == (800_000_000, 50_000_000)
    by_leverage = replace(account, positions=(held("SOL-USD", "10", leverage=Decimal(3)),))
    assert MODULE.risk(by_leverage, quoted(SOL="100"), PARAMETERS, AT)["cross:USDC"].demand_initial == 333_334_000
    assert "open interest is not known" in MODULE.warnings(account, quoted(SOL="100"), PARAMETERS, AT)[0]  # type: ignore[attr-defined]


def test_funding_of_all_positions_is_settled_with_one_floor() -> None:
    # One index unit is 10^-18·10^16 = 0.01 USDC per BTC and 0.001 USDC per ETH.
    market = replace(
        quoted(BTC="50000", ETH="3000"),
        indices={("dydx", "BTC-USD", "funding"): Index(10**16), ("dydx", "ETH-USD", "funding"): Index(-(10**15))},
    )
    account = owner("0", held(quantity="0.00005"), held("ETH-USD", "0.0015", funding_index_raw=0))
    found = MODULE.quantities(account, market, PARAMETERS, AT)["cross:USDC"]
    # −0.5 quanta and +1.5 quanta make 1 quantum; floored one by one they would make 0.
    assert found.venue["usdc_position"] == Decimal("0.000001")
    account, _ = MODULE.apply(account, market, moved("1", "deposit"), PARAMETERS, AT)
    assert account.wallet["USDC"] == Decimal("1.000001")
    assert account.positions[0].funding_index_raw == 10**16


def test_a_price_keeps_only_the_digits_of_the_chain() -> None:
    account = owner("0", held())
    sums = [
        MODULE.risk(account, quoted(BTC=price), PARAMETERS, AT)["cross:USDC"].support
        for price in ("50000.12345", "50000.123459")
    ]
    assert sums[0] == sums[1] == 50_000_123_450


@pytest.mark.parametrize(
    ("before", "now", "valid"),
    [
        (MarginRisk(50, 200, 100), MarginRisk(25, 100, 50), True),
        (MarginRisk(50, 200, 100), MarginRisk(24, 100, 50), False),
        (MarginRisk(50, 200, 100), MarginRisk(199, 201, 101), False),
        (MarginRisk(-50, 200, 100), MarginRisk(-50, 0, 0), False),
        (MarginRisk(-50, 0, 0), MarginRisk(-49, 0, 0), True),
        (MarginRisk(-50, 0, 0), MarginRisk(-50, 0, 0), False),
        (MarginRisk(50, 200, 100), MarginRisk(0, 0, 0), True),
    ],
)
def test_less_or_equally_risky(before: MarginRisk, now: MarginRisk, valid: bool) -> None:
    assert is_valid_transition(before, now) is valid


def test_isolated_positions_are_subaccounts_of_their_own() -> None:
    alone = held("EIGEN-USD", "10", mode="isolated", isolated_wallet=Decimal(-10))
    account = owner("100", held(), alone)
    found = MODULE.risk(account, quoted(BTC="50000", EIGEN="4"), PARAMETERS, AT)
    assert {name: sums.support for name, sums in found.items()} == {
        "cross:USDC": 50_100_000_000,
        "isolated:EIGEN-USD:long": 30_000_000,
    }
    for mode in ("isolated", None):
        fill = bought("10", "4", "sell", "EIGEN-USD", mode=mode)
        assert after(account, fill, quoted(BTC="50000", EIGEN="4")).wallet["USDC"] == Decimal(130)
    fresh = bought("10", "4", market="EIGEN-USD", mode="isolated")
    assert refused(lambda: after(owner("100"), fresh, quoted(EIGEN="4"))) == "missing_isolated_wallet"
    paid = after(account, moved("5", "transfer", pool="cross", to_pool="isolated:EIGEN-USD:long"), quoted(BTC="50000"))
    assert (paid.wallet["USDC"], paid.positions[1].isolated_wallet) == (95, -5)


def test_fills_move_usdc_and_average_for_reading() -> None:
    market = quoted(BTC="50000")
    account = after(owner("10000"), bought("1", "50000", fee=Decimal("2.0000001")), market)
    assert account.wallet["USDC"] == Decimal("-40002.000001")
    account = after(account, bought("1", "52000"), market)
    assert account.positions[0].entry == Decimal(51000)
    account = after(account, bought("3", "53000", "sell"), market)
    assert (account.positions[0].side, account.positions[0].quantity) == ("short", 1)
    assert account.wallet["USDC"] == Decimal("66997.999999")
    account = after(account, bought("1", "53000"), market)
    assert account.positions == ()
    assert refused(lambda: after(account, bought("0.00000000001", "1"), market)) == "bad_quantity"
    assert refused(lambda: after(account, bought("1", "1", market="NONE-USD"), market)) == "no_parameters"
    shared = owner("100", held())
    assert refused(lambda: after(shared, bought("1", "4", market="EIGEN-USD"), market)) == "isolated_market"


def test_a_withdrawal_stops_at_the_initial_margin() -> None:
    market = quoted(BTC="50000")
    account = owner("-40000", held())  # net collateral 10,000, initial margin 1,000
    assert after(account, moved("-9000"), market).wallet["USDC"] == Decimal(-49000)
    assert refused(lambda: after(account, moved("-9000.000001"), market)) == "insufficient_collateral"
    assert refused(lambda: after(account, moved("0.0000001", "deposit"), market)) == "bad_amount"
    found = MODULE.quantities(account, market, PARAMETERS, AT)["cross:USDC"]
    assert (found.withdrawable, found.wallet_balance, found.unrealized_pnl) == (9000, 10000, 0)


def test_settings_snapshots_orders_and_indices() -> None:
    market = quoted(BTC="50000")
    account = owner("0", held(details={"custom_imf_ppm": "1"}))
    changed = after(account, Setting(stamp=STAMP, account="a", kind="leverage", value="4"), market)
    assert MODULE.risk(changed, market, PARAMETERS, AT)["cross:USDC"].demand_initial == 12_500_000_000
    assert refused(lambda: after(account, Setting(stamp=STAMP, account="a", kind="emode", value="1"), market)) == (
        "unsupported_setting"
    )
    placed = OrderChange(
        stamp=STAMP, account="a", order_id="1", market="BTC-USD", side="buy", quantity=Decimal(1), price=Decimal(1)
    )
    assert len(after(account, placed, market).orders) == 1
    index = IndexUpdate(stamp=STAMP, venue="dydx", asset="BTC-USD", kind="funding", value=Decimal("0.02"))
    _, known = MODULE.apply(account, market, index, PARAMETERS, AT)
    assert known.indices["dydx", "BTC-USD", "funding"].value_raw == 2 * 10**16
    assert (
        after(account, AccountSnapshot(stamp=STAMP, account=account), known).positions[0].funding_index_raw
        == 2 * 10**16
    )
    finer = replace(index, value=Decimal("0.001"))
    assert refused(lambda: after(account, finer, market)) == "bad_funding_index"


def test_the_plan_is_the_chains_order() -> None:
    account = owner("-49500", held())  # net collateral 500, maintenance 600
    plan = MODULE.plan_liquidation(account, "cross:USDC", quoted(BTC="50000"), PARAMETERS, AT)
    # At most 10 % of the position: 0.1 BTC. Price 50,000 − (1 − 500/600)·1.5·600 = 49,850.
    assert (plan.market, plan.close_most, plan.price) == ("BTC-USD", Decimal("0.1"), Decimal(49850))
    # Bankruptcy: 4,950 for a tenth; proceeds 4,985; the penalty is capped at 1.5 %, 74.775.
    assert plan.fee == 35
    assert sum(flow.amount for flow in plan.flows if flow.asset == "USDC") == 0
    done = replace(account, details={"liquidated_markets": "BTC-USD"})
    assert MODULE.plan_liquidation(done, "cross:USDC", quoted(BTC="50000"), PARAMETERS, AT).reason
    spent = replace(account, details={"notional_liquidated_raw": "100000000000"})
    assert "limit" in str(MODULE.plan_liquidation(spent, "cross:USDC", quoted(BTC="50000"), PARAMETERS, AT).reason)
    safe = MODULE.plan_liquidation(owner("0", held()), "cross:USDC", quoted(BTC="50000"), PARAMETERS, AT)
    assert safe.reason
    assert not safe.close_most


def test_under_water_the_insurance_fund_pays_within_its_limit() -> None:
    account = owner("-50100", held())
    plan = MODULE.plan_liquidation(account, "cross:USDC", quoted(BTC="50000"), PARAMETERS, AT)
    paid = next(flow.amount for flow in plan.flows if flow.party == "insurance")
    # Rating 1: limit 50,000 − 1.5·600 = 49,100; a tenth brings 4,910 against a bankruptcy price of 5,010.
    assert (paid, plan.fee, plan.bad_debt) == (-100, 0, 100)
    spent = replace(account, details={"insurance_lost_raw": "999900000001"})
    assert "insurance" in str(MODULE.plan_liquidation(spent, "cross:USDC", quoted(BTC="50000"), PARAMETERS, AT).reason)


def test_a_fund_that_cannot_pay_means_deleveraging() -> None:
    market = quoted(BTC="50000")
    for fund, price, size in (("100", 49_100, "0.1"), ("99.999999", 50_100, "1")):
        known = replace(market, state={("dydx", "BTC-USD", "insurance_fund"): Decimal(fund)})
        plan = MODULE.plan_liquidation(owner("-50100", held()), "cross:USDC", known, PARAMETERS, AT)
        assert (plan.price, plan.close_most) == (price, Decimal(size))
    assert {flow.party for flow in plan.flows if flow.amount} == {"account", "counterparties"}


def test_a_deleveraging_at_the_planned_price_pays_what_the_flows_say_to_the_unit() -> None:
    """7 coins, each a third of a quantum dearer than a price of eight decimals says."""
    account = owner("-350700.000003", held(quantity="7"))
    known = replace(quoted(BTC="50000"), state={("dydx", "BTC-USD", "insurance_fund"): Decimal(0)})
    plan = MODULE.plan_liquidation(account, "cross:USDC", known, PARAMETERS, AT)
    own = {flow.asset: flow.amount for flow in plan.flows if flow.party == "account"}
    assert own == {"USDC": Decimal("350700.000003"), "BTC-USD": -7}
    fill = Fill(stamp=STAMP, account="a", market="BTC-USD", side="sell", quantity=Decimal(7), price=plan.price)
    closed = after(account, fill, known)
    assert (closed.wallet["USDC"], closed.positions) == (0, ())


def test_liquidation_prices_on_the_chains_grid() -> None:
    # Near zero a notional below one quantum asks for nothing; the price is found all the same.
    for quantity, usdc in (("1", "-49400"), ("0.01", "-494"), ("0.0001", "-4.94")):
        account = owner(usdc, held(quantity=quantity))
        found = MODULE.liquidation_prices(account, quoted(BTC="60000"), PARAMETERS, AT)
        assert [(price.when, price.source) for price in found] == [("at_or_below", "exact")]
        at, above = (
            MODULE.is_liquidatable(account, "cross:USDC", quoted(BTC=str(price)), PARAMETERS, AT)
            for price in (found[0].price, found[0].price + Decimal("0.00001"))
        )
        assert (at, above) == (True, False)
        assert abs(found[0].price - 50_000) < Decimal("0.02")
    short = MODULE.liquidation_prices(owner("50600", held(side="short")), Market(), PARAMETERS, AT)
    assert [(price.when, price.price) for price in short] == [("at_or_above", Decimal("50000.00001"))]
    assert MODULE.liquidation_prices(owner("1", held()), Market(), PARAMETERS, AT) == []


def test_who_may_be_deleveraged_and_at_what() -> None:
    perpetual = Perpetual(
        market="BTC-USD",
        atomic_resolution=-10,
        price=5_000_000_000,
        price_exponent=-5,
        tier=PARAMETERS.terms_of("BTC-USD").tier,
    )
    holding = Holding(perpetual=perpetual, quantums=10**10)
    under = Subaccount(usdc=-50_001_000_000, holdings=(holding,))
    assert deleveraging_quote(under, "BTC-USD", -(10**10)) == 50_001_000_000
    safe = Subaccount(usdc=0, holdings=(holding,), fixed=NOTHING)
    assert deleveraging_quote(safe, "BTC-USD", -(10**10)) is None
    assert deleveraging_quote(safe, "BTC-USD", -(10**10), final_settlement=True) == 50_000_000_000


def test_tables_are_dated() -> None:
    ppm = [
        MODULE.parameters("4", parse_time(day)).terms_of("BTC-USD").tier.initial_margin_ppm
        for day in ("2023-10-26", "2024-10-01", "2024-10-02")
    ]
    assert ppm == [50_000, 50_000, 20_000]
    assert refused(lambda: MODULE.parameters("4", parse_time("2023-10-25"))) == "no_parameters"
    assert refused(lambda: PARAMETERS.terms_of("NONE-USD")) == "no_parameters"
    assert PARAMETERS.terms_of("BTC-USD").quantity_step == Decimal("0.0001")


def test_only_usdc_is_collateral() -> None:
    assert (asset_collateral("USDC", -5), asset_collateral("BTC", 0)) == (-5, 0)
    assert refused(lambda: asset_collateral("BTC", 1)) == "unsupported_collateral"
    assert refused(lambda: asset_collateral("BTC", -1)) == "unsupported_debt"


def test_overlays() -> None:
    own = MODULE.parameters(
        "4",
        AT,
        {
            "BTC-USD": {"initial_margin_ppm": "30000"},
            "tier:1": {"maintenance_fraction_ppm": "600000"},
            "NEW-USD": {"tier": "4", "atomic_resolution": "-6", "price_exponent": "-9"},
            "liquidations": {"max_liquidation_fee_ppm": "10000"},
        },
    )
    assert own.terms_of("BTC-USD").tier.initial_margin_ppm == 30_000
    assert own.terms_of("BTC-USD").tier.maintenance_fraction_ppm == 600_000
    assert own.terms_of("SOL-USD").tier.maintenance_fraction_ppm == 600_000
    assert own.terms_of("NEW-USD").tier.open_interest_upper_cap == 10**12
    assert own.config.max_liquidation_fee_ppm == 10_000
    early = MODULE.parameters("4", 0, {"*": {"initial_margin_ppm": "1", "maintenance_fraction_ppm": "1",
                                             "atomic_resolution": "-6", "price_exponent": "-9"}})  # fmt: skip
    assert early.terms_of("ANY-USD").tier.initial_margin_ppm == 1


@pytest.mark.parametrize(
    ("overlay", "code"),
    [
        ({"BTC-USD": {"rate": "1"}}, "unknown_parameter"),
        ({"BTC-USD": {"tier": "9"}}, "bad_parameter"),
        ({"BTC-USD": {"initial_margin_ppm": "1000001"}}, "bad_parameter"),
        ({"BTC-USD": {"atomic_resolution": "7"}}, "bad_parameter"),
        ({"BTC-USD": {"step_base_quantums": "0"}}, "bad_parameter"),
        ({"tier:1": {"open_interest_lower_cap_raw": "60000000000000"}}, "bad_parameter"),
        ({"NEW-USD": {"tier": "1"}}, "no_parameters"),
        ({"NEW-USD": {"atomic_resolution": "-6", "price_exponent": "-9"}}, "no_parameters"),
        ({"BTC-USD": "x"}, "bad_parameters"),
    ],
)
def test_overlays_that_are_none(overlay: dict[str, Any], code: str) -> None:
    assert refused(lambda: MODULE.parameters("4", AT, overlay)) == code


@pytest.mark.parametrize(
    ("account", "code"),
    [
        (owner("1.0000001"), "bad_amount"),
        (Account(id="a", rules="dydx/4", wallet={"USDT": Decimal(1)}), "unsupported_collateral"),
        (owner("0", held(), held(side="short")), "duplicate_position"),
        (owner("0", held(mode="isolated")), "missing_isolated_wallet"),
        (owner("0", held(quantity="0.00000000001")), "bad_quantity"),
        (owner("0", held(funding_index_raw=1)), "bad_funding_index"),
        (owner("0", held("ETH-USD")), "missing_price"),
    ],
)
def test_accounts_that_are_none(account: Account, code: str) -> None:
    assert refused(lambda: MODULE.risk(account, quoted(BTC="50000"), PARAMETERS, AT)) == code


def test_fixed_sums_count() -> None:
    account = owner("-49400", held(), fixed=Fixed(support=Decimal(5), demand=Decimal(4)))
    found = MODULE.risk(account, quoted(BTC="50000"), PARAMETERS, AT)["cross:USDC"]
    assert (found.support, found.demand) == (605_000_000, 604_000_000)
