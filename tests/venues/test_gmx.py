"""GMX v2: the venue's own numbers, edges one unit either side, events, planner, overlays."""

from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, IndexUpdate, Stamp, Transfer
from marginbook.domain.market import Index, Market, Quote
from marginbook.testing.conformance import conform
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.gmx import parameters
from marginbook.venues.gmx.applying import apply
from marginbook.venues.gmx.closing import close
from marginbook.venues.gmx.impact import Balance, decrease_price, increase, price_impact
from marginbook.venues.gmx.margin import capped_profit, check, required_to_open
from marginbook.venues.gmx.parameters import Terms
from marginbook.venues.gmx.positions import claimable_funding, funding_due, held_named, positions_of
from marginbook.venues.gmx.power import FLOAT, apply_factor
from marginbook.venues.gmx.rates import Funding, amount_per_size, borrowing_factor_per_second, next_funding

AT = parse_time("2026-10-01")
STAMP = Stamp(time=AT)
POOL = "isolated:ETH/USD:long"
VECTORS = Path(__file__).parent.parent / "vectors" / "gmx"


def position(**changes: Any) -> Position:
    """Long 10 ETH for 30,000 with 500 USDC."""
    given: dict[str, Any] = {
        "market": "ETH/USD",
        "side": "long",
        "quantity": D(10),
        "entry": D(3000),
        "mode": "isolated",
        "isolated_wallet": D(500),
    }
    return Position(**(given | changes))


def setting_of(*positions: Position, price: str = "3000", state: Any = None, indices: Any = None) -> Setting:
    prices = {"ETH/USD": D(price), "USDC": D(1), "WETH": D(price)}
    quotes = {("gmx", name, kind): Quote(value) for name, value in prices.items() for kind in ("min", "max")}
    account = Account(id="a", rules="gmx/2", mode="isolated", positions=positions or (position(),))
    market = Market(quotes=quotes, state=state or {}, indices=indices or {})
    return Setting(account, market, parameters("2", AT), AT)


def applied(setting: Setting, event: Any) -> Account:
    return apply(setting.account, setting.market, event, setting.parameters, setting.at)[0]


def test_every_number_of_the_venues_own_tests() -> None:
    found = conform([VECTORS])
    assert found["failures"] == []
    assert sum(row["passed"] for row in found["results"]) == 67


@pytest.mark.parametrize(
    ("price", "collateral", "side", "left"),
    [
        ("2500", 10**18, "long", 10**18),
        ("0.8", 5 * 10**9, "long", 5_375_000_000),
        ("5000", 10**18, "bad", 0),
        ("5000", 10**18, "short", 898 * 10**15),
    ],
)
def test_what_a_liquidated_trader_got_back(price: str, collateral: int, side: str, left: int) -> None:
    """30,000 tokens for 450,000: nothing lost at 15; 300 won at 15.01; all lost at 1; short, 510 lost at 15.017."""
    index = {"long": "15" if price == "2500" else "15.01", "bad": "1", "short": "15.017"}[side]
    decimals = 18 if collateral >= 10**18 else 6
    row = {
        "long_token": "C",
        "long_decimals": decimals,
        "short_token": "C",
        "short_decimals": decimals,
        "index_token": "SOL",
        "min_collateral_factor": "0.01",
    }
    held = position(
        market="SOL/USD",
        side="short" if side == "short" else "long",
        quantity=D(30000),
        entry=D(15),
        isolated_wallet=D(collateral).scaleb(-decimals),
        details={"collateral": "C"},
    )
    overlay = {"SOL/USD": {"index_decimals": "18", **row}}
    quotes = {
        ("gmx", name, kind): Quote(D(value))
        for name, value in (("SOL/USD", index), ("C", price))
        for kind in ("min", "max")
    }
    account = Account(id="a", rules="gmx/2", mode="isolated", positions=(held,))
    setting = Setting(account, Market(quotes=quotes), parameters("2", AT, overlay, "elsewhere"), AT)
    pool = f"isolated:SOL/USD:{held.side}"
    assert setting.call("is_liquidatable", pool)
    closing, _ = close(held_named(account, pool, setting.parameters), setting.market, AT)
    assert collateral + closing.amounts["account", "C"] == left
    assert bool(setting.call("plan_liquidation", pool).bad_debt) == (side == "bad")


def test_the_check_turns_at_half_a_percent_and_not_one_unit_above() -> None:
    """Size 30,000 asks 150; the fee of a worse balance is 18: at 500 USDC the price may fall by 33.2."""
    at_border = setting_of(price="2966.8")
    below = setting_of(price="2966.799999999999")
    assert (
        check(held_named(at_border.account, POOL, at_border.parameters), at_border.market, AT).remaining == 150 * FLOAT
    )
    assert not at_border.call("is_liquidatable", POOL)
    assert below.call("is_liquidatable", POOL)
    (price, _) = at_border.call("liquidation_prices")
    assert (price.price, price.when) == (D("2966.79999999"), "at_or_below")


@pytest.mark.parametrize(
    ("collateral", "reason"), [("200", ""), ("167.99", "min collateral for leverage"), ("18.9", "min collateral")]
)
def test_reasons_in_the_venues_order(collateral: str, reason: str) -> None:
    setting = setting_of(position(isolated_wallet=D(collateral)))
    assert check(held_named(setting.account, POOL, setting.parameters), setting.market, AT).reason == reason


def test_collateral_in_the_index_token_moves_with_it() -> None:
    setting = setting_of(position(isolated_wallet=D("0.1"), details={"collateral": "WETH"}))
    (price,) = setting.call("liquidation_prices")
    # 10.1 · P = 30,000 + 150 + fee, the fee being whole units of WETH at P
    assert abs(price.price - D("30168") / D("10.1")) < D("0.0000001")
    two = setting_of(position(), position(details={"collateral": "WETH"}, isolated_wallet=D("0.1")))
    assert list(two.call("risk")) == [f"{POOL}/USDC", f"{POOL}/WETH"]


def test_borrowing_is_cut_and_funding_rounds_up() -> None:
    indices = {
        ("gmx", "ETH/USD:long", "borrow"): Index(10**27 + 1, 10**24, AT // 10**6 - 2),
        ("gmx", "ETH/USD:long:USDC", "funding"): Index(10**18 + 1),
    }
    details = {"borrowing_factor": "0", "funding_fee_per_size_raw": "0"}
    setting = setting_of(position(details=details), indices=indices)
    fees = check(held_named(setting.account, POOL, setting.parameters), setting.market, AT).fees
    # 30,000 · 0.001002 dollars; 30,000e30 · (1e18 + 1) / 1e45 = 30,000,000.00000000003 units
    assert (fees.borrowing, fees.funding, fees.position) == (30_060_000, 30_000_001, 18_000_000)
    without = replace(setting.account, positions=(position(),))
    with pytest.raises(BadInput, match="missing_detail"):
        replace(setting, account=without).call("risk")
    ahead = replace(setting.account, positions=(position(details={**details, "borrowing_factor": "1"}),))
    with pytest.raises(BadInput, match="borrowing_factor"):
        replace(setting, account=ahead).call("risk")


def test_impact_counts_only_up_to_its_factor_for_liquidations() -> None:
    state = {
        ("gmx", "ETH/USD", "long_open_interest"): D(10**7),
        ("gmx", "ETH/USD", "short_open_interest"): D(5 * 10**7),
    }
    setting = setting_of(position(details={"pending_impact": "-1"}), state=state)
    base = check(held_named(setting.account, POOL, setting.parameters), setting.market, AT)
    assert base.impact == 0
    overlay = parameters("2", AT, {"ETH/USD": {"max_impact_factor_for_liquidations": "0.01"}})
    capped = replace(setting, parameters=overlay)
    assert check(held_named(setting.account, POOL, overlay), setting.market, AT).impact == -300 * FLOAT
    assert _lowered(capped).opaque
    assert not _lowered(setting).opaque


def _lowered(setting: Setting) -> Any:
    from marginbook.venues.gmx.lowering import lower

    return lower(setting.account, setting.market, setting.parameters).pools[0]


SEQUENCE = (
    # long and short open interest [1,000 USD], change of a side, impact [10^-30 USD] or None, price, pending amount
    (0, 0, 200, True, None, 5010020040080160, -79999999999999999),
    (200, 0, 200, True, -1199999999999999977764056140040000, 5030181086519114, -239999999999999996),
    (400, 0, 10, False, 39500000000000000326409486835000, 5019828321871391, 7900000000000000),
    (400, 0, 500, False, None, 5007009813739234, 139999999999999997),
    (400, 500, 100, False, None, 4985044865403788, -59999999999999999),
    (400, 600, 200, True, 199999999999999996294009356670000, 4995004995004995, 39999999999999999),
    (600, 600, 100, True, None, 5005005005005005, -20000000000000000),
)
"""Source: gmx-synthetics test/exchange/PositionPriceImpact/PairMarket.ts, commit a5c0c8835182; numbers only."""
DECREASES = (
    # open interest, position [1,000 USD], closed, side, impact, price
    (400, 10, 10, 10, False, -79000000000000000652818973670000, 5039500000000000),
    (700, 600, 500, 100, True, 49999999999999999073502339165000, 5002499999999999),
    (600, 600, 400, 100, True, -99999999999999998147004678330000, 4995000000000001),
    (500, 600, 600, 100, False, 49999999999999999073502339165000, 4997500000000001),
)
PAIR_MARKET = Terms(
    index_token="WETH",
    min_collateral_factor=10**28,
    min_collateral_factor_for_liquidation=10**28,
    positive_impact_factor=5 * 10**21,
    negative_impact_factor=10**22,
    positive_impact_exponent=2 * FLOAT,
    negative_impact_exponent=2 * FLOAT,
    positive_max_impact_factor=2 * 10**28,
    negative_max_impact_factor=2 * 10**28,
)
THOUSAND = 1000 * FLOAT


@pytest.mark.parametrize(("long", "short", "size", "is_long", "usd", "price", "pending"), SEQUENCE)
def test_execution_of_increases(
    long: int, short: int, size: int, is_long: bool, usd: int | None, price: int, pending: int
) -> None:
    balance = Balance(long * THOUSAND, short * THOUSAND)
    found = increase(PAIR_MARKET, balance, size * THOUSAND, is_long, 5 * 10**15, 5 * 10**15)
    assert (found.price, found.impact_amount) == (price, pending)
    assert usd in (None, found.impact_usd)


@pytest.mark.parametrize(("long", "short", "held", "closed", "is_long", "usd", "price"), DECREASES)
def test_execution_of_decreases(
    long: int, short: int, held: int, closed: int, is_long: bool, usd: int, price: int
) -> None:
    found = price_impact(PAIR_MARKET, Balance(long * THOUSAND, short * THOUSAND), -closed * THOUSAND, is_long)
    assert found.usd == usd
    tokens = held * 10**18 // 5
    assert decrease_price(5 * 10**15, held * THOUSAND, tokens, closed * THOUSAND, usd, is_long) == price


def test_virtual_inventory_makes_a_negative_impact_worse() -> None:
    terms = PAIR_MARKET
    own = price_impact(terms, Balance(0, 0), 1000 * FLOAT, True)
    worse = price_impact(terms, Balance(0, 0, -1000 * FLOAT), 1000 * FLOAT, True)
    milder = price_impact(terms, Balance(0, 0, 1000 * FLOAT), 1000 * FLOAT, True)
    assert worse.usd < own.usd < 0
    assert milder == own
    assert price_impact(terms, None, 1000 * FLOAT, True).usd == 0
    crossing = price_impact(terms, Balance(0, 500 * FLOAT), 1500 * FLOAT, True)
    assert crossing.usd < 0
    assert decrease_price(5000, 10**6, 100, 10**6, 10**4, False) == 4900


def test_profit_is_capped_by_what_the_pool_may_pay() -> None:
    state = {
        ("gmx", "ETH/USD", "long_open_interest"): D(30000),
        ("gmx", "ETH/USD", "long_open_interest_in_tokens"): D(10),
        ("gmx", "ETH/USD", "long_pool_amount"): D(1),
    }
    setting = setting_of(price="6000", state=state)
    found = check(held_named(setting.account, POOL, setting.parameters), setting.market, AT).pnl
    assert (found.uncapped, found.capped) == (30000 * FLOAT, 5400 * FLOAT)
    assert _lowered(setting).opaque
    terms = setting.parameters.terms_of("ETH/USD")
    assert capped_profit(terms, 7, 10**31, 0) == 7


def test_open_interest_asks_for_more_only_when_opening() -> None:
    state = {("gmx", "ETH/USD", "long_open_interest"): D(166_666_667)}
    setting = setting_of(state=state)
    held = held_named(setting.account, POOL, setting.parameters)
    assert required_to_open(held, setting.market) == 30000 * 10**30 // 10**30 * (166666667 * 6 * 10**19)
    assert check(held, setting.market, AT).demand == 150 * FLOAT
    assert setting.call("quantities")[POOL].withdrawable == D("199.9999994")


def test_borrowing_rates_against_the_venues_numbers() -> None:
    """Shorts of 150,000 over a pool of 1,000,000 at 2e-7 per second: 0.03628812 after 1,209,604 s."""
    terms = parameters("2", AT).terms_of("ETH/USD")
    plain = replace(terms, optimal_usage_factor=0, borrowing_factor=2 * 10**23, skip_borrowing_for_smaller_side=False)
    rate = borrowing_factor_per_second(plain, 150_000 * FLOAT, 10**6 * FLOAT, 150_000 * FLOAT, 200_000 * FLOAT)
    assert rate * 1_209_604 == 36_288_120_000_000_000_000_000_000_000
    skipping = replace(plain, skip_borrowing_for_smaller_side=True)
    assert borrowing_factor_per_second(skipping, FLOAT, FLOAT, 1, 2) == 0
    kinked = borrowing_factor_per_second(terms, 27 * 10**35, 10**36, 2, 1)
    assert abs(kinked - terms.above_optimal_borrowing_factor) <= 1


def test_funding_against_the_venues_numbers() -> None:
    """Longs of 200,000 in ETH pay shorts of 100,000 for 1,209,603 s at 1e-10 a second, ETH at 5,000."""
    terms = replace(
        parameters("2", AT).terms_of("ETH/USD"),
        funding_increase_factor=0,
        funding_factor=10**20,
        max_funding_factor=10**23,
    )
    found = next_funding(terms, 200 * THOUSAND, 100 * THOUSAND, 0, 1)
    assert found.longs_pay
    paid = apply_factor(200 * THOUSAND, 1_209_603 * found.factor_per_second)
    payers = amount_per_size(paid, 200 * THOUSAND, 5 * 10**15, True)
    receivers = amount_per_size(paid, 100 * THOUSAND, 5 * 10**15, False)
    assert receivers == 16128039999999999999838719
    indices = {
        ("gmx", "ETH/USD:long:WETH", "funding"): Index(payers),
        ("gmx", "ETH/USD:short", "borrow"): Index(0),
        ("gmx", "ETH/USD:short:WETH", "supply"): Index(receivers),
    }
    long = position(quantity=D(40), entry=D(5000), details={"collateral": "WETH", "funding_fee_per_size_raw": "0"})
    short = position(
        side="short", quantity=D(20), entry=D(5000), details={"borrowing_factor": "0", "claimable_WETH_raw": "0"}
    )
    setting = setting_of(long, short, price="5000", indices=indices)
    held = positions_of(setting.account, setting.parameters)
    assert funding_due(held["isolated:ETH/USD:long"], setting.market) == 1612804000000000
    assert claimable_funding(held["isolated:ETH/USD:short"], setting.market) == {"WETH": 1612803999999999}


def test_adaptive_funding_against_the_venues_numbers() -> None:
    """106,000 against 94,000, rising by 1e-6 of the imbalance a second; then 94,001 for ten minutes more."""
    terms = replace(
        parameters("2", AT).terms_of("ETH/USD"),
        funding_increase_factor=10**24,
        stable_funding_threshold=5 * 10**28,
        min_funding_factor=0,
        max_funding_factor=FLOAT,
    )
    first = next_funding(terms, 106 * THOUSAND, 94 * THOUSAND, 0, 600)
    assert first == Funding(36 * 10**24, True, 36 * 10**24)
    second = next_funding(terms, 106 * THOUSAND, 94_001 * FLOAT, 3624 * 10**22, 600)
    assert second == Funding(72236820015899920500397200, True, 72236820015899920500397200)


def test_funding_moves_towards_the_larger_side_and_stays_in_bounds() -> None:
    terms = parameters("2", AT).terms_of("ETH/USD")
    first = next_funding(terms, 60 * FLOAT, 40 * FLOAT, 0, 3600)
    assert first.longs_pay
    assert first.saved == 2 * 10**29 * terms.funding_increase_factor // FLOAT * 3600
    assert next_funding(terms, 60 * FLOAT, 40 * FLOAT, first.saved, 10**9).factor_per_second == terms.max_funding_factor
    turned = next_funding(terms, 40 * FLOAT, 60 * FLOAT, first.saved, 1)
    assert turned.saved < first.saved
    decaying = replace(terms, decrease_funding_threshold=FLOAT, stable_funding_threshold=FLOAT)
    assert next_funding(decaying, 60 * FLOAT, 40 * FLOAT, 10, 10**9) == Funding(terms.min_funding_factor, True, 1)
    simple = replace(terms, funding_increase_factor=0)
    assert next_funding(simple, 60 * FLOAT, 40 * FLOAT, 0, 1) == Funding(4 * 10**21, True, 0)


def test_fills_open_grow_shrink_and_close() -> None:
    setting = setting_of()
    empty = replace(setting, account=Account(id="a", rules="gmx/2", mode="isolated", wallet={"USDC": D(5000)}))

    def fill(side: Any, quantity: str, price: str = "3000", **more: Any) -> Fill:
        return Fill(stamp=STAMP, account="a", market="ETH/USD", side=side, quantity=D(quantity), price=D(price), **more)

    opened = applied(empty, fill("buy", "10", leverage=D(10), fee=D(18)))
    assert (opened.wallet["USDC"], opened.positions[0].isolated_wallet) == (2000, 2982)
    grown = applied(replace(setting_of(price="3300"), account=opened), fill("buy", "10", "3300"))
    assert grown.positions[0].details["size_in_usd"] == "63000"
    assert (grown.positions[0].entry, grown.positions[0].isolated_wallet) == (3150, 2982)
    held = replace(setting_of(price="3100"), account=grown)
    shrunk = applied(held, fill("sell", "10", "3100"))
    assert (shrunk.positions[0].quantity, shrunk.positions[0].isolated_wallet) == (10, 2482)
    closed = applied(replace(setting_of(price="3450"), account=shrunk), fill("sell", "10", "3450"))
    assert closed.positions == ()
    assert (closed.wallet["USDC"], closed.wallet["WETH"]) == (4482, D("0.869565217391304347"))
    for code, event in (
        ("missing_leverage", fill("buy", "1")),
        ("insufficient_balance", fill("buy", "10", leverage=D(2))),
        ("insufficient_collateral", fill("buy", "10", leverage=D(400))),
        ("closes_too_much", fill("sell", "1", position_side="long")),
        ("bad_fill", fill("buy", "0")),
    ):
        with pytest.raises(BadInput, match=code):
            applied(empty, event)


def test_collateral_comes_in_as_tokens_or_as_dollars_worth_and_leaves_while_enough_stays() -> None:
    setting = setting_of(position(isolated_wallet=D(1), details={"collateral": "WETH"}))

    def transfer(kind: Any, asset: str, amount: str) -> Transfer:
        return Transfer(stamp=STAMP, account="a", kind=kind, asset=asset, amount=D(amount), pool=POOL)

    assert applied(setting, transfer("deposit", "WETH", "0.5")).positions[0].isolated_wallet == D("1.5")
    assert applied(setting, transfer("deposit", "USD", "1500")).positions[0].isolated_wallet == D("1.5")
    # what remains after the fee of 18 dollars must be 150: 2,832 of 3,000 dollars may go
    assert applied(setting, transfer("withdrawal", "WETH", "-0.944")).positions[0].isolated_wallet == D("0.056")
    for code, event in (
        ("liquidatable_position", transfer("withdrawal", "WETH", "-0.944000000000000001")),
        ("wrong_asset", transfer("deposit", "USDC", "1")),
        ("insufficient_balance", transfer("withdrawal", "WETH", "-2")),
    ):
        with pytest.raises(BadInput, match=code):
            applied(setting, event)
    _, market = apply(
        setting.account,
        setting.market,
        IndexUpdate(stamp=STAMP, venue="gmx", asset="ETH/USD:long", kind="borrow", value=D(10**27)),
        setting.parameters,
        AT,
    )
    assert market.indices["gmx", "ETH/USD:long", "borrow"].value_raw == 10**27


BALANCED = {
    ("gmx", "ETH/USD", "long_open_interest"): D(10**7),
    ("gmx", "ETH/USD", "short_open_interest"): D(10**7),
}


def fill_of(side: Any, quantity: str, price: str, **more: Any) -> Fill:
    return Fill(stamp=STAMP, account="a", market="ETH/USD", side=side, quantity=D(quantity), price=D(price), **more)


def test_a_larger_position_carries_its_impact_and_a_smaller_one_rounds_its_share_of_a_loss_up() -> None:
    setting = setting_of(position(details={"pending_impact": "-0.000000000000000003"}), state=BALANCED)
    grown = applied(setting, fill_of("buy", "1", "3000")).positions[0]
    held = positions_of(replace(setting.account, positions=(grown,)), setting.parameters)[POOL]
    terms = setting.parameters.terms_of("ETH/USD")
    found = increase(terms, Balance(10**37, 10**37), 3000 * FLOAT, True, 3000 * 10**12, 3000 * 10**12)
    assert found.impact_amount < 0
    assert held.pending_impact == found.impact_amount - 3
    shrunk = applied(setting, fill_of("sell", "1", "3000")).positions[0]
    assert shrunk.details["pending_impact"] == "-0.000000000000000002"
    over = replace(setting, parameters=parameters("2", AT, {"ETH/USD": {"negative_impact_factor": "1"}}))
    with pytest.raises(BadInput, match="impact_too_large"):
        applied(over, fill_of("buy", "1", "3000"))


def test_orders_of_collateral_settle_what_is_due_and_leave_a_sound_position() -> None:
    indices = {
        ("gmx", "ETH/USD:long", "borrow"): Index(10**27),
        ("gmx", "ETH/USD:long:WETH", "supply"): Index(10**19),
    }
    details = {"borrowing_factor": "0", "claimable_WETH_raw": "0"}
    setting = setting_of(position(details=details), indices=indices)

    def transfer(kind: Any, amount: str) -> Account:
        event = Transfer(stamp=STAMP, account="a", kind=kind, asset="USDC", amount=D(amount), pool=POOL)
        return applied(setting, event)

    deposited = transfer("deposit", "10")
    assert (deposited.positions[0].isolated_wallet, deposited.wallet["WETH"]) == (480, D("0.0000000003"))
    assert deposited.positions[0].details["borrowing_factor"] == "0.001"
    assert transfer("bonus", "10").positions[0].isolated_wallet == 510
    most = setting.call("quantities")[POOL].withdrawable
    assert most == 500 - 30 - 18 - 150
    assert transfer("withdrawal", f"-{most}").positions[0].isolated_wallet == 168
    with pytest.raises(BadInput, match="liquidatable_position"):
        transfer("withdrawal", f"-{most + D('0.000001')}")
    thin = setting_of(position(isolated_wallet=D(100)))
    event = Transfer(stamp=STAMP, account="a", kind="deposit", asset="USDC", amount=D("67.9"), pool=POOL)
    with pytest.raises(BadInput, match="liquidatable_position"):
        applied(thin, event)
    assert applied(thin, replace(event, amount=D(68))).positions[0].isolated_wallet == 168


def test_a_liquidation_fill_pays_what_the_plan_says_and_no_trade_closes_what_it_cannot_pay() -> None:
    setting = setting_of(position(isolated_wallet=D(100)), state=BALANCED)
    plan = setting.call("plan_liquidation", POOL)
    told = {flow.asset: flow.amount for flow in plan.flows if flow.party == "account"}
    closed = applied(setting, fill_of("sell", "10", "1", fee=D(7), kind="liquidation"))
    assert closed.positions == ()
    assert closed.wallet["USDC"] == 100 + told["USDC"] > 0
    sunk = replace(setting, market=setting_of(price="2900", state=BALANCED).market)
    with pytest.raises(BadInput, match="insufficient_collateral"):
        applied(sunk, fill_of("sell", "10", "2900"))
    assert applied(sunk, fill_of("sell", "10", "2900", kind="adl")).positions == ()
    with pytest.raises(BadInput, match="closes_too_little"):
        applied(sunk, fill_of("sell", "5", "2900"))


def test_a_token_on_both_sides_pays_its_funding_twice_a_half() -> None:
    overlay = {"ETH/USD": {"short_token": "WETH", "short_decimals": "18"}}
    details = {"collateral": "WETH", "claimable_WETH_raw": "0"}
    indices = {("gmx", "ETH/USD:long:WETH", "supply"): Index(10**19 + 1)}
    setting = replace(setting_of(position(details=details), indices=indices), parameters=parameters("2", AT, overlay))
    held = held_named(setting.account, POOL, setting.parameters)
    assert claimable_funding(held, setting.market) == {"WETH": 2 * 300_000_000}


def test_parameters_are_dated_and_overlaid() -> None:
    assert parameters("2", AT).terms_of("BTC/USD").min_collateral_factor == 5 * 10**27
    assert parameters("2", AT, network="avalanche").terms_of("AVAX/USD").index_token == "WAVAX"
    for overlay, network in ((None, "mars"), ({"X/USD": {"long_token": "X"}}, None)):
        with pytest.raises(BadInput, match="no_parameters"):
            parameters("2", AT, overlay, network)
    with pytest.raises(BadInput, match="no_parameters"):
        parameters("2", parse_time("2020-01-01"))
    with pytest.raises(BadInput, match="no_parameters"):
        parameters("2", AT).terms_of("NOPE/USD")
    with pytest.raises(BadInput, match="unknown_parameter"):
        parameters("2", AT, {"ETH/USD": {"x": "1"}})
    anything = parameters("2", AT, {"*": {"min_collateral_factor": "0.02"}, "NEW/USD": {"index_decimals": "8"}})
    assert anything.terms_of("OTHER/USD").index_token == "OTHER"
    assert anything.terms_of("NEW/USD").min_collateral_factor_for_liquidation == 2 * 10**28


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("unknown_collateral", {"details": {"collateral": "DOGE"}}),
        ("missing_isolated_wallet", {"isolated_wallet": None}),
        ("bad_position", {"details": {"size_in_usd": "0"}}),
        ("bad_position", {"details": {"discount": "2"}}),
        ("bad_position", {"quantity": D("1e-30")}),
    ],
)
def test_what_a_position_must_say(code: str, changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=code):
        setting_of(position(**changes)).call("risk")
