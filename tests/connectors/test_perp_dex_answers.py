"""Answers of Hyperliquid and of the dYdX indexer as accounts."""

from decimal import Decimal
from typing import Any

import pytest

from marginbook.connectors.dydx_json import account_from_subaccount, is_subaccount
from marginbook.connectors.hyperliquid_json import account_from_clearinghouse_state, is_clearinghouse_state
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2026-10-01")


def state(**position: Any) -> dict[str, Any]:
    held = {"coin": "ETH", "szi": "0.0335", "entryPx": "2986.3", "positionValue": "100.02765", "marginUsed": "4.967826",
            "leverage": {"type": "isolated", "value": 20, "rawUsd": "-95.059824"},
            "liquidationPx": "2866.26936529", "unrealizedPnl": "-0.0134"}  # fmt: skip
    return {
        "assetPositions": [{"type": "oneWay", "position": held | position}],
        "crossMarginSummary": {"accountValue": "8.18", "totalMarginUsed": "0.0", "totalNtlPos": "0.0",
                               "totalRawUsd": "8.18"},
        "marginSummary": {"accountValue": "13.1", "totalRawUsd": "-86.8"},
        "crossMaintenanceMarginUsed": "0.0",
        "withdrawable": "8.18",
        "time": 1708622398623,
    }  # fmt: skip


def subaccount(number: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "subaccountNumber": number,
        "assetPositions": {"USDC": {"symbol": "USDC", "side": "SHORT", "size": "40000.5"}},
        "openPerpetualPositions": {
            "BTC-USD": {"side": "LONG", "size": "1", "entryPrice": "50000", "unrealizedPnl": "10"}
        },
    } | more


def refused(call: Any) -> str:
    with pytest.raises(BadInput) as caught:
        call()
    return caught.value.problem.code


def test_an_isolated_position_of_hyperliquids_documentation() -> None:
    found = account_from_clearinghouse_state(state(), "a")
    position = found.account.positions[0]
    assert found.as_of == 1708622398623000
    assert found.account.wallet["USDC"] == Decimal("8.18")
    assert position.isolated_wallet == Decimal("-95.059824") + Decimal("0.0335") * Decimal("2986.3")
    assert found.quotes["hyperliquid", "ETH", "mark"].price == Decimal("2985.9000000000")
    assert (found.account.reported["withdrawable"], position.reported["margin_balance"]) == (
        Decimal("8.18"),
        Decimal("4.967826"),
    )
    rules = rule_set("hyperliquid/perps").module
    parameters = rules.parameters("perps", AT, {"ETH": {"max_leverage": "50"}})
    market = Market(quotes=found.quotes)
    numbers = rules.quantities(found.account, market, parameters, AT)["isolated:ETH:long"]
    assert numbers.margin_balance == Decimal("4.967826")
    prices = rules.liquidation_prices(found.account, market, parameters, AT)
    shown = next(price.price for price in prices if price.source == "venue_displayed")
    assert abs(shown - position.reported["liquidation_price"]) < Decimal("0.0001")


@pytest.mark.parametrize(
    "change", [{"szi": None}, {"leverage": None}, {"entryPx": "0"}, {"coin": None}, {"positionValue": None}]
)
def test_a_broken_position_of_hyperliquid_is_named(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="assetPositions"):
        account_from_clearinghouse_state(state(**change), "a")


def test_what_is_no_clearinghouse_state() -> None:
    assert not is_clearinghouse_state([])
    assert refused(lambda: account_from_clearinghouse_state({}, "a")) == "unknown_format"
    assert account_from_clearinghouse_state(state(szi="0"), "a").account.positions == ()


def test_a_subaccount_of_the_dydx_indexer() -> None:
    document = {"subaccount": subaccount(equity="10009.5", freeCollateral="9009.5")}
    account = account_from_subaccount(document, "a").account
    assert account.wallet["USDC"] == Decimal("-40000.5")
    assert (account.positions[0].market, account.positions[0].quantity) == ("BTC-USD", 1)
    assert account.reported == {"margin_balance": Decimal("10009.5"), "free_margin": Decimal("9009.5")}


def test_children_of_a_parent_are_isolated_positions() -> None:
    children = [subaccount(0), subaccount(128), subaccount(256, openPerpetualPositions={}, assetPositions={})]
    document = {"subaccount": {"parentSubaccountNumber": 0, "childSubaccounts": children}}
    account = account_from_subaccount(document, "a").account
    assert [position.mode for position in account.positions] == [None, "isolated"]
    assert account.positions[1].isolated_wallet == Decimal("-40000.5")
    children[2]["assetPositions"] = {"USDC": {"side": "LONG", "size": "1"}}
    assert refused(lambda: account_from_subaccount(document, "a")) == "unsupported"


def test_what_is_no_subaccount() -> None:
    assert not is_subaccount({"subaccount": {}})
    assert refused(lambda: account_from_subaccount([], "a")) == "unknown_format"
    other = {"subaccount": subaccount(assetPositions={"ETH": {"side": "LONG", "size": "1"}})}
    assert refused(lambda: account_from_subaccount(other, "a")) == "unsupported_collateral"
    sideless = {"subaccount": subaccount(assetPositions={"USDC": {"size": "1"}})}
    assert refused(lambda: account_from_subaccount(sideless, "a")) == "unknown_choice"
