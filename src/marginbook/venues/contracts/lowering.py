"""Contracts as legs for the float64 kernel, with the bound of its error.

A leg's factor is the price (or its inverse): support slope · f, notional size · f, demand by the market's brackets.
With u = 2^-53, n terms in a pool and gross = Σ |slope · f|: each term carries at most 4u of itself, summing adds n·u of
the gross, so (n + 8)·2u·gross covers support and demand; constants add (n + 8)·2u of themselves, and a table whose
printed maintenance amounts jump adds its largest jump per leg, for a notional that float64 puts in the next bracket.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from marginbook.domain.account import Account, Fixed
from marginbook.domain.legs import BracketTable as LegTable
from marginbook.domain.legs import CurrencyLegs, Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import ONE, ZERO, in_exact_context
from marginbook.venues.brackets import BracketTable
from marginbook.venues.contracts.model import (
    FUNDING_DECIMALS,
    ContractRules,
    Contracts,
    Holding,
    OpenOrders,
    Pool,
    initial_margin,
    pools,
)

UNIT_ROUNDOFF = 2.0**-53
FUNDING_TO_RAY = 10 ** (27 - FUNDING_DECIMALS)
NO_ORDERS = OpenOrders()


@in_exact_context
def lower(account: Account, market: Market, parameters: ContractRules) -> Legs:
    """Every pool as legs. A market has a funding leg from the moment that `market.indices` knows its index.

    Under `Contracts` initial margin, which decides nothing, moves with the price even where it goes by the entry.
    """
    return Legs(tuple(lower_pool(pool, market, parameters) for pool in pools(account, parameters).values()))


def lower_pool(pool: Pool, market: Market, parameters: ContractRules) -> PoolLegs:
    """One pool as legs in its own currency."""
    orders = dict(pool.orders)
    legs: list[Leg] = []
    support, demand, initial = pool.wallet + pool.fixed_support, pool.fixed_demand, ZERO
    constants = abs(pool.wallet) + abs(pool.fixed_support) + pool.fixed_demand
    jumps = ZERO
    for holding in pool.holdings:
        name, side = holding.position.market, holding.position.side
        resting = orders.pop((name, "both"), None) or orders.pop((name, side), None) or NO_ORDERS
        at_entry = holding.slope * holding.entry_factor
        support -= at_entry
        constants += abs(at_entry)
        demand += holding.fixed_demand
        if holding.terms.basis == "mark":
            jumps += holding.table.jump_most
        moves = holding.initial_basis == "mark" or isinstance(parameters, Contracts)
        initial += holding.initial(ZERO if moves else _at_entry(holding, resting))
        legs.append(_lower_holding(holding, resting if moves else NO_ORDERS, moves, parameters))
        funding, settled = lower_funding(holding, market, parameters.venue)
        legs += funding
        support += settled
        constants += abs(settled)
    for (name, _), resting in orders.items():
        initial += initial_margin(max(resting.bids, resting.asks), resting.leverage, pool.order_terms[name])
    relative = (len(legs) + 8) * 2 * UNIT_ROUNDOFF
    known = float(support)
    return PoolLegs(
        pool=pool.name,
        constants=Sums(known, 0.0, known, known, float(initial), known, float(demand)),
        legs=tuple(legs),
        absolute=relative * float(constants + demand) + float(jumps),
        relative=relative,
        liquidatable_at_equality=parameters.at_equality,
        family="derivatives",
    )


def lower_currency(
    parts: Sequence[tuple[Pool, ContractRules]], balance: Decimal, market: Market, factor: Factor
) -> CurrencyLegs:
    """One currency of a pool that joins several: its `balance` and the holdings of `parts`, whose wallets are not read.

    It counts in full; a venue replaces what it counts otherwise.
    """
    lowered = [lower_pool(replace(pool, wallet=ZERO), market, parameters) for pool, parameters in parts]
    return CurrencyLegs(
        factor=factor,
        cash=sum((one.constants.support for one in lowered), float(balance)),
        legs=tuple(leg for one in lowered for leg in one.legs),
        demand=sum(one.constants.demand for one in lowered),
        demand_initial=sum(one.constants.demand_initial for one in lowered),
        absolute=sum((one.absolute for one in lowered), 8 * UNIT_ROUNDOFF * float(abs(balance))),
    )


def lower_joined(
    pool: str, currencies: Sequence[CurrencyLegs], fixed: Fixed | None, at_equality: bool, demand_rate: Decimal = ONE
) -> PoolLegs:
    """The pool of these currencies and of what the book states; stated demand counts `demand_rate` times."""
    support, demand = (ZERO, ZERO) if fixed is None else (fixed.support, fixed.demand * demand_rate)
    relative = (sum(len(one.legs) + 4 for one in currencies) + 8) * 4 * UNIT_ROUNDOFF
    stated = float(support)
    return PoolLegs(
        pool=pool,
        constants=Sums(stated, 0.0, stated, stated, 0.0, stated, float(demand)),
        legs=(),
        absolute=relative * float(abs(support) + demand),
        relative=relative,
        liquidatable_at_equality=at_equality,
        family="derivatives",
        currencies=tuple(currencies),
    )


def _at_entry(holding: Holding, resting: OpenOrders) -> Decimal:
    net = holding.size * holding.entry_factor * holding.position.sign
    return max(abs(net + resting.bids), abs(net - resting.asks))


def _lower_holding(holding: Holding, resting: OpenOrders, moves: bool, parameters: ContractRules) -> Leg:
    how: Literal["quote", "inverse"] = "inverse" if holding.terms.inverse else "quote"
    factor: Factor = ((how, parameters.venue, holding.position.market, parameters.price_kind),)
    terms = holding.terms
    fee = terms.fee_to_close
    table = None
    if terms.basis == "mark":
        table = _lower_table(holding.table, fee)
    elif fee:
        table = ((0.0, float(fee), 0.0),)
    slope = float(holding.slope)
    return Leg(
        market=holding.position.market,
        factor=factor,
        slopes=Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0),
        size=float(holding.size),
        table=table,
        initial_rate=float(initial_margin(ONE, holding.position.leverage, terms)) if moves else 0.0,
        side=holding.position.sign,
        bids=float(resting.bids),
        asks=float(resting.asks),
    )


@lru_cache(maxsize=4096)
def _lower_table(table: BracketTable, fee: Decimal) -> LegTable:
    return tuple((float(row.floor), float(row.rate + fee), float(row.cum)) for row in table.rows)


def lower_funding(holding: Holding, market: Market, venue: str) -> tuple[tuple[Leg, ...], Decimal]:
    """(leg of the funding index, what is settled of it): support −side · size · (index − settled index).

    The kernel reads index_raw / 10^27. Without an index there is neither.
    """
    name = holding.position.market
    if (venue, name, "funding") not in market.indices:
        return (), ZERO
    signed = holding.position.sign * holding.size
    slope = float(-signed * FUNDING_TO_RAY)
    leg = Leg(name, (("funding", venue, name, ""),), Sums(slope, 0.0, slope, slope, 0.0, slope, 0.0))
    return (leg,), signed * Decimal(holding.position.funding_index_raw or 0).scaleb(-FUNDING_DECIMALS)
