"""hyperliquid/perps: reported numbers, a recorded account, tiers, steps of a liquidation, dates, overlays, answers."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from marginbook.connectors.hyperliquid_json import account_from_clearinghouse_state
from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, Stamp
from marginbook.domain.market import Market, Quote
from marginbook.testing.conformance import conform
from marginbook.units import format_time, parse_time
from marginbook.venues.hyperliquid.parameters import overlay_from_meta
from marginbook.venues.registry import rule_set

VECTORS = Path(__file__).parent.parent / "vectors" / "hyperliquid"
MODULE = rule_set("hyperliquid/perps").module
AT = parse_time("2026-10-01")
PARAMETERS = MODULE.parameters("perps", AT)


def marked(**prices: str) -> Market:
    return Market(quotes={("hyperliquid", name, "mark"): Quote(Decimal(price)) for name, price in prices.items()})


def held(quantity: str, entry: str = "50000", side: Any = "long", market: str = "BTC", **more: Any) -> Position:
    return Position(
        market=market, side=side, quantity=Decimal(quantity), entry=Decimal(entry), leverage=Decimal(10), **more
    )


def owner(balance: str, *positions: Position, **more: Any) -> Account:
    return Account(id="a", rules="hyperliquid/perps", wallet={"USDC": Decimal(balance)}, positions=positions, **more)


def plan_of(account: Account, market: Market, at: int = AT) -> Any:
    return MODULE.plan_liquidation(account, "cross:USDC", market, PARAMETERS, at)


def refused(call: Any) -> str:
    with pytest.raises(BadInput) as caught:
        call()
    return caught.value.problem.code


def test_reported_liquidation_prices_within_the_rounding_of_their_inputs() -> None:
    answer = conform([VECTORS / "perps.json"])
    assert answer["failures"] == []
    assert sum(row["passed"] for row in answer["results"]) == 23


def test_a_recorded_account_of_two_cross_positions_and_an_isolated_one() -> None:
    """2024-05-04: each cross price has the margin available to all over its own 1 − 1 / (2 · max leverage)."""
    answer = conform([VECTORS / "account_2024-05-04.json"])
    assert answer["failures"] == []
    assert sum(row["passed"] for row in answer["results"]) == 10


def test_a_recorded_account_of_twelve_positions() -> None:
    document = json.loads((VECTORS / "clearinghouse_2023-03-27.json").read_text())["answer"]
    found = account_from_clearinghouse_state(document, "recorded")
    at = parse_time("2023-03-27T18:05:22Z")
    parameters = MODULE.parameters("perps", at)
    market = Market(quotes=found.quotes)
    numbers = MODULE.quantities(found.account, market, parameters, at)["cross:USDC"]
    printed = document["crossMarginSummary"]
    assert abs(numbers.margin_balance - Decimal(printed["accountValue"])) <= Decimal("0.000001")
    assert abs(numbers.notional - Decimal(printed["totalNtlPos"])) <= Decimal("0.000001")
    # The venue cuts each position's margin at 6 decimals.
    assert abs(numbers.initial_margin - Decimal(printed["totalMarginUsed"])) <= Decimal("0.000012")
    assert abs(numbers.withdrawable - Decimal(document["withdrawable"])) <= Decimal("0.000012")
    shown = {
        price.market: price.price
        for price in MODULE.liquidation_prices(found.account, market, parameters, at)
        if price.source == "venue_displayed"
    }
    for position in found.account.positions:
        reported = position.reported.get("liquidation_price")
        if reported is not None:
            assert abs(shown[position.market] - reported) * position.quantity <= Decimal("0.000002")
        else:
            assert position.market not in shown


def test_maintenance_is_half_of_the_initial_margin_at_max_leverage_by_tier() -> None:
    table = PARAMETERS.terms_of("BTC").table
    assert [table.maintenance(Decimal(n)) for n in (40, 150_000_000, 150_000_040)] == [
        Decimal("0.5"), 1_875_000, 1_875_001,
    ]  # fmt: skip


@pytest.mark.parametrize(("balance", "liquidatable"), [("625", False), ("624.99999999", True)])
def test_falls_below(balance: str, liquidatable: bool) -> None:
    account = owner(balance, held("1"))
    assert MODULE.is_liquidatable(account, "cross:USDC", marked(BTC="50000"), PARAMETERS, AT) is liquidatable


@pytest.mark.parametrize(("balance", "liquidatable"), [("1", False), ("0.99999999", True)])
def test_at_a_rate_that_does_not_end_equity_equal_to_maintenance_is_not_below_it(
    balance: str, liquidatable: bool
) -> None:
    """1/6 of 6 is 1, and no digit more."""
    terms = MODULE.parameters("perps", AT, {"GAS": {"max_leverage": "3"}})
    account, market = owner(balance, held("2", "3", market="GAS")), marked(GAS="3")
    assert MODULE.is_liquidatable(account, "cross:USDC", market, terms, AT) is liquidatable
    found = MODULE.quantities(account, market, terms, AT)["cross:USDC"]
    assert found.maintenance_margin == 1


def test_the_liquidation_price_takes_the_tier_at_that_price() -> None:
    # 4,000 BTC: 160 M at 40,000, where the rate is 2.5 % with a deduction of 1,875,000.
    account = owner("50000000", held("4000"))
    prices = MODULE.liquidation_prices(account, Market(), PARAMETERS, AT)
    by_source = {price.source: price.price for price in prices}
    expected = (Decimal(150_000_000) - Decimal("1875000")) / (4000 * (1 - Decimal("0.025")))
    assert abs(by_source["venue_displayed"] - expected) < Decimal("0.00000001")
    # There the notional is 151.9 M, so that the second tier is the right one.
    assert 4000 * by_source["exact"] > 150_000_000


def test_withdrawals_leave_the_transfer_margin() -> None:
    account = owner("10000", held("1"))
    found = [
        MODULE.quantities(account, marked(BTC="50000"), MODULE.parameters("perps", parse_time(day)), AT)
        for day in ("2024-11-01", "2025-04-01", "2026-10-01")
    ]
    assert [numbers["cross:USDC"].withdrawable for numbers in found] == [5000, 0, 5000]
    levered = replace(account, positions=(replace(account.positions[0], leverage=Decimal(40)),))
    now = MODULE.quantities(levered, marked(BTC="50000"), PARAMETERS, AT)["cross:USDC"]
    assert (now.initial_margin, now.withdrawable) == (1250, 5000)


def test_large_positions_are_closed_by_a_fifth_then_wholly() -> None:
    market = marked(BTC="50000")
    # 100,000 exactly has a maintenance of 1,250; a fifth of the larger one is rounded up to the size step.
    account = owner("1200", held("2"))
    assert plan_of(account, market).close_most == 2
    larger = owner("1200", held("2.00001"))
    assert plan_of(larger, market).close_most == Decimal("0.40001")
    during = replace(larger, details={"partially_liquidated_at": format_time(AT - 29_000_000)})
    assert plan_of(during, market).close_most == Decimal("2.00001")
    later = replace(larger, details={"partially_liquidated_at": format_time(AT - 30_000_000)})
    assert plan_of(later, market).close_most == Decimal("0.40001")


def test_below_two_thirds_the_vault_takes_over_and_below_zero_the_other_side() -> None:
    market = marked(BTC="50000")
    at_border = owner("800", held("1.92"))  # maintenance 1,200
    assert {flow.party for flow in plan_of(at_border, market).flows} == {"account", "counterparties"}
    below = replace(at_border, wallet={"USDC": Decimal("799.99999999")})
    taken = plan_of(below, market)
    assert {flow.party for flow in taken.flows} == {"account", "liquidator"}
    assert taken.seized == Decimal("799.99999999")
    under = owner("-5", held("1"))
    state = {("hyperliquid", "BTC", "previous_mark"): Decimal(50_010)}
    deleveraged = plan_of(under, replace(market, state=state))
    assert (deleveraged.price, deleveraged.bad_debt, deleveraged.close_most) == (50_010, 5, 1)
    assert plan_of(owner("1000", held("1")), market).reason


def test_isolated_positions_keep_their_margin() -> None:
    event = Fill(
        stamp=Stamp(), account="a", market="ETH", side="buy", quantity=Decimal(1), price=Decimal(2000),
        leverage=Decimal(5), mode="isolated",
    )  # fmt: skip
    account, _ = MODULE.apply(owner("1000"), marked(ETH="2000"), event, PARAMETERS, AT)
    assert (account.wallet["USDC"], account.positions[0].isolated_wallet) == (600, 400)
    assert set(MODULE.risk(account, marked(ETH="2000"), PARAMETERS, AT)) == {"cross:USDC", "isolated:ETH:long"}


def test_tables_are_dated() -> None:
    rates = {
        day: MODULE.parameters("perps", parse_time(day)).terms_of("BTC").table.rows[0].max_leverage
        for day in ("2023-03-27", "2024-11-01", "2025-03-15")
    }
    assert list(rates.values()) == [50, 50, 40]
    assert refused(lambda: MODULE.parameters("perps", parse_time("2023-03-26"))) == "no_parameters"
    assert refused(lambda: MODULE.parameters("perps", parse_time("2025-01-01")).terms_of("XRP")) == "no_parameters"


def test_overlays() -> None:
    own = MODULE.parameters("perps", AT, {"BTC": {"max_leverage": "50"}, "NEW": {"tiers": [["0", "3"], ["1000", "2"]]},
                                          "*": {"max_leverage": "5", "transfer_rate": "0.3"}})  # fmt: skip
    assert own.terms_of("BTC").table.maintenance(Decimal(100)) == 1
    assert len(own.terms_of("NEW").table.rows) == 2
    assert own.terms_of("ANY").table.maintenance(Decimal(100)) == 10
    assert own.transfer_rate == Decimal("0.3")
    early = MODULE.parameters("perps", 0, {"BTC": {"max_leverage": "50"}})
    assert early.terms_of("BTC").table.maintenance(Decimal(100)) == 1


@pytest.mark.parametrize(
    ("overlay", "code"),
    [
        ({"BTC": {"rate": "1"}}, "unknown_parameter"),
        ({"BTC": {"tiers": [["1", "3"]]}}, "bad_tiers"),
        ({"BTC": {"tiers": [["0", "3"], ["0", "2"]]}}, "bad_tiers"),
        ({"BTC": {"tiers": [["0"]]}}, "bad_tiers"),
        ({"BTC": {"tiers": "x"}}, "bad_tiers"),
        ({"BTC": {"max_leverage": "0.5"}}, "bad_tiers"),
        ({"NEW": {"tick": "1"}}, "no_parameters"),
        ({"BTC": "x"}, "bad_parameters"),
    ],
)
def test_overlays_that_are_none(overlay: dict[str, Any], code: str) -> None:
    assert refused(lambda: MODULE.parameters("perps", AT, overlay)) == code


def test_the_venues_meta_is_an_overlay() -> None:
    meta = {
        "universe": [
            {"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56},
            {"name": "GAS", "szDecimals": 1, "maxLeverage": 3, "marginTableId": 3},
            {"name": "OLD", "szDecimals": 1, "maxLeverage": 50},
        ],
        "marginTables": [[56, {"marginTiers": [{"lowerBound": "0.0", "maxLeverage": 40},
                                               {"lowerBound": "150000000.0", "maxLeverage": 20}]}]],
    }  # fmt: skip
    own = MODULE.parameters("perps", AT, overlay_from_meta(meta))
    assert own.terms_of("GAS").table.maintenance(Decimal(600)) == 100
    assert own.terms_of("BTC").quantity_step == Decimal("0.00001")
    assert own.terms_of("OLD").table.maintenance(Decimal(100)) == 1
    missing = {"universe": [{"name": "X", "szDecimals": 1, "maxLeverage": 3, "marginTableId": 60}]}
    assert refused(lambda: overlay_from_meta(missing)) == "bad_tiers"
