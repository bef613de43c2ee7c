"""The tree behind the headroom of subaccounts [USDC]."""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.exact import ZERO, from_raw, in_exact_context
from marginbook.venues.dydx.holdings import CURRENCY, KIND, VENUE, pools, subaccount_of
from marginbook.venues.dydx.parameters import RULES, Parameters
from marginbook.venues.dydx.quantums import QUOTE_DECIMALS
from marginbook.venues.dydx.subaccount import Holding, Subaccount


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """Headroom = net collateral − maintenance margin, down to prices, sizes and fractions."""
    nodes = [_pool(name, subaccount_of(pool, market, parameters), parameters) for name, pool in pools(account).items()]
    if len(nodes) == 1:
        return nodes[0]
    return _node("headroom", sum((node.value for node in nodes), ZERO), "sum over subaccounts", tuple(nodes))


def _pool(name: str, subaccount: Subaccount, parameters: Parameters) -> Node:
    total = subaccount.risk()
    parts = [
        _node("usdc_position", _usdc(subaccount.usdc), "", source="account"),
        _node("funding", _usdc(subaccount.funding_due()), "floor(Σ −(index − own index) · quantums / 10^6)"),
    ]
    parts += [_collateral(held) for held in subaccount.holdings]
    margins = [_maintenance(held, parameters) for held in subaccount.holdings]
    fixed = subaccount.fixed
    if fixed.collateral:
        parts.append(_node("fixed_support", _usdc(fixed.collateral), "", source="account"))
    if fixed.maintenance:
        margins.append(_node("fixed_demand", _usdc(fixed.maintenance), "", source="account"))
    collateral = _node(
        "net_collateral", _usdc(total.collateral), "usdc_position + funding + sum over positions", tuple(parts)
    )
    maintenance = _node("maintenance_margin", _usdc(total.maintenance), "sum over positions", tuple(margins))
    value = _usdc(total.collateral - total.maintenance)
    return _node(f"headroom {name}", value, "net_collateral − maintenance_margin", (collateral, maintenance))


def _collateral(held: Holding) -> Node:
    perpetual = held.perpetual
    own = held.risk().collateral
    return _node(
        f"collateral {perpetual.market}",
        _usdc(own),
        "trunc(size · price) + quote_balance",
        (
            _node("size", from_raw(held.quantums, -perpetual.atomic_resolution), "", unit="coins", source="account"),
            _price(held),
            _node("quote_balance", _usdc(held.quote_balance), "", source="account"),
        ),
    )


def _maintenance(held: Holding, parameters: Parameters) -> Node:
    perpetual = held.perpetual
    tier = perpetual.tier
    notional = abs(perpetual.notional(held.quantums))
    return _node(
        f"maintenance_margin {perpetual.market}",
        _usdc(perpetual.margins(held.quantums)[1]),
        "ceil(ceil(notional · initial_margin) · maintenance_fraction)",
        (
            _node("notional", _usdc(notional), "trunc(|size| · price)", (_price(held),)),
            _node(
                "initial_margin", from_raw(tier.initial_margin_ppm, 6), "", unit="fraction", source=parameters.source
            ),
            _node(
                "maintenance_fraction",
                from_raw(tier.maintenance_fraction_ppm, 6),
                "",
                unit="fraction",
                source=parameters.source,
            ),
        ),
    )


def _fraction(quantity: str, ppm: int, parameters: Parameters) -> Node:
    return _node(quantity, from_raw(ppm, 6), "", unit="fraction", source=parameters.source)


def _price(held: Holding) -> Node:
    perpetual = held.perpetual
    value = from_raw(perpetual.price, -perpetual.price_exponent)
    return _node("price", value, "", unit="USDC per coin", source=f"{VENUE}:{perpetual.market} {KIND}")


def _usdc(quote_quantums: int) -> Decimal:
    return from_raw(quote_quantums, QUOTE_DECIMALS)


def _node(
    quantity: str,
    value: Decimal,
    formula: str,
    inputs: tuple[Node, ...] = (),
    unit: str = CURRENCY,
    source: str = RULES,
) -> Node:
    return Node(quantity=quantity, value=value, unit=unit, formula=formula, source=source, inputs=inputs)
