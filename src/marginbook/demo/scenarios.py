"""Named stress scenarios: the prices of a crash that happened, as multiples of a starting price.

    price(asset, minute) = base · multiple(asset, minute),   straight lines between the points of `scenarios.json`

A scenario is replayed from `STARTS_AT`, on base prices and risk parameters of that time: the question is what such a
fall would do now. Staked and wrapped assets move with what they follow; stable ones stay.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from marginbook.domain.errors import BadInput
from marginbook.domain.events import PriceFrame, Stamp
from marginbook.domain.market import QuoteKey
from marginbook.exact import divide, in_exact_context, round_half_up
from marginbook.units import MICROSECONDS, parse_time

STARTS_AT = parse_time("2026-10-01T20:44:00Z")
MINUTE = 60 * MICROSECONDS
DEFAULT = "2025-10-10"

BASE: Mapping[str, Decimal] = MappingProxyType(
    {
        asset: Decimal(price)
        for asset, price in {
            "BTC": "117029.5",
            "ETH": "4017.43",
            "SOL": "207.57",
            "XRP": "2.6957",
            "DOGE": "0.23396",
            "ADA": "0.77453",
            "AVAX": "26.62",
            "LINK": "20.633",
            "DOT": "3.9528",
            "BCH": "564.5",
            "AAVE": "259.79",
            "UNI": "7.454",
            "LTC": "126.45",
            "TRX": "0.33048",
            "CRV": "0.6929",
        }.items()
    }
)
"""[USD] prices of 10 October 2025, 20:44 UTC, at which every scenario starts."""

USDM_MARKETS: Mapping[str, str] = MappingProxyType({f"{asset}USDT": asset for asset in BASE})
"""Market on Binance USDⓈ-M -> asset."""

AAVE_ASSETS: Mapping[str, tuple[str, Decimal]] = MappingProxyType(
    {
        "WETH": ("ETH", Decimal(1)),
        "wstETH": ("ETH", Decimal("1.2178")),
        "WBTC": ("BTC", Decimal(1)),
        "LINK": ("LINK", Decimal(1)),
        "AAVE": ("AAVE", Decimal(1)),
        "USDC": ("USD", Decimal(1)),
        "USDT": ("USD", Decimal(1)),
        "DAI": ("USD", Decimal(1)),
    }
)
"""Asset on Aave -> (what its price follows, price in units of it)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A crash as paths of multiples."""

    name: str
    title: str
    source: str
    starts: str  # when it happened
    speed: Decimal  # [seconds of the scenario per second], a good pace to watch it at
    paths: Mapping[str, tuple[tuple[int, Decimal], ...]]  # asset -> ((minute, multiple), …)
    follows: Mapping[str, str]  # asset without a path -> asset whose path it takes

    @property
    def minutes(self) -> int:
        """How long it lasts."""
        return max(points[-1][0] for points in self.paths.values())

    @in_exact_context
    def multiple(self, asset: str, at: int) -> Decimal:
        """Price at `at` [µs after the start] over the price at the start.

        >>> load("2025-10-10").multiple("BTC", 36 * MINUTE)
        Decimal('0.8911')
        """
        if asset == "USD":
            return Decimal(1)
        points = self.paths[self.follows.get(asset, asset)]
        i = bisect_right(points, at, key=lambda point: point[0] * MINUTE)
        if i == len(points):
            return points[-1][1]
        (start, low), (end, high) = points[i - 1], points[i]
        return low + divide((high - low) * (at - start * MINUTE), Decimal((end - start) * MINUTE))

    def prices(self, at: int) -> dict[QuoteKey, Decimal]:
        """Every price of the demo's two venues at `at` [µs after the start]."""
        worth = {asset: BASE[asset] * self.multiple(asset, at) for asset in BASE} | {"USD": Decimal(1)}
        found: dict[QuoteKey, Decimal] = {}
        for market, asset in USDM_MARKETS.items():
            found["binance", market, "mark"] = round_half_up(worth[asset], 8)
        for name, (asset, ratio) in AAVE_ASSETS.items():
            found["aave", name, "oracle"] = round_half_up(worth[asset] * ratio, 8)
        return found


@cache
def _raw() -> Mapping[str, Mapping[str, object]]:
    text = (files("marginbook.demo") / "scenarios.json").read_text()
    found: Mapping[str, Mapping[str, object]] = json.loads(text)["scenarios"]
    return found


def names() -> tuple[str, ...]:
    """The named scenarios.

    >>> names()
    ('2025-10-10', '2020-03-12', '2021-05-19')
    """
    return tuple(_raw())


@cache
def load(name: str = DEFAULT) -> Scenario:
    """The scenario called `name`; BadInput `unknown_scenario` otherwise."""
    if name not in _raw():
        raise BadInput("unknown_scenario", "scenario", name, "one of " + ", ".join(names()))
    raw: dict[str, object] = dict(_raw()[name])
    paths = raw.pop("paths")
    assert isinstance(paths, dict)
    return Scenario(
        name=name,
        title=str(raw["title"]),
        source=str(raw["source"]),
        starts=str(raw["starts"]),
        speed=Decimal(str(raw["speed"])),
        paths={asset: tuple((minute, Decimal(text)) for minute, text in points) for asset, points in paths.items()},
        follows=dict(raw["follows"]),  # type: ignore[call-overload]
    )


def scenario(name: str = DEFAULT, step: int = 3 * MICROSECONDS, first: int = 1) -> Iterator[PriceFrame]:
    """The frames of a scenario, one each `step` [µs], numbered from `first`; the prices at its start come first.

    >>> frame = next(scenario("2021-05-19"))
    >>> frame.prices["binance", "ETHUSDT", "mark"], frame.stamp.source_sequence
    (Decimal('4017.43000000'), 1)
    """
    plan = load(name)
    for number, at in enumerate(range(0, plan.minutes * MINUTE + 1, step), first):
        stamp = Stamp(source=f"scenario {name}", source_sequence=number, time=STARTS_AT + at)
        yield PriceFrame(stamp=stamp, prices=plan.prices(at))
