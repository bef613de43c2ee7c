"""BitMEX: every field of live positions, linear and inverse, in the integers of the ledger."""

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
from marginbook.venues.bitmex.margins import displayed_prices, margins, profit_raw, value_raw
from marginbook.venues.contracts.model import Holding
from marginbook.venues.registry import rule_set

VECTORS = Path(__file__).parent.parent / "vectors" / "bitmex"
AT = parse_time("2021-12-31")
LINEAR, INVERSE = rule_set("bitmex/linear").module, rule_set("bitmex/inverse").module
AT_MARK = Market(quotes={("bitmex", "ETHUSDT", "mark"): Quote(D("1964.195"))})


def account(side: str = "long", mode: str = "isolated", wallet: str = "0", rules: str = "bitmex/linear") -> Account:
    held = Position(
        market="ETHUSDT" if rules == "bitmex/linear" else "XBTUSD",
        side="long" if side == "long" else "short",
        quantity=D("0.02") if rules == "bitmex/linear" else D(1000),
        entry=D(1963),
        leverage=D(3),
        mode="isolated" if mode == "isolated" else "cross",
    )
    currency = "USDT" if rules == "bitmex/linear" else "XBT"
    return Account(id="a", rules=rules, wallet={currency: D(wallet)}, positions=(held,))


def test_every_number_that_was_printed_comes_out() -> None:
    answer = conform([VECTORS])
    assert answer["failures"] == []
    assert sum(row["passed"] for row in answer["results"]) == 37


def test_the_fields_of_a_live_position() -> None:
    parameters, held = LINEAR.parameters("linear", AT), account()
    holding = Holding(held.positions[0], parameters.terms_of("ETHUSDT"))
    found = margins(holding, held, AT_MARK, parameters)
    assert (found.cost, found.init, found.comm, found.margin, found.maint) == (
        39_260_000,
        13_086_667,
        39_261,
        13_125_928,
        435_787,
    )
    assert profit_raw(holding, D("1964.195"), parameters) == 23_900
    assert displayed_prices(holding, held, AT_MARK, parameters) == (D("1308.70"), D("1328.50"))


def test_the_border_is_at_the_unrounded_liquidation_price() -> None:
    """1308.66665 + 19.8263 = 1328.49295."""
    parameters, held = LINEAR.parameters("linear", AT), account()
    prices = {price.source: price.price for price in LINEAR.liquidation_prices(held, AT_MARK, parameters, AT)}
    assert prices["venue_displayed"] == D("1328.50")
    assert abs(prices["exact"] - D("1328.49295")) <= D("0.00005")  # a unit of the ledger over 0.02
    for price, expected in (("1328.4928", True), ("1328.4931", False)):
        moved = AT_MARK.with_prices({("bitmex", "ETHUSDT", "mark"): D(price)})
        assert LINEAR.is_liquidatable(held, "isolated:ETHUSDT:long", moved, parameters, AT) is expected


def test_shorts_round_the_other_way_and_the_side_that_pays_is_asked_for_funding() -> None:
    parameters, held = LINEAR.parameters("linear", AT), account("short")
    holding = Holding(held.positions[0], parameters.terms_of("ETHUSDT"))
    assert displayed_prices(holding, held, AT_MARK, parameters) == (D("2617.30"), D("2597.70"))
    for rate, asked in (("0.0003", 0), ("-0.0003", 3 * 3926)):
        state = Market(quotes=AT_MARK.quotes, state={("bitmex", "ETHUSDT", "funding_rate"): D(rate)})
        assert margins(holding, held, state, parameters).maint == 435_787 - 3926 + asked


def test_added_margin_pays_its_part_of_the_fee() -> None:
    """⌈(cost + posInit + posCross) · 0.00075⌉ of the printed posCross 71,429, and never less than without it."""
    parameters = INVERSE.parameters("inverse", parse_time("2019-07-14"))
    held = Position(market="XBTUSD", side="short", quantity=D(2000), entry=D("10713.5"), leverage=D(5), mode="isolated")
    for wallet, comm in (("0.03821884", 16_855), ("0.03750402", 16_802), ("0.037", 16_802), (None, 16_802)):
        own = replace(held, isolated_wallet=None if wallet is None else D(wallet))
        owner = Account(id="a", rules="bitmex/inverse", positions=(own,))
        found = margins(Holding(own, parameters.terms_of("XBTUSD")), owner, AT_MARK, parameters)
        assert (found.init, found.comm, found.posted) == (3_733_600, comm, 3_733_600 + 16_802)


def test_values_of_contracts_and_of_whole_positions() -> None:
    """Contract by contract to 2020, as a whole in 2023: 900 at 23,489.73 are 3,831,462 satoshi, not 900 · 4,257."""
    held = Position(market="XBTUSD", side="long", quantity=D(900), entry=D(23_623))
    for day, value in (("2020-07-28", 900 * 4257), ("2023-02-28", 3_831_462)):
        assert value_raw(held, D("23489.73"), INVERSE.parameters("inverse", parse_time(day))) == value


def test_an_inverse_position_alone_in_the_wallet_has_the_venue_s_price() -> None:
    """With all of the wallet as its margin; beside another one, or an order, only the exact price is known."""
    parameters = INVERSE.parameters("inverse", parse_time("2019-05-10"), {"ETHUSD": {"maintenance": "0.01"}})
    held = Position(market="XBTUSD", side="long", quantity=D(1), entry=D(6267), leverage=D(100))
    prices = Market(quotes={("bitmex", name, "mark"): Quote(D("6270.34")) for name in ("XBTUSD", "ETHUSD")})
    alone = Account(id="a", rules="bitmex/inverse", wallet={"XBT": D("0.01500003")}, positions=(held,))
    beside = replace(alone, positions=(held, replace(held, market="ETHUSD")))
    waiting = replace(alone, orders=(Order(market="XBTUSD", side="buy", quantity=D(1), price=D(6000)),))
    for owner, sources in ((alone, ["exact", "venue_displayed"]), (beside, ["exact"] * 2), (waiting, ["exact"])):
        assert [price.source for price in INVERSE.liquidation_prices(owner, prices, parameters, AT)] == sources
    short = replace(alone, positions=(replace(held, side="short"),))  # never liquidated: its value cannot be negative
    assert INVERSE.liquidation_prices(short, prices, parameters, AT) == []


def test_cross_shares_the_wallet_and_inverse_is_in_satoshi() -> None:
    held = account(mode="cross", wallet="5")
    (sums,) = LINEAR.risk(held, AT_MARK, LINEAR.parameters("linear", AT), AT).values()
    assert (sums.support, sums.demand) == (D("5.0239"), D("0.435787"))
    held = account(mode="cross", wallet="1", rules="bitmex/inverse")
    row = {"XBTUSD": {"maintenance": "0.005", "taker_fee": "0.00075"}}
    prices = Market(quotes={("bitmex", "XBTUSD", "mark"): Quote(D(2000))})
    (sums,) = INVERSE.risk(held, prices, INVERSE.parameters("inverse", AT, row), AT).values()
    assert sums.support == 1 + D("0.50942") - D("0.5")  # 50,942.4 satoshi a contract
    assert sums.demand == D("0.0025471") + D("0.00050943")  # ⌈0.005 · cost⌉ + ⌈0.00075 · 4/3 · cost⌉


def test_an_isolated_fill_sets_the_venues_own_margin_aside() -> None:
    parameters = LINEAR.parameters("linear", AT)
    held = Account(id="a", rules="bitmex/linear", wallet={"USDT": D(100)})
    fill = Fill(
        stamp=Stamp(),
        account="a",
        market="ETHUSDT",
        side="buy",
        quantity=D("0.02"),
        price=D(1963),
        leverage=D(3),
        mode="isolated",
    )
    held, _ = LINEAR.apply(held, AT_MARK, fill, parameters, AT)
    assert (held.positions[0].isolated_wallet, held.wallet["USDT"]) == (D("13.125928"), D("86.874072"))
    held, _ = LINEAR.apply(held, AT_MARK, fill, parameters, AT)
    assert held.positions[0].isolated_wallet == D("26.251855")  # of 0.04 ETH, rounded once
    held, _ = LINEAR.apply(held, AT_MARK, replace(fill, side="sell", quantity=D("0.04")), parameters, AT)
    assert (held.positions, held.wallet["USDT"]) == ((), D(100))


def test_markets_without_a_row_and_of_the_other_kind() -> None:
    with pytest.raises(BadInput, match="no_parameters"):
        INVERSE.parameters("inverse", AT).terms_of("ETHUSD")
    with pytest.raises(BadInput, match="unknown_market"):
        LINEAR.parameters("linear", AT).terms_of("XBTUSD")
    with pytest.raises(BadInput, match="no_parameters"):
        LINEAR.parameters("linear", AT, {"XBTUSDT": {"taker_fee": "0.001"}})
    with pytest.raises(BadInput, match="no_parameters"):
        LINEAR.parameters("linear", parse_time("2017-01-01"))


@pytest.mark.parametrize(
    ("time", "maintenance", "step"),
    [("2020-04-26", "0.0045", "100"), ("2020-11-05T09:00:00Z", "0.0035", "100"), ("2022-12-12", "0.0035", "150")],
)
def test_maintenance_of_xbtusd_as_answers_printed_it(time: str, maintenance: str, step: str) -> None:
    row = INVERSE.parameters("inverse", parse_time(time)).row("XBTUSD")
    assert (row.maintenance, row.risk_limit, row.risk_step) == (D(maintenance), D(200), D(step))


def test_a_risk_step_adds_the_base_maintenance_to_both_rates() -> None:
    """XBTUSD at 0.5 % and 1 % up to 200 XBT, then 150 XBT a step: at 50,000, 10,000,000 contracts are 200 XBT."""
    at = parse_time("2024-12-01")
    parameters = INVERSE.parameters("inverse", at)
    market = Market(quotes={("bitmex", "XBTUSD", "mark"): Quote(D(50000))})

    def asked(quantity: str, leverage: str | None = "100", **details: str) -> tuple[D, D]:
        position = Position(
            market="XBTUSD",
            side="short",
            quantity=D(quantity),
            entry=D(50000),
            leverage=None if leverage is None else D(leverage),
            details=details,
        )
        held = Account(id="a", rules="bitmex/inverse", wallet={"XBT": D(1000)}, positions=(position,))
        (sums,) = INVERSE.risk(held, market, parameters, at).values()
        return sums.demand, sums.demand_initial

    fee = D("0.0005")
    assert asked("10000000") == (200 * D("0.005") + 202 * fee, 2 + 202 * fee)
    assert asked("10000000", risk_limit="350") == (200 * D("0.01") + 203 * fee, 3 + 203 * fee)
    larger = D(201)  # XBT: the next step, for all of it
    posted = larger * D("0.015")
    assert asked("10050000") == (larger * D("0.01") + (larger + posted) * fee, posted + (larger + posted) * fee)
    assert asked("10050000", None) == asked("10050000")
    assert asked("10050000", "50")[1] == larger * D("0.02") + larger * D("1.02") * fee  # more than is asked
