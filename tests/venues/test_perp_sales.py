"""Sales of other collateral of Perpetual Protocol v2: numbers that the venue's own tests assert, edges, refusals.

Numbers: perpetual-protocol/perp-curie-contract test/vault/Vault.liquidate.test.ts and Vault.liquidationGetter.test.ts
at d520bd8e2c42, transcribed as facts.
"""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from marginbook.domain.account import Account, Collateral, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.exact import from_raw, to_raw_exact
from marginbook.units import parse_time
from marginbook.venues.perp import parameters
from marginbook.venues.perp.model import figures
from marginbook.venues.perp.risk import warnings
from marginbook.venues.perp.sales import may_be_sold, most_sold, plan_sale, sale_of, sold

AT = parse_time("2024-06-01")
TERMS = {
    "mm_ratio_buffer": "0.002",
    "debt_ratio": "0.75",
    "sale_ratio": "0.5",
    "fund_share": "0.03",
    "debt_threshold": "10000",
    "dust_value": "500",
}
OVERLAY = {
    "*": TERMS,
    "WETH": {"collateral_ratio": "0.7", "discount_ratio": "0.1"},
    "WBTC": {"collateral_ratio": "0.7", "discount_ratio": "0.1", "decimals": "8"},
}
RULES = parameters("2", AT, OVERLAY)
POOL = "cross:USDC"


def account_of(wallet: str, size: str = "0", notional: str = "0", weth: str = "0", wbtc: str = "0") -> Account:
    position = Position(market="vETH", side="long", quantity=D(size), entry=D(1), details={"open_notional": notional})
    held = {"WETH": D(weth), "WBTC": D(wbtc)}
    return Account(
        id="a",
        rules="perp/2",
        wallet={"USDC": D(wallet)},
        positions=(position,) if D(size) else (),
        collateral=tuple(Collateral(asset=name, amount=amount) for name, amount in held.items() if amount),
    )


def market_of(price: str = "1") -> Market:
    prices = {"vETH": price, "WETH": "3000", "WBTC": "40000"}
    return Market(quotes={("perp", name, "oracle"): Quote(D(value)) for name, value in prices.items()})


@pytest.mark.parametrize(
    ("size", "notional", "weth", "price", "value", "settlement", "expected"),
    [
        ("18.88437579", "-3000", "0", "116", "190.587591", "190.587591", False),
        ("18.88437579", "-3000", "0.01", "110", "98.281336", "77.281336", True),
        ("18.88437579", "-3000", "0.4", "65", "67.484426", "-772.515574", True),
        ("18.88437579", "-3000", "0.7", "40", "225.375031", "-1244.624969", True),
        ("141.180531", "-30000", "20", "75", "23588.539825", "-18411.460175", True),
    ],
)
def test_what_may_be_sold(
    size: str, notional: str, weth: str, price: str, value: str, settlement: str, expected: bool
) -> None:
    account, market = account_of("1000", size, notional, weth), market_of(price)
    found = figures(account, market, RULES)
    assert from_raw(found.value, 18) == D(value)
    assert from_raw((found.settlement + found.unrealized) // found.step, 6) == D(settlement)
    assert may_be_sold(account, market, RULES) is expected
    assert bool(warnings(account, market, RULES, AT)) is expected


def test_a_higher_threshold_spares_a_debt() -> None:
    account, market = account_of("1000", "141.180531", "-30000", "20"), market_of("75")
    spared = parameters("2", AT, OVERLAY | {"*": TERMS | {"debt_threshold": "18411.460175"}})
    assert not may_be_sold(account, market, spared)
    reached = parameters("2", AT, OVERLAY | {"*": TERMS | {"debt_threshold": "18411.460174"}})
    assert may_be_sold(account, market, reached)


@pytest.mark.parametrize(
    ("wallet", "size", "asset", "paid", "tokens"),
    [
        ("-9000", "0", "WETH", "2700", "1"),
        ("-500", "0", "WETH", "515.463917", "0.190912562046582666"),
        ("-500", "0", "WBTC", "515.463917", "0.01431844"),
        ("-400", "0", "WETH", "412.371134", "0.152730049637266133"),
        ("0", "6000", "WETH", "309.27835", "0.114547537227949600"),  # 600 asked of a debt of 6000
    ],
)
def test_the_most_that_is_sold(wallet: str, size: str, asset: str, paid: str, tokens: str) -> None:
    account = account_of(wallet, size, "-" + size, "1", "1")
    most = most_sold(account, asset, market_of(), RULES)
    decimals = RULES.collateral(asset).decimals
    assert (from_raw(most.paid, 6), from_raw(most.tokens, decimals)) == (D(paid), D(tokens))


@pytest.mark.parametrize(
    ("asset", "tokens", "paid", "back"),
    [
        ("WETH", "0.333333333333333", "899.999999", "0.333333332962962963"),
        ("WETH", "0.333333333333333334", "900", "0.333333333333333334"),
        ("WBTC", "0.25252525", "9090.909", "0.25252525"),
    ],
)
def test_tokens_for_money_and_money_for_tokens(asset: str, tokens: str, paid: str, back: str) -> None:
    account, market, decimals = account_of("-90000", weth="30", wbtc="1"), market_of(), RULES.collateral(asset).decimals
    given = sale_of(account, asset, market, RULES, tokens=to_raw_exact(D(tokens), decimals))
    assert from_raw(given.paid, 6) == D(paid)
    assert given.to_fund == given.paid * 3 // 100
    bought = sale_of(account, asset, market, RULES, paid=to_raw_exact(D(paid), 6))
    assert from_raw(bought.tokens, decimals) == D(back)


def test_a_sale_moves_tokens_and_money_and_ends_where_nothing_is_left() -> None:
    account, market = account_of("-9000", weth="1"), market_of()
    plan = plan_sale(account, POOL, "WETH", market, RULES)
    assert (plan.market, plan.close_most, plan.collateral, plan.seized, plan.fee) == ("USDC", 2700, "WETH", 1, 81)
    for asset in ("USDC", "WETH"):
        assert sum(flow.amount for flow in plan.flows if flow.asset == asset) == 0
    after = sold(account, "WETH", sale_of(account, "WETH", market, RULES), RULES)
    assert (after.wallet["USDC"], after.collateral) == (-9000 + 2700 - 81, ())
    assert plan_sale(after, POOL, "WETH", market, RULES).reason is not None


def test_what_is_refused() -> None:
    account, market = account_of("-11000", weth="10"), market_of()
    most = most_sold(account, "WETH", market, RULES)
    with pytest.raises(BadInput, match="too_much"):
        sale_of(account, "WETH", market, RULES, tokens=most.tokens + 1)
    with pytest.raises(BadInput, match="too_much"):
        sale_of(account, "WETH", market, RULES, paid=most.paid + 1)
    with pytest.raises(BadInput, match="not_liquidatable"):
        sale_of(replace(account, wallet={"USDC": D(1)}), "WETH", market, RULES)
    with pytest.raises(BadInput, match="no_parameters"):
        may_be_sold(account, market, parameters("2", AT, {"WETH": {"collateral_ratio": "0.7"}}))
    with pytest.raises(BadInput, match="no_parameters"):
        most_sold(account, "WETH", market, parameters("2", AT, OVERLAY | {"WETH": {"collateral_ratio": "0.7"}}))
    with pytest.raises(BadInput, match="no_parameters"):
        parameters("2", AT, {"*": {"debt_ratio": "0.75"}})
