"""Hypothesis strategies for accounts in their markets, one per rule set: for tests of one's own code against ours.

    @given(binance_usdm())
    def test(setting): assert setting.call("risk") …

Each draws a `Setting` (account, market, parameters, at) that its rule set accepts: cross and isolated, one-way and
hedge, with and without orders, fixed sums and funding.
"""

from decimal import Decimal
from typing import Any, Literal

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from marginbook.domain.account import Account, Collateral, Debt, Fixed, Order, Position, Side
from marginbook.domain.market import Index, Market, Quote
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2026-10-01T12:00:00Z")
USDM_PRICES = {"BTCUSDT": Decimal(60000), "ETHUSDT": Decimal(2600), "SOLUSDT": Decimal(150), "BTCUSDC": Decimal(60000)}
SIDES: tuple[Side, Side] = ("long", "short")
BUY_SELL: tuple[Literal["buy"], Literal["sell"]] = ("buy", "sell")


def amounts(least: str, most: str, places: int = 8) -> SearchStrategy[Decimal]:
    """Decimal amounts with up to `places` decimals, small ones as likely as large ones."""
    low, high = Decimal(least), Decimal(most)
    exponents = st.integers(low.adjusted(), high.adjusted()) if low > 0 else st.integers(-places, high.adjusted())

    def scaled(exponent: int) -> SearchStrategy[Decimal]:
        top = min(high, Decimal(1).scaleb(exponent + 1))
        return st.decimals(min(low, top), top, allow_nan=False, allow_infinity=False, places=places)

    return exponents.flatmap(scaled).filter(lambda value: low <= value <= high)


@st.composite
def binance_usdm(draw: DrawFn, orders: bool = True, funding: bool = True, most: int = 3) -> Setting:
    """An account of `binance/usdm` under the shipped brackets, or under ones whose amounts jump."""
    names = draw(st.lists(st.sampled_from(sorted(USDM_PRICES)), min_size=1, max_size=most, unique=True))
    overlay = None
    if draw(st.integers(0, 7)) == 0:
        overlay = {names[0]: {"brackets": [["0", "50000", "0.004"], ["50000", "Infinity", "0.01", "50", "100"]]}}
    rules = rule_set("binance/usdm")
    parameters = rules.module.parameters(rules.version, AT, overlay)
    return _contracts(draw, "binance/usdm", parameters, {n: USDM_PRICES[n] for n in names}, None, orders, funding)


@st.composite
def generic_derivatives(draw: DrawFn, orders: bool = True, funding: bool = True) -> Setting:
    """An account of `generic/derivatives` under drawn parameters: inverse, entry basis, fee to close, operator."""
    names = draw(st.lists(st.sampled_from(("A", "B", "C")), min_size=1, max_size=3, unique=True))
    operator = draw(st.sampled_from(("<", "<=")))
    overlay: dict[str, Any] = {}
    for name in names:
        rate = draw(st.decimals("0.001", "0.2", places=4))
        overlay[name] = {
            "operator": operator,
            "contract": draw(st.sampled_from(("linear", "linear", "inverse"))),
            "basis": draw(st.sampled_from(("mark", "mark", "entry"))),
            "taker_fee": draw(st.sampled_from(("0", "0", "0.0005"))),
            "brackets": [["0", "1000", rate], ["1000", "Infinity", rate + draw(st.decimals("0", "0.3", places=4))]],
        }
        if draw(st.booleans()):
            overlay[name]["tick"] = "0.01"
    rules = rule_set("generic/derivatives")
    parameters = rules.module.parameters(rules.version, AT, overlay)
    return _contracts(
        draw, "generic/derivatives", parameters, dict.fromkeys(names, Decimal(100)), "USD", orders, funding
    )


def _contracts(
    draw: DrawFn,
    rules: str,
    parameters: Any,
    typical: dict[str, Decimal],
    currency: str | None,
    orders: bool,
    funding: bool,
) -> Setting:
    venue = rules.partition("/")[0]
    hedge = draw(st.booleans())
    positions: list[Position] = []
    resting: list[Order] = []
    quotes, indices = {}, {}
    for name, price in typical.items():
        at_market = st.decimals(price / 4, price * 4, places=4)
        quotes[venue, name, "mark"] = Quote(draw(at_market))
        sides = draw(st.lists(st.sampled_from(SIDES), min_size=1, max_size=2 if hedge else 1, unique=True))
        indexed = funding and draw(st.booleans())
        if indexed:
            indices[venue, name, "funding"] = Index(draw(st.integers(-(10**20), 10**20)))
        for side in sides:
            mode = draw(st.sampled_from(("cross", "cross", "isolated")))
            positions.append(
                Position(
                    market=name,
                    side=side,
                    quantity=draw(amounts("0.001", "100000", 3)),
                    entry=draw(at_market),
                    leverage=draw(st.integers(1, 125).map(Decimal)),
                    mode="isolated" if mode == "isolated" else "cross",
                    isolated_wallet=draw(amounts("0", "1000000")) if mode == "isolated" else None,
                    funding_index_raw=draw(st.integers(-(10**20), 10**20)) if indexed else None,
                )
            )
        if orders and draw(st.booleans()):
            resting.append(
                Order(
                    id=f"{name}-order",
                    market=name,
                    side=draw(st.sampled_from(BUY_SELL)),
                    quantity=draw(amounts("0.001", "1000", 3)),
                    price=draw(at_market),
                    position_side=draw(st.sampled_from(SIDES)) if hedge else None,
                    reduce_only=draw(st.booleans()),
                    leverage=Decimal(10),
                )
            )
    currencies = [currency] if currency else sorted({name[-4:] for name in typical})
    fixed = None
    if len(currencies) == 1 and draw(st.integers(0, 3)) == 0:
        fixed = Fixed(support=draw(amounts("0", "1000")), demand=draw(amounts("0", "1000")))
    account = Account(
        id="drawn",
        rules=rules,
        position_mode="hedge" if hedge else "one-way",
        wallet={name: draw(amounts("0", "100000000")) for name in currencies},
        positions=tuple(positions),
        orders=tuple(resting),
        fixed=fixed,
    )
    return Setting(account, Market(quotes=quotes, indices=indices), parameters, AT)


@st.composite
def generic_lending(draw: DrawFn) -> Setting:
    """An account of `generic/lending` under drawn thresholds, minimum ratios and operators."""
    operator = draw(st.sampled_from(("<", "<=")))
    overlay: dict[str, Any] = {}
    for name in ("A", "B", "C"):
        overlay[name] = {"operator": operator, "liquidation_bonus": draw(st.decimals("0", "0.2", places=3))}
        if draw(st.booleans()):
            overlay[name]["minimum_collateral_ratio"] = draw(st.decimals("1.01", "3", places=2))
        else:
            threshold = draw(st.decimals("0.05", "0.99", places=3))
            overlay[name] |= {"liquidation_threshold": threshold, "ltv": threshold * Decimal("0.9")}
    rules = rule_set("generic/lending")
    parameters = rules.module.parameters(rules.version, AT, overlay)
    held = draw(st.lists(st.sampled_from(("A", "B", "C")), min_size=1, max_size=3, unique=True))
    owed = draw(st.lists(st.sampled_from(("A", "B", "C", "D")), max_size=2, unique=True))
    account = Account(
        id="drawn",
        rules="generic/lending",
        collateral=tuple(
            Collateral(asset=name, amount=draw(amounts("0", "100000")), enabled=draw(st.integers(0, 4)) > 0)
            for name in held
        ),
        debt=tuple(Debt(asset=name, amount=draw(amounts("0", "100000"))) for name in owed),
    )
    prices = st.decimals("0.01", "5000", places=4)
    quotes = {("generic", name, "oracle"): Quote(draw(prices)) for name in ("A", "B", "C", "D")}
    return Setting(account, Market(quotes=quotes), parameters, AT)
