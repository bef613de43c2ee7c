"""The tree behind the headroom of an account of contracts."""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.exact import ZERO, in_exact_context, round_half_up
from marginbook.venues.contracts.model import ContractRules, Holding, Pool, funding_due, pools, price_reader
from marginbook.venues.contracts.sums import figures

PLACES = 24


def shortened_half_up(value: Decimal) -> Decimal:
    """`value`, or its first 24 decimals where a quotient left more: for reading, never for a decision.

    >>> shortened_half_up(Decimal("0.1")), shortened_half_up(Decimal(1) / Decimal(3))
    (Decimal('0.1'), Decimal('0.333333333333333333333333'))
    """
    exponent = value.as_tuple().exponent
    return round_half_up(value, PLACES) if isinstance(exponent, int) and -exponent > PLACES else value


@in_exact_context
def explain(account: Account, market: Market, parameters: ContractRules, at: int) -> Node:
    """Headroom = margin balance − maintenance margin, down to prices, rates and maintenance amounts."""
    nodes = [_pool(account, pool, market, parameters) for pool in pools(account, parameters).values()]
    if len(nodes) == 1:
        return nodes[0]
    units = {node.unit for node in nodes}
    if len(units) > 1:
        return Node(
            quantity="pools",
            value=Decimal(len(nodes)),
            unit="pools",
            formula="one tree per pool; their currencies differ",
            source=f"account {account.id}",
            inputs=tuple(nodes),
        )
    return Node(
        quantity="headroom",
        value=sum((node.value for node in nodes), ZERO),
        unit=units.pop() if units else "",
        formula="sum over pools",
        source=parameters.rules,
        inputs=tuple(nodes),
    )


def _pool(account: Account, pool: Pool, market: Market, parameters: ContractRules) -> Node:
    found = figures(pool, market, parameters)
    unit, rules = pool.currency, parameters.rules
    price_of = price_reader(market, parameters)
    profits, requirements = [], []
    for holding in pool.holdings:
        price = price_of(holding.position.market)
        profits.append(_profit(holding, price, market, unit, parameters))
        requirements.append(_maintenance(holding, price, unit, parameters))
    wallet = Node(quantity="wallet_balance", value=pool.wallet, unit=unit, formula="", source=f"account {account.id}")
    given = f"account {account.id}.fixed"
    if pool.fixed_support:
        profits.append(Node(quantity="fixed_support", value=pool.fixed_support, unit=unit, formula="", source=given))
    if pool.fixed_demand:
        requirements.append(Node(quantity="fixed_demand", value=pool.fixed_demand, unit=unit, formula="", source=given))
    balance = Node(
        quantity="margin_balance",
        value=shortened_half_up(found.balance),
        unit=unit,
        formula="wallet_balance + sum of unrealized_pnl",
        source=rules,
        inputs=(wallet, *profits),
    )
    demand = Node(
        quantity="maintenance_margin",
        value=shortened_half_up(found.demand),
        unit=unit,
        formula="sum over positions",
        source=rules,
        inputs=tuple(requirements),
    )
    return Node(
        quantity=f"headroom {pool.name}",
        value=shortened_half_up(found.balance - found.demand),
        unit=unit,
        formula="margin_balance − maintenance_margin",
        source=rules,
        inputs=(balance, demand),
    )


def _profit(holding: Holding, price: Decimal, market: Market, unit: str, parameters: ContractRules) -> Node:
    position = holding.position
    inputs = [
        _given("size", holding.size if position.sign > 0 else -holding.size, "base", "account"),
        _given("price", price, "quote per base", f"{parameters.venue}:{position.market} {parameters.price_kind}"),
        _given("entry", position.entry, "quote per base", "account"),
    ]
    formula = "size · (1/entry − 1/price)" if holding.terms.inverse else "size · (price − entry)"
    funding = funding_due(holding, market, parameters.venue)
    if funding:
        inputs.append(_given("funding", funding, unit, "cumulative funding index"))
        formula += " + funding"
    return Node(
        quantity=f"unrealized_pnl {position.market} {position.side}",
        value=shortened_half_up(holding.profit(holding.factor(price)) + funding),
        unit=unit,
        formula=formula,
        source=parameters.rules,
        inputs=tuple(inputs),
    )


def _maintenance(holding: Holding, price: Decimal, unit: str, parameters: ContractRules) -> Node:
    position, terms = holding.position, holding.terms
    factor = holding.factor(price)
    basis = holding.size * (factor if terms.basis == "mark" else holding.entry_factor)
    row = holding.table.bracket_of(basis)
    formula = "notional · rate − maintenance_amount"
    inputs = [
        Node(
            quantity="notional",
            value=shortened_half_up(basis),
            unit=unit,
            formula=f"size at {terms.basis}",
            source=f"{parameters.venue}:{position.market}",
        ),
        _given("rate", row.rate, "fraction", f"bracket from {row.floor}; {parameters.source}"),
        _given("maintenance_amount", row.cum, unit, f"bracket from {row.floor}; {parameters.source}"),
    ]
    if terms.closing is not None:
        fee = shortened_half_up(holding.closing_fee)
        inputs.append(_given("closing_fee", fee, unit, f"taker fee on the value at bankruptcy; {parameters.source}"))
        formula += " + closing_fee"
    if terms.fee_to_close:
        inputs.append(_given("fee_to_close", terms.fee_to_close * holding.size * factor, unit, parameters.source))
        formula += " + fee_to_close"
    return Node(
        quantity=f"maintenance_margin {position.market} {position.side}",
        value=shortened_half_up(holding.maintenance(factor)),
        unit=unit,
        formula=formula,
        source=parameters.rules,
        inputs=tuple(inputs),
    )


def _given(quantity: str, value: Decimal, unit: str, source: str) -> Node:
    return Node(quantity=quantity, value=value, unit=unit, formula="", source=source)
