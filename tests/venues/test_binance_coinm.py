"""Binance COIN-M: printed numbers, edges of brackets, fills and overlays."""

from decimal import Decimal as D
from pathlib import Path

import pytest

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, Stamp
from marginbook.domain.market import Market, Quote
from marginbook.testing.conformance import conform
from marginbook.units import parse_time
from marginbook.venues.binance_coinm import parameters
from marginbook.venues.registry import rule_set

VECTORS = Path(__file__).parent.parent / "vectors" / "binance-coin"
AT = parse_time("2026-10-01")
MODULE = rule_set("binance/coinm").module


def market(**prices: str) -> Market:
    return Market(quotes={("binance", name, "mark"): Quote(D(price)) for name, price in prices.items()})


def account(*positions: Position, **wallet: str) -> Account:
    return Account(id="a", rules="binance/coinm", wallet={k: D(v) for k, v in wallet.items()}, positions=positions)


def long(quantity: str, entry: str, name: str = "BTCUSD_PERP") -> Position:
    return Position(market=name, side="long", quantity=D(quantity), entry=D(entry), leverage=D(10))


def test_every_number_that_was_printed_comes_out() -> None:
    answer = conform([VECTORS])
    assert answer["failures"] == []
    assert sum(row["passed"] for row in answer["results"]) == 8


def test_published_maintenance_amounts_of_the_older_table_follow_from_its_rates() -> None:
    """300 BTC at 12.5 %, amount 11.81: from 1.81 at 50 BTC and 5 %, 10 % from 100, 12.5 % from 200."""
    rows = [["0", "50", "0.025", "", "0.56"], ["50", "100", "0.05", "", "1.81"], ["100", "200", "0.1"]]
    found = parameters("coinm", AT, {"BTCUSD_PERP": {"brackets": [*rows[:2], ["100", "200", "0.1", "", "6.81"]]}})
    assert found.terms_of("BTCUSD_PERP").table.maintenance(D(150)) == D("8.19")


def test_all_contracts_of_a_coin_share_one_pool_and_its_brackets() -> None:
    terms = parameters("coinm", AT)
    assert terms.terms_of("BTCUSD_261225") is terms.terms_of("BTCUSD_PERP")
    held = account(long("100", "50000"), long("200", "50000", "BTCUSD_261225"), BTC="1")
    prices = market(BTCUSD_PERP="50000", BTCUSD_261225="50000")
    (sums,) = MODULE.risk(held, prices, terms, AT).values()
    assert (sums.support, sums.demand) == (D(1), D("0.0024"))
    assert sums.demand_initial == D("0.06")


def test_one_unit_either_side_of_the_border() -> None:
    """N = 1,000,000 USD at 50,000 and 20 BTC of notional: wallet = maintenance is liquidatable, a unit more is not."""
    terms, prices = parameters("coinm", AT), market(BTCUSD_PERP="50000")
    required = terms.terms_of("BTCUSD_PERP").table.maintenance(D(20))
    assert required == D("0.145")
    for extra, expected in (("0", True), ("0.00000001", False), ("-0.00000001", True)):
        held = account(long("10000", "50000"), BTC=str(required + D(extra)))
        assert MODULE.is_liquidatable(held, "cross:BTC", prices, terms, AT) is expected


@pytest.mark.parametrize("overlay", [None, {"BTCUSD_PERP": {"maintenance_rate": "0.01"}}])
def test_whole_contracts_are_closed(overlay: dict[str, dict[str, str]] | None) -> None:
    terms, prices = parameters("coinm", AT, overlay), market(BTCUSD_PERP="50000")
    held = account(long("10001", "50000"), BTC="0.1437")
    plan = MODULE.plan_liquidation(held, "cross:BTC", prices, terms, AT)
    assert 0 < plan.close_least < plan.close_most == 10001
    assert plan.close_least == int(plan.close_least)


def test_a_coin_without_brackets_is_an_error_and_an_overlay_gives_them() -> None:
    with pytest.raises(BadInput, match="no_parameters"):
        parameters("coinm", AT).terms_of("ETHUSD_PERP")
    with pytest.raises(BadInput, match="no_parameters"):
        parameters("coinm", parse_time("2020-01-01"))
    found = parameters("coinm", AT, {"ETHUSD_PERP": {"maintenance_rate": "0.01"}, "AAVE": {"unread": 1}})
    terms = found.terms_of("ETHUSD_PERP")
    assert (terms.currency, terms.contract_size, terms.inverse) == ("ETH", D(10), True)
    with pytest.raises(BadInput, match="unknown_parameter"):
        parameters("coinm", AT, {"ETHUSD_PERP": {"maintenance_rate": "0.01", "contract_size": "1"}})


def test_fills_average_by_value_and_realise_in_coin() -> None:
    terms, prices = parameters("coinm", AT), market(BTCUSD_PERP="50000")
    held = account(BTC="1")
    for number, (side, quantity, price) in enumerate((("buy", 100, 40000), ("buy", 100, 60000), ("sell", 200, 48000))):
        fill = Fill(
            stamp=Stamp(source_sequence=number),
            account="a",
            market="BTCUSD_PERP",
            side="buy" if side == "buy" else "sell",
            quantity=D(quantity),
            price=D(price),
        )
        held, prices = MODULE.apply(held, prices, fill, terms, AT)
    assert held.positions == ()
    assert abs(held.wallet["BTC"] - 1) < D("1e-15")  # 10,000/40,000 + 10,000/60,000 = 20,000/48,000
