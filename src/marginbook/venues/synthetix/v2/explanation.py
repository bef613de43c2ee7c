"""Perps v2: the tree behind the headroom."""

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.synthetix.v2.parameters import Parameters
from marginbook.venues.synthetix.v2.risk import USD, Holding, figures, holdings, sums
from marginbook.venues.synthetix.wad import DECIMALS, KIND, VENUE, price_of

SOURCE = "Synthetixio/synthetix PerpsV2MarketBase.sol @1609d156"


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """Headroom = margin now − (liquidation margin + premium), summed over positions."""
    nodes = [_position(held, market, parameters, at) for held in holdings(account, parameters)]
    if len(nodes) == 1:
        return nodes[0]
    total = sum((node.value for node in nodes), from_raw(0, 0))
    return Node(
        quantity="headroom",
        value=total,
        unit=USD,
        formula="sum over positions",
        source=SOURCE,
        inputs=tuple(nodes),
    )


def _position(held: Holding, market: Market, parameters: Parameters, at: int) -> Node:
    found, own = figures(held, market, parameters, at), "account"
    now = sums(held, found)
    price = _node("price", price_of(market, held.market), "", f"{VENUE}:{held.market} {KIND}")
    size = _node("size", held.size, "", own, unit=held.market)
    margin = _node(
        "margin_now",
        now.support,
        "0: flagged" if held.flagged else "margin + size · (price − last price) + funding",
        SOURCE,
        (
            _node("margin", held.margin, "", own),
            size,
            price,
            _node("last_price", held.entry, "", own),
            _node("funding", found.funding, "size · (funding value − at last change)", SOURCE),
        ),
    )
    notional = _node("notional", found.notional, "|size| · price", SOURCE, (size, price))
    required = _node(
        "required",
        now.demand,
        "liquidation_buffer + liquidation_fee + keeper_liquidation_fee + premium",
        SOURCE,
        (
            _node("liquidation_buffer", found.buffer, "notional · ratio", parameters.source, (notional,)),
            _node("liquidation_fee", found.fee, "notional · ratio between its bounds", parameters.source, (notional,)),
            _node("keeper_liquidation_fee", found.keeper_fee, "", parameters.source),
            _node(
                "premium", found.premium, "|size| / skew scale · notional · multiplier", parameters.source, (notional,)
            ),
        ),
    )
    return _node(f"headroom {held.pool}", now.support - now.demand, "margin_now − required", SOURCE, (margin, required))


def _node(quantity: str, value: int, formula: str, source: str, inputs: tuple[Node, ...] = (), unit: str = USD) -> Node:
    return Node(
        quantity=quantity, value=from_raw(value, DECIMALS), unit=unit, formula=formula, source=source, inputs=inputs
    )
