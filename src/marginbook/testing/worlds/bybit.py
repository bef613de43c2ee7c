"""Random accounts of Bybit: unified (both eras), inverse and classic."""

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.testing.contract_worlds import contract_world, step
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.bybit.parameters import is_inverse, settlement_currency

__all__ = ["step", "world"]
ERAS = {
    "bybit/uta": ("2023-06-01", "2026-01-01"),
    "bybit/classic": ("2022-06-01", "2024-07-01"),
    "bybit/inverse": ("2020-06-01", "2022-06-01"),
}
LINEAR = {"BTCUSDT": Decimal("61234.5"), "ETHUSDT": Decimal("2601.35"), "ADAUSDT": Decimal("0.4123")}
INVERSE = {"BTCUSD": Decimal("61240.5"), "ETHUSD": Decimal("2601.25")}
OVERLAY: Mapping[str, Mapping[str, Any]] = {
    "ADAUSDT": {"brackets": [["0", "200000", "0.0075", "75"], ["200000", "400000", "0.015", "50"]], "tick": "0.0001"},
    "ETHUSD": {"brackets": [["0", "5000", "0.01", "50"]], "tick": "0.05"},
    "BTCUSD": {"brackets": [["0", "150", "0.005", "100"], ["150", "300", "0.01", "50"]], "tick": "0.5"},
}
INDEX = {"USDT": Decimal("1"), "BTC": Decimal("61230.12"), "ETH": Decimal("2600.98")}
CURRENCIES: Mapping[str, Mapping[str, Any]] = {
    "USDT": {"discount": "1", "borrow_rate": "0.04"},
    "BTC": {"discount": [["0", "50", "0.95"], ["50", "500", "0.9"]], "borrow_rate": "0.04"},
    "ETH": {"discount": "0.9", "borrow_rate": "0.05"},
}
DEVIATIONS = {
    "bybit/uta": {
        "sums_are_additive": "currencies beside each other are converted to USD, one alone that counts in full is not",
    },
    "bybit/inverse": {
        "sums_are_additive": "the fee of a cross position is taken at the price at which the whole wallet is gone",
    },
}


def world(rules: str, random: Random) -> Setting:
    """An account of one of Bybit's rule sets."""
    prices = INVERSE if rules == "bybit/inverse" else LINEAR if rules == "bybit/classic" else LINEAR | INVERSE
    at = parse_time(random.choice(ERAS[rules]))
    index = INDEX if rules == "bybit/uta" else None
    overlay = {**OVERLAY, **CURRENCIES} if index else OVERLAY
    return contract_world(rules, random, at, prices, overlay, settlement_currency, is_inverse, index=index)
