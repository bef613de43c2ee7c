"""Three mistakes that other software makes in cross margin, on every exchange of linear contracts.

Other positions enter with the sign of their side; a bracket is that of the notional and never of the collateral; the
requirement keeps its deduction (or has none, where the rate of a tier holds for the whole position).
"""

from decimal import Decimal as D
from typing import Any

import pytest

from marginbook.domain.account import Account, Position, Side
from marginbook.domain.market import Market, Quote
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2026-10-01")
TWO_TIERS = {"brackets": [["0", "1000", "0.01", "50"], ["1000", "Infinity", "0.05", "10"]]}
BY_QUANTITY = {"brackets": [["0", "10", "0.01", "50"], ["10", "Infinity", "0.05", "10"]]}
NO_FEE = {"taker_fee": "0"}
CASES = [  # rules, markets, currency, terms of both, maintenance of 20 at 100
    ("binance/usdm", ("XUSDT", "YUSDT"), "USDT", TWO_TIERS, "60"),
    ("bybit/uta", ("XUSDT", "YUSDT"), "USDT", TWO_TIERS | NO_FEE, "60"),
    ("hyperliquid/perps", ("X", "Y"), "USDC", {"tiers": [["0", "50"], ["1000", "10"]]}, "60"),
    ("bitget/usdt", ("XUSDT", "YUSDT"), "USDT", TWO_TIERS | NO_FEE, "100"),
    ("okx/single-currency", ("X-USDT-SWAP", "Y-USDT-SWAP"), "USDT", BY_QUANTITY | NO_FEE, "100"),
]
every_exchange = pytest.mark.parametrize(
    ("rules", "names", "currency", "terms", "maintenance"), CASES, ids=[case[0] for case in CASES]
)


def held(name: str, side: Side, quantity: str, leverage: str = "10") -> Position:
    return Position(market=name, side=side, quantity=D(quantity), entry=D(100), leverage=D(leverage))


def pool_of(
    rules: str, currency: str, terms: Any, prices: dict[str, str], *positions: Position
) -> tuple[Any, D | None]:
    """(quantities, exact liquidation price of the first position) of the cross pool with 200."""
    found, venue = rule_set(rules), rule_set(rules).venue
    account = Account(id="a", rules=rules, wallet={currency: D(200)}, positions=positions)
    market = Market(quotes={(venue, name, "mark"): Quote(D(price)) for name, price in prices.items()})
    parameters = found.module.parameters(found.version, AT, dict.fromkeys(prices, terms))
    exact = [
        price.price
        for price in found.module.liquidation_prices(account, market, parameters, AT)
        if price.market == positions[0].market and price.source == "exact"
    ]
    (quantities,) = found.module.quantities(account, market, parameters, AT).values()
    return quantities, exact[0] if exact else None


@every_exchange
def test_other_positions_enter_with_the_sign_of_their_side(
    rules: str, names: tuple[str, str], currency: str, terms: Any, maintenance: str
) -> None:
    mine, other = names
    borders = {}
    for side, gain in (("long", 30), ("short", -30)):
        positions = held(mine, "long", "5"), held(other, side, "3")  # type: ignore[arg-type]
        found, borders[side] = pool_of(rules, currency, terms, {mine: "100", other: "110"}, *positions)
        assert (found.unrealized_pnl, found.margin_balance) == (gain, 200 + gain)
    assert borders["long"] is not None
    assert borders["short"] is not None
    # 60 more of profit lower the border of 5 · (1 − 1 %) by 60 / 4.95
    assert abs(borders["short"] - borders["long"] - D(60) / D("4.95")) < D("0.011")


@every_exchange
@pytest.mark.parametrize("leverage", ["1", "10", "50"])
def test_the_bracket_is_that_of_the_notional_and_keeps_its_deduction(
    rules: str, names: tuple[str, str], currency: str, terms: Any, maintenance: str, leverage: str
) -> None:
    """2,000 of notional is in the second bracket, though 50x has 40 of collateral."""
    found, _ = pool_of(rules, currency, terms, {names[0]: "100"}, held(names[0], "long", "20", leverage))
    assert found.maintenance_margin == D(maintenance)
