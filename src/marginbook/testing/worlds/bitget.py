"""Random accounts of Bitget USDT futures."""

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.testing.contract_worlds import contract_world, step
from marginbook.testing.vectors import Setting
from marginbook.units import parse_time
from marginbook.venues.bitget import settlement_currency

__all__ = ["step", "world"]
AT = parse_time("2024-01-01")
PRICES = {"BTCUSDT": Decimal("61234.5"), "ETHUSDT": Decimal("2601.35"), "ADAUSDT": Decimal("0.4123")}
OVERLAY: Mapping[str, Mapping[str, Any]] = {
    "ETHUSDT": {"brackets": [["0", "20000", "0.005", "100"], ["20000", "500000", "0.01", "50"]], "tick": "0.01"},
    "ADAUSDT": {"maintenance_rate": "0.01"},
}
DEVIATIONS = {
    "bitget/usdt": {"shown_sums_follow": "initial margin goes by entry prices; books show it at mark, as columns do"}
}


def world(rules: str, random: Random) -> Setting:
    """An account of `bitget/usdt`."""
    return contract_world(rules, random, AT, PRICES, OVERLAY, settlement_currency, lambda name: False)
