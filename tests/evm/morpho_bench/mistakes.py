"""Mistakes of one rounding or one term each, planted in the model to see that walks and vectors find them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from marginbook.exact import WAD, mul_div_ceil, mul_div_floor, mul_div_half_up
from marginbook.venues.morpho import market
from marginbook.venues.morpho.math import (
    PRICE_SCALE,
    VIRTUAL_SHARES,
    to_assets_down,
    to_assets_up,
    to_shares_down,
    to_shares_up,
)


def _no_virtual_asset(shares: int, assets: int, total: int) -> int:
    return mul_div_ceil(shares, assets, total + VIRTUAL_SHARES)


def _no_cubic_term(rate: int, seconds: int) -> int:
    first = rate * seconds
    return first + mul_div_floor(first, first, 2 * WAD)


def _one_quotient(collateral: int, price: int, lltv: int) -> int:
    return mul_div_floor(collateral * price, lltv, PRICE_SCALE * WAD)


def _factor_without_floor(lltv: int) -> int:
    return min(115 * 10**16, mul_div_half_up(WAD, WAD, WAD - mul_div_floor(3 * 10**17, WAD - lltv, WAD)))


def _no_most(lltv: int) -> int:
    return mul_div_floor(WAD, WAD, WAD - mul_div_floor(3 * 10**17, WAD - lltv, WAD))


MISTAKES: dict[str, tuple[str, Callable[..., Any]]] = {
    "shares of assets up where down": ("to_shares_down", to_shares_up),
    "shares of assets down where up": ("to_shares_up", to_shares_down),
    "assets of shares up where down": ("to_assets_down", to_assets_up),
    "assets of shares down where up": ("to_assets_up", to_assets_down),
    "no virtual asset": ("to_assets_up", _no_virtual_asset),
    "no cubic term": ("taylor_compounded", _no_cubic_term),
    "one quotient in the most debt": ("most_debt", _one_quotient),
    "incentive factor half-up": ("incentive_factor", _factor_without_floor),
    "incentive factor without its most": ("incentive_factor", _no_most),
    "quotients up where down": ("mul_div_floor", mul_div_ceil),
    "quotients down where up": ("mul_div_ceil", mul_div_floor),
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The model with one mistake."""
    attribute, wrong = MISTAKES[name]
    with patch.object(market, attribute, wrong):
        yield
