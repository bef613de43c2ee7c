"""Perps v3: rules that running the contracts taught; the walks themselves are in tests/evm."""

from dataclasses import replace
from decimal import Decimal

import pytest

from marginbook.domain.account import Account, Collateral, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.exact import WAD
from marginbook.units import parse_time
from marginbook.venues.synthetix import apply, is_liquidatable, plan_liquidation
from marginbook.venues.synthetix.account import POOL
from marginbook.venues.synthetix.margins import fill_price
from marginbook.venues.synthetix.orders import check_order
from marginbook.venues.synthetix.parameters import CollateralTerms, Guards, MarketTerms, Parameters

AT = parse_time("2025-03-01T12:00:00Z")
STAMP = Stamp()
TERMS = MarketTerms(
    skew_scale=1000 * WAD,
    initial_margin_ratio=WAD,
    minimum_initial_margin_ratio=WAD // 50,
    maintenance_margin_scalar=WAD // 2,
    max_funding_velocity=9 * WAD,
)
PARAMETERS = Parameters(
    markets={"ETH": TERMS},
    assets={"sODD": CollateralTerms()},
    guards=Guards(min_keeper_reward=2 * WAD, max_keeper_reward=100 * WAD, max_keeper_scaling_ratio=WAD),
    source="the test",
)


def at_prices(state: dict[str, str] | None = None, **prices: str) -> Market:
    quotes = {("synthetix", name, "oracle"): Quote(Decimal(price)) for name, price in prices.items()}
    return Market(quotes=quotes, state={("synthetix", "ETH", key): Decimal(v) for key, v in (state or {}).items()})


def trader(wallet: str = "3000", debt: str = "0", size: str = "10", **more: object) -> Account:
    position = Position(market="ETH", side="long", quantity=Decimal(size), entry=Decimal(2000))
    return Account(
        id="a",
        rules="synthetix/3",
        wallet={"snxUSD": Decimal(wallet)},
        positions=(position,) if Decimal(size) else (),
        details={"debt": debt} if debt != "0" else {},
        **more,  # type: ignore[arg-type]
    )


def fill(quantity: str, price: str, kind: str = "trade") -> Fill:
    return Fill(
        stamp=STAMP,
        account="a",
        market="ETH",
        side="sell",
        quantity=Decimal(quantity),
        price=Decimal(price),
        kind=kind,  # type: ignore[arg-type]
    )


def test_an_account_is_free_again_once_its_last_position_is_liquidated() -> None:
    market = at_prices(ETH="1800")
    part, market = apply(trader(debt="5"), market, fill("4", "1800", "liquidation"), PARAMETERS, AT)
    assert part.details == {"flagged": "true"}
    whole, market = apply(part, market, fill("6", "1800", "liquidation"), PARAMETERS, AT)
    assert (whole.details, whole.positions, whole.wallet) == ({}, (), {})
    deposit = Transfer(stamp=STAMP, account="a", kind="deposit", asset="snxUSD", amount=Decimal(7))
    assert apply(whole, market, deposit, PARAMETERS, AT)[0].wallet == {"snxUSD": 7}


def test_funding_of_a_fill_accrues_at_the_quote_and_not_at_the_fill_price() -> None:
    state = {"funding_time": str(AT // 10**6 - 86_400), "funding_rate": "0.01"}
    closed, _ = apply(trader(), at_prices(state, ETH="2000"), fill("10", "2100"), PARAMETERS, AT)
    assert closed.wallet["snxUSD"] == 3000 + 1000 - 200


def test_a_market_known_whole_is_written_down_anew() -> None:
    state = {"funding_time": str(AT // 10**6 - 86_400), "funding_rate": "0.01", "skew": "500", "market_size": "600"}
    _, then = apply(trader(), at_prices(state, ETH="2000"), fill("14", "2100"), PARAMETERS, AT)
    known = {key: then.state["synthetix", "ETH", key] for key in (*state, "funding_value")}
    assert known == {
        "funding_time": AT // 10**6,
        "funding_rate": Decimal("4.51"),
        "skew": 486,
        "market_size": 594,
        "funding_value": -2000 * Decimal("2.26"),
    }
    market = at_prices(ETH="2000")
    assert apply(trader(), market, fill("14", "2100"), PARAMETERS, AT)[1] == market


def test_liquidations_count_in_their_window_until_it_is_over() -> None:
    narrow = replace(TERMS, taker_fee=WAD // 1000, accumulation_multiplier=WAD, window_seconds=8)
    parameters = replace(PARAMETERS, markets={"ETH": narrow})
    account, market = apply(trader(), at_prices(ETH="1800"), fill("5", "1800", "liquidation"), parameters, AT)
    assert plan_liquidation(account, POOL, market, parameters, AT + 7_999_999).close_most == 3
    assert plan_liquidation(account, POOL, market, parameters, AT + 8_000_000).close_most == 5
    account, market = apply(account, market, fill("3", "1800", "liquidation"), parameters, AT + 7_000_000)
    assert plan_liquidation(account, POOL, market, parameters, AT + 14_000_000).close_most == 0
    assert plan_liquidation(account, POOL, market, parameters, AT + 15_000_000).close_most == 2


def test_keepers_of_an_account_without_positions_get_nothing_where_nothing_is_due() -> None:
    account = trader("0", "9", "0")
    for costs, fee in (({}, 0), ({("synthetix", "system", "flag_cost"): Decimal(1)}, 3)):
        plan = plan_liquidation(account, POOL, Market(state=costs), PARAMETERS, AT)
        assert plan.fee == fee
        assert sum(flow.amount for flow in plan.flows if flow.party == "account") == 9


def test_an_order_without_positions_asks_whether_the_margin_is_below_zero() -> None:
    market = at_prices(ETH="2000")
    for wallet, reason in (
        ("10", "the margin after the fill is below what is required"),
        ("8", "the account is liquidatable"),
    ):
        account = trader(wallet, "9", "0")
        assert is_liquidatable(account, POOL, market, PARAMETERS, AT)
        assert check_order(account, "ETH", WAD, market, PARAMETERS, AT).reason == reason


def test_an_order_settles_at_its_own_price() -> None:
    market = at_prices(ETH="2000")
    now = check_order(trader(), "ETH", WAD, market, PARAMETERS, AT)
    later = check_order(trader(), "ETH", WAD, market, PARAMETERS, AT, settled_at=2100 * WAD)
    assert later.fill_price == fill_price(0, TERMS.skew_scale, WAD, 2100 * WAD)
    assert later.margin == now.margin - 5 * WAD // 100  # half of 1/1000 of 100
    assert later.required == now.required


def test_a_fill_price_below_zero_is_refused() -> None:
    assert [fill_price(-1000 * WAD, 1000 * WAD, change, WAD) for change in (2, 0, -1000)] == [0, 0, -1]
    market = at_prices({"skew": "-1500"}, ETH="2000")
    assert check_order(trader(), "ETH", WAD, market, PARAMETERS, AT).reason == "the fill price would be below 0"


def test_nothing_at_all_is_withdrawn_while_the_margin_is_short() -> None:
    account = trader("210", collateral=(Collateral(asset="sODD", amount=Decimal(1)),))
    crumb = Transfer(stamp=STAMP, account="a", kind="withdrawal", asset="sODD", amount=Decimal("-1E-18"))
    market = at_prices(ETH="2000", sODD="0.5")
    with pytest.raises(BadInput, match="insufficient_margin"):
        apply(account, market, crumb, PARAMETERS, AT)
    richer = replace(account, wallet={"snxUSD": Decimal(800)})
    assert apply(richer, market, crumb, PARAMETERS, AT)[0].collateral[0].amount == 1 - Decimal("1E-18")


def test_a_plan_names_a_position_that_its_window_lets_go() -> None:
    narrow = replace(TERMS, taker_fee=WAD // 1000, accumulation_multiplier=WAD, window_seconds=1)
    parameters = replace(PARAMETERS, markets={"ETH": narrow, "BTC": replace(narrow, window_seconds=0)})
    small = Position(market="BTC", side="long", quantity=Decimal("0.01"), entry=Decimal(90_000))
    account = trader("0")
    account = replace(account, positions=(*account.positions, small))
    market = at_prices({"liquidated_in_window": "1"}, ETH="1900", BTC="80000")
    plan = plan_liquidation(account, POOL, market, parameters, AT)
    assert (plan.market, plan.close_most, plan.reason) == ("BTC", Decimal("0.01"), None)


def test_limits_of_an_account() -> None:
    limited = replace(PARAMETERS, guards=replace(PARAMETERS.guards, max_positions=1, max_collaterals=1))
    limited = replace(limited, markets={"ETH": TERMS, "BTC": TERMS})
    market = at_prices(ETH="2000", BTC="80000", sODD="1")
    full = "the account has as many positions as it may have"
    assert check_order(trader(), "BTC", WAD // 1000, market, limited, AT).reason == full
    assert check_order(trader(), "ETH", WAD // 1000, market, limited, AT).reason is None
    deposit = Transfer(stamp=STAMP, account="a", kind="deposit", asset="sODD", amount=Decimal(7))
    with pytest.raises(BadInput, match="too_many_collaterals"):
        apply(trader(), market, deposit, limited, AT)
    assert apply(trader("0"), market, deposit, limited, AT)[0].collateral[0].amount == 7
