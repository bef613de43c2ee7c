"""Vaults to borrow from: their asset, what they take as collateral, and how they liquidate; shipped or the book's own.

A book names a vault as it likes, `[parameters.<name>.<vault>]`, its collaterals in
`[parameters.<name>.<vault>.collateral.<collateral>]`.

    asset, decimals            what is borrowed; decimals of known tokens need not be stated
    unit, unit_decimals        unit of account (USD, 18); the asset's own name where it is the unit
    max_liquidation_discount   most discount of a liquidation (0.15)
    cool_off                   seconds after an account status check in which nothing is liquidated (1)
    socialize                  false: bad debt stays with the account
    two_sided                  the vault's oracle has bid and ask: prices of kinds min and max, beside the mid price

and of a collateral

    borrow_ltv, liquidation_ltv
    asset, decimals            whose price counts, where the collateral's name is not the asset
    initial_liquidation_ltv, ramp_end [s], ramp_seconds   while the liquidation LTV ramps down
    correlated                 it follows the debt's asset: zones by distance; default: LTV of at least 0.9
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.params.records import record_at
from marginbook.units import format_time
from marginbook.venues.common.fields import Raw, Read, flag, read_row, text, whole
from marginbook.venues.euler.math import SCALE

RECORD = "euler_v2_ethereum"
RULES = "euler/2"
CORRELATED_FROM = 9_000  # [1e-4] our judgement; nothing of the rules depends on it
DECIMALS = {
    **dict.fromkeys(("USDC", "USDT", "PYUSD", "EURC", "AUSD"), 6),
    **dict.fromkeys(("WBTC", "cbBTC", "LBTC"), 8),
    **dict.fromkeys(("WETH", "wstETH", "weETH", "ezETH", "rETH", "cbETH", "rsETH", "mETH", "ETHx"), 18),
    **dict.fromkeys(("DAI", "sDAI", "USDS", "sUSDS", "USDe", "sUSDe", "tBTC", "GHO", "RLUSD", "crvUSD"), 18),
}
"""Decimals of tokens by symbol: those of the ERC-20 contracts on Ethereum."""
FIELDS: Mapping[str, Read] = {
    "asset": text,
    "decimals": whole,
    "unit": text,
    "unit_decimals": whole,
    "max_liquidation_discount": Raw(4),
    "cool_off": whole,
    "socialize": flag,
    "two_sided": flag,
}
COLLATERAL_FIELDS: Mapping[str, Read] = {
    "asset": text,
    "decimals": whole,
    "borrow_ltv": Raw(4),
    "liquidation_ltv": Raw(4),
    "initial_liquidation_ltv": Raw(4),
    "ramp_end": whole,
    "ramp_seconds": whole,
    "correlated": flag,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralTerms:
    """What a vault lends against. LTVs in 1e-4."""

    asset: str  # whose price counts
    decimals: int
    borrow_ltv: int
    liquidation_ltv: int
    initial_liquidation_ltv: int = 0
    ramp_end: int = 0  # [s]
    ramp_seconds: int = 0
    correlated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A vault to borrow from."""

    asset: str
    decimals: int
    unit: str = "USD"
    unit_decimals: int = 18
    max_discount: int = 0  # [1e-4]
    cool_off: int = 0  # [s]
    socialize: bool = True
    two_sided: bool = False
    collaterals: Mapping[str, CollateralTerms] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Vaults by name."""

    vaults: Mapping[str, Terms]
    source: str
    as_of: int | None
    at: int
    warnings: tuple[str, ...] = ()

    def terms(self, name: str, place: str) -> Terms:
        """The vault; BadInput `no_parameters` for one that nobody described."""
        found = self.vaults.get(name)
        if found is None:
            known = ", ".join(self.vaults) or "none"
            expected = f'one of {known} at {format_time(self.at)}, or a table [parameters.<name>."{name}"]'
            raise BadInput("no_parameters", place, name, expected)
        return found


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """The recorded vaults on Ethereum at `at`, and the book's own on top, collateral by collateral."""
    record = record_at(RECORD, at) if network in (None, "ethereum") else None
    rows: dict[str, dict[str, Any]] = {name: dict(row) for name, row in record.rows.items()} if record else {}
    for name, row in (overlay or {}).items():
        if not isinstance(row, Mapping):
            raise BadInput("bad_parameters", f"parameters.{name}", row, "a table of parameters")
        old = rows.get(name, {})
        rows[name] = {**old, **row, "collateral": _merged(old.get("collateral", {}), row, f"parameters.{name}")}
    return Parameters(
        vaults={name: _terms(name, row) for name, row in rows.items()},
        source=record.source if record else "the book's own parameters",
        as_of=record.as_of if record else None,
        at=at,
    )


def _merged(old: Mapping[str, Any], row: Mapping[str, Any], place: str) -> dict[str, Any]:
    new = row.get("collateral", {})
    if not isinstance(new, Mapping):
        raise BadInput("bad_parameters", f"{place}.collateral", new, "tables of LTVs by collateral")
    merged = {name: dict(values) for name, values in old.items()}
    for name, values in new.items():
        if not isinstance(values, Mapping):
            raise BadInput("bad_parameters", f"{place}.collateral.{name}", values, "a table with LTVs")
        merged[name] = {**merged.get(name, {}), **values}
    return merged


def _terms(name: str, row: Mapping[str, Any]) -> Terms:
    place = f"parameters.{name}"
    given = read_row({key: value for key, value in row.items() if key != "collateral"}, FIELDS, place)
    if "asset" not in given:
        raise BadInput("missing_parameter", f"{place}.asset", "nothing", "the asset that is borrowed")
    _known_decimals(given, given["asset"], place)
    discount = given.pop("max_liquidation_discount", 0)
    if discount >= SCALE:
        raise BadInput("bad_parameter", f"{place}.max_liquidation_discount", Decimal(discount).scaleb(-4), "below 1")
    collaterals = {
        collateral: _collateral(collateral, values, f"{place}.collateral.{collateral}")
        for collateral, values in row.get("collateral", {}).items()
    }
    return Terms(**given, max_discount=discount, collaterals=collaterals)


def _collateral(name: str, row: Mapping[str, Any], place: str) -> CollateralTerms:
    given = read_row(row, COLLATERAL_FIELDS, place)
    given.setdefault("asset", name)
    _known_decimals(given, given["asset"], place)
    for key in ("borrow_ltv", "liquidation_ltv"):
        if key not in given:
            raise BadInput("missing_parameter", f"{place}.{key}", "nothing", "a fraction with at most four decimals")
    if not given["borrow_ltv"] <= given["liquidation_ltv"] <= SCALE:
        raise BadInput("bad_parameter", f"{place}.liquidation_ltv", row["liquidation_ltv"], "borrow_ltv to 1")
    if given.get("initial_liquidation_ltv", 0) > SCALE:
        raise BadInput("bad_parameter", f"{place}.initial_liquidation_ltv", row["initial_liquidation_ltv"], "up to 1")
    if given.get("ramp_end", 0) and not given.get("ramp_seconds", 0):
        raise BadInput("missing_parameter", f"{place}.ramp_seconds", "nothing", "how long the ramp to ramp_end lasts")
    return CollateralTerms(**{"correlated": given["liquidation_ltv"] >= CORRELATED_FROM, **given})


def _known_decimals(given: dict[str, Any], asset: str, place: str) -> None:
    decimals = given.setdefault("decimals", DECIMALS.get(asset))
    if decimals is None or decimals > 36:
        raise BadInput("missing_parameter", f"{place}.decimals", decimals, f"decimals of {asset}, to 36")
