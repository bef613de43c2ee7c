"""dydx/3: the division-free rule one unit either side of its borders, transitions, deleveraging, overlays, events."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from marginbook.domain.account import Account, Fixed, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import AccountSnapshot, Fill, OrderChange, Setting, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.exact import round_floor
from marginbook.testing.laws import settings
from marginbook.units import parse_time
from marginbook.venues.dydx_v3.fixed_point import (
    ONE,
    Asset,
    Status,
    funded_collateral,
    has_smaller_holdings,
    internal_price,
    is_fair_deleverage,
    is_valid_transition,
    least_collateral,
    risk_factor,
    status,
)
from marginbook.venues.dydx_v3.transition import change_refusal
from marginbook.venues.registry import rule_set

AT = parse_time("2022-06-01")
MODULE = rule_set("dydx/3").module
HALF = {"BTC-USD": {"risk_factor_raw": str(2**31), "initial_fraction": "0.6"}, "ETH-USD": {"risk_factor": "0.05"}}
PARAMETERS = MODULE.parameters("3", AT, HALF)
STAMP = Stamp()


def quoted(**prices: str) -> Market:
    return Market(quotes={("dydx", f"{name}-USD", "oracle"): Quote(Decimal(price)) for name, price in prices.items()})


def held(quantity: str = "1", side: Any = "long", market: str = "BTC-USD", **more: Any) -> Position:
    return Position(market=market, side=side, quantity=Decimal(quantity), entry=Decimal(40_000), **more)


def owner(usdc: str, *positions: Position, **more: Any) -> Account:
    return Account(id="a", rules="dydx/3", wallet={"USDC": Decimal(usdc)}, positions=positions, **more)


def refused(call: Any) -> str:
    with pytest.raises(BadInput) as caught:
        call()
    return caught.value.problem.code


def after(account: Account, event: Any, market: Market) -> Account:
    found: Account = MODULE.apply(account, market, event, PARAMETERS, AT)[0]
    return found


@pytest.mark.parametrize(("usdc", "liquidatable"), [("-20000", False), ("-20000.000001", True)])
def test_liquidatable_only_above_equality(usdc: str, liquidatable: bool) -> None:
    # 40,000 is exact in 32.32 (2^32 · 40,000 / 10^4), so that risk is exactly 20,000.
    account, market = owner(usdc, held()), quoted(BTC="40000")
    assert MODULE.is_liquidatable(account, "cross:USDC", market, PARAMETERS, AT) is liquidatable
    assert not MODULE.is_liquidatable(owner("-5"), "cross:USDC", market, PARAMETERS, AT)


def test_the_rule_in_rationals() -> None:
    price, balance, collateral = internal_price(12_345_678_901_234_567_890_123, 10), -123_456_789, 7_000_000
    exact = Fraction(12_345_678_901_234_567_890_123, 10**18) / 10**4
    assert abs(Fraction(price, ONE) - exact) <= Fraction(1, 2 * ONE)
    found = status(collateral, [Asset(market="X", balance=balance, price=price, segments=((2**128, 3),))])
    assert Fraction(found.value, ONE) == collateral + Fraction(price, ONE) * balance
    assert Fraction(found.risk, ONE**2) == Fraction(price, ONE) * -balance * Fraction(3, ONE)


def test_risk_steps_by_balance_or_value_with_inclusive_bounds() -> None:
    assert [risk_factor(((10, 1), (20, 2), (2**128, 3)), n) for n in (0, 10, 11, 20, 21)] == [1, 1, 2, 2, 3]
    rows = [["1", "0.25"], ["Infinity", "0.5"]]
    by_balance = MODULE.parameters("3", AT, {"BTC-USD": {"segments": rows}})
    by_value = MODULE.parameters("3", AT, {"BTC-USD": {"segments": [["40000", "0.25"], rows[1]], "risk_by": "value"}})
    for parameters in (by_balance, by_value):
        demands = [
            MODULE.risk(owner("0", held(size)), quoted(BTC="40000"), parameters, AT)["cross:USDC"].demand
            for size in ("1", "1.0000000001")
        ]
        assert demands == [10_000, Decimal("20000.000002")]


def test_funding_is_floored_once() -> None:
    assets = [
        Asset(market="X", balance=1, price=1, segments=(), funding_delta=ONE - 1),
        Asset(market="Y", balance=-1, price=1, segments=(), funding_delta=-1),
    ]
    assert funded_collateral(10, assets) == 9
    assert funded_collateral(10, assets[:1]) == 9
    state = {("dydx", "BTC-USD", "funding_index_raw"): 7}
    market = replace(quoted(BTC="40000"), state=state)
    account = owner("100", held(details={"funding_index_raw": "6"}))
    found = MODULE.quantities(account, market, PARAMETERS, AT)["cross:USDC"]
    # 10^10 · 2^-32 units are 2.33, rounded down to −3.
    assert found.venue["collateral_balance"] == Decimal("99.999997")
    assert after(account, transfer("1", "deposit"), market).positions[0].details["funding_index_raw"] == "7"


@pytest.mark.parametrize(
    ("before", "now", "shrinks", "valid"),
    [
        (Status(1, 4 * ONE), Status(2, 2 * ONE), False, True),
        (Status(2, 4 * ONE), Status(1, 2 * ONE), True, True),
        (Status(2, 4 * ONE), Status(1, 2 * ONE), False, False),
        (Status(2, 4 * ONE), Status(1, 2 * ONE + 1), True, False),
        (Status(-2, 0), Status(-2, 0), True, True),
        (Status(-2, 0), Status(-3, 0), True, False),
    ],
)
def test_transitions(before: Status, now: Status, shrinks: bool, valid: bool) -> None:
    assert is_valid_transition(before, now, shrinks) is valid


def test_holdings_shrink_without_changing_sign() -> None:
    before = {"X": -5, "Y": 3}
    assert has_smaller_holdings(before, {"X": -5, "Y": 0})
    for grown in ({"X": -6}, {"Y": -1}, {"Z": 1}):
        assert not has_smaller_holdings(before, grown)


def test_the_least_collateral_is_valid_and_fair_and_one_less_is_not() -> None:
    segments = ((2**128, 200_000_000),)
    long = Asset(market="X", balance=1000, price=7 * ONE + 5, segments=segments)
    other = Asset(market="Y", balance=-300, price=3 * ONE + 1, segments=segments)
    before = status(-6200, [long, other])
    for closed in (1000, 999, 1):
        left = replace(long, balance=long.balance - closed)
        change = left.value - long.value
        least = least_collateral(before, change, left.risk + other.risk)
        now, short = (status(-6200 + least - less, [left, other]) for less in (0, 1))
        assert is_valid_transition(before, now, True)
        assert is_fair_deleverage(before, now)
        assert not is_valid_transition(before, short, True)


def test_the_plan_closes_the_position_with_most_risk_at_the_least_price() -> None:
    account, market = owner("-21000", held(), held("1", market="ETH-USD")), quoted(BTC="40000", ETH="1000")
    plan = MODULE.plan_liquidation(account, "cross:USDC", market, PARAMETERS, AT)
    found = MODULE.risk(account, market, PARAMETERS, AT)["cross:USDC"]
    assert (plan.market, plan.close_most) == ("BTC-USD", 1)
    # Value 20,000 over a risk of 20,050: at oracle · (1 − factor · TV / TR).
    ratio = found.support / found.demand
    assert abs(plan.price - 40_000 * (1 - ratio / 2)) < Decimal("0.000002")
    assert plan.bad_debt == 0
    safe = owner("0", held())
    assert MODULE.plan_liquidation(safe, "cross:USDC", market, PARAMETERS, AT).reason
    under = MODULE.plan_liquidation(owner("-41000", held()), "cross:USDC", market, PARAMETERS, AT)
    assert (under.bad_debt, under.price) == (1000, 41000)
    assert refused(lambda: MODULE.plan_liquidation(safe, "main", market, PARAMETERS, AT)) == "unknown_pool"


def test_liquidation_prices_of_eight_decimals() -> None:
    account = owner("-20000", held())
    found = MODULE.liquidation_prices(account, quoted(BTC="50000"), PARAMETERS, AT)
    assert [price.when for price in found] == ["at_or_below"]
    # 32.32 rounds a price to 2^-32 · 10^4 USDC: the border lies within half of that below 40,000.
    assert 0 < 40_000 - found[0].price <= Decimal("0.0000012")
    short = MODULE.liquidation_prices(owner("60000", held(side="short")), Market(), PARAMETERS, AT)
    assert [price.when for price in short] == ["at_or_above"]
    assert 0 < short[0].price - 40_000 <= Decimal("0.0000012")
    assert MODULE.liquidation_prices(owner("1", held()), Market(), PARAMETERS, AT) == []


def test_numbers_of_a_position() -> None:
    found = MODULE.quantities(owner("-30000", held()), quoted(BTC="43750"), PARAMETERS, AT)["cross:USDC"]
    assert (found.margin_balance, found.maintenance_margin, found.initial_margin) == (13_750, 21_875, 26_250)
    assert (found.wallet_balance, found.unrealized_pnl, found.withdrawable) == (10_000, 3_750, 0)
    for support, liquidatable in (("8126", False), ("8125.999999", True)):
        fixed = owner("-30000", held(), fixed=Fixed(support=Decimal(support), demand=Decimal(1)))
        assert MODULE.is_liquidatable(fixed, "cross:USDC", quoted(BTC="43750"), PARAMETERS, AT) is liquidatable


def transfer(amount: str, kind: Any = "withdrawal", **more: Any) -> Transfer:
    return Transfer(stamp=STAMP, account="a", kind=kind, asset="USDC", amount=Decimal(amount), **more)


def fill(quantity: str, price: str, side: Any, **more: Any) -> Fill:
    return Fill(
        stamp=STAMP, account="a", market="BTC-USD", side=side, quantity=Decimal(quantity), price=Decimal(price), **more
    )


def test_events() -> None:
    market = quoted(BTC="40000")
    account = after(owner("30000"), fill("1", "40000", "buy", fee=Decimal("1.0000001")), market)
    assert account.wallet["USDC"] == Decimal("-10001.000001")
    account = after(account, fill("0.5", "42000", "sell"), market)
    assert (account.positions[0].quantity, account.wallet["USDC"]) == (Decimal("0.5"), Decimal("10998.999999"))
    # 20,000 of value at a factor of one half: 10,000 must stay.
    assert after(account, transfer("-20998.999999"), market).wallet["USDC"] == -10_000
    assert refused(lambda: after(account, transfer("-20999"), market)) == "insufficient_collateral"
    assert after(account, fill("0.5", "42000", "sell"), market).positions == ()
    order = OrderChange(
        stamp=STAMP, account="a", order_id="1", market="BTC-USD", side="buy", quantity=Decimal(1), price=Decimal(1)
    )
    assert len(after(account, order, market).orders) == 1
    assert after(account, AccountSnapshot(stamp=STAMP, account=owner("1")), market).wallet["USDC"] == 1
    assert refused(lambda: after(account, Setting(stamp=STAMP, account="a", kind="leverage", value="2"), market)) == (
        "unsupported_event"
    )
    assert refused(lambda: after(account, fill("0.00000000001", "1", "buy"), market)) == "bad_quantity"
    assert refused(lambda: after(account, transfer("1", "deposit", to_pool="x"), market)) == "unknown_pool"


def test_risk_factors_of_a_book_replace_the_shipped_ones() -> None:
    shipped = MODULE.parameters("3", parse_time("2023-02-01"))
    assert [shipped.terms_of(f"{coin}-USD").segments for coin in ("BTC", "AVAX")] == [
        ((2**128, 128849019),),
        ((2**128, 214748365),),
    ]
    assert shipped.terms_of("BTC-USD").initial_fraction == Decimal("0.05")
    assert refused(lambda: shipped.terms_of("DOGE-USD")) == "no_parameters"
    assert refused(lambda: MODULE.parameters("3", parse_time("2021-11-15")).terms_of("BTC-USD")) == "no_parameters"
    assert refused(lambda: MODULE.parameters("3", parse_time("2020-12-31"), HALF)) == "no_parameters"
    every = MODULE.parameters("3", AT, {"*": {"risk_factor": "0.1"}, "BTC-USD": {"risk_factor_raw": "1"}})
    assert (every.terms_of("ETH-USD").resolution, every.terms_of("BTC-USD").segments[0][1]) == (9, 1)
    assert refused(lambda: every.terms_of("NEW-USD")) == "no_parameters"
    new = MODULE.parameters("3", AT, {"*": {"risk_factor": "0.1", "resolution": "6"}})
    assert new.terms_of("NEW-USD").resolution == 6


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"rate": "1"}, "unknown_parameter"),
        ({"risk_factor": "1"}, "bad_parameter"),
        ({"risk_factor_raw": "0"}, "bad_parameter"),
        ({"risk_factor": "0.1", "risk_factor_raw": "1"}, "bad_parameter"),
        ({"risk_factor": "0.1", "resolution": "20"}, "bad_parameter"),
        ({"segments": []}, "bad_segments"),
        ({"segments": [["1", "0.1"]]}, "bad_segments"),
        ({"segments": [["Infinity", "0.1"], ["Infinity", "0.2"]]}, "bad_segments"),
        ({"segments": [["0", "0.1"], ["Infinity", "0.2"]]}, "bad_segments"),
        ({"segments": [["1"], ["Infinity", "0.2"]]}, "bad_segments"),
        ({"segments": [["0.00000000001", "0.1"], ["Infinity", "0.2"]]}, "bad_segments"),
        ("x", "bad_parameters"),
    ],
)
def test_overlays_that_are_none(row: Any, code: str) -> None:
    assert refused(lambda: MODULE.parameters("3", AT, {"BTC-USD": row})) == code


@pytest.mark.parametrize(
    ("account", "code"),
    [
        (owner("1.0000001"), "bad_amount"),
        (owner("10000000000000"), "out_of_range"),
        (owner("0", held("0.00000000001")), "bad_quantity"),
        (owner("0", held(mode="isolated")), "unsupported_mode"),
        (owner("0", held(), held(side="short")), "bad_position"),
        (owner("0", held(market="ETH-USD")), "missing_price"),
        (owner("0", held(market="SOL-USD")), "no_parameters"),
        (Account(id="a", rules="dydx/3", wallet={"USDT": Decimal(1)}), "unsupported_collateral"),
    ],
)
def test_accounts_that_are_none(account: Account, code: str) -> None:
    assert refused(lambda: MODULE.risk(account, quoted(BTC="40000"), PARAMETERS, AT)) == code


def test_a_price_that_32_32_cannot_hold() -> None:
    assert refused(lambda: MODULE.risk(owner("0", held()), quoted(BTC="0.0000001"), PARAMETERS, AT)) == "bad_price"


def test_a_fill_at_the_planned_price_pays_what_the_flows_say_to_the_unit() -> None:
    """Also of 8,600,000 coins at 0.153, where eight decimals are half a cent short."""
    plans = [s.call("plan_liquidation", pool) for s in settings("dydx/3", 60, seed=3) for pool in s.call("risk")]
    plans = [plan for plan in plans if plan.reason is None]
    assert len(plans) > 10
    for plan in plans:
        paid = {flow.asset: flow.amount for flow in plan.flows if flow.party == "account"}
        assert plan.price > 0
        assert round_floor(plan.close_most * plan.price, 6) == abs(paid["USDC"])
        assert (paid["USDC"] > 0) == (paid[plan.market] < 0)


def test_balances_and_amounts_at_the_end_of_their_range() -> None:
    most, last = Decimal(2**63 - 1).scaleb(-6), Decimal(-(2**63)).scaleb(-6)
    market = quoted(BTC="40000")
    full = owner(str(most))
    # As the circuit: the least balance is one further from 0, and more may be paid out than a balance holds.
    assert MODULE.risk(owner(str(last)), market, PARAMETERS, AT)["cross:USDC"].support == last
    assert refused(lambda: after(full, transfer("0.000001", "deposit"), market)) == "out_of_range"
    assert refused(lambda: after(full, transfer(f"-{most + Decimal('0.000002')}"), market)) == "insufficient_collateral"
    assert refused(lambda: after(full, transfer(f"-{Decimal(2**64).scaleb(-6)}"), market)) == "out_of_range"
    assert after(full, transfer(f"-{most}"), market).wallet["USDC"] == 0
    assert refused(lambda: after(full, fill("1", "1", "sell"), market)) == "out_of_range"


def test_refusals_of_changes_by_the_circuit_s_names() -> None:
    market = quoted(BTC="40000")
    most = Decimal(2**63 - 1).scaleb(-6)
    short = "ILLEGAL_POSITION_TRANSITION"

    def change(before: Account, now: Account) -> str | None:
        return change_refusal(before, now, market, PARAMETERS)

    weak = owner("-30000", held())
    assert change(owner("0"), owner("-20000", held())) is None
    assert change(owner("0"), owner("-20000.000001", held())) == f"{short}_ENLARGING_SYNTHETIC_HOLDINGS"
    assert change(weak, owner("-30000.000001", held())) == f"{short}_REDUCING_TOTAL_VALUE_RISK_RATIO"
    assert change(weak, weak) is None
    assert change(owner("-5"), owner("-5.000001")) == f"{short}_NO_RISK_REDUCED_VALUE"
    assert change(weak, owner(str(most), held())) == "OUT_OF_RANGE_TOTAL_VALUE"
    assert change(weak, owner(str(most + 1), held())) == "OUT_OF_RANGE_BALANCE"
    assert refused(lambda: change(weak, owner("0", held(market="ETH-USD")))) == "missing_price"
    half = MODULE.parameters("3", AT, {"*": {"resolution": "6", "risk_factor_raw": str(2**32 - 1)}})
    wide = [held("9000000000000", side, name) for name, side in (("A-USD", "long"), ("B-USD", "short"))]
    ones = quoted(A="1.1", B="1.1")
    assert change_refusal(owner("0"), owner("0", *wide), ones, half) == "OUT_OF_RANGE_TOTAL_RISK"
