"""Parameters of a pool at a time: the shipped dated table, and a book's overlay on it.

Keys of an asset's row, fractions as decimals: `decimals`, `collateral_factor`, `reserve_factor`, `borrow_cap` [whole
tokens], `borrow_paused`, `mint_paused`, `rate_base`, `rate_multiplier`, `rate_jump` [per year] and `rate_kink`. The row
`comptroller` holds `close_factor`, `liquidation_incentive` (1.08 pays 8 %) and `blocks_per_year`. An asset that only
the overlay knows needs `decimals`, or has 18.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import WAD, div_floor, mul_div_floor
from marginbook.params.records import Record, record_at, record_or_error
from marginbook.venues.common.fields import Raw, Read, flag, fraction, positive, read_row, whole
from marginbook.venues.compound.v2.state import MarketConfig, RateModel
from marginbook.venues.compound.v2.versions import COMPOUND, VERSIONS, Version

COMPTROLLER = "comptroller"
DECIMALS_MAX = 28
"""With more, a price of 8 decimals would be no mantissa of the contract."""
MANTISSA = Raw(18)
ASSET_FIELDS: dict[str, Read] = {
    "decimals": whole,
    "collateral_factor": MANTISSA,
    "liquidation_threshold": MANTISSA,
    "liquidation_incentive": MANTISSA,
    "reserve_factor": MANTISSA,
    "borrow_cap": whole,
    "borrow_paused": flag,
    "mint_paused": flag,
    "rate_base": MANTISSA,
    "rate_multiplier": MANTISSA,
    "rate_jump": MANTISSA,
    "rate_kink": MANTISSA,
}
RATES = ("rate_base", "rate_multiplier", "rate_jump", "rate_kink")
COMPTROLLER_FIELDS: dict[str, Read] = {
    "close_factor": fraction,
    "liquidation_incentive": positive,
    "blocks_per_year": whole,
}
BLOCKS_PER_YEAR = 2_102_400
"""What the deployed rate models divide by: 15-second blocks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Everything that governance sets, at one time."""

    version: Version
    as_of: int | None  # [µs UTC] until when the shipped table is known to hold; None without one
    assets: Mapping[str, MarketConfig]
    close_factor: int  # [mantissa]
    incentive: int  # [mantissa]
    source: str = ""
    warnings: tuple[str, ...] = ()

    def asset(self, name: str, place: str) -> MarketConfig:
        """The row of one asset; BadInput `unknown_market` without one."""
        if name not in self.assets:
            raise BadInput("unknown_market", place, name, "an asset with parameters: " + ", ".join(sorted(self.assets)))
        return self.assets[name]


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """The table valid at `at` [µs UTC] with `overlay` on it; BadInput `no_parameters` where there is neither."""
    rules = VERSIONS[version]
    name = f"compound_{'v2' if rules is COMPOUND else rules.name}_{network or 'ethereum'}"
    table: Record | None = record_at(name, at) if overlay else record_or_error(name, at, f"compound/{version}")
    rows = [*(table.rows.items() if table else ()), *(overlay or {}).items()]
    comptroller: dict[str, Any] = {"blocks_per_year": BLOCKS_PER_YEAR}
    values: dict[str, dict[str, Any]] = {}
    for key, row in rows:
        if key == COMPTROLLER:
            comptroller |= read_row(row, COMPTROLLER_FIELDS, f"parameters.{key}")
        else:
            values.setdefault(key, {}).update(read_row(row, ASSET_FIELDS, f"parameters.{key}"))
    for key in ("close_factor", "liquidation_incentive"):
        if key not in comptroller:
            raise BadInput("missing_parameter", f"parameters.{COMPTROLLER}.{key}", "nothing", "a decimal")
    return Parameters(
        version=rules,
        as_of=table.as_of if table else None,
        assets=MappingProxyType(
            {
                key: _config(rules, row, comptroller["blocks_per_year"], f"parameters.{key}")
                for key, row in values.items()
            }
        ),
        close_factor=MANTISSA(comptroller["close_factor"], f"parameters.{COMPTROLLER}.close_factor"),
        incentive=MANTISSA(comptroller["liquidation_incentive"], f"parameters.{COMPTROLLER}.liquidation_incentive"),
        source=table.source if table else "",
    )


def _config(version: Version, row: Mapping[str, Any], blocks: int, place: str) -> MarketConfig:
    values = {key: value for key, value in row.items() if key not in (*RATES, "borrow_cap", "liquidation_incentive")}
    config = MarketConfig(**({"decimals": 18, "incentive": row.get("liquidation_incentive", 0)} | values))
    if config.decimals > DECIMALS_MAX:
        raise BadInput("bad_parameter", f"{place}.decimals", config.decimals, f"at most {DECIMALS_MAX}")
    if max(config.collateral_factor, config.liquidation_threshold, config.reserve_factor) > WAD:
        raise BadInput("bad_parameter", place, "a factor above 1", "factors from 0 to 1")
    config = replace(config, borrow_cap=row.get("borrow_cap", 0) * 10**config.decimals)
    if version.own_threshold and "liquidation_threshold" not in row:
        config = replace(config, liquidation_threshold=config.collateral_factor)
    if version.own_threshold and config.liquidation_threshold < config.collateral_factor:
        raise BadInput("bad_parameter", place, "a threshold below the collateral factor", "at least the factor")
    if any(key in row for key in RATES):
        base, multiplier, jump = (row.get(key, 0) for key in RATES[:3])
        kink = row.get("rate_kink", WAD)
        scale = kink if version.kinked_multiplier else WAD
        config = replace(config, rates=rates_of_year(base, multiplier, jump, kink, blocks, scale))
    return config


def rates_of_year(base: int, multiplier: int, jump: int, kink: int, blocks: int, scale: int) -> RateModel:
    """Rates per block from rates per year [mantissas], as the constructors derive them.

    `scale` is the kink for JumpRateModelV2, 10^18 for JumpRateModel.

    >>> rates_of_year(0, 4 * 10**16, 109 * 10**16, 8 * 10**17, 2_102_400, 8 * 10**17).multiplier
    23782343987
    """
    if scale == 0 or blocks == 0:
        raise BadInput("bad_parameter", "parameters", "0", "rate_kink and blocks_per_year above 0")
    return RateModel(
        base=div_floor(base, blocks),
        multiplier=mul_div_floor(multiplier, WAD, blocks * scale),
        jump=div_floor(jump, blocks),
        kink=kink,
    )
