"""Joined currencies: what events do, where prices liquidate, what a liquidation closes, and the legs.

The cross pool is lowered currency by currency; it is opaque where a discount rises with the amount, or where a currency
may come to be owed whose borrow rate is not known. Isolated positions, and accounts that are not joined, are plain
pools of contracts.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Event
from marginbook.domain.legs import Factor, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.domain.risk import Flow, LiquidationPrice, Plan
from marginbook.exact import ZERO, in_exact_context
from marginbook.venues.common.search import searched_prices
from marginbook.venues.contracts import events, liquidation, lowering, prices
from marginbook.venues.contracts import sums as contract_sums
from marginbook.venues.contracts.collateral import lower_lines
from marginbook.venues.contracts.explanation import explain as explain_contracts
from marginbook.venues.contracts.explanation import shortened_half_up
from marginbook.venues.contracts.model import Holding, price_reader
from marginbook.venues.contracts.multi_currency import (
    CURRENCY,
    POOL,
    CurrencyFigures,
    MultiCurrency,
    balances_of,
    cross_figures,
    cross_part,
    cross_pools,
    cross_risk,
    currencies_of,
    holdings,
    is_joined,
    is_liquidatable,
    isolated_part,
    joined_liquidatable,
    quantities,
    risk,
)
from marginbook.venues.rules import RuleModule, rule_module

UNIT = Decimal("0.00000001")


def apply(account: Account, market: Market, event: Event, parameters: MultiCurrency, at: int) -> tuple[Account, Market]:
    """As for any pool of contracts: profits and fees go to the settlement currency's balance."""
    return events.apply(account, market, event, parameters.contracts, at)


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: MultiCurrency, at: int) -> list[LiquidationPrice]:
    """Mark prices, and index prices of currencies, at which a pool starts to be liquidatable, each alone."""
    if not is_joined(account, parameters):
        return prices.liquidation_prices(account, market, parameters.contracts, at)
    venue = parameters.contracts.venue
    found = prices.liquidation_prices(isolated_part(account), market, parameters.contracts, at)
    cross = cross_part(account)

    def liquidatable(moved: Market) -> bool:
        return joined_liquidatable(cross, moved, parameters)

    for name in dict.fromkeys(holding.position.market for _, holding in holdings(account, parameters)):
        own = [holding for _, holding in holdings(account, parameters) if holding.position.market == name]
        quote = market.quotes.get((venue, name, "mark"))
        both = len(own) > 1
        found += searched_prices(
            market,
            liquidatable,
            pool=POOL,
            name=name,
            keys=((venue, name, "mark"),),
            tick=own[0].terms.tick or UNIT,
            anchor=quote.price if quote else own[0].position.entry,
            sides=("both", "both") if both else ("long", "short"),
        )
    return found


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: MultiCurrency, at: int) -> Plan:
    """All of the position with the largest maintenance margin in USD, at mark; or why nothing is closed."""
    if not is_joined(account, parameters):
        return liquidation.plan_liquidation(account, pool, market, parameters.contracts, at)
    if pool != POOL:
        return liquidation.plan_liquidation(isolated_part(account), pool, market, parameters.contracts, at)
    if not is_liquidatable(account, pool, market, parameters, at):
        return Plan(pool=pool, market="", reason="adjusted equity covers the maintenance margin: nothing may be closed")
    held = [pair for pair in holdings(account, parameters) if pair[1].position.quantity > 0]
    if not held:
        return Plan(pool=pool, market="", reason="no position to close")
    values = {one.name: one.price for one in cross_figures(account, market, parameters)}
    price_of = price_reader(market, parameters.contracts)

    def asked(pair: tuple[str, Holding]) -> Decimal:
        currency, holding = pair
        return holding.maintenance(holding.factor(price_of(holding.position.market))) * values[currency]

    currency, largest = max(held, key=asked)
    price = price_of(largest.position.market)
    profit = largest.profit(largest.factor(price))
    return Plan(
        pool=pool,
        market=largest.position.market,
        side=largest.position.side,
        close_least=largest.position.quantity,
        close_most=largest.position.quantity,
        price=price,
        bad_debt=max(ZERO, -cross_risk(account, market, parameters).support),
        flows=(Flow("account", currency, profit), Flow("counterparties", currency, -profit)),
    )


@in_exact_context
def explain(account: Account, market: Market, parameters: MultiCurrency, at: int) -> Node:
    """Adjusted equity − maintenance margin, by currency."""
    if not is_joined(account, parameters):
        return explain_contracts(account, market, parameters.contracts, at)
    found = cross_figures(account, market, parameters)
    sums = cross_risk(account, market, parameters)
    given = f"account {account.id}.fixed"
    counted = [_counted(one, parameters) for one in found]
    asked = [_asked(one, parameters) for one in found]
    if account.fixed is not None:
        counted.append(_node("fixed_support", account.fixed.support, "", given))
        asked.append(_node("fixed_demand", account.fixed.demand, "", given))
    cross = _node(
        f"headroom {POOL}",
        sums.support - sums.demand,
        "adjusted_equity − maintenance_margin",
        parameters.contracts.rules,
        _node("adjusted_equity", sums.support, "sum over currencies", parameters.contracts.rules, *counted),
        _node("maintenance_margin", sums.demand, "sum over currencies", parameters.contracts.rules, *asked),
    )
    apart = isolated_part(account)
    if not apart.positions:
        return cross
    isolated = explain_contracts(apart, market, parameters.contracts, at)
    if isolated.unit == "pools" or isolated.unit != CURRENCY:
        return Node(
            quantity="pools",
            value=Decimal(2),
            unit="pools",
            formula="one tree per pool; their currencies differ",
            source=f"account {account.id}",
            inputs=(cross, isolated),
        )
    return cross


def _counted(one: CurrencyFigures, parameters: MultiCurrency) -> Node:
    formula = "equity · price" if one.equity < 0 else "sum over tiers of equity · discount · price"
    return _node(
        f"value counted {one.name}",
        one.counted,
        formula,
        parameters.contracts.rules,
        _node("balance", one.balance, "", "account", unit=one.name),
        _node("unrealized_pnl", one.profit, "sum over positions", parameters.contracts.rules, unit=one.name),
        _node("price", one.price, "", f"{parameters.contracts.venue}:{one.name} index"),
    )


def _asked(one: CurrencyFigures, parameters: MultiCurrency) -> Node:
    return _node(
        f"maintenance {one.name}",
        one.asked,
        "(positions' maintenance + borrowed · borrow_rate) · price",
        parameters.contracts.rules,
        _node("positions' maintenance", one.maintenance, "(rate + taker fee) · notional", "", unit=one.name),
        _node("borrowed", one.borrowed, "max(0, −equity)", "", unit=one.name),
        _node("price", one.price, "", f"{parameters.contracts.venue}:{one.name} index"),
    )


def _node(quantity: str, value: Decimal, formula: str, source: str, *inputs: Node, unit: str = CURRENCY) -> Node:
    return Node(
        quantity=quantity,
        value=shortened_half_up(value),
        unit=unit,
        formula=formula,
        source=source,
        inputs=inputs,
    )


@in_exact_context
def lower(account: Account, market: Market, parameters: MultiCurrency) -> Legs:
    """The cross pool by currency; isolated ones as in single-currency mode."""
    if not is_joined(account, parameters):
        return lowering.lower(account, market, parameters.contracts)
    apart = lowering.lower(isolated_part(account), market, parameters.contracts)
    venue, held = parameters.contracts.venue, cross_pools(account, parameters)
    balances, disabled = balances_of(account, held)
    found = []
    for name in currencies_of(account, parameters):
        factor: Factor = () if name == CURRENCY else (("quote", venue, name, "index"),)
        parts = [(held[name], parameters.contracts)] if name in held else []
        one = lowering.lower_currency(parts, balances.get(name, ZERO), market, factor)
        terms = parameters.currency(name)
        lines = lower_lines(terms.discount) if name not in disabled else ((1.0, 0.0), (0.0, 0.0))
        owed_never = not one.legs and one.cash >= 0
        if lines is None or (terms.borrow_rate is None and not owed_never):
            return Legs((_lower_opaque(account, market, parameters), *apart.pools))
        borrow = terms.borrow_rate or ZERO
        initial = borrow if terms.borrow_initial_rate is None else terms.borrow_initial_rate
        found.append(
            replace(
                one,
                lines=tuple((rate, plus, 0.0) for rate, plus in lines),
                borrow_rate=float(borrow),
                borrow_initial_rate=float(initial),
            )
        )
    return Legs((lowering.lower_joined(POOL, found, account.fixed, True), *apart.pools))


def _lower_opaque(account: Account, market: Market, parameters: MultiCurrency) -> PoolLegs:
    """The cross pool opaque, its sums at the present prices as constants."""
    venue = parameters.contracts.venue
    names = currencies_of(account, parameters)
    inputs: list[Factor] = [(("quote", venue, name, "index"),) for name in names if name != CURRENCY]
    for _, holding in holdings(account, parameters):
        name = holding.position.market
        inputs.append((("quote", venue, name, "mark"),))
        if (venue, name, "funding") in market.indices:
            inputs.append((("funding", venue, name, ""),))
    return PoolLegs(
        pool=POOL,
        constants=_lower_sums(account, market, parameters),
        legs=(),
        absolute=0.0,
        relative=0.0,
        liquidatable_at_equality=True,
        family="derivatives",
        opaque=True,
        inputs=tuple(dict.fromkeys(inputs)),
    )


def _lower_sums(account: Account, market: Market, parameters: MultiCurrency) -> Sums:
    try:
        sums = cross_risk(account, market, parameters)
    except BadInput:
        return Sums()
    return Sums(
        float(sums.assets),
        float(sums.liabilities),
        float(sums.margin_balance),
        float(sums.support_initial),
        float(sums.demand_initial),
        float(sums.support),
        float(sums.demand),
    )


@in_exact_context
def warnings(account: Account, market: Market, parameters: MultiCurrency, at: int) -> list[str]:
    """A leverage or a notional beyond the tiers."""
    return contract_sums.warnings(replace(account, fixed=None), market, parameters.contracts, at)


def multi_currency_module(parameters: object, prices_with_printed: object = liquidation_prices) -> RuleModule:
    """The functions of a rule set whose `parameters` are `MultiCurrency`."""
    return rule_module(
        parameters,
        apply,
        risk,
        quantities,
        is_liquidatable,
        prices_with_printed,
        plan_liquidation,
        explain,
        lower,
        warnings=warnings,
    )
