"""The functions of a rule set from its `Maker`: sums, quantities, prices, next step, explanation."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.legs import Factor, Leg, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.domain.risk import Flow, LiquidationPrice, Plan, Quantities, Risk
from marginbook.exact import ONE, ZERO, div_floor, divide, in_exact_context, round_ceil, round_floor, to_raw_ceil
from marginbook.venues.common.search import searched_prices
from marginbook.venues.common.views import astuple, derivative_quantities
from marginbook.venues.contracts.explanation import shortened_half_up
from marginbook.venues.contracts.liquidation import FEE_PLACES
from marginbook.venues.contracts.model import Holding, Terms, is_isolated
from marginbook.venues.rules import RuleModule, rule_module
from marginbook.venues.statements.model import Line, Maker, Statement

STEP = Decimal("0.00000001")
UNIT_ROUNDOFF = 2.0**-53
NUDGE = Decimal("1.000001")
"""Ratio of the two prices between which an opaque pool's slope is taken."""


def module_of(maker: Maker, parameters: Any, apply: Any, lower: Any, **more: Any) -> RuleModule:
    """A rule set's functions; `lower` and `apply` are its own. `more` replaces or adds functions."""

    @in_exact_context
    def risk(account: Account, market: Market, parameters: Any, at: int) -> dict[str, Risk[Decimal]]:
        """The seven sums of every pool."""
        return {pool: risk_of(found) for pool, found in _all(maker, account, market, parameters).items()}

    @in_exact_context
    def quantities(account: Account, market: Market, parameters: Any, at: int) -> dict[str, Quantities]:
        """Every number of every pool, 8 decimals toward danger."""
        return {pool: quantities_of(found) for pool, found in _all(maker, account, market, parameters).items()}

    @in_exact_context
    def is_liquidatable(account: Account, pool: str, market: Market, parameters: Any, at: int) -> bool:
        """The rule's own operator on the exact totals."""
        maker.known(account, pool, parameters)
        return maker.is_breached(maker.statement(account, pool, market, parameters))

    @in_exact_context
    def liquidation_prices(account: Account, market: Market, parameters: Any, at: int) -> list[LiquidationPrice]:
        """Per pool and price that moves it, by bisection on the exact decision."""
        return prices_of(maker, account, market, parameters)

    @in_exact_context
    def plan_liquidation(account: Account, pool: str, market: Market, parameters: Any, at: int) -> Plan:
        """Cancel orders, then reduce the position that is asked most for by the least that cures."""
        return plan_of(maker, account, pool, market, parameters)

    @in_exact_context
    def explain(account: Account, market: Market, parameters: Any, at: int) -> Node:
        """Headroom = support − demand, line by line."""
        return tree_of(maker, account, market, parameters)

    functions = {
        "risk": risk,
        "quantities": quantities,
        "is_liquidatable": is_liquidatable,
        "liquidation_prices": liquidation_prices,
        "plan_liquidation": plan_liquidation,
        "explain": explain,
        **more,
    }
    return rule_module(parameters=parameters, apply=apply, lower=lower, **functions)


def _all(maker: Maker, account: Account, market: Market, parameters: Any) -> dict[str, Statement]:
    return {pool: maker.statement(account, pool, market, parameters) for pool in maker.pools(account, parameters)}


def risk_of(found: Statement) -> Risk[Decimal]:
    """The seven sums of a statement."""
    support = found.supported
    balance = support if found.balance is None else found.balance
    return Risk(
        balance + found.liabilities if found.assets is None else found.assets,
        found.liabilities,
        balance,
        support if found.support_initial is None else found.support_initial,
        found.initial,
        support,
        found.demanded,
    )


def quantities_of(found: Statement) -> Quantities:
    """Every number of a statement."""
    free = found.supported if found.support_initial is None else found.support_initial
    return derivative_quantities(
        risk_of(found),
        found.currency,
        wallet_balance=found.wallet,
        unrealized_pnl=found.profit,
        debt_value=found.debt,
        notional=found.notional,
        withdrawable=max(ZERO, free - max(ZERO, found.profit or ZERO) - found.initial),
        margin_ratio=found.margin_ratio,
    )


def prices_of(maker: Maker, account: Account, market: Market, parameters: Any) -> list[LiquidationPrice]:
    """Where each pool starts to be liquidatable by each of its prices; an own quote is not needed."""
    found: list[LiquidationPrice] = []
    missing: list[BadInput] = []
    for pool in maker.pools(account, parameters):
        for mover in maker.movers(account, pool, parameters):
            quote = market.quotes.get(mover.keys[0])

            def liquidatable(moved: Market, pool: str = pool) -> bool:
                return maker.is_breached(maker.statement(account, pool, moved, parameters))

            try:
                found += searched_prices(
                    market,
                    liquidatable,
                    pool=pool,
                    name=mover.name,
                    keys=mover.keys,
                    tick=mover.tick,
                    anchor=mover.anchor if quote is None else quote.price,
                    sides=mover.sides,
                )
            except BadInput as bad:
                missing.append(bad)
    if missing and not found:
        raise missing[0]
    return found


def closed(
    maker: Maker, account: Account, position: Position, quantity: Decimal, price: Decimal, terms: Terms, currency: str
) -> Account:
    """The account after closing `quantity` at `price`: profit realised, fee rounded up, orders cancelled."""
    part = Holding(replace(position, quantity=quantity), terms)
    fee = round_ceil(part.size * part.factor(price) * (terms.liquidation_fee or ZERO), FEE_PLACES)
    gained = maker.realised(part, price) - fee
    left = replace(position, quantity=position.quantity - quantity)
    isolated = position.isolated_wallet is not None and is_isolated(account, position)
    if isolated and left.quantity:
        left = replace(left, isolated_wallet=(position.isolated_wallet or ZERO) + gained)
    positions = tuple(left if held is position else held for held in account.positions)
    wallet = account.wallet
    if not isolated:
        wallet = {**account.wallet, currency: account.wallet.get(currency, ZERO) + gained}
    return replace(account, positions=tuple(held for held in positions if held.quantity), orders=(), wallet=wallet)


def plan_of(maker: Maker, account: Account, pool: str, market: Market, parameters: Any) -> Plan:
    """One step: of the position with the largest requirement, the least that cures; all of it where no part does.

    `parameters` tells `terms_of(market)`, `currency_of(market)`, `venue` and `price_kind`. Closing is
    at the present price.
    """
    maker.known(account, pool, parameters)
    state = maker.statement(account, pool, market, parameters)
    if not maker.is_breached(state):
        return Plan(pool=pool, market="", reason="support covers demand: nothing may be closed")
    asked = [line for line in state.demand if line.market is not None]
    held = {(position.market, position.side): position for position in account.positions if position.quantity}
    asked = [line for line in asked if (line.market, line.side) in held]
    if not asked:
        return Plan(pool=pool, market="", reason="no position to close")
    worst = max(asked, key=lambda line: line.value)
    position = next(found for key, found in held.items() if key == (worst.market, worst.side))
    terms: Terms = parameters.terms_of(position.market)
    currency = terms.currency or str(parameters.currency_of(position.market))
    price = market.price(parameters.venue, position.market, parameters.price_kind)
    step = terms.quantity_step if terms.quantity_step else STEP

    def cures(count: int) -> bool:
        quantity = min(count * step, position.quantity)
        after = closed(maker, account, position, quantity, price, terms, currency)
        if pool not in maker.pools(after, parameters):
            return True
        return not maker.is_breached(maker.statement(after, pool, market, parameters))

    whole = to_raw_ceil(divide(position.quantity, step), 0)
    low, high = 0, whole
    if cures(whole):
        while high - low > 1:
            middle = div_floor(low + high, 2)
            low, high = (low, middle) if cures(middle) else (middle, high)
    least = min(high * step, position.quantity)
    part = Holding(position, terms)
    factor = part.factor(price)
    fee_rate = terms.liquidation_fee or ZERO
    profit = round_floor(maker.realised(part, price), 8)
    fee = round_ceil(part.size * factor * fee_rate, FEE_PLACES)
    flows = [Flow("account", currency, profit), Flow("counterparties", currency, -profit)]
    if fee:
        flows += [Flow("account", currency, -fee), Flow("insurance", currency, fee)]
    return Plan(
        pool=pool,
        market=position.market,
        side=position.side,
        close_least=least,
        close_most=position.quantity,
        price=price,
        fee=fee,
        bad_debt=max(ZERO, -risk_of(state).margin_balance),
        flows=tuple(flows),
    )


def tree_of(maker: Maker, account: Account, market: Market, parameters: Any) -> Node:
    """The tree of one pool, or of all in one currency; otherwise a list of trees."""
    trees = []
    for pool, found in _all(maker, account, market, parameters).items():
        sides = tuple(
            Node(
                quantity=name,
                value=shortened_half_up(sum((line.value for line in lines), ZERO)),
                unit=found.currency,
                formula="sum of lines",
                source=maker.rules,
                inputs=tuple(_node(line, found.currency, maker.rules) for line in lines),
            )
            for name, lines in (("support", found.support), ("demand", found.demand))
        )
        trees.append(
            Node(
                quantity=f"headroom {pool}",
                value=shortened_half_up(found.supported - found.demanded),
                unit=found.currency,
                formula="support − demand",
                source=maker.rules,
                inputs=sides,
            )
        )
    if len(trees) == 1:
        return trees[0]
    units = {tree.unit for tree in trees}
    same = len(units) == 1
    return Node(
        quantity="headroom" if same else "pools",
        value=sum((tree.value for tree in trees), ZERO) if same else Decimal(len(trees)),
        unit=units.pop() if same else "pools",
        formula="sum over pools" if same else "one tree per pool; their currencies differ",
        source=maker.rules if same else f"account {account.id}",
        inputs=tuple(trees),
    )


def _node(line: Line, unit: str, source: str) -> Node:
    return Node(
        quantity=line.name,
        value=shortened_half_up(line.value),
        unit=unit,
        formula=line.formula,
        source=source,
        inputs=tuple(
            Node(quantity=name, value=shortened_half_up(value), unit=of, formula="", source=source)
            for name, value, of in line.inputs
        ),
    )


def lower_opaque(maker: Maker, account: Account, pool: str, market: Market, parameters: Any) -> PoolLegs:
    """A pool that is evaluated exactly whenever a price or funding index of it moves, with tangents for display.

    The tangents are those at the prices of now; without a price there are none.
    """
    movers = maker.movers(account, pool, parameters)
    keys = tuple(dict.fromkeys(key for mover in movers for key in mover.keys))
    inputs: tuple[Factor, ...] = tuple((("quote", *key),) for key in keys)
    funded: list[Factor] = [
        (("funding", key[0], mover.name, ""),)
        for mover in movers
        for key in mover.keys[:1]
        if (key[0], mover.name, "funding") in market.indices
    ]
    legs: list[Leg] = []
    constants: tuple[float, ...] = (0.0,) * 7
    try:
        base = astuple(risk_of(maker.statement(account, pool, market, parameters)))
        constants = tuple(float(value) for value in base)
        for key, factor in zip(keys, inputs, strict=True):
            price = market.quotes[key].price
            moved = market.with_prices({key: price * NUDGE})
            other = astuple(risk_of(maker.statement(account, pool, moved, parameters)))
            slopes = tuple(float(divide(b - a, price * (NUDGE - ONE))) for a, b in zip(base, other, strict=True))
            constants = tuple(c - s * float(price) for c, s in zip(constants, slopes, strict=True))
            legs.append(Leg(key[1], factor, Sums(*slopes)))
    except (BadInput, KeyError):
        legs, constants = [], (0.0,) * 7
    relative = (len(legs) + 8) * 4 * UNIT_ROUNDOFF
    return PoolLegs(
        pool=pool,
        constants=Sums(*constants),
        legs=tuple(legs),
        absolute=relative * sum(abs(value) for value in constants),
        relative=relative,
        liquidatable_at_equality=maker.at_equality,
        family="derivatives",
        opaque=True,
        inputs=(*inputs, *funded),
    )
