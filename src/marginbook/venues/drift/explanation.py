"""The tree behind the headroom of every pool."""

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.drift.account import CROSS, Book, Perp, Spot, base_value, book_of
from marginbook.venues.drift.margin import Calculation, calculate, is_high_leverage, worst_base
from marginbook.venues.drift.parameters import Parameters
from marginbook.venues.drift.risk import USD, being_liquidated, maintenance_context, sides
from marginbook.venues.drift.units import KIND, QUOTE_DECIMALS, VENUE, price_of, token_value
from marginbook.venues.drift.weights import asset_weight, liability_weight, margin_ratio

SOURCE = "drift-labs/protocol-v2 math/margin.rs @0ae3e3b1"


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """Headroom = total collateral − margin requirement, summed over pools."""
    book = book_of(account, market, parameters)
    found = calculate(book, market, parameters, maintenance_context(parameters))
    nodes = [_pool(name, sums, book, market, parameters) for name, sums in found.items()]
    if len(nodes) == 1:
        return nodes[0]
    total = sum((node.value for node in nodes), from_raw(0, 0))
    return Node(
        quantity="headroom", value=total, unit=USD, formula="sum over pools", source=SOURCE, inputs=tuple(nodes)
    )


def _pool(name: str, found: Calculation, book: Book, market: Market, parameters: Parameters) -> Node:
    support, demand = sides(found, being_liquidated(book, name))
    spots = book.spots if name == CROSS else ()
    perps = [perp for perp in book.perps if perp.pool == name]
    held = [_spot(spot, market, parameters) for spot in spots]
    held += [_profit(perp, market) for perp in perps]
    held += [_node(f"deposit {perp.market}", perp.deposit, "", "account") for perp in perps if perp.deposit]
    asked = [_requirement(perp, book, market, parameters) for perp in perps]
    if name == CROSS and (book.fixed_support or book.fixed_demand):
        held.append(_node("fixed_support", book.fixed_support, "", "account"))
        asked.append(_node("fixed_demand", book.fixed_demand, "", "account"))
    if being_liquidated(book, name):
        held.append(_node("buffer on losses", found.collateral_buffer, "losses · buffer", SOURCE))
        asked.append(_node("buffer on liabilities", found.requirement_buffer, "liabilities · buffer", SOURCE))
    collateral = _node(
        "total_collateral", support, "Σ deposits · weight + Σ profit · weight · quote price", SOURCE, tuple(held)
    )
    requirement = _node(
        "margin_requirement", demand, "Σ borrows · weight + Σ perps + 0.01 per open order", SOURCE, tuple(asked)
    )
    formula = "total_collateral − margin_requirement"
    return _node(f"headroom {name}", support - demand, formula, SOURCE, (collateral, requirement))


def _spot(spot: Spot, market: Market, parameters: Parameters) -> Node:
    price = price_of(market, spot.asset)
    weight = 10**4
    if not spot.is_quote:
        size, of = abs(spot.amount), asset_weight if spot.amount > 0 else liability_weight
        weight = of(spot.terms, size, "maintenance")
    kind = "deposit" if spot.amount >= 0 else "borrow"
    return _node(
        f"{kind} {spot.asset}",
        token_value(spot.amount, spot.terms.decimals, price),
        "amount · price",
        SOURCE,
        (
            _node("amount", spot.amount, "", "account", places=spot.terms.decimals, unit=spot.asset),
            _node("price", price, "", f"{VENUE}:{spot.asset} {KIND}"),
            _node("weight", weight, "by size", parameters.source, places=4, unit="fraction"),
        ),
    )


def _profit(perp: Perp, market: Market) -> Node:
    price = price_of(market, perp.market)
    return _node(
        f"unrealized_pnl {perp.market}",
        base_value(perp.base, price) + perp.quote,
        "base · price + quote",
        SOURCE,
        (
            _node("base", perp.base, "", "account", places=9, unit=perp.market),
            _node("price", price, "", f"{VENUE}:{perp.market} {KIND}"),
            _node("quote", perp.quote, "what was paid, with fees and funding", "account"),
        ),
    )


def _requirement(perp: Perp, book: Book, market: Market, parameters: Parameters) -> Node:
    price = price_of(market, perp.market)
    size, liability = worst_base(perp, price)
    ratio = margin_ratio(perp.terms, abs(size), "maintenance", is_high_leverage(book.mode, "maintenance"))
    return _node(
        f"liability {perp.market}",
        liability,
        "|worst base| · price",
        SOURCE,
        (
            _node("worst_base", size, "with all bids or all asks filled", "account", places=9, unit=perp.market),
            _node("ratio", ratio, "by size", parameters.source, places=4, unit="fraction"),
        ),
    )


def _node(
    quantity: str,
    value: int,
    formula: str,
    source: str,
    inputs: tuple[Node, ...] = (),
    places: int = QUOTE_DECIMALS,
    unit: str = USD,
) -> Node:
    return Node(
        quantity=quantity, value=from_raw(value, places), unit=unit, formula=formula, source=source, inputs=inputs
    )
