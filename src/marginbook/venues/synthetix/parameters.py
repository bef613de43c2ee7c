"""Parameters of perps v3 by market, by collateral and for the system, with a book's overlay on the dated table.

A row `system` holds the guards of keeper rewards; a row with discounts is a collateral; any other is a market, `"*"`
the one for markets that have no row. Source: `params/data/synthetix_v3.json` (Base, Andromeda).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import WAD, from_raw, in_exact_context
from marginbook.params.records import record_at, record_or_error
from marginbook.venues.common.fields import Raw, Read, flag, positive, read_row, rows_with, whole

ALL = "*"
SYSTEM = "system"
UNIT = from_raw(1, 18)


@dataclass(frozen=True, slots=True)
class MarketTerms:
    """One perps market. Ratios and sizes are wads."""

    initial_margin_ratio: int = 0
    minimum_initial_margin_ratio: int = 0
    maintenance_margin_scalar: int = WAD
    minimum_position_margin: int = 0  # [snxUSD]
    flag_reward_ratio: int = 0
    skew_scale: int = 0  # [units]; 0: neither impact nor premium
    max_funding_velocity: int = 0
    maker_fee: int = 0
    taker_fee: int = 0
    locked_oi_ratio: int = 0
    accumulation_multiplier: int = 0
    window_seconds: int = 0  # [s]
    max_liquidation_pd: int = 0
    tick: Decimal = Decimal("0.00000001")
    quantity_step: Decimal = UNIT


@dataclass(frozen=True, slots=True)
class CollateralTerms:
    """One synth as collateral; wads."""

    upper_limit_discount: int = 0
    lower_limit_discount: int = 0
    discount_scalar: int = 0
    spot_skew_scale: int = 0  # [units] of the spot market; 0: no discount
    decimals: int = 18


@dataclass(frozen=True, slots=True)
class Guards:
    """Bounds of keeper rewards, and which form of the reward is in force."""

    min_keeper_reward: int = 0  # [snxUSD]
    min_keeper_profit_ratio: int = 0
    max_keeper_reward: int = 0  # [snxUSD]
    max_keeper_scaling_ratio: int = 0
    collateral_reward_ratio: int = 0
    collateral_reward: bool = True  # the larger of flag rewards and a share of the collateral (since #2245)
    first_window_cost: bool = True  # the first window's cost counts (since #2330)
    max_positions: int = 0  # 0: no limit known
    max_collaterals: int = 0


@dataclass(frozen=True, slots=True)
class Parameters:
    """What `synthetix/3` needs at one time."""

    markets: Mapping[str, MarketTerms]
    assets: Mapping[str, CollateralTerms]
    guards: Guards
    source: str
    default: MarketTerms | None = None
    as_of: int | None = None  # [µs UTC]
    warnings: tuple[str, ...] = field(default=())

    def terms_of(self, market: str) -> MarketTerms:
        """A market's terms; BadInput `no_parameters` where there are none."""
        found = self.markets.get(market, self.default)
        if found is None:
            raise BadInput(
                "no_parameters", f"parameters.{market}", "nothing", f"parameters of {market} for synthetix/3"
            )
        return found

    def collateral_of(self, asset: str) -> CollateralTerms:
        """A collateral's terms; BadInput `no_parameters` where there are none."""
        found = self.assets.get(asset)
        if found is None:
            known = ", ".join(sorted(self.assets))
            raise BadInput("no_parameters", f"parameters.{asset}", "nothing", f"a collateral, one of {known}")
        return found


RAW = Raw(18)
MARKET_FIELDS: dict[str, Read] = {
    **dict.fromkeys((found.name for found in fields(MarketTerms)), RAW),
    "window_seconds": whole,
    "tick": positive,
    "quantity_step": positive,
}
COLLATERAL_FIELDS: dict[str, Read] = dict.fromkeys(
    ("upper_limit_discount", "lower_limit_discount", "discount_scalar", "spot_skew_scale"), RAW
)
SYSTEM_FIELDS: dict[str, Read] = {
    **dict.fromkeys((found.name for found in fields(Guards)), RAW),
    "collateral_reward": flag,
    "first_window_cost": flag,
    "max_positions": whole,
    "max_collaterals": whole,
}


REQUIRED = ("initial_margin_ratio", "minimum_initial_margin_ratio", "maintenance_margin_scalar", "skew_scale")
NO_GUARDS = "no guards of keeper rewards are known: rewards count as 0"


def _market(row: Mapping[str, Any], name: str) -> MarketTerms:
    for key in REQUIRED:
        if key not in row:
            raise BadInput("missing_parameter", f"parameters.{name}.{key}", "nothing", "a number")
    terms: MarketTerms = built(MarketTerms, row, MARKET_FIELDS, name)
    return terms


def built(make: Callable[..., Any], row: Mapping[str, Any], known: Mapping[str, Read], name: str) -> Any:
    """A row as its dataclass."""
    return make(**read_row(row, known, f"parameters.{name}"))


def _is_collateral(row: Mapping[str, Any]) -> bool:
    return bool(row) and all(name in COLLATERAL_FIELDS for name in row)


@in_exact_context
def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """The table in force on Base at `at` [µs UTC], the book's rows on it.

    BadInput `no_parameters` before the first table or on another network, unless the book brings its own rows.
    """
    record = record_at("synthetix_v3", at) if network in (None, "base") else None
    if record is None and not overlay:
        if network not in (None, "base"):
            raise BadInput("no_parameters", "network", network, "base, or a table [parameters.<name>.<market>]")
        record_or_error("synthetix_v3", at, "synthetix/3")
    rows = rows_with(record.rows if record else {}, overlay)
    default = rows.pop(ALL, None)
    system = rows.pop(SYSTEM, {})
    assets = {name: row for name, row in rows.items() if _is_collateral(row)}
    return Parameters(
        markets={name: _market(row, name) for name, row in rows.items() if name not in assets},
        assets={name: built(CollateralTerms, row, COLLATERAL_FIELDS, name) for name, row in assets.items()},
        guards=built(Guards, system, SYSTEM_FIELDS, SYSTEM),
        source=record.source if record else "the book's own parameters",
        default=None if default is None else _market(default, ALL),
        as_of=record.as_of if record else None,
        warnings=() if system else (NO_GUARDS,),
    )
