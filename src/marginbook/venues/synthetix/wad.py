"""The contracts' 18-decimal integers: every product and quotient is cut toward zero, signed ones too.

Source: `DecimalMath` of synthetix-v3 and `SafeDecimalMath` / `SignedSafeDecimalMath` of synthetix (both MIT).
"""

from decimal import Decimal

from marginbook.domain.account import Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import WAD, mul_div_trunc, to_raw_exact, to_raw_floor

DECIMALS = 18
VENUE = "synthetix"
KIND = "oracle"
DAY_SECONDS = 86_400


def mul(a: int, b: int) -> int:
    """a · b of two wads, toward zero.

    >>> mul(3, WAD // 2), mul(-3, WAD // 2)
    (1, -1)
    """
    return mul_div_trunc(a, b, WAD)


def div(a: int, b: int) -> int:
    """a / b of two wads, toward zero.

    >>> div(-WAD, 3 * WAD)
    -333333333333333333
    """
    return mul_div_trunc(a, WAD, b)


def wad(value: Decimal, place: str) -> int:
    """A decimal as a wad; BadInput if a digit would be lost.

    >>> wad(Decimal("1.5"), "docs")
    1500000000000000000
    """
    try:
        return to_raw_exact(value, DECIMALS)
    except ValueError:
        raise BadInput("too_many_decimals", place, value, "at most 18 decimals") from None


def price_of(market: Market, name: str) -> int:
    """The oracle price of a market or synth [wad]; further decimals are cut."""
    price = to_raw_floor(market.price(VENUE, name, KIND), DECIMALS)
    if price <= 0:
        raise BadInput("bad_price", f"prices.{VENUE}.{name}", market.price(VENUE, name, KIND), "at least 10^-18")
    return price


def size_of(account: str, position: Position) -> int:
    """Signed size [wad]; BadInput for a negative quantity."""
    place = f"account {account}.position {position.market}.quantity"
    if position.quantity < 0:
        raise BadInput("negative_quantity", place, position.quantity, "at least 0; the side carries the sign")
    return position.sign * wad(position.quantity, place)


def entry_of(account: str, position: Position) -> int:
    """Price of the last change of the position [wad]."""
    place = f"account {account}.position {position.market}.entry"
    if position.entry <= 0:
        raise BadInput("bad_price", place, position.entry, "above 0")
    return wad(position.entry, place)


def state_wad(market: Market, name: str, key: str, default: int | None = None) -> int:
    """A number of the venue's state [wad]: `key` in human units, or `key_raw`; BadInput where it is needed and absent.

    >>> state_wad(Market(state={(VENUE, "ETH", "skew"): Decimal("-2.5")}), "ETH", "skew")
    -2500000000000000000
    """
    place = f"state.{VENUE}.{name}.{key}"
    if (VENUE, name, key) in market.state:
        return wad(Decimal(market.state[VENUE, name, key]), place)
    raw = market.state.get((VENUE, name, f"{key}_raw"))
    if raw is not None:
        return int(raw)
    if default is None:
        raise BadInput("missing_state", place, "nothing", "a number")
    return default


def state_seconds(market: Market, name: str, key: str) -> int | None:
    """A time of the venue's state [s UTC]; None without it."""
    value = market.state.get((VENUE, name, key), market.state.get((VENUE, name, f"{key}_raw")))
    return None if value is None else int(value)
