"""Bybit: printed figures of both eras, isolated and inverse prices, and what its rules refuse."""

from dataclasses import replace
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from marginbook.domain.account import Account, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, Setting, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.testing.conformance import conform
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

VECTORS = Path(__file__).parent.parent / "vectors" / "bybit"
ENTRY_ERA, MARK_ERA = parse_time("2024-07-12"), parse_time("2025-11-08")
STAMP = Stamp(time=MARK_ERA)
TIERS = {"BTCUSDT": {"brackets": [["0", "2000000", "0.005", "100"], ["2000000", "4000000", "0.01", "50"]]}}


def uta(at: int = MARK_ERA, overlay: dict[str, Any] | None = None) -> Any:
    return rule_set("bybit/uta").module.parameters("uta", at, overlay)


def market(**prices: str) -> Market:
    return Market(quotes={("bybit", name, "mark"): Quote(D(price)) for name, price in prices.items()})


def position(name: str, side: Any, quantity: str, entry: str, leverage: str = "10", **more: Any) -> Position:
    return Position(market=name, side=side, quantity=D(quantity), entry=D(entry), leverage=D(leverage), **more)


def account(*positions: Position, rules: str = "bybit/uta", **wallet: str) -> Account:
    return Account(id="a", rules=rules, wallet={c: D(v) for c, v in wallet.items()}, positions=positions)


def test_every_printed_number() -> None:
    found = conform([VECTORS])
    assert not found["failures"]
    assert sum(row["unsupported"] for row in found["results"]) == 0
    assert sum(row["passed"] for row in found["results"]) >= 40


def test_the_basis_changes_with_the_date() -> None:
    held = account(position("BTCUSDT", "long", "0.001", "100000"), USDT="20")
    at_entry = rule_set("bybit/uta").module.risk(held, market(BTCUSDT="110000"), uta(ENTRY_ERA), 0)["cross:USDT"]
    at_mark = rule_set("bybit/uta").module.risk(held, market(BTCUSDT="110000"), uta(MARK_ERA), 0)["cross:USDT"]
    fee = D("0.0495")  # 100 · 0.00055 · 0.9, on the value at entry in both
    assert (at_entry.demand, at_mark.demand) == (D("0.5") + fee, D("0.55") + fee)


def test_before_the_unified_account_there_are_no_parameters() -> None:
    with pytest.raises(BadInput, match="no_parameters"):
        uta(parse_time("2020-01-01"))
    own = uta(parse_time("2020-01-01"), {"BTCUSDT": {"maintenance_rate": "0.01"}})
    assert own.contracts.terms_of("BTCUSDT").basis == "entry"
    with pytest.raises(BadInput, match="no_parameters"):
        uta().terms_of("NEWUSDT")


def test_liquidation_is_at_equality_and_not_one_unit_above() -> None:
    module, parameters = rule_set("bybit/uta").module, uta()
    held = account(position("BTCUSDT", "long", "0.001", "100000"), USDT="0.5495")
    for unit, expected in (("0", True), ("0.00000001", False), ("-0.00000001", True)):
        wallet = {"USDT": held.wallet["USDT"] + D(unit)}
        moved = replace(held, wallet=wallet)
        assert module.is_liquidatable(moved, "cross:USDT", market(BTCUSDT="100000"), parameters, 0) is expected


def test_a_deduction_keeps_the_requirement_continuous() -> None:
    """Above 2,000,000 the deduction of 10,000 is derived, as the venue's tiers are marginal."""
    table = uta(overlay=TIERS).terms_of("BTCUSDT").table
    assert table.maintenance(D(2_000_000)) == 10_000
    assert table.maintenance(D(3_000_000)) == 20_000


def test_the_published_illustration_of_marginal_tiers() -> None:
    """Tiers of 2 % to 4 % by 1,000; 100 contracts at 35: 20 + 25 + 30 + 17.5."""
    steps = ["0.02", "0.025", "0.03", "0.035", "0.04"]
    rows = [[str(1000 * n), str(1000 * n + 1000), rate] for n, rate in enumerate(steps)]
    table = uta(overlay={"XUSDT": {"brackets": rows}}).terms_of("XUSDT").table
    assert table.maintenance(D(3500)) == D("92.5")


def test_the_fee_of_an_isolated_position_follows_its_margin() -> None:
    """2026 text, inverse long: size·(m + 1) / (size/EP + size/EP/L + extra/(1 + f)); the fee is that at bankruptcy."""
    parameters = uta(MARK_ERA, {"BTCUSD": {"maintenance_rate": "0.005", "taker_fee": "0.0006"}})
    size, entry, leverage, fee, extra = D(10_000), D(50_000), D(10), D("0.0006"), D("0.01")
    value = size / entry
    initial = value / leverage + value * fee * (1 + 1 / leverage)
    held = position("BTCUSD", "long", "10000", "50000", mode="isolated", isolated_wallet=initial + extra)
    found = rule_set("bybit/uta").module.liquidation_prices(
        account(held, BTC="0"), market(BTCUSD="50000"), parameters, 0
    )
    expected = size * D("1.005") / (value + value / leverage + extra / (1 + fee))
    assert abs(next(p.price for p in found if p.source == "exact") - expected) < D("0.00000002")


@pytest.mark.parametrize("rules", ["bybit/uta", "bybit/inverse"])
def test_whole_contracts_of_one_dollar_are_closed(rules: str) -> None:
    module, at = rule_set(rules).module, MARK_ERA if rules == "bybit/uta" else parse_time("2021-06-01")
    terms = module.parameters(rules, at, {"BTCUSD": {"maintenance_rate": "0.005", "taker_fee": "0.0006"}})
    held = account(position("BTCUSD", "long", "100001", "50000"), rules=rules, BTC="0.008")
    plan = module.plan_liquidation(held, "cross:BTC", market(BTCUSD="50000"), terms, at)
    assert 0 < plan.close_least < plan.close_most == 100001
    assert plan.close_least == int(plan.close_least)


def test_several_currencies_are_one_pool_at_the_books_own_ratios() -> None:
    module = rule_set("bybit/uta").module
    ratios = {"BTC": {"discount": "0.95", "borrow_rate": "0.04"}, "USDT": {"discount": "1", "borrow_rate": "0.05"}}
    held = account(position("BTCUSDT", "long", "1", "50000"), USDT="-1000", BTC="0.1")
    prices = market(BTCUSDT="50000")
    quotes = {**prices.quotes, ("bybit", "BTC", "index"): Quote(D(50000)), ("bybit", "USDT", "index"): Quote(D(1))}
    found = module.risk(held, replace(prices, quotes=quotes), uta(overlay=ratios), 0)
    assert set(found) == {"cross"}
    assert found["cross"].support == D("3750")  # 0.1 · 0.95 · 50,000 − 1,000
    assert found["cross"].demand == D("324.75")  # 250 + fee 24.75 + 5 % of 1,000
    with pytest.raises(BadInput, match="no_parameters"):
        module.risk(held, replace(prices, quotes=quotes), uta(), 0)
    alone = account(position("BTCUSDT", "long", "1", "50000"), USDT="5000")
    assert set(module.risk(alone, prices, uta(), 0)) == {"cross:USDT"}
    dust = replace(alone, wallet={**alone.wallet, "BTC": D(0)})
    assert "cross" not in module.risk(dust, prices, uta(), 0)


def test_a_cross_position_is_printed_the_price_at_which_the_balance_meets_todays_requirement() -> None:
    """20 USDT and a requirement of 0.5995: 90,000 − 9,400.5 at an index of 1, and twice as far at one of 2."""
    module, parameters = rule_set("bybit/uta").module, uta()
    held = account(position("BTCUSDT", "long", "0.001", "100000"), USDT="20")
    prices = market(BTCUSDT="90000")
    quotes = {**prices.quotes, ("bybit", "USDT", "index"): Quote(D(1))}
    twice = {**quotes, ("bybit", "USDT", "index"): Quote(D(2))}

    def printed(owner: Account, quoted: Any) -> list[D]:
        found = module.liquidation_prices(owner, Market(quotes=quoted), parameters, 0)
        return [price.price for price in found if price.source == "venue_displayed"]

    assert printed(held, quotes) == [D(90000) - (D(10) - D("0.4995")) * 1000]
    assert printed(held, twice) == [D(90000) - (D(10) - D("0.4995")) * 2000]
    assert printed(held, prices.quotes) == []  # what a USDT is in USD is not known
    short = replace(held, positions=(position("BTCUSDT", "short", "0.001", "100000"),))
    assert printed(short, quotes) == [D(90000) + (D(30) - D("0.45") - D("0.0605")) * 1000]
    both = replace(held, position_mode="hedge", positions=held.positions + short.positions)
    assert printed(both, quotes) == []


def test_a_currency_that_counts_in_part_makes_a_pool_in_usd_even_alone() -> None:
    held = account(position("BTCUSDT", "long", "0.001", "100000"), USDT="20")
    module = rule_set("bybit/uta").module
    quotes = {**market(BTCUSDT="90000").quotes, ("bybit", "USDT", "index"): Quote(D(1))}
    for ratio, pools in (("1", {"cross:USDT"}), ("0.84", {"cross"})):
        terms = uta(overlay={"USDT": {"discount": ratio, "borrow_rate": "0.04"}})
        assert set(module.risk(held, Market(quotes=quotes), terms, 0)) == pools


def test_cross_inverse_is_printed_on_the_tick_toward_the_mark() -> None:
    rules = rule_set("bybit/inverse")
    parameters = rules.module.parameters("inverse", parse_time("2020-06-01"))
    held = account(position("BTCUSD", "long", "10000", "8000"), rules="bybit/inverse", BTC="0.5")
    exact, shown = rules.module.liquidation_prices(held, market(), parameters, 0)
    assert (exact.price, shown.price, shown.source) == (D("5739.0"), D("5739.5"), "venue_displayed")


def test_a_fill_opens_and_an_isolated_margin_contains_the_fee_to_close() -> None:
    module, parameters = rule_set("bybit/uta").module, uta()
    held = account(USDT="100")
    fill = Fill(
        stamp=STAMP,
        account="a",
        market="BTCUSDT",
        side="buy",
        quantity=D("0.01"),
        price=D(50_000),
        leverage=D(10),
        mode="isolated",
    )
    after, _ = module.apply(held, market(BTCUSDT="50000"), fill, parameters, 0)
    assert after.positions[0].isolated_wallet == D("50.2475")  # 500 / 10 + 500 · 0.000495
    assert after.wallet["USDT"] == D("49.7525")
    transfer = Transfer(stamp=STAMP, account="a", kind="withdrawal", asset="USDT", amount=D(-50))
    with pytest.raises(BadInput, match="insufficient_balance"):
        module.apply(after, market(), transfer, parameters, 0)
    change = Setting(stamp=STAMP, account="a", kind="leverage", market="BTCUSDT", value="20")
    assert module.apply(after, market(), change, parameters, 0)[0].positions[0].leverage == 20


def test_orders_raise_the_initial_margin_only() -> None:
    module, parameters = rule_set("bybit/uta").module, uta()
    held = account(position("BTCUSDT", "long", "0.01", "50000"), USDT="1000")
    bid = Order(id="1", market="BTCUSDT", side="buy", quantity=D("0.01"), price=D(50_000), leverage=D(10))
    prices = market(BTCUSDT="50000")
    alone = module.risk(held, prices, parameters, 0)["cross:USDT"]
    beside = module.risk(replace(held, orders=(bid,)), prices, parameters, 0)["cross:USDT"]
    assert beside.demand == alone.demand
    assert beside.demand_initial - alone.demand_initial == 50


def test_a_plan_closes_the_least_and_conserves_money() -> None:
    module, parameters = rule_set("bybit/uta").module, uta()
    held = account(position("BTCUSDT", "long", "1", "50000"), USDT="200")
    plan = module.plan_liquidation(held, "cross:USDT", market(BTCUSDT="50000"), parameters, 0)
    assert 0 < plan.close_least < plan.close_most == 1
    assert sum(flow.amount for flow in plan.flows) == 0


@pytest.mark.parametrize("key", ["basis", "contract", "operator", "nonsense"])
def test_what_belongs_to_the_venue_cannot_be_overlaid(key: str) -> None:
    with pytest.raises(BadInput, match=key):
        uta(overlay={"BTCUSDT": {key: "mark"}})
