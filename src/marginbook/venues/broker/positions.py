"""A margin account taken apart by underlying: shares, options, and the strategies that they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market
from marginbook.exact import ZERO, divide
from marginbook.units import format_time
from marginbook.venues.broker.instruments import HUNDRED, Held, holdings
from marginbook.venues.broker.pairing import Pairing, cheapest_pairing
from marginbook.venues.broker.parameters import Rates
from marginbook.venues.broker.strategies import Costs, Kind, Leg
from marginbook.venues.statements.model import quoted


@dataclass(frozen=True, slots=True)
class Priced:
    """A position, what it is of, and its price."""

    held: Held
    price: Decimal  # [USD per share]

    @property
    def position(self) -> Position:
        """The position itself."""
        return self.held.position

    @property
    def value(self) -> Decimal:
        """Market value [USD], negative when short."""
        return self.held.signed * self.price


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a number of units of a strategy asks for."""

    name: str
    markets: tuple[str, ...]
    units: Decimal
    amount: Decimal  # [USD]
    bearer: Position  # the position that asks for it: the short option, else the stock


def priced(account: Account, market: Market, rates: Rates) -> list[Priced]:
    """Every position at its mark."""
    return [
        Priced(held, quoted(market, rates.venue, held.position.market, rates.price_kind)) for held in holdings(account)
    ]


def by_underlying(found: Sequence[Priced]) -> dict[str, list[Priced]]:
    """Positions of each class group."""
    groups: dict[str, list[Priced]] = {}
    for one in found:
        groups.setdefault(one.held.instrument.underlying, []).append(one)
    return groups


def months_later(at: int, months: int) -> tuple[int, int, int]:
    """(year, month, day) of the date `months` after `at`, to be compared with other dates.

    >>> from marginbook.units import parse_time
    >>> months_later(parse_time("2026-05-31"), 9)
    (2027, 2, 31)
    """
    year, month, day = (int(part) for part in format_time(at)[:10].split("-"))
    month += months
    while month > 12:
        year, month = year + 1, month - 12
    return year, month, day


def has_loan_value(held: Held, rates: Rates) -> bool:
    """Whether part of an option's price counts as equity: of long ones that expire in more than nine months."""
    instrument = held.instrument
    if not instrument.is_option or held.position.side == "short":
        return False
    months = rates.of(instrument.underlying).long_option_months
    return months_later(instrument.expiry, 0) > months_later(rates.at, months)


def loan_of(one: Priced, rates: Rates) -> Decimal:
    """Part of a long option's price that counts as equity [USD per share]."""
    if not has_loan_value(one.held, rates):
        return ZERO
    return rates.of(one.held.instrument.underlying).long_option_loan * one.price


def pairings(
    found: Sequence[Priced], market: Market, rates: Rates, initial: bool
) -> list[tuple[Decimal, Pairing, dict[str, Position]]]:
    """Of every group of options that can be paired: its multiplier, its pairing, and the positions by name.

    Options of one multiplier and one style can be paired; shares go with those on 100, else with the least multiplier,
    in whole lots.
    """
    answers = []
    for underlying, group in by_underlying(found).items():
        options = [one for one in group if one.held.instrument.is_option]
        if not options:
            continue
        price = quoted(market, rates.venue, underlying, rates.price_kind)
        classes: dict[tuple[bool, Decimal, bool], list[Priced]] = {}
        for one in options:
            instrument = one.held.instrument
            key = (instrument.multiplier != HUNDRED, instrument.multiplier, instrument.european)
            classes.setdefault(key, []).append(one)
        costs = Costs(rates.of(underlying), price, initial)
        for number, (key, members) in enumerate(sorted(classes.items())):
            stock = [one for one in group if not one.held.instrument.is_option] if number == 0 else []
            legs = [_leg(one, rates) for one in members] + [_lots(one, key[1]) for one in stock]
            positions = {one.position.market: one.position for one in (*members, *stock)}
            pairing = cheapest_pairing(tuple(leg for leg in legs if leg.units), costs, rates.spread_legs)
            answers.append((key[1], pairing, positions))
    return answers


def requirements(found: Sequence[Priced], market: Market, rates: Rates, initial: bool) -> list[Requirement]:
    """What all positions ask for, in strategies that ask for least."""
    lines: list[Requirement] = []
    paired: dict[str, Decimal] = {}
    for multiplier, pairing, positions in pairings(found, market, rates, initial):
        for strategy, count in pairing.used:
            legs = [pairing.legs[number] for number, _ in strategy.members]
            bearer = next((leg for leg in legs if leg.kind in ("short call", "short put")), legs[-1])
            for leg in legs:
                if leg.kind.endswith("stock"):
                    paired[leg.market] = paired.get(leg.market, ZERO) + count * multiplier
            lines.append(
                Requirement(
                    strategy.name,
                    tuple(leg.market for leg in legs),
                    Decimal(count),
                    strategy.cost * multiplier * count,
                    positions[bearer.market],
                )
            )
    for one in found:
        instrument = one.held.instrument
        rest = one.position.quantity - paired.get(one.position.market, ZERO)
        if instrument.is_option or not rest:
            continue
        name, cost = Costs(rates.of(instrument.underlying), one.price, initial).alone(_stock(one.position, 1))
        lines.append(Requirement(name, (one.position.market,), rest, cost * rest, one.position))
    return lines


def _leg(one: Priced, rates: Rates) -> Leg:
    instrument, position = one.held.instrument, one.position
    call = instrument.right == "C"
    kinds: tuple[Kind, Kind] = ("long call", "short call") if call else ("long put", "short put")
    return Leg(
        position.market,
        kinds[position.side == "short"],
        int(position.quantity),
        instrument.strike,
        one.price,
        instrument.expiry,
        loan_of(one, rates),
    )


def _lots(one: Priced, multiplier: Decimal) -> Leg:
    return _stock(one.position, int(divide(one.position.quantity, multiplier)))


def _stock(position: Position, units: int) -> Leg:
    return Leg(position.market, "long stock" if position.side == "long" else "short stock", units)
