"""Parameters of Comets at a time: the shipped dated table, and a book's overlay on it.

A row named like the Comet's own token (`cUSDCv3`) holds `base`, `decimals`, `quote` (default USD), `base_price` (where
the base is the quote currency: no price is read), `store_front_price_factor`, `borrow_min`, `target_reserves` [base]
and the two curves per year: `supply_base`, `supply_slope_low`, `supply_slope_high`, `supply_kink`, `borrow_…` alike. A
row `cUSDCv3:WETH` holds one collateral: `decimals`, `borrow_collateral_factor`, `liquidate_collateral_factor`,
`liquidation_factor` (4 decimals each, as the contract packs them) and `supply_cap` [tokens].
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.exact import WAD, to_raw_exact
from marginbook.params.records import Record, record_at, record_or_error
from marginbook.venues.common.fields import Raw, Read, not_negative, read_row, text, whole
from marginbook.venues.compound.comet.state import AssetConfig, Config, Curve, curve_of_year
from marginbook.venues.compound.inputs import PRICE_DECIMALS

MANTISSA, PACKED = Raw(18), Raw(4)
CURVE = ("base", "slope_low", "slope_high", "kink")
COMET_FIELDS: dict[str, Read] = {
    "base": text,
    "decimals": whole,
    "quote": text,
    "base_price": Raw(PRICE_DECIMALS),
    "store_front_price_factor": MANTISSA,
    "borrow_min": not_negative,
    "target_reserves": not_negative,
    **{f"{side}_{name}": MANTISSA for side in ("supply", "borrow") for name in CURVE},
}
FACTORS = ("borrow_collateral_factor", "liquidate_collateral_factor", "liquidation_factor")
ASSET_FIELDS: dict[str, Read] = {"decimals": whole, "supply_cap": not_negative, **dict.fromkeys(FACTORS, PACKED)}
DECIMALS_MAX = 18
NO_CAP = 2**128 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Comet:
    """One Comet."""

    name: str
    config: Config
    quote: str = "USD"
    base_price: int | None = None  # [8 decimals] constant

    def price_key(self, asset: str) -> str | None:
        """Market under which an asset's price stands: `wstETH/ETH` where the quote is not USD; None for a constant."""
        if asset == self.config.base and self.base_price is not None:
            return None
        return asset if self.quote == "USD" else f"{asset}/{self.quote}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Everything that governance sets, at one time."""

    as_of: int | None  # [µs UTC] until when the shipped table is known to hold; None without one
    comets: Mapping[str, Comet] = field(default_factory=dict)
    source: str = ""
    warnings: tuple[str, ...] = ()

    def comet(self, name: str, place: str) -> Comet:
        """One Comet; BadInput `unknown_pool` without it."""
        if name not in self.comets:
            raise BadInput("unknown_pool", place, name, "one of " + ", ".join(sorted(self.comets)))
        return self.comets[name]

    def comet_of(self, account: Account, pool: str | None, place: str) -> Comet:
        """The Comet of a holding: its own `pool`, the account's `details.comet`, or the only one there is."""
        name = pool or account.details.get("comet")
        if name is None and len(self.comets) == 1:
            name = next(iter(self.comets))
        if name is None:
            raise BadInput(
                "missing_pool", place, "nothing", "pool, or details.comet: " + ", ".join(sorted(self.comets))
            )
        return self.comet(name, place)


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """The table valid at `at` [µs UTC] with `overlay` on it; BadInput `no_parameters` where there is neither."""
    name = f"compound_v3_{network or 'ethereum'}"
    table: Record | None = record_at(name, at) if overlay else record_or_error(name, at, "compound/3")
    comets: dict[str, dict[str, Any]] = {}
    assets: dict[str, dict[str, dict[str, Any]]] = {}
    for key, row in [*(table.rows.items() if table else ()), *(overlay or {}).items()]:
        comet, _, asset = key.partition(":")
        if asset:
            values = assets.setdefault(comet, {}).setdefault(asset, {})
            values.update(read_row(row, ASSET_FIELDS, f"parameters.{key}"))
        else:
            comets.setdefault(comet, {}).update(read_row(row, COMET_FIELDS, f"parameters.{key}"))
    for comet in assets:
        if comet not in comets:
            raise BadInput("missing_parameter", f"parameters.{comet}", "nothing", "a row with base and decimals")
    return Parameters(
        as_of=table.as_of if table else None,
        comets=MappingProxyType({key: _comet(key, row, assets.get(key, {})) for key, row in comets.items()}),
        source=table.source if table else "",
    )


def _comet(name: str, row: Mapping[str, Any], assets: Mapping[str, Mapping[str, Any]]) -> Comet:
    place = f"parameters.{name}"
    for key in ("base", "decimals"):
        if key not in row:
            raise BadInput("missing_parameter", f"{place}.{key}", "nothing", "the base asset and its decimals")
    decimals = _decimals(row["decimals"], place)
    config = Config(
        base=row["base"],
        decimals=decimals,
        assets=MappingProxyType({asset: _asset(values, f"{place}:{asset}") for asset, values in assets.items()}),
        supply_curve=_curve(row, "supply"),
        borrow_curve=_curve(row, "borrow"),
        store_front=row.get("store_front_price_factor", 0),
        borrow_min=_base_units(row, "borrow_min", decimals, place),
        target_reserves=_base_units(row, "target_reserves", decimals, place),
    )
    return Comet(name=name, config=config, quote=row.get("quote", "USD"), base_price=row.get("base_price"))


def _decimals(decimals: int, place: str) -> int:
    if decimals > DECIMALS_MAX:
        raise BadInput("bad_parameter", f"{place}.decimals", decimals, f"at most {DECIMALS_MAX}")
    return decimals


def _curve(row: Mapping[str, Any], side: str) -> Curve | None:
    names = [f"{side}_{name}" for name in CURVE]
    if not any(name in row for name in names):
        return None
    base, low, high = (row.get(name, 0) for name in names[:3])
    return curve_of_year(base, low, high, row.get(names[3], WAD))


def _base_units(row: Mapping[str, Any], key: str, decimals: int, place: str) -> int:
    try:
        return to_raw_exact(row.get(key, not_negative("0", place)), decimals)
    except ValueError:
        raise BadInput("bad_parameter", f"{place}.{key}", row[key], f"at most {decimals} decimals") from None


def _asset(row: Mapping[str, Any], place: str) -> AssetConfig:
    for key in ("decimals", *FACTORS):
        if key not in row:
            raise BadInput("missing_parameter", f"{place}.{key}", "nothing", "a number")
    borrow, liquidate, liquidation = (row[key] * 10**14 for key in FACTORS)
    if not borrow < liquidate <= WAD or liquidation > WAD:
        raise BadInput("bad_parameter", place, "its factors", "borrow below liquidate, both and liquidation up to 1")
    decimals = _decimals(row["decimals"], place)
    cap = _base_units(row, "supply_cap", decimals, place) if "supply_cap" in row else NO_CAP
    return AssetConfig(
        decimals=decimals,
        borrow_factor=borrow,
        liquidate_factor=liquidate,
        liquidation_factor=liquidation,
        supply_cap=cap,
    )
