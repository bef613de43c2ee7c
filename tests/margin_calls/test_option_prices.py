"""Options where their underlying moves: exercise value follows, the rest of the price stays; puts rise in a fall."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market, Quote
from marginbook.margin_calls.distance import distances
from marginbook.margin_calls.option_prices import followed_price, option_of
from marginbook.simulate.shocks import shocked
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2026-08-01")
PUT, CALL = ("deribit", "BTC-30OCT26-60000-P", "mark"), ("deribit", "BTC-30OCT26-60000-C", "mark")
INDEX = ("deribit", "btc_usd", "index")
LISTED, SHARE = ("broker", "AAPL 2026-12-18 250 P", "mark"), ("broker", "AAPL", "mark")
PRICES = {PUT: "0.05", CALL: "0.04", INDEX: "60000", LISTED: "5.80", SHARE: "254.60"}
MARKET = Market(quotes={key: Quote(D(price)) for key, price in PRICES.items()})


def after(*shocks: str, only: bool = False) -> dict[tuple[str, str, str], D]:
    return {(m.venue, m.market, m.kind): m.after for m in shocked(MARKET, shocks, only=only)[1]}


def test_a_put_rises_and_a_call_falls_where_the_underlying_falls() -> None:
    found = after("BTC=-20%")
    assert found == {INDEX: 48000, PUT: D("0.3125"), CALL: D("0.05")}  # 3,000 + 12,000 and 2,400 USD at 48,000
    assert after("BTC=72000")[CALL] == D("0.2")  # 2,400 + 12,000 USD at 72,000
    assert after("all=-20%") | after("AAPL=-20%") == after("all=-20%")


def test_a_listed_option_follows_its_share() -> None:
    assert after("AAPL=204.60")[LISTED] == D("51.20")  # 5.80 + 45.40
    assert LISTED not in after("AAPL=300")  # out of the money before and after


def test_only_moves_what_is_named() -> None:
    assert after("btc_usd=-20%", only=True) == {INDEX: 48000}
    assert after("BTC-30OCT26-60000-P=0.5", only=True) == {PUT: D("0.5")}


def test_without_a_quote_of_the_underlying_an_option_stays() -> None:
    future = ("deribit", "BTC-PERPETUAL", "mark")
    market = Market(quotes={PUT: Quote(D("0.05")), future: Quote(D(60000))})
    assert [(m.market, m.after) for m in shocked(market, ["BTC=-50%"])[1]] == [("BTC-PERPETUAL", D(30000))]


@given(st.integers(1, 300_000), st.integers(1, 300_000))
def test_a_price_is_above_zero_and_no_less_than_exercise_where_it_was_no_less_before(before: int, later: int) -> None:
    option = option_of(PUT)
    assert option is not None
    spare = D("0.001")
    price = (option.exercised(D(before)) / before).quantize(D("1e-12")) + spare
    found = followed_price(option, price, D(before), D(later))
    assert found > 0
    assert found * later >= option.exercised(D(later))


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_short_put_is_liquidated_by_a_fall_alone(sign: int) -> None:
    module, name = rule_set("deribit/standard").module, PUT[1]
    held = Position(market=name, side="short", quantity=D(1), entry=D("0.05"))
    account = Account(id="a", rules="deribit/standard", wallet={"BTC": D("0.3")}, positions=(held,))
    parameters = module.parameters("standard", AT)
    found = distances(rule_set("deribit/standard"), account, "cross:BTC", MARKET, parameters, AT)
    assert found.up is None
    assert found.worst == found.down
    assert found.down is not None
    moved = shocked(MARKET, [f"BTC=-{found.down + sign * D('1e-8')}"])[0]
    assert module.is_liquidatable(account, "cross:BTC", moved, parameters, AT) is (sign > 0)
