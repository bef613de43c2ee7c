"""FTX: the help pages' examples, requirements by size, haircuts and the three steps of a liquidation."""

from decimal import Decimal as D

import pytest

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.units import parse_time
from marginbook.venues.ftx import Coin
from marginbook.venues.registry import rule_set

AT = parse_time("2022-06-01")
MODULE = rule_set("ftx/2022").module


def market(**index: str) -> Market:
    quotes = {("ftx", "BTC-PERP", "mark"): Quote(D(10000))}
    return Market(quotes=quotes | {("ftx", coin, "index"): Quote(D(price)) for coin, price in index.items()})


def account(size: str = "2", details: dict[str, str] | None = None, **wallet: str) -> Account:
    held = Position(market="BTC-PERP", side="long", quantity=D(size), entry=D(10000))
    money = {coin: D(amount) for coin, amount in wallet.items()}
    return Account(id="a", rules="ftx/2022", wallet=money, positions=(held,), details=details or {})


def test_the_example_of_the_help_page_without_its_rounding() -> None:
    """1,000 USD and 2 BTC at 10,000, MMF 3 %: (1,000 + 2·(P − 10,000)) / 2P = 3 % at 9,793.81; the page says 9,795."""
    found, printed = MODULE.liquidation_prices(account(USD="1000"), market(), MODULE.parameters("2022", AT), AT)
    assert found.price == D("9793.81443298")
    assert (printed.source, printed.price) == ("venue_displayed", D(9800))  # the requirement of now: 600 of 1,000
    moved = market().with_prices({("ftx", "BTC-PERP", "mark"): found.price})
    assert MODULE.is_liquidatable(account(USD="1000"), "cross", moved, MODULE.parameters("2022", AT), AT)


def test_requirements_grow_with_the_square_root_of_the_size() -> None:
    """MNGO: 0.00025 · √500,000,000 = 559 %, ended at fully funded; 1 million tokens are 25 %."""
    mango = Coin(imf_factor=D("0.00025"))
    assert mango.imf(D(500_000_000), D(20)) == 1
    assert mango.imf(D(1_000_000), D(20)) == D("0.25")
    assert mango.mmf(D(1_000_000)) == D("0.15")
    (sums,) = MODULE.risk(account("2500", USD="1000000"), market(), MODULE.parameters("2022", AT), AT).values()
    assert sums.demand == 25_000_000 * D("0.06")  # 0.6 · 0.002 · √2,500
    assert sums.demand_initial == 25_000_000 * D("0.1")


def test_haircuts_of_collateral() -> None:
    """BTC: 0.975 of the value, 0.95 at opening; above some size 1.1 / (1 + 0.002 · √amount)."""
    prices = market(BTC="10000")
    (sums,) = MODULE.risk(account(BTC="1"), prices, MODULE.parameters("2022", AT), AT).values()
    assert (sums.support, sums.support_initial, sums.assets) == (D("9750"), D("9500"), D("10000"))
    (sums,) = MODULE.risk(account(BTC="10000"), prices, MODULE.parameters("2022", AT), AT).values()
    assert round(sums.support, 6) == round(100_000_000 * D("1.1") / D("1.2"), 6)
    with pytest.raises(BadInput, match="unsupported_debt"):
        MODULE.risk(account(BTC="-1"), prices, MODULE.parameters("2022", AT), AT)


def test_the_three_steps_of_a_liquidation() -> None:
    """MF below 3 %: through the book; below 1.5 %: part to backstop providers at zero price; below 0: insurance."""
    parameters = MODULE.parameters("2022", AT)
    assert MODULE.plan_liquidation(account(USD="600"), "cross", market(), parameters, AT).reason is not None
    book = MODULE.plan_liquidation(account(USD="590"), "cross", market(), parameters, AT)
    assert (book.close_least, book.close_most, book.price) == (D("0.1"), D("0.3"), D(10000))
    backstop = MODULE.plan_liquidation(account(USD="150"), "cross", market(), parameters, AT)
    assert (backstop.close_least, backstop.price) == (D(1), D("9925"))  # MF 0.75 % of 1.5 %
    bankrupt = MODULE.plan_liquidation(account(USD="-10"), "cross", market(), parameters, AT)
    assert (bankrupt.close_least, bankrupt.bad_debt) == (D(2), D(10))
    assert [flow.party for flow in bankrupt.flows] == ["account", "insurance"]


def test_a_printed_price_needs_every_price_and_is_above_0() -> None:
    """Without the price of a coin the exact price is asked for alone; a long that cannot be liquidated has none."""
    parameters = MODULE.parameters("2022", AT)
    assert MODULE.liquidation_prices(account("0.01", USD="1000"), market(), parameters, AT) == []
    assert MODULE.liquidation_prices(account("0", USD="1000"), market(), parameters, AT) == []
    unpriced = MODULE.liquidation_prices(account(BTC="1"), market(), parameters, AT)
    assert [price.source for price in unpriced] == ["exact"]


def test_a_third_of_leverage_has_8_decimals() -> None:
    """Max leverage 3 asks 0.33333333, as the collateral that positions used shows."""
    assert Coin().imf(D(1), D(3)) == D("0.33333333")


def test_overlay_and_errors() -> None:
    parameters = MODULE.parameters("2022", AT, {"BTC": {"base_mmf": "0.04"}, "SRM": {"imf_factor": "0.001"}})
    (sums,) = MODULE.risk(account(USD="1000", details={"max_leverage": "5"}), market(), parameters, AT).values()
    assert (sums.demand, sums.demand_initial) == (D(800), D(4000))
    assert parameters.coin("SRM").weight == 0
    for overlay, problem in (({"BTC": {"weights": "1"}}, "unknown_parameter"), ({"BTC": "1"}, "bad_parameters")):
        with pytest.raises(BadInput, match=problem):
            MODULE.parameters("2022", AT, overlay)
    with pytest.raises(BadInput, match="no_parameters"):
        MODULE.parameters("2022", parse_time("2021-01-01"))
    with pytest.raises(BadInput, match="bad_leverage"):
        MODULE.risk(account(USD="1", details={"max_leverage": "0"}), market(), parameters, AT)
