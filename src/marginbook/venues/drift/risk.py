"""The seven sums of every pool, the decision, and the printed numbers.

Support is the total collateral and demand the margin requirement, both at maintenance; while a pool is being liquidated
both with the buffer. `support_initial` and `demand_initial` are the same at initial margin, with strict prices. A pool
without a requirement whose collateral is below 0 demands one unit (10^-6): it is liquidatable, as in the program.
"""

from collections.abc import Mapping
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import Quantities, Risk
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.common.views import derivative_quantities, is_breached
from marginbook.venues.drift.account import CROSS, Book, book_of
from marginbook.venues.drift.margin import Calculation, Context, calculate
from marginbook.venues.drift.parameters import Parameters
from marginbook.venues.drift.units import QUOTE_DECIMALS

USD = "USD"


def maintenance_context(parameters: Parameters) -> Context:
    """Maintenance margin, with the buffer of liquidations."""
    return Context("maintenance", buffer=parameters.system.liquidation_margin_buffer_ratio)


def being_liquidated(book: Book, pool: str) -> bool:
    """Whether the pool is in a liquidation that has not ended."""
    if pool == CROSS:
        return book.being_liquidated
    return any(perp.being_liquidated for perp in book.perps if perp.pool == pool)


def sides(found: Calculation, entered: bool) -> tuple[int, int]:
    """Support and demand of a pool [10^-6]."""
    support = found.buffered_collateral if entered else found.total_collateral
    demand = found.buffered_requirement if entered else found.requirement
    return support, demand if demand > 0 or support >= 0 else 1


def maintenance_sides(
    book: Book, pool: str, market: Market, parameters: Parameters, instead: Mapping[str, int] | None = None
) -> tuple[int, int]:
    """Support and demand of one pool; `instead` [10^-6] stands in for quotes."""
    found = calculate(book, market, parameters, maintenance_context(parameters), instead)
    if pool not in found:
        raise BadInput("unknown_pool", "account", pool, "one of " + ", ".join(found))
    return sides(found[pool], being_liquidated(book, pool))


def _initial(book: Book, market: Market, parameters: Parameters) -> dict[str, Calculation]:
    return calculate(book, market, parameters, Context("initial", strict=parameters.system.strict))


@in_exact_context
def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[int]]:
    """The seven sums of every pool [10^-6 quote]; strict prices need the kind `twap`."""
    book = book_of(account, market, parameters)
    initial = _initial(book, market, parameters)
    found = calculate(book, market, parameters, maintenance_context(parameters))
    return {pool: _sums(found[pool], initial[pool], being_liquidated(book, pool)) for pool in found}


def _sums(found: Calculation, initial: Calculation, entered: bool) -> Risk[int]:
    support, demand = sides(found, entered)
    return Risk(
        found.assets, found.liabilities, support, initial.total_collateral, initial.requirement, support, demand
    )


@in_exact_context
def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """Total collateral < requirement, with the buffer on both while being liquidated."""
    book = book_of(account, market, parameters)
    return is_breached(*maintenance_sides(book, pool, market, parameters), False)


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of every pool, and the program's own names for some."""
    book = book_of(account, market, parameters)
    initial = _initial(book, market, parameters)
    found = calculate(book, market, parameters, maintenance_context(parameters))
    return {pool: _quantities(found[pool], initial[pool], being_liquidated(book, pool)) for pool in found}


def _quantities(found: Calculation, initial: Calculation, entered: bool) -> Quantities:
    shown = {
        "total_collateral": found.total_collateral,
        "margin_requirement": found.requirement,
        "margin_shortage": found.shortage,
        "total_collateral_initial": initial.total_collateral,
        "margin_requirement_initial": initial.requirement,
        "free_collateral": max(0, initial.total_collateral - initial.requirement),
    }
    return derivative_quantities(
        _sums(found, initial, entered),
        USD,
        scale=QUOTE_DECIMALS,
        unrealized_pnl=_decimal(found.profit),
        collateral_value=_decimal(found.total_collateral),
        debt_value=_decimal(found.liabilities),
        notional=_decimal(found.notional),
        withdrawable=_decimal(max(0, initial.total_collateral - initial.requirement)),
        venue={name: _decimal(value) for name, value in shown.items()},
    )


def _decimal(value: int) -> Decimal:
    return from_raw(value, QUOTE_DECIMALS)
