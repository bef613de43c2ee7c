"""Risk, quantities, liquidation price and explanation of every market of an account.

    support = ⌊⌊collateral·price⌋·LLTV⌋     demand = ⌈borrow shares as assets⌉     unhealthy: support < demand

in loan tokens, each market a pool of its own with the loan asset as its currency. Borrowing and withdrawing ask for the
same as staying, so that the initial sums equal the others.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.domain.risk import LiquidationPrice, MarginRatio, Quantities, Risk
from marginbook.exact import (
    WAD,
    ZERO,
    divide,
    from_raw,
    in_exact_context,
    mul_div_ceil,
    mul_div_floor,
    round_ceil,
    round_floor,
)
from marginbook.venues.common.views import INFINITY, down, lending_quantities
from marginbook.venues.morpho.holdings import (
    PREFIX,
    USER,
    VENUE,
    Holding,
    holding_of,
    holdings_of,
    isolated_of,
    price_names,
)
from marginbook.venues.morpho.market import Isolated, Revert, borrow, is_healthy
from marginbook.venues.morpho.math import PRICE_SCALE, most_debt, to_assets_down
from marginbook.venues.morpho.parameters import Parameters

RULES = "morpho/blue"
DEFINITION = "health factor: most debt / debt"
PRICE_PLACES = 18
"""Decimals of a liquidation price; the oracle itself has up to 64."""


@in_exact_context
def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[Decimal]]:
    """The seven sums of every market [loan tokens]; assets include what is lent there."""
    return {
        h.pool: _risk(h, isolated_of(account, h, market, at, _no_price(h))) for h in holdings_of(account, parameters)
    }


def _no_price(holding: Holding) -> int | None:
    """A market in which the account only lends needs no price."""
    return 0 if holding.collateral is None and holding.debt is None else None


def collateral_value(m: Isolated) -> int:
    """⌊collateral·price / 10^36⌋ [loan units]."""
    return mul_div_floor(m.position(USER).collateral, m.price, PRICE_SCALE)


def lent(m: Isolated) -> int:
    """What the account's supply shares are worth [loan units], down."""
    return to_assets_down(m.position(USER).supply_shares, m.totals.supply_assets, m.totals.supply_shares)


def _risk(holding: Holding, m: Isolated) -> Risk[Decimal]:
    value, debt = collateral_value(m), m.debt(USER)
    support = most_debt(m.position(USER).collateral, m.price, m.lltv)
    sums = (value + lent(m), debt, value - debt, support, debt, support, debt)
    return Risk(*(from_raw(raw, holding.terms.loan_decimals) for raw in sums))


@in_exact_context
def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """The contract's health check fails, and something is owed."""
    holding = holding_of(account, pool, parameters)
    return not is_healthy(isolated_of(account, holding, market, at, _no_price(holding)), USER)


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of every market [loan tokens], 8 decimals toward danger.

    `borrowable` is the largest loan that the contract would pay out now, `withdrawable` the value of the collateral
    that may leave, and of what is lent; both up to the market's liquidity where its totals are known.
    """
    found = {}
    for h in holdings_of(account, parameters):
        m = isolated_of(account, h, market, at, _no_price(h))
        places = h.terms.loan_decimals
        sums = _risk(h, m)
        health = down(divide(sums.support, sums.demand)) if sums.demand else INFINITY
        found[h.pool] = lending_quantities(
            sums,
            h.terms.loan,
            collateral_value=from_raw(collateral_value(m), places),
            health_factor=health,
            withdrawable=from_raw(withdrawable(m), places),
            borrowable=from_raw(borrowable(m), places),
            margin_ratio=MarginRatio(health, DEFINITION, "low"),
        )
    return found


def liquidity(m: Isolated) -> int | None:
    """What the market could pay out [loan units]; None where its totals are not known."""
    return max(m.totals.supply_assets - m.totals.borrow_assets, 0) if m.knows_liquidity else None


def borrowable(m: Isolated) -> int:
    """Largest loan that the contract accepts: rounding of shares may cost the last unit of the headroom."""
    room = most_debt(m.position(USER).collateral, m.price, m.lltv) - m.debt(USER)
    cash = liquidity(m)
    room = room if cash is None else min(room, cash)
    for assets in range(room, max(room - 3, 0), -1):
        try:
            borrow(m, USER, assets=assets)
        except Revert:
            continue
        return assets
    return 0


def least_collateral(debt: int, price: int, lltv: int) -> int:
    """Least collateral that supports `debt`: both floors undone, upward.

    >>> least_collateral(2_580_000_000, 3000 * 10**24, 86 * 10**16) == 10**18
    True
    """
    return mul_div_ceil(mul_div_ceil(debt, WAD, lltv), PRICE_SCALE, price) if debt else 0


def withdrawable(m: Isolated) -> int:
    """Value [loan units] of the collateral that may leave, and of the supply up to the market's liquidity."""
    cash, supplied = liquidity(m), lent(m)
    supplied = supplied if cash is None else min(supplied, cash)
    held, debt = m.position(USER).collateral, m.debt(USER)
    if debt and not m.lltv:
        return supplied
    free = max(held - least_collateral(debt, m.price, m.lltv), 0) if held else 0
    return supplied + mul_div_floor(free, m.price, PRICE_SCALE)


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """Per market, the price of 18 decimals (of the oracle's, where it has fewer) nearest to safety that is unhealthy.

    ⌊⌊c·p / 10^36⌋·LLTV / 10^18⌋ ≥ debt  ⟺  c·p ≥ ⌈debt·10^18 / LLTV⌉·10^36, so below ⌈…⌉ / c. Where the assets' quotes
    give the price, one for each of them, the other fixed.
    """
    found: list[LiquidationPrice] = []
    for h in holdings_of(account, parameters):
        m = isolated_of(account, h, market, at, 0)
        debt, held = m.debt(USER), m.position(USER).collateral
        if not (debt and held and m.lltv):
            continue
        edge = mul_div_ceil(mul_div_ceil(debt, WAD, m.lltv), PRICE_SCALE, held)
        if edge > 1:
            found += _prices(h, edge, market)
    return found


def _prices(h: Holding, edge: int, market: Market) -> Iterator[LiquidationPrice]:
    """Prices just beyond `edge`, the least healthy price of the oracle [raw], as the market quotes them."""
    places, least = min(h.terms.price_decimals, PRICE_PLACES), from_raw(edge, h.terms.price_decimals)
    names = price_names(market, h.name, h.terms)
    if names == (h.name,):
        price = round_floor(from_raw(edge - 1, h.terms.price_decimals), places)
        if price:
            yield _price(h, h.name, price, "collateral")
        return
    collateral, loan = (market.quotes.get((VENUE, name, "oracle")) for name in names)
    unit = from_raw(1, PRICE_PLACES)
    if loan is not None and least * loan.price > unit:
        yield _price(h, names[0], round_ceil(least * loan.price, PRICE_PLACES) - unit, "collateral")
    if collateral is not None:
        yield _price(h, names[1], round_floor(divide(collateral.price, least), PRICE_PLACES) + unit, "debt")


def _price(h: Holding, name: str, price: Decimal, side: Literal["collateral", "debt"]) -> LiquidationPrice:
    return LiquidationPrice(
        pool=h.pool,
        market=name,
        side=side,
        price=price,
        when="at_or_below" if side == "collateral" else "at_or_above",
        source="exact",
    )


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """The tree behind the headroom; of several markets, a tree each, beside the sum where they lend one asset."""
    trees = [
        _tree(h, isolated_of(account, h, market, at, _no_price(h)), parameters)
        for h in holdings_of(account, parameters)
    ]
    if len(trees) == 1:
        return trees[0]
    return Node(
        quantity="headroom",
        value=sum((tree.value for tree in trees), ZERO),
        unit=trees[0].unit if len({tree.unit for tree in trees}) == 1 else "loan tokens",
        formula=" + ".join(tree.quantity for tree in trees) or "nothing is held",
        source=RULES,
        inputs=tuple(trees),
    )


def _tree(h: Holding, m: Isolated, parameters: Parameters) -> Node:
    places, loan = h.terms.loan_decimals, h.terms.loan
    position = m.position(USER)

    def node(quantity: str, value: Decimal, unit: str, formula: str, source: str, *inputs: Node) -> Node:
        return Node(quantity=quantity, value=value, unit=unit, formula=formula, source=source, inputs=inputs)

    support = node(
        "most debt",
        from_raw(most_debt(position.collateral, m.price, m.lltv), places),
        loan,
        "⌊⌊collateral · price⌋ · LLTV⌋",
        RULES,
        node(
            "collateral",
            from_raw(position.collateral, h.terms.collateral_decimals),
            h.terms.collateral,
            "as stated",
            "account",
        ),
        node("price", from_raw(m.price, h.terms.price_decimals), loan, "oracle", f"prices.{VENUE}"),
        node("LLTV", from_raw(h.terms.lltv, 18), "fraction", "parameter", parameters.source),
    )
    debt = node(
        "debt",
        from_raw(m.debt(USER), places),
        loan,
        "⌈shares · (borrow assets + 1) / (borrow shares + 10^6)⌉",
        RULES,
        node("shares", Decimal(position.borrow_shares), "1", "as stated", "account"),
        node("borrow assets", from_raw(m.totals.borrow_assets, places), loan, "with interest", f"state.{VENUE}"),
        node("borrow shares", Decimal(m.totals.borrow_shares), "1", "of all users", f"state.{VENUE}"),
    )
    return node(
        "headroom",
        support.value - debt.value,
        loan,
        "most debt − debt; unhealthy below 0",
        f"{RULES} {h.pool.removeprefix(PREFIX)}",
        support,
        debt,
    )
