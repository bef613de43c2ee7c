"""What a Deribit instrument's name says.

BTC-PERPETUAL, BTC-26SEP25           inverse, quantity in USD, settled in BTC
BTC_USDC-PERPETUAL, BTC_USDC-26SEP25 linear, quantity in BTC, settled in USDC (BTC_USDC alone: the perpetual)
BTC-26SEP25-100000-C                 option on 1 BTC, priced and settled in BTC
BTC_USDC-26SEP25-100000-C            option on 1 BTC, priced and settled in USDC
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from marginbook.domain.errors import BadInput
from marginbook.units import parse_time
from marginbook.venues.brackets import number_from

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
EXPIRY_HOUR = 8
"""[UTC] of settlement."""
Kind = Literal["perpetual", "future", "call", "put"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument."""

    name: str
    kind: Kind
    coin: str
    quote: str | None  # settlement currency of a linear one; None: inverse
    strike: Decimal | None = None
    expiry: int | None = None  # [µs UTC]

    @property
    def currency(self) -> str:
        """What it settles in."""
        return self.quote or self.coin

    @property
    def is_option(self) -> bool:
        """Whether it is an option."""
        return self.kind in ("call", "put")

    @property
    def index(self) -> str:
        """The venue's name of its index.

        >>> instrument("BTC-PERPETUAL").index, instrument("SOL_USDC").index
        ('btc_usd', 'sol_usdc')
        """
        return f"{self.coin}_{self.quote or 'USD'}".lower()

    @property
    def family(self) -> str:
        """Name of its row of parameters.

        >>> instrument("BTC-26SEP25").family, instrument("SOL_USDC").family, instrument("BTC-26SEP25-90000-P").family
        ('BTC-FUTURE', 'SOL_USDC-PERPETUAL', 'BTC-OPTION')
        """
        what = "OPTION" if self.is_option else self.kind.upper()
        return f"{self.coin}_{self.quote}-{what}" if self.quote else f"{self.coin}-{what}"


def instrument(name: str) -> Instrument:
    """The instrument called `name`; BadInput `unknown_market` where the name is none.

    >>> instrument("XRP_USDC-30JUN23-0d625-C").strike
    Decimal('0.625')
    """
    parts = name.split("-")
    coin, _, quote = parts[0].partition("_")
    known = quote or None
    if len(parts) == 1 and known and coin:
        return Instrument(name, "perpetual", coin, known)
    if len(parts) == 2 and coin and parts[1] == "PERPETUAL":
        return Instrument(name, "perpetual", coin, known)
    if len(parts) in (2, 4) and coin:
        expiry = _expiry(parts[1])
        if expiry is not None and len(parts) == 2:
            return Instrument(name, "future", coin, known, None, expiry)
        if expiry is not None and parts[3] in ("C", "P"):
            strike = number_from(parts[2].replace("d", "."), name)
            return Instrument(name, "call" if parts[3] == "C" else "put", coin, known, strike, expiry)
    raise BadInput("unknown_market", name, name, "a Deribit instrument such as BTC-PERPETUAL or BTC-26SEP25-90000-C")


def _expiry(text: str) -> int | None:
    """The time of `26SEP25` [µs UTC]; None for any other text."""
    day, month, year = text[:-5], text[-5:-2], text[-2:]
    if not day.isdigit() or month not in MONTHS or not year.isdigit():
        return None
    number = MONTHS.index(month) + 1
    return parse_time(f"20{year}-{number:02d}-{int(day):02d}T{EXPIRY_HOUR:02d}:00:00Z")
