"""The vault engine: prices with safety margin, fees, and what a vault may do.

    spot     ⌊⌊price / par⌋ / mat⌋            [ray]  price with 18 decimals, each quotient at 27
    rate     ⌊rate · rpow(base + duty, Δt)⌋   [ray]  rpow: binary powering, halves up at every product
    safe     art · rate ≤ ink · spot          [rad]  no rounding
    dust     art = 0 or art · rate ≥ dust

Source: formulas of makerdao/dss fa4f663 (`Spotter`, `Jug`, `Vat`), run beside those contracts in an EVM
(`tests/evm`). A call that they refuse raises `Revert` with their text.
"""

from dataclasses import dataclass, replace

from marginbook.exact import RAY, div_ceil, mul_div_ceil, mul_div_floor, rpow_half_up
from marginbook.venues.maker.parameters import Ilk

BILLION = 10**9


class Revert(Exception):
    """The contracts would refuse, and why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Urn:
    """A vault: collateral and normalized debt."""

    ink: int  # [wad]
    art: int  # [wad]


def feed_price(price: int, par: int) -> int:
    """The oracle's price [wad] per target price, at 27 decimals, down.

    >>> feed_price(2_000 * 10**18, RAY) == 2_000 * RAY
    True
    """
    return mul_div_floor(price * BILLION, RAY, par)


def spot_of(price: int, par: int, mat: int) -> int:
    """What a unit of collateral supports [ray].

    >>> spot_of(3_000 * 10**18, RAY, 15 * RAY // 10) == 2_000 * RAY
    True
    """
    return mul_div_floor(feed_price(price, par), RAY, mat)


def price_of_spot(spot: int, par: int, mat: int) -> int:
    """Lowest oracle price [wad] whose spot is at least `spot`: both quotients undone, upward.

    >>> price_of_spot(2_000 * RAY, RAY, 15 * RAY // 10) == 3_000 * 10**18
    True
    """
    return mul_div_ceil(mul_div_ceil(spot, mat, RAY), par, BILLION * RAY)


def dripped(rate: int, per_second: int, seconds: int) -> int:
    """The rate [ray] after `seconds` at `per_second` = base + duty [ray].

    >>> 0 < 105 * 10**25 - dripped(RAY, 1000000001547125957863212448, 31_536_000) < 10**18  # 5 % a year
    True
    """
    return mul_div_floor(rpow_half_up(per_second, seconds, RAY), rate, RAY)


def is_unsafe(urn: Urn, rate: int, spot: int) -> bool:
    """ink·spot < art·rate."""
    return urn.ink * spot < urn.art * rate


def frob(urn: Urn, ilk: Ilk, rate: int, spot: int, dink: int, dart: int, total_art: int | None = None) -> Urn:
    """The vault after dink and dart; `total_art` [wad] is held to the type's ceiling where both are known."""
    after = Urn(urn.ink + dink, urn.art + dart)
    if min(after.ink, after.art) < 0:
        raise Revert("arithmetic")
    if dart > 0 and ilk.line is not None and total_art is not None and (total_art + dart) * rate > ilk.line:
        raise Revert("Vat/ceiling-exceeded")
    if (dart > 0 or dink < 0) and is_unsafe(after, rate, spot):
        raise Revert("Vat/not-safe")
    if after.art and after.art * rate < ilk.dust:
        raise Revert("Vat/dust")
    return after


def drawn(amount: int, rate: int) -> int:
    """Normalized debt [wad] that pays out `amount` DAI [wad]: up, as the vault manager's proxies draw it.

    >>> drawn(100, RAY), drawn(100, 3 * RAY)
    (100, 34)
    """
    return div_ceil(amount * RAY, rate)


def wiped(amount: int, rate: int, art: int) -> int:
    """Normalized debt [wad] that `amount` DAI [wad] repays: down, at most all of it."""
    return min(mul_div_floor(amount, RAY, rate), art)


def grabbed(urn: Urn, dink: int, dart: int) -> Urn:
    """The vault after a liquidation took dink and dart."""
    return replace(urn, ink=urn.ink - dink, art=urn.art - dart)
