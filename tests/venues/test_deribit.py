"""Deribit: printed margins, options, order margin, portfolio margin and what it refuses."""

from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path

import pytest

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, Stamp
from marginbook.domain.market import Market, Quote
from marginbook.testing.conformance import conform
from marginbook.units import parse_time
from marginbook.venues.deribit.parameters import parameters
from marginbook.venues.registry import rule_set

VECTORS = Path(__file__).parent.parent / "vectors" / "deribit"
AT = parse_time("2025-09-01")
CALL, PUT = "BTC-26SEP25-110000-C", "BTC-26SEP25-90000-P"
STANDARD, PORTFOLIO = rule_set("deribit/standard").module, rule_set("deribit/portfolio").module


def market(**more: str) -> Market:
    marks = {CALL: "0.03", PUT: "0.02", "BTC-PERPETUAL": "100000", "BTC_USDC": "100000", "BTC-26DEC25": "101000"}
    quotes = {("deribit", name, "mark"): Quote(D(price)) for name, price in (marks | more).items()}
    index = {("deribit", name, "index"): Quote(D(100000)) for name in ("btc_usd", "btc_usdc")}
    return Market(quotes=quotes | index)


def held(*positions: Position, rules: str = "deribit/standard", **wallet: str) -> Account:
    return Account(id="a", rules=rules, wallet={k: D(v) for k, v in wallet.items()}, positions=positions)


def position(name: str, side: str, quantity: str, entry: str = "100000") -> Position:
    return Position(market=name, side="long" if side == "long" else "short", quantity=D(quantity), entry=D(entry))


def test_every_number_that_was_printed_comes_out() -> None:
    answer = conform([VECTORS])
    assert answer["failures"] == []
    assert sum(row["passed"] for row in answer["results"]) == 37


@pytest.mark.parametrize(
    ("name", "side", "initial", "maintenance", "value"),
    [
        (CALL, "short", "0.13", "0.105", "-0.03"),  # max(0.15 − 0.10, 0.10) + 0.03
        (PUT, "short", "0.12", "0.095", "-0.02"),  # max(0.15 − 0.10, 0.10) + 0.02
        (CALL, "long", "0", "0", "0.03"),
    ],
)
def test_margins_of_one_option(name: str, side: str, initial: str, maintenance: str, value: str) -> None:
    (sums,) = STANDARD.risk(
        held(position(name, side, "1", "0.05"), BTC="1"), market(), parameters("s", AT), AT
    ).values()
    assert (sums.demand_initial, sums.demand, sums.support - 1) == (D(initial), D(maintenance), D(value))


def test_an_option_near_the_money_asks_more_and_a_dear_put_its_maintenance() -> None:
    near = market(**{"BTC-26SEP25-102000-C": "0.04", "BTC-26SEP25-300000-P": "2"})
    short = held(position("BTC-26SEP25-102000-C", "short", "2", "0.05"), BTC="1")
    (sums,) = STANDARD.risk(short, near, parameters("s", AT), AT).values()
    assert sums.demand_initial == 2 * (D("0.13") + D("0.04"))
    put = held(position("BTC-26SEP25-300000-P", "short", "1", "2"), BTC="9")
    (sums,) = STANDARD.risk(put, near, parameters("s", AT), AT).values()
    assert sums.demand == 2 + D("0.15")
    assert sums.demand_initial == 2 + D("0.15")


def test_a_premium_moves_the_wallet_at_once() -> None:
    fill = Fill(stamp=Stamp(), account="a", market=CALL, side="sell", quantity=D(2), price=D("0.03"), fee=D("0.0006"))
    after, _ = STANDARD.apply(held(BTC="1"), market(), fill, parameters("s", AT), AT)
    assert after.wallet["BTC"] == D("1.0594")
    (sums,) = STANDARD.risk(after, market(), parameters("s", AT), AT).values()
    assert sums.margin_balance == D("0.9994")
    back, _ = STANDARD.apply(after, market(), replace(fill, side="buy", fee=D(0)), parameters("s", AT), AT)
    assert (back.wallet["BTC"], back.positions) == (D("0.9994"), ())


def test_pools_are_per_currency_and_orders_count_by_size() -> None:
    both = held(position("BTC-PERPETUAL", "long", "100000"), position("BTC_USDC", "short", "1"), BTC="1", USDC="9000")
    buys = Order(market="BTC_USDC", side="sell", quantity=D(9), price=D(101000))
    sums = STANDARD.risk(replace(both, orders=(buys,)), market(), parameters("s", AT), AT)
    assert list(sums) == ["cross:BTC", "cross:USDC"]
    assert sums["cross:USDC"].demand_initial == (D("0.02") + 10 * D("0.00005")) * 10 * 100_000
    assert sums["cross:BTC"].demand == D("0.01005")


def test_the_least_that_cures_is_closed() -> None:
    short = held(position("BTC_USDC", "short", "10"), USDC="10000")
    assert STANDARD.is_liquidatable(short, "cross:USDC", market(), parameters("s", AT), AT)
    plan = STANDARD.plan_liquidation(short, "cross:USDC", market(), parameters("s", AT), AT)
    rest = (10 - plan.close_least) * 100_000
    assert (D("0.01") + D("0.00005") * (10 - plan.close_least)) * rest < 10_000
    assert plan.close_least < 1


def test_a_pool_that_is_liquidatable_shows_the_price_that_would_save_it() -> None:
    """A short of 100,000 USD: near zero its requirement, square in coin, is above what it gains, too."""
    account = held(position("BTC-PERPETUAL", "short", "100000", "90000"), BTC="0.02")
    terms = parameters("s", AT)
    assert STANDARD.is_liquidatable(account, "cross:BTC", market(), terms, AT)
    (found,) = STANDARD.liquidation_prices(account, market(), terms, AT)
    assert (found.when, found.source) == ("at_or_above", "exact")
    for price, expected in ((found.price, True), (found.price - D("0.5"), False)):
        moved = market(**{"BTC-PERPETUAL": str(price)})
        assert STANDARD.is_liquidatable(account, "cross:BTC", moved, terms, AT) is expected


def test_margins_of_linear_contracts_are_converted_at_the_index() -> None:
    apart = market(BTC_USDC="110000")
    (sums,) = STANDARD.risk(held(position("BTC_USDC", "long", "25"), USDC="1"), apart, parameters("s", AT), AT).values()
    assert (sums.demand, sums.support) == (28_125, 250_001)


@pytest.mark.parametrize(
    ("day", "initial", "maintenance"),
    [("2022-01-10", "0.0105", "0.00575"), ("2022-01-11", "0.0205", "0.0105"), ("2025-09-01", "0.0205", "0.0105")],
)
def test_the_notice_of_january_2022(day: str, initial: str, maintenance: str) -> None:
    """10 BTC: 1 % + 10 · 0.005 % and 0.525 % + … before, 2 % and 1 % from 11 January on."""
    ten = held(position("BTC-PERPETUAL", "long", "1000000"), BTC="1")
    (sums,) = STANDARD.risk(ten, market(), parameters("standard", parse_time(day)), AT).values()
    assert (sums.demand_initial, sums.demand) == (10 * D(initial), 10 * D(maintenance))


def test_rates_by_overlay_and_errors() -> None:
    found = parameters("s", AT, {"ETH_USDC-PERPETUAL": {"initial": "0.02", "maintenance": "0.01"}})
    assert found.rates_of("ETH_USDC").maintenance == D("0.01")
    own = parameters("s", AT, {"BTC-PERPETUAL": {"maintenance": "0.02"}})
    assert own.rates_of("BTC-PERPETUAL").initial == D("0.02")
    for name in ("ETH_USDC", "DOGE-PERPETUAL"):
        with pytest.raises(BadInput, match="no_parameters"):
            parameters("s", AT).rates_of(name)
    for name in ("BTC", "BTC-99XXX25", "BTC-26SEP25-1-X"):
        with pytest.raises(BadInput, match="unknown_market"):
            parameters("s", AT).rates_of(name)
    with pytest.raises(BadInput, match="unknown_parameter"):
        parameters("s", AT, {"BTC-PERPETUAL": {"leverage": "3"}})


def test_portfolio_margin_offsets_and_refuses_what_it_does_not_know() -> None:
    perpetual = position("BTC-PERPETUAL", "long", "100000")
    near = position("BTC-26SEP25", "short", "100000")
    prices = market(**{"BTC-26SEP25": "100000"})
    both = held(perpetual, near, rules="deribit/portfolio", BTC="1")
    (sums,) = PORTFOLIO.risk(both, prices, parameters("p", AT), AT).values()
    assert (sums.demand, sums.demand_initial) == (D("0.016"), D("0.02"))  # no delta left, 1 % of 2 BTC
    (alone,) = PORTFOLIO.risk(replace(both, positions=(perpetual,)), prices, parameters("p", AT), AT).values()
    assert alone.demand == D("0.8") * (D("0.190476190") + D("0.01"))  # 1 · 0.16 / 0.84 at 9 decimals
    for refused in (
        position(CALL, "long", "1"),
        position("BTC-26DEC25", "long", "100"),
        position("BTC_USDC", "long", "1"),
    ):
        with pytest.raises(BadInput, match="unsupported_position"):
            PORTFOLIO.risk(replace(both, positions=(refused,)), prices, parameters("p", AT), AT)
    large = replace(both, positions=(position("BTC-PERPETUAL", "long", "20000001"),))
    with pytest.raises(BadInput, match="unsupported_size"):
        PORTFOLIO.risk(large, prices, parameters("p", AT), AT)
