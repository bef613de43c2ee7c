"""Risk, quantities, liquidation prices and explanation of every vault that an account borrows from.

    support = Σ ⌊value·liquidation LTV⌋, demand = value of the debt, at mid prices     liquidatable: support ≤ demand
    initial: Σ ⌊bid value·borrow LTV⌋ against the ask value of the debt                 accepted: support > demand

in the vault's unit of account, which is the pool's currency.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.node import Node
from marginbook.domain.risk import LiquidationPrice, Quantities, Risk
from marginbook.exact import ZERO, from_raw, in_exact_context, mul_div_ceil, mul_div_floor
from marginbook.venues.common.search import borders_around
from marginbook.venues.common.views import lending_quantities
from marginbook.venues.euler.holdings import (
    PREFIX,
    VENUE,
    Holding,
    holding_of,
    holdings_of,
    loan_of,
    priced_assets,
    prices_of,
)
from marginbook.venues.euler.math import PRICE_DECIMALS, SCALE
from marginbook.venues.euler.parameters import RULES, Parameters
from marginbook.venues.euler.vault import Loan, Prices, Revert, borrowed, redeemed

FAR = 10**24
"""Where the search for a price starts when there is no quote [wad]."""
FEW = 3
"""Units by which roundings may move the largest loan."""


@in_exact_context
def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[Decimal]]:
    """The seven sums of every vault [units of account]."""
    return {h.pool: _risk(h, loan_of(account, h, market, at)) for h in holdings_of(account, parameters)}


def collateral_value(loan: Loan) -> int:
    """Worth of all enabled collateral at mid prices [units of account]."""
    return sum(loan.value(name) for name in loan.balances)


def _risk(h: Holding, loan: Loan) -> Risk[Decimal]:
    value, debt = collateral_value(loan), loan.liability()
    sums = (
        value,
        debt,
        value - debt,
        loan.supports(liquidation=False),
        loan.liability(liquidation=False),
        loan.supports(),
        debt,
    )
    return Risk(*(from_raw(raw, h.terms.unit_decimals) for raw in sums))


@in_exact_context
def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """Collateral at liquidation LTVs ≤ debt > 0. The cool-off after a status check is the planner's question."""
    return loan_of(account, holding_of(account, pool, parameters), market, at).is_liquidatable


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of every vault [units of account], 8 decimals toward danger.

    `borrowable` is the largest loan that passes the status check, `withdrawable` the value of the most of any one
    collateral that may leave; both at borrow LTVs, and up to the vault's cash where that is known.
    """
    found = {}
    for h in holdings_of(account, parameters):
        loan = loan_of(account, h, market, at)
        found[h.pool] = lending_quantities(
            _risk(h, loan),
            h.terms.unit,
            collateral_value=from_raw(collateral_value(loan), h.terms.unit_decimals),
            withdrawable=from_raw(withdrawable(loan), h.terms.unit_decimals),
            borrowable=_borrowable_value(h, loan, market),
        )
    return found


def _borrowable_value(h: Holding, loan: Loan, market: Market) -> Decimal | None:
    """Worth of the largest loan; None where nothing is owed yet and what is lent has no quote."""
    asset = h.terms.asset
    if asset == h.terms.unit:
        return from_raw(borrowable(loan), h.terms.decimals)
    if asset not in loan.prices:
        if (VENUE, asset, "oracle") not in market.quotes:
            return None
        loan = replace(loan, prices={**loan.prices, asset: prices_of(asset, h.terms, market)})
    return from_raw(borrowable(loan) * loan.prices[asset].mid, h.terms.decimals + PRICE_DECIMALS)


def borrowable(loan: Loan) -> int:
    """Largest loan [token units] that the status check accepts."""
    supports, terms = loan.supports(liquidation=False), loan.terms
    if not supports:
        return 0
    if terms.asset == terms.unit:
        most = supports - loan.debt
    else:
        scale = 10 ** (terms.decimals + PRICE_DECIMALS)
        most = mul_div_ceil(supports, scale, loan.prices[terms.asset].ask * 10**terms.unit_decimals) - loan.debt
    if loan.cash is not None:
        most = min(most, loan.cash)
    for amount in range(most, max(most - FEW, 0), -1):
        try:
            borrowed(loan, amount)
        except Revert:
            continue
        return amount
    return 0


def withdrawable(loan: Loan) -> int:
    """Value of the most of any one collateral that may leave; of all, where nothing is owed."""
    if not loan.owed:
        return collateral_value(loan)
    return max((loan.value(name) - loan.value_left(most_out(loan, name), name) for name in loan.balances), default=0)


def most_out(loan: Loan, name: str) -> int:
    """The largest balance of a collateral that may leave, by bisection on the status check."""
    low, high = 0, loan.balances[name] + 1
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (middle, high) if _may_leave(loan, name, middle) else (low, middle)
    return low


def _may_leave(loan: Loan, name: str, balance: int) -> bool:
    try:
        redeemed(loan, name, balance)
    except Revert:
        return False
    return True


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """Per asset of a loan the price [18 decimals] at which it becomes liquidatable, the others fixed."""
    found = []
    for h in holdings_of(account, parameters):
        if h.debt is None:
            continue
        for asset in priced_assets(h):
            found += _prices_of_asset(account, h, market, at, asset)
    return found


def _prices_of_asset(account: Account, h: Holding, market: Market, at: int, asset: str) -> list[LiquidationPrice]:
    others = [name for name in priced_assets(h) if name != asset]
    if any((VENUE, name, "oracle") not in market.quotes for name in others):
        return []
    mids = {name: prices_of(name, replace(h.terms, two_sided=False), market) for name in others}
    loan = loan_of(account, h, market, at, mids)

    def liquidatable(raw: int) -> bool:
        return replace(loan, prices={**mids, asset: Prices(raw, raw, raw)}).is_liquidatable

    quoted = (VENUE, asset, "oracle") in market.quotes
    anchor = prices_of(asset, replace(h.terms, two_sided=False), market).mid if quoted else FAR
    below, above = borders_around(liquidatable, anchor)
    found = []
    if below is not None:
        found.append(
            LiquidationPrice(
                pool=h.pool,
                market=asset,
                side="collateral",
                price=from_raw(below, PRICE_DECIMALS),
                when="at_or_below",
                source="exact",
            )
        )
    if above is not None:
        found.append(
            LiquidationPrice(
                pool=h.pool,
                market=asset,
                side="debt",
                price=from_raw(above, PRICE_DECIMALS),
                when="at_or_above",
                source="exact",
            )
        )
    return found


@in_exact_context
def explain(account: Account, market: Market, parameters: Parameters, at: int) -> Node:
    """The tree behind the headroom; of several vaults, a tree each, beside their sum."""
    trees = [_tree(h, loan_of(account, h, market, at), parameters) for h in holdings_of(account, parameters)]
    if len(trees) == 1:
        return trees[0]
    return Node(
        quantity="headroom",
        value=sum((tree.value for tree in trees), ZERO),
        unit=trees[0].unit if len({tree.unit for tree in trees}) == 1 else "units of account",
        formula="sum over vaults" if trees else "nothing is held",
        source=RULES,
        inputs=tuple(trees),
    )


def _tree(h: Holding, loan: Loan, parameters: Parameters) -> Node:
    unit, places = h.terms.unit, h.terms.unit_decimals

    def node(quantity: str, value: Decimal, of: str, formula: str, source: str, *inputs: Node) -> Node:
        return Node(quantity=quantity, value=value, unit=of, formula=formula, source=source, inputs=inputs)

    def price(asset: str) -> Node:
        return node("price", from_raw(loan.prices[asset].mid, 18), unit, "mid", f"prices.{VENUE}.{asset}")

    parts = []
    for name in loan.balances:
        terms, ltv = h.terms.collaterals[name], loan.ltv(name, liquidation=True)
        parts.append(
            node(
                f"support of {name}",
                from_raw(mul_div_floor(loan.value(name), ltv, SCALE), places),
                unit,
                "⌊⌊amount · price⌋ · LTV⌋",
                RULES,
                node(
                    "amount", from_raw(loan.units(name), terms.decimals), name, "tokens, or what shares hold", "account"
                ),
                price(terms.asset),
                node("liquidation LTV", from_raw(ltv, 4), "fraction", "parameter, ramps down", parameters.source),
            )
        )
    support = node("support", from_raw(loan.supports(), places), unit, "sum over collaterals", RULES, *parts)
    owed = node("amount", from_raw(loan.debt, h.terms.decimals), h.terms.asset, "with interest, ⌈ ⌉", "account")
    priced = h.terms.asset in loan.prices
    debt = node(
        "debt",
        from_raw(loan.liability(), places),
        unit,
        "⌊amount · price⌋" if priced else "amount: the unit of account",
        RULES,
        owed,
        *((price(h.terms.asset),) if priced else ()),
    )
    formula = "support − debt; liquidatable at 0 and below"
    return node(
        "headroom", support.value - debt.value, unit, formula, f"{RULES} {h.pool.removeprefix(PREFIX)}", support, debt
    )
