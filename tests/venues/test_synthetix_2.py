"""Perps v2: what the contracts showed on a recorded walk, replayed through the rule set; then edges one unit apart."""

import json
import sys
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event, Fill, OrderChange, Stamp, Transfer
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import WAD, from_raw
from marginbook.testing.conformance import conform
from marginbook.units import MICROSECONDS, parse_time
from marginbook.venues.registry import rule_set
from marginbook.venues.synthetix.v2.orders import check_order

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS / "evm"))

from synthetix_bench.figures_2 import LABELS, numbers  # noqa: E402
from synthetix_bench.mistakes_2 import MISTAKES, planted  # noqa: E402
from synthetix_bench.scene_2 import Action, Disagreement, scene  # noqa: E402
from synthetix_bench.steps_2 import step  # noqa: E402


@cache
def recorded() -> dict[str, Any]:
    return json.loads((TESTS / "vectors" / "synthetix" / "perps_v2.json").read_text())


def first_difference() -> str | None:
    """Replay the walk; what did not agree first, or None."""
    world, shown = scene(), [0] * len(LABELS)
    for i, (kind, user, market, amount, limit, reason, changes) in enumerate(recorded()["steps"]):
        action = Action(kind=kind, user=user, market=market, amount=amount, limit=limit)
        try:
            world, predicted = step(world, action)
            found = numbers(world)
        except Disagreement as found_out:
            return f"step {i}, {action}: {found_out}"
        if predicted != reason:
            return f"step {i}, {action}: recorded {reason}, model {predicted}"
        for place, value in zip(changes[::2], changes[1::2], strict=True):
            shown[place] = value
        if found != shown:
            wrong = [f"{n}: {a}, model {b}" for n, a, b in zip(LABELS, shown, found, strict=True) if a != b]
            return f"step {i}, {action}: " + "; ".join(wrong)
    return None


def test_every_number_that_the_contracts_showed_is_the_rule_set_s() -> None:
    steps = recorded()["steps"]
    assert recorded()["labels"] == LABELS
    assert len(steps) >= 700
    assert sum(row[0] in ("liquidate", "force") and row[5] is None for row in steps) >= 20
    assert len({(row[0], row[5]) for row in steps if row[5]}) >= 15
    assert first_difference() is None


@pytest.mark.parametrize("name", MISTAKES)
def test_one_planted_mistake_is_found(name: str) -> None:
    with planted(name):
        assert first_difference() is not None


def test_accounts_of_a_book_show_what_the_contracts_views_show() -> None:
    answer = conform([TESTS / "vectors" / "synthetix" / "perps_v2_accounts.json"])
    assert not answer["failures"]
    assert sum(row["passed"] for row in answer["results"]) >= 300


AT = parse_time("2025-03-01T12:00:00Z")
MODULE = rule_set("synthetix/2").module
TERMS = MODULE.parameters("2", AT)
POOL = "isolated:ETH:long"
HELD = Position(market="ETH", side="long", quantity=Decimal(10), entry=Decimal(2000), isolated_wallet=Decimal(5000))
ACCOUNT = Account(id="a", rules="synthetix/2", wallet={"sUSD": Decimal(7)}, positions=(HELD,))
BUY = Fill(stamp=Stamp(), account="a", market="ETH", side="buy", quantity=Decimal(5), price=Decimal(2500))


def at_price(price: str, **state: str) -> Market:
    quotes = {("synthetix", "ETH", "oracle"): Quote(Decimal(price))}
    return Market(quotes=quotes, state={("synthetix", "ETH", key): Decimal(text) for key, text in state.items()})


def after(account: Account, market: Market, event: Event) -> tuple[Account, Market]:
    return MODULE.apply(account, market, event, TERMS, AT)


def transfer(amount: Decimal | str, pool: str | None = POOL) -> Transfer:
    kind = "deposit" if Decimal(amount) > 0 else "withdrawal"
    return Transfer(stamp=Stamp(), account="a", kind=kind, asset="sUSD", amount=Decimal(amount), pool=pool)  # type: ignore[arg-type]


def order(quantity: str, side: str = "buy") -> OrderChange:
    return OrderChange(
        stamp=Stamp(),
        account="a",
        order_id="1",
        market="ETH",
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(2600),
    )  # type: ignore[arg-type]


def test_a_transfer_brings_the_margin_to_the_oracle_s_price() -> None:
    account, _ = after(ACCOUNT, at_price("1900"), transfer("100"))
    (position,) = account.positions
    assert (position.isolated_wallet, position.entry) == (5000 - 1000 + 100, 1900)


def test_what_is_withdrawable_goes_and_not_one_unit_more() -> None:
    # Short on price, 55 times at most and 0.75 % + 1.5625 · 10/1,000,000 of the notional: the leverage decides.
    market = at_price("2000")
    free = MODULE.quantities(ACCOUNT, market, TERMS, AT)[POOL].withdrawable
    least = 20_000 * WAD * WAD // (55 * WAD + 1) + 1
    assert free is not None
    assert free == (5000 - from_raw(least, 18)).quantize(Decimal("1E-8"), rounding="ROUND_FLOOR")
    most = 5000 - from_raw(least, 18)
    assert after(ACCOUNT, market, transfer(-most))[0].positions[0].isolated_wallet == from_raw(least, 18)
    with pytest.raises(BadInput, match="Max leverage exceeded"):
        after(ACCOUNT, market, transfer(-most - from_raw(1, 18)))


def test_a_deposit_must_lift_the_margin_above_the_liquidation_margin() -> None:
    market = at_price("1500")  # margin 0; buffer 112.5, fee 52.5, keeper 2
    with pytest.raises(BadInput, match="Position can be liquidated"):
        after(ACCOUNT, market, transfer("167"))
    after(ACCOUNT, market, transfer("167.000000000000000001"))
    saved, _ = after(ACCOUNT, market, transfer("167.1"))
    assert MODULE.is_liquidatable(saved, POOL, market, TERMS, AT)  # the premium is not in that rule
    with pytest.raises(BadInput, match="Insufficient margin"):
        after(saved, market, transfer("-0.000000000000000001"))


def test_a_fill_receives_funding_at_the_oracle_s_price() -> None:
    state = {"funding_time": str(AT // MICROSECONDS - 86_400), "funding_rate": "0.01", "market_size": "10"}
    account, market = after(ACCOUNT, at_price("2000", **state), BUY)
    # A day at 1 % of 2,000, not of the fill's 2,500: the longs pay 20 per unit.
    assert account.positions[0].isolated_wallet == 5000 + 10 * 500 - 10 * 20
    assert account.positions[0].funding_index_raw == 20 * WAD
    written = {key: market.state["synthetix", "ETH", key] for key in ("funding_value", "skew", "market_size")}
    assert written == {"funding_value": -20, "skew": 5, "market_size": 15}
    assert market.state["synthetix", "ETH", "funding_time"] == AT // MICROSECONDS
    indexed = replace(at_price("2000", **state), indices={("synthetix", "ETH", "funding"): Index(3 * WAD)})
    _, market = after(ACCOUNT, indexed, BUY)
    assert market.indices["synthetix", "ETH", "funding"].value_raw == 23 * WAD
    assert after(ACCOUNT, at_price("2000"), BUY)[1] == at_price("2000")


def test_a_flagged_position_takes_no_fill_and_gives_nothing() -> None:
    flagged = replace(ACCOUNT, positions=(replace(HELD, details={"flagged": "true"}),))
    for event in (BUY, transfer("1")):
        with pytest.raises(BadInput, match="Position flagged"):
            after(flagged, at_price("2000"), event)
    assert MODULE.quantities(flagged, at_price("2000"), TERMS, AT)[POOL].withdrawable == 0


def test_a_delayed_order_takes_its_keeper_s_deposit_and_locks_the_margin() -> None:
    market = at_price("2000")
    account, _ = after(ACCOUNT, market, order("2"))
    (position,) = account.positions
    assert position.entry == Decimal("2000.002")
    assert position.isolated_wallet == 5000 + Decimal("0.02") - 1
    assert MODULE.quantities(account, market, TERMS, AT)[POOL].withdrawable == 0
    with pytest.raises(BadInput, match="Pending order exists"):
        after(account, market, transfer("1"))
    with pytest.raises(BadInput, match="previous order exists"):
        after(account, market, order("3"))
    filled, _ = after(account, market, replace(BUY, order_id="1"))
    assert filled.orders == ()
    cancelled, _ = after(account, market, order("0"))
    assert cancelled.orders == ()
    assert cancelled.positions == account.positions
    idle = Account(id="a", rules="synthetix/2", wallet={"sUSD": Decimal(100)})
    waiting, _ = after(idle, market, order("1"))
    assert waiting.wallet["sUSD"] == 99
    with pytest.raises(BadInput, match="Pending order exists"):
        after(waiting, market, transfer("-1", None))


def test_the_check_of_an_order() -> None:
    market = at_price("2000", skew="-3", market_size="22299")
    buy = check_order(ACCOUNT, "ETH", 5 * WAD, market, TERMS, AT)
    # At 1999.999: 3 of the 5 reduce the skew (0.0001 %), 2 turn it (0.06 %).
    assert buy.reason is None
    assert from_raw(buy.fee, 18) == Decimal("2.405998797")
    assert check_order(ACCOUNT, "ETH", 0, market, TERMS, AT).reason == "Cannot submit empty order"
    large = check_order(replace(ACCOUNT, positions=()), "ETH", 10**5 * WAD, market, TERMS, AT)
    assert large.reason == "Insufficient margin"
    assert check_order(ACCOUNT, "ETH", 5 * WAD, market, TERMS, AT, limit=buy.fill_price).reason is None
    assert check_order(ACCOUNT, "ETH", 5 * WAD, market, TERMS, AT, limit=buy.fill_price - 1).reason is not None
    with pytest.raises(BadInput, match="missing_parameter"):
        check_order(ACCOUNT, "ETH", WAD, market, TERMS, AT, "atomic")
