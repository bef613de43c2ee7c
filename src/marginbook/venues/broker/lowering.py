"""Lowering of a broker's account: shares alone are legs, accounts with options are evaluated exactly.

    long       support += n · U,   demand += rate · n · U
    short      support −= n · U,   demand += table(n · U): 2.50 n up to a price of 2.50, n · U up to 5, 5 n, then 30 %

The least requirement of options is a minimum over pairings, which no sum of legs is: such pools are opaque, their
inputs all prices that they look at, and their legs tangents; the clock moves some, which are timed. Shares whose rates
would make the table jump, or ask for nothing, are opaque, too.

Allowance (n + 8) · 4u of gross and constants, u = 2^-53: each leg rounds its slope, its product and its sum once, and
the table its bracket, a constant and a product. Initial demand is the same table, or what Regulation T asks for where
that is more: its bends split a short into parts.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.legs import Bracket, BracketTable, Factor, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import ONE, ZERO, divide, in_exact_context
from marginbook.venues.broker.instruments import Held, holdings
from marginbook.venues.broker.margin_account import POOL, cash_of, resting
from marginbook.venues.broker.parameters import Rates, Underlying
from marginbook.venues.broker.positions import has_loan_value
from marginbook.venues.common.bends import lower_table
from marginbook.venues.statements.functions import UNIT_ROUNDOFF, lower_opaque
from marginbook.venues.statements.model import Maker

Table = Callable[[Held, Underlying], BracketTable | None]


def lower_margin(held: Held, rates: Underlying) -> BracketTable | None:
    """Maintenance by market value; None where it jumps."""
    if held.position.side == "long":
        return ((0.0, float(rates.long_maintenance(ONE)), 0.0),)
    rate = rates.maintenance_short * rates.leverage
    border, least, below = rates.short_border, rates.short_least, rates.short_least_below
    if border != least or not 0 < rate * border <= least or not 0 < below < border:
        return None
    size = float(held.position.quantity)
    return (
        (0.0, 0.0, -float(below) * size),
        (float(below) * size, 1.0, 0.0),
        (float(border) * size, 0.0, -float(least) * size),
        (float(divide(least, rate)) * size, float(rate), 0.0),
    )


def _lower_greater(table: BracketTable, rate: float) -> BracketTable:
    """The greater of a table and rate · x, as a table."""
    rows: list[Bracket] = []
    ends = [*(floor for floor, _, _ in table[1:]), inf]
    for (floor, slope, cum), end in zip(table, ends, strict=True):
        crossing = cum / (slope - rate) if slope != rate else floor
        places = [floor, crossing] if floor < crossing < end else [floor]
        for place, next_place in zip(places, [*places[1:], end], strict=True):
            inside = 2.0 * place + 1.0 if next_place == inf else (place + next_place) / 2.0
            line = (slope, cum) if slope * inside - cum > rate * inside else (rate, 0.0)
            if not rows or rows[-1][1:] != line:
                rows.append((place, *line))
    return tuple(rows)


def lower_portfolio(held: Held, rates: Underlying) -> BracketTable:
    """Greatest loss of shares alone: the whole range against them."""
    return ((0.0, float(rates.range_down if held.position.side == "long" else rates.range_up), 0.0),)


def _lower_timed(held: Sequence[Held], rates: Rates) -> bool:
    """Whether time alone moves the decision: options valued by a model, or long ones that have a loan value still."""
    return any(
        "implied_volatility" in one.position.details or (one.position.side == "long" and has_loan_value(one, rates))
        for one in held
    )


def lower_by(maker: Maker, table_of: Table) -> Any:
    """`lower` of a rule set of brokers."""

    @in_exact_context
    def lower(account: Account, market: Market, parameters: Rates) -> Legs:
        """One pool in USD."""
        held = holdings(account)
        tables = [table_of(one, parameters.of(one.instrument.underlying)) for one in held]
        if any(
            one.instrument.is_option or not table or not table[-1][1] for one, table in zip(held, tables, strict=True)
        ):
            opaque = lower_opaque(maker, account, POOL, market, parameters)
            return Legs((replace(opaque, timed=_lower_timed(held, parameters)),))
        cash, asked, initial = cash_of(account), ZERO, 0.0
        legs: list[Leg] = []
        if account.fixed is not None:
            asked = account.fixed.demand
        known = cash + (account.fixed.support if account.fixed is not None else ZERO)
        for one, table in zip(held, tables, strict=True):
            assert table is not None
            name, size = one.position.market, float(one.position.quantity)
            slope, long = size * one.position.sign, one.position.sign > 0
            rates = parameters.of(one.instrument.underlying)
            first = float(rates.initial_long if long else rates.initial_short) if maker.rules == "broker/reg-t" else 0.0
            slopes = Sums(size if long else 0.0, 0.0 if long else size, slope, slope, 0.0, slope, 0.0)
            factor: Factor = (("quote", parameters.venue, name, parameters.price_kind),)
            own, constant = lower_table(Leg(name, factor, slopes, size, table), _lower_greater(table, first))
            legs += own
            initial += constant
        owed = ZERO if held or asked else max(ZERO, -known)
        relative = (len(legs) + 8) * 4 * UNIT_ROUNDOFF
        constants = Sums(
            float(max(ZERO, cash)),
            float(max(ZERO, -cash)),
            float(known),
            float(known),
            float(asked + resting(account, parameters)) + initial,
            float(known + owed),
            float(asked + owed),
        )
        shares = sum(abs(cum) for leg in legs for _, _, cum in leg.table or ())
        pool = PoolLegs(
            pool=POOL,
            constants=constants,
            legs=tuple(legs),
            absolute=relative * (float(abs(known) + abs(cash) + asked) + shares),
            relative=relative,
            liquidatable_at_equality=False,
            family="broker",
        )
        return Legs((pool,))

    return lower
