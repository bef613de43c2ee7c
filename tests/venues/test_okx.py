"""OKX: printed doubles, the tick between isolated prices, discounts and borrowing, isolated spot margin."""

from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, LendingAction, Stamp
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT
from marginbook.testing.conformance import conform
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

VECTORS = Path(__file__).parent.parent / "vectors" / "okx"
AT = parse_time("2026-01-01")
STAMP = Stamp(time=AT)
SWAP = "ETH-USDT-SWAP"
OVERLAY: dict[str, Any] = {SWAP: {"brackets": [["0", "100", "0.004", "100"], ["100", "500", "0.008", "50"]]}}


def parameters(rules: str = "okx/single-currency", overlay: dict[str, Any] | None = None) -> Any:
    found = rule_set(rules)
    return found.module.parameters(found.version, AT, OVERLAY if overlay is None else overlay)


def market(marks: dict[str, str], indices: dict[str, str] | None = None) -> Market:
    quotes = {("okx", name, "mark"): Quote(D(price)) for name, price in marks.items()}
    quotes |= {("okx", name, "index"): Quote(D(price)) for name, price in (indices or {}).items()}
    return Market(quotes=quotes)


def swap(side: Any, quantity: str, entry: str, **more: Any) -> Position:
    return Position(market=SWAP, side=side, quantity=D(quantity), entry=D(entry), leverage=D(10), **more)


def test_every_printed_number() -> None:
    found = conform([VECTORS])
    assert not found["failures"]
    assert sum(row["passed"] for row in found["results"]) >= 37


def test_the_isolated_price_is_shown_one_tick_nearer_to_the_mark() -> None:
    module = rule_set("okx/single-currency").module
    for side, sign in (("long", 1), ("short", -1)):
        held = Account(
            id="a",
            rules="okx/single-currency",
            mode="isolated",
            positions=(swap(side, "0.1", "1333", isolated_wallet=D("8.33125")),),
        )
        exact, shown = module.liquidation_prices(held, Market(), parameters(), AT)
        assert abs(shown.price - exact.price - sign * D("0.01")) <= D("0.01")
        assert (shown.price - exact.price) * sign > 0


def test_the_tier_is_that_of_the_quantity_at_every_price() -> None:
    module = rule_set("okx/single-currency").module
    for quantity, rate in (("100.1", "0.008"), ("100", "0.004")):
        held = Account(
            id="a", rules="okx/single-currency", wallet={"USDT": D(10**6)}, positions=(swap("long", quantity, "1000"),)
        )
        for price in ("500", "5000"):
            demand = module.risk(held, market({SWAP: price}), parameters(), AT)["cross:USDT"].demand
            assert demand == D(quantity) * D(price) * (D(rate) + D("0.0005"))


def test_liquidation_at_a_ratio_of_exactly_one() -> None:
    module = rule_set("okx/single-currency").module
    held = Account(
        id="a", rules="okx/single-currency", wallet={"USDT": D("4.5")}, positions=(swap("long", "1", "1000"),)
    )
    assert module.is_liquidatable(held, "cross:USDT", market({SWAP: "1000"}), parameters(), AT)
    richer = replace(held, wallet={"USDT": D("4.50000001")})
    assert not module.is_liquidatable(richer, "cross:USDT", market({SWAP: "1000"}), parameters(), AT)


MULTI = {**OVERLAY, "BTC": {"discount": [["0", "10", "0.98"], ["10", "20", "0.96"]], "borrow_rate": "0.03"}}
PRICES = market({SWAP: "2000"}, {"BTC": "50000", "USDT": "1"})


def multi(**wallet: str) -> Account:
    return Account(id="a", rules="okx/multi-currency", wallet={name: D(amount) for name, amount in wallet.items()})


def test_discounts_are_marginal_by_amount_and_end_with_the_table() -> None:
    module, table = rule_set("okx/multi-currency").module, parameters("okx/multi-currency", MULTI)
    for amount, counted in (("1", 49_000), ("15", 490_000 + 240_000), ("30", 490_000 + 480_000)):
        assert module.risk(multi(BTC=amount), PRICES, table, AT)["cross"].support == counted


def test_a_negative_equity_counts_in_full_and_asks_its_borrow_rate() -> None:
    module, table = rule_set("okx/multi-currency").module, parameters("okx/multi-currency", MULTI)
    found = module.risk(multi(BTC="-1", USDT="100000"), PRICES, table, AT)["cross"]
    assert (found.support, found.demand, found.liabilities) == (50_000, 1_500, 50_000)
    with pytest.raises(BadInput, match="borrow_rate"):
        module.risk(multi(BTC="1", USDT="-5"), PRICES, table, AT)


def test_profits_settle_into_the_equity_that_is_discounted() -> None:
    """Short 10 of an inverse contract would be in ETH; a linear one is in USDT, which counts in full."""
    module, table = rule_set("okx/multi-currency").module, parameters("okx/multi-currency", MULTI)
    held = replace(multi(USDT="100"), positions=(swap("long", "1", "1900"),))
    found = module.risk(held, PRICES, table, AT)["cross"]
    assert (found.support, found.demand) == (200, 9)
    off = replace(held, wallet={}, collateral=(Collateral(asset="BTC", amount=D(1), enabled=False),))
    assert module.risk(off, PRICES, table, AT)["cross"].support == 100
    fill = Fill(stamp=STAMP, account="a", market=SWAP, side="sell", quantity=D(1), price=D(2000), fee=D(1))
    after, _ = module.apply(held, PRICES, fill, table, AT)
    assert after.wallet["USDT"] == 199
    assert not after.positions
    with pytest.raises(BadInput, match="missing_price"):
        module.risk(held, market({SWAP: "2000"}), table, AT)


def test_a_currency_without_a_discount_is_an_error() -> None:
    module, table = rule_set("okx/multi-currency").module, parameters("okx/multi-currency", MULTI)
    with pytest.raises(BadInput, match=r"NEW\.discount"):
        module.risk(multi(NEW="1"), market({}, {"NEW": "1"}), table, AT)


def spot(base: str, owed: str, side: str = "long") -> Account:
    held, debt = ("BTC", "USDT") if side == "long" else ("USDT", "BTC")
    return Account(
        id="a",
        rules="okx/spot-margin",
        collateral=(Collateral(asset=held, amount=D(base), pool="BTC-USDT"),),
        debt=(Debt(asset=debt, amount=D(owed), pool="BTC-USDT"),),
    )


SPOT = {"BTC-USDT": {"maintenance_rate": "0.03", "taker_fee": "0.001"}}


def test_spot_margin_liquidates_where_the_help_article_says() -> None:
    rules = rule_set("okx/spot-margin")
    table = parameters("okx/spot-margin", SPOT)
    for held, expected in (
        (spot("2", "60000"), D("30930.9")),
        (spot("60000", "2", "short"), CONTEXT.divide(D(60000), D("2.06206"))),
    ):
        exact, shown = rules.module.liquidation_prices(held, Market(), table, AT)
        assert abs(shown.price - expected) < D("0.0000001")
        assert rules.module.is_liquidatable(held, "main:BTC-USDT", market({"BTC-USDT": str(exact.price)}), table, AT)
        safer = exact.price + D("0.00000001") * (1 if exact.when == "at_or_below" else -1)
        assert not rules.module.is_liquidatable(held, "main:BTC-USDT", market({"BTC-USDT": str(safer)}), table, AT)


def test_spot_margin_numbers_are_in_the_asset_that_is_held() -> None:
    rules, table = rule_set("okx/spot-margin"), parameters("okx/spot-margin", SPOT)
    found = rules.module.quantities(spot("2", "60000"), market({"BTC-USDT": "40000"}), table, AT)["main:BTC-USDT"]
    assert found.currency == "BTC"
    assert found.margin_balance == D("0.5")
    assert found.venue["maintenance_margin"] == D("0.045")
    expected = CONTEXT.divide(D("0.5"), D("0.045") + D("1.5") * D("1.03") * D("0.001"))
    assert abs(found.venue["margin_ratio"] - expected) < D("1e-14")


def test_spot_margin_actions_and_what_it_refuses() -> None:
    rules, table = rule_set("okx/spot-margin"), parameters("okx/spot-margin", SPOT)

    def act(held: Account, kind: Any, asset: str, amount: str) -> Account:
        event = LendingAction(stamp=STAMP, account="a", kind=kind, asset=asset, amount=D(amount), pool="BTC-USDT")
        after: Account = rules.module.apply(held, Market(), event, table, AT)[0]
        return after

    repaid = act(spot("2", "60000"), "repay", "USDT", "60000")
    assert repaid.debt == ()
    assert act(repaid, "borrow", "USDT", "5").debt[0].amount == 5
    for kind, asset, amount in (("repay", "USDT", "60001"), ("withdraw", "BTC", "3")):
        with pytest.raises(BadInput, match="insufficient_balance"):
            act(spot("2", "60000"), kind, asset, amount)
    with pytest.raises(BadInput, match="unknown_pool"):
        act(spot("2", "60000"), "supply", "ETH", "1")


def test_spot_margin_has_no_tiers_of_its_own() -> None:
    with pytest.raises(BadInput, match="no_parameters"):
        rule_set("okx/spot-margin").module.risk(
            spot("1", "1"), market({"BTC-USDT": "1"}), parameters("okx/spot-margin", {}), AT
        )
