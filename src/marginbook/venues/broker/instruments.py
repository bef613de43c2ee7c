"""Shares and listed options by their names.

`AAPL` is a share; `AAPL 2026-12-18 150 C` an option, as is the 21-character symbol of the options clearing house,
`AAPL  261218C00150000`. Names that say nothing need details: `underlying`, `expiry`, `strike` and `right` ("C" or "P");
`multiplier` (default 100) and `style` ("american", the default, or "european") go with either.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.exact import ONE, from_raw
from marginbook.units import parse_time
from marginbook.venues.brackets import number_from

OPTION = re.compile(r"(\S+) (\d{4}-\d{2}-\d{2}) (\d+(?:\.\d+)?) ([CP])")
CLEARED = re.compile(r"(\S{1,6}) *(\d{2})(\d{2})(\d{2})([CP])(\d{8})")
HUNDRED = Decimal(100)
NAMED = ("underlying", "expiry", "strike", "right")


@dataclass(frozen=True, slots=True)
class Instrument:
    """A share (no `right`), or an option on `multiplier` shares."""

    underlying: str
    multiplier: Decimal = ONE
    right: str = ""  # "C" or "P"
    strike: Decimal = Decimal(0)  # [USD per share]
    expiry: int = 0  # [µs UTC] end of the last trading day's date
    european: bool = False

    @property
    def is_option(self) -> bool:
        """Whether it is an option."""
        return bool(self.right)

    def intrinsic(self, price: Decimal) -> Decimal:
        """What exercising one share's worth gives at a price of the underlying [USD]."""
        return max(Decimal(0), price - self.strike if self.right == "C" else self.strike - price)

    def out_of_the_money(self, price: Decimal) -> Decimal:
        """How far the underlying is from the exercise price, where exercising gives nothing [USD per share]."""
        return max(Decimal(0), self.strike - price if self.right == "C" else price - self.strike)


@cache
def named(market: str) -> tuple[str, str, Decimal, str] | None:
    """(underlying, expiry, strike, right) that a name tells; None for a share.

    >>> named("AAPL 2026-12-18 150 C"), named("SPXW  261218P04250500")
    (('AAPL', '2026-12-18', Decimal('150'), 'C'), ('SPXW', '2026-12-18', Decimal('4250.500'), 'P'))
    """
    if found := OPTION.fullmatch(market):
        return found[1], found[2], Decimal(found[3]), found[4]
    if found := CLEARED.fullmatch(market):
        return found[1], f"20{found[2]}-{found[3]}-{found[4]}", from_raw(int(found[6]), 3), found[5]
    return None


def instrument_of(market: str, details: Mapping[str, str], place: str = "position") -> Instrument:
    """What a position is of; BadInput where name and details do not tell.

    >>> instrument_of("AAPL 2026-12-18 150 C", {}).multiplier, instrument_of("AAPL", {}).is_option
    (Decimal('100'), False)
    """
    known = named(market)
    if known is None and not any(name in details for name in ("expiry", "strike", "right")):
        return Instrument(details.get("underlying", market))
    for name, value in zip(NAMED, known or ("", "", "", ""), strict=True):
        if not value and name not in details:
            raise BadInput("missing_detail", f"{place}.details.{name}", "nothing", f"{name} of the option {market}")
    underlying, expiry, strike, right = known or ("", "", Decimal(0), "")
    expiry, right = details.get("expiry", expiry), details.get("right", right)
    multiplier = HUNDRED
    if "multiplier" in details:
        multiplier = number_from(details["multiplier"], f"{place}.details.multiplier")
    if "strike" in details:
        strike = number_from(details["strike"], f"{place}.details.strike")
    style = details.get("style", "american")
    if right not in ("C", "P"):
        raise BadInput("bad_detail", f"{place}.details.right", right, "C or P")
    if style not in ("american", "european"):
        raise BadInput("bad_detail", f"{place}.details.style", style, "american or european")
    if strike <= 0 or multiplier <= 0:
        raise BadInput("bad_detail", f"{place}.details", f"strike {strike}, multiplier {multiplier}", "above 0")
    try:
        day = parse_time(f"{expiry}T21:00:00Z")
    except ValueError:
        raise BadInput("bad_detail", f"{place}.details.expiry", expiry, "a date such as 2026-12-18") from None
    return Instrument(details.get("underlying", underlying), multiplier, right, strike, day, style == "european")


@dataclass(frozen=True, slots=True)
class Held:
    """A position and what it is of."""

    position: Position
    instrument: Instrument

    @property
    def signed(self) -> Decimal:
        """Shares, or units of the underlying that the options are on; negative when short."""
        return self.position.sign * self.position.quantity * self.instrument.multiplier


def holdings(account: Account) -> list[Held]:
    """The account's positions; BadInput for isolated, negative, doubled ones and for parts of options."""
    found: list[Held] = []
    seen: set[str] = set()
    if account.position_mode == "hedge":
        raise BadInput("hedge_mode_not_offered", f"account {account.id}", "hedge", "one position per security")
    if account.collateral or account.debt:
        raise BadInput("unexpected_key", f"account {account.id}", "collateral or debt", "positions and a wallet in USD")
    for index, position in enumerate(account.positions):
        place = f"account {account.id}.position[{index}]"
        if (position.mode or account.mode) == "isolated":
            raise BadInput("isolated_not_offered", place, "isolated", f"one margin account in {account.rules}")
        if position.quantity < 0 or position.entry <= 0:
            raise BadInput("bad_position", place, f"{position.quantity} at {position.entry}", "above 0")
        if position.market in seen:
            raise BadInput("duplicate_position", place, position.market, "one position per security")
        seen.add(position.market)
        instrument = instrument_of(position.market, position.details, place)
        if instrument.is_option and position.quantity != int(position.quantity):
            raise BadInput("part_of_a_contract", f"{place}.quantity", position.quantity, "whole contracts")
        if position.quantity:
            found.append(Held(position, instrument))
    return found
