"""Bitget USDT futures: printed prices, the drift of the cross price, whole-position tiers."""

from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.testing.conformance import conform
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

VECTORS = Path(__file__).parent.parent / "vectors" / "bitget"
RULES = rule_set("bitget/usdt")
MODULE = RULES.module
AT = parse_time("2023-11-14")


def parameters(overlay: dict[str, Any] | None = None) -> Any:
    return MODULE.parameters("usdt", AT, overlay)


def market(price: str) -> Market:
    return Market(quotes={("bitget", "BTCUSDT", "mark"): Quote(D(price))})


def long(quantity: str, entry: str, **more: Any) -> Position:
    return Position(market="BTCUSDT", side="long", quantity=D(quantity), entry=D(entry), leverage=D(20), **more)


def test_every_printed_number() -> None:
    found = conform([VECTORS])
    assert not found["failures"]
    assert sum(row["passed"] for row in found["results"]) >= 21


def test_the_printed_cross_price_drifts_with_the_mark_and_the_border_does_not() -> None:
    held = Account(id="a", rules="bitget/usdt", wallet={"USDT": D(100)}, positions=(long("0.02", "37000"),))
    borders: set[D] = set()
    shown: set[D] = set()
    for mark in ("37000", "36000", "35000"):
        for price in MODULE.liquidation_prices(held, market(mark), parameters(), AT):
            (borders if price.source == "exact" else shown).add(price.price)
    assert len(borders) == 1
    assert len(shown) == 3
    assert all(price > min(borders) for price in shown)  # the requirement of now is more than that at the border
    border = min(borders)
    exact = MODULE.liquidation_prices(held, market(str(border)), parameters(), AT)
    assert abs(exact[0].price - exact[1].price) < D("0.1")


def test_an_isolated_price_needs_no_mark() -> None:
    held = Account(
        id="a",
        rules="bitget/usdt",
        mode="isolated",
        positions=(long("0.01", "25000", isolated_wallet=D("9.6695050093373343")),),
    )
    shown = MODULE.liquidation_prices(held, Market(), parameters(), AT)[1]
    assert shown.price == D("24144.1124161806977798")


def test_the_rate_of_a_tier_holds_for_the_whole_position() -> None:
    table = parameters().terms_of("BTCUSDT").table
    assert table.maintenance(D(49_999)) == D("199.996")
    assert table.maintenance(D(50_000)) == 250
    assert parameters({"BTCUSDT": {"brackets": [["0", "10", "0.01"], ["10", "20", "0.02"]]}}).warnings == ()


def test_liquidation_at_a_ratio_of_one() -> None:
    held = Account(id="a", rules="bitget/usdt", wallet={"USDT": D("1.15")}, positions=(long("0.01", "25000"),))
    assert MODULE.is_liquidatable(held, "cross:USDT", market("25000"), parameters(), AT)
    richer = replace(held, wallet={"USDT": D("1.15000001")})
    assert not MODULE.is_liquidatable(richer, "cross:USDT", market("25000"), parameters(), AT)
    assert MODULE.quantities(held, market("25000"), parameters(), AT)["cross:USDT"].venue["margin_ratio"] == 1


def test_a_market_without_tiers_has_no_parameters() -> None:
    with pytest.raises(BadInput, match="no_parameters"):
        parameters().terms_of("ETHUSDT")
    with pytest.raises(BadInput, match="no_parameters"):
        parameters({"ETHUSDT": {"tick": "0.01"}})
    everywhere = parameters({"*": {"maintenance_rate": "0.01"}})
    assert everywhere.terms_of("ETHUSDT").fee_to_close == D("0.0006")
    assert everywhere.terms_of("ETHUSDT") is everywhere.terms_of("ETHUSDT")


def test_hedge_mode_prints_the_border_since_2024_and_one_way_mode_today_s_requirement() -> None:
    """20 USDT behind 0.02 BTC at 0.46 %: (740 − 20) / (0.02 · 0.9954), and 37,000 − (20 − 3.404) / 0.02."""
    overlay = {"BTCUSDT": {"brackets": [["0", "50000", "0.004"]]}}
    one_way = Account(id="a", rules="bitget/usdt", wallet={"USDT": D(20)}, positions=(long("0.02", "37000"),))
    hedged = replace(one_way, position_mode="hedge")
    border, frozen = round(D(36000) / D("0.9954"), 16), D(37000) - (D(20) - D("3.404")) / D("0.02")
    for owner, day, expected in (
        (one_way, "2023-11-24", frozen),
        (one_way, "2024-06-04", frozen),
        (hedged, "2023-11-24", frozen),
        (hedged, "2024-06-04", border),
    ):
        asked = MODULE.parameters("usdt", parse_time(day), overlay)
        found = MODULE.liquidation_prices(owner, market("37000"), asked, AT)
        assert [price.price for price in found if price.source == "venue_displayed"] == [expected]
