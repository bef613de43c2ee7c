"""Parameters of a pool at a time: the shipped dated table, and a book's overlay on it.

Keys of an asset table, fractions as decimals: `ltv`, `liquidation_threshold`, `liquidation_bonus` (0.05 pays 5 %),
`protocol_fee` (of the bonus), `reserve_factor`, `decimals`, `supply_cap` and `borrow_cap` [whole tokens],
`debt_ceiling` [USD], `borrowable_in_isolation`, `siloed`, `borrowing_enabled`, `active`, `frozen`, `paused`,
`rate_optimal`, `rate_base`, `rate_slope_1`, `rate_slope_2`, `emode` (a category, or a list of categories, that the
asset joins). A table named `emode:<n>` describes a category: `ltv`, `liquidation_threshold`, `liquidation_bonus`,
`collateral`, `borrowable`, `zero_ltv` (lists of assets), `isolated` (3.7), `price_source` (3.0, 3.1).
Version 2 has no categories, caps, ceilings, pauses of single assets or protocol fee; these keys are errors there.

An asset that only the overlay knows needs `decimals`, or both `ltv` and `liquidation_threshold`; what it leaves out is
18 decimals, no bonus, no fee, no cap.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import RAY, parse_decimal, to_raw_exact
from marginbook.params.records import first_time, record_at
from marginbook.units import format_time
from marginbook.venues.aave_v3.state import EMode, RateStrategy, ReserveConfig
from marginbook.venues.aave_v3.versions import VERSIONS, Version

EMODE = "emode:"
FRACTIONS = ("ltv", "liquidation_threshold", "protocol_fee", "reserve_factor")
CAPS = ("supply_cap", "borrow_cap")
FLAGS = ("borrowable_in_isolation", "siloed", "borrowing_enabled", "active", "frozen", "paused")
RATES = {"rate_optimal": "optimal", "rate_base": "base", "rate_slope_1": "slope_1", "rate_slope_2": "slope_2"}
ASSET_KEYS = (*FRACTIONS, "liquidation_bonus", "decimals", *CAPS, "debt_ceiling", *FLAGS, *RATES, "emode")
EMODE_LISTS = ("collateral", "borrowable", "zero_ltv")
EMODE_KEYS = ("ltv", "liquidation_threshold", "liquidation_bonus", *EMODE_LISTS, "isolated", "price_source", "label")
ONLY_3 = ("protocol_fee", *CAPS, "debt_ceiling", "borrowable_in_isolation", "siloed", "paused", "emode")
"""Keys that version 2 does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Everything that governance sets, at one time."""

    version: Version
    as_of: int | None  # [µs UTC] until when the shipped table is known to hold; None without one
    network: str
    assets: Mapping[str, ReserveConfig]
    emodes: Mapping[int, EMode] = field(default_factory=dict)
    source: str = ""
    warnings: tuple[str, ...] = ()

    def asset(self, name: str, place: str) -> ReserveConfig:
        """The row of one asset; BadInput `unknown_market` without one."""
        if name not in self.assets:
            raise BadInput("unknown_market", place, name, "an asset with parameters: " + ", ".join(sorted(self.assets)))
        return self.assets[name]


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """The table valid at `at` [µs UTC] with `overlay` on it; BadInput `no_parameters` before the first row."""
    if version not in VERSIONS:
        raise BadInput("unknown_rules", "rules", f"aave/{version}", "aave/" + " or aave/".join(VERSIONS))
    network = network or "ethereum"
    rules = VERSIONS[version]
    record = f"aave_v{version[0]}_{network}"
    table = record_at(record, at)
    if table is None and not overlay:
        first = first_time(record)
        expected = f"a time from {format_time(first)} on" if first is not None else "a network with a shipped table"
        raise BadInput("no_parameters", "at", f"{network}, {format_time(at)}", expected)
    builder = _Builder(rules)
    if table is not None:
        for name, row in table.rows.items():
            builder.add(name, row, f"shipped parameters.{name}")
    shipped = frozenset(builder.assets)
    for name, row in (overlay or {}).items():
        if not isinstance(row, Mapping):
            raise BadInput("bad_value", f"parameters.{name}", row, "a table of parameters")
        if not name.startswith(EMODE) and name not in shipped:
            _require_enough(name, row)
        builder.add(name, row, f"parameters.{name}")
    return Parameters(
        version=rules,
        as_of=table.as_of if table else None,
        network=network,
        assets=MappingProxyType(builder.assets),
        emodes=MappingProxyType(builder.categories()),
        source=table.source if table else "",
    )


def _require_enough(name: str, row: Mapping[str, Any]) -> None:
    if "decimals" not in row and not {"ltv", "liquidation_threshold"} <= row.keys():
        raise BadInput(
            "unknown_market",
            f"parameters.{name}",
            ", ".join(row) or "nothing",
            "decimals, or ltv and liquidation_threshold, for an asset that the shipped table does not have",
        )


class _Builder:
    """Collects asset and category tables, later ones over earlier ones."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.assets: dict[str, ReserveConfig] = {}
        self.emodes: dict[int, dict[str, Any]] = {}
        self.members: dict[int, set[str]] = {}

    def add(self, name: str, row: Mapping[str, Any], place: str) -> None:
        """A shipped table or one of the overlay."""
        if name.startswith(EMODE):
            self._add_category(name, row, place)
        else:
            self._add_asset(name, row, place)

    def _add_asset(self, name: str, row: Mapping[str, Any], place: str) -> None:
        first = self.version.treasury_minted
        _known_keys(row, tuple(key for key in ASSET_KEYS if not (first and key in ONLY_3)), place)
        old = self.assets.get(name, ReserveConfig(decimals=18, liquidation_bonus=10_000))
        values: dict[str, Any] = {key: _basis_points(row[key], f"{place}.{key}") for key in FRACTIONS if key in row}
        if "liquidation_bonus" in row:
            bonus = _basis_points(row["liquidation_bonus"], f"{place}.liquidation_bonus")
            values["liquidation_bonus"] = 10_000 + bonus
        if "decimals" in row:
            values["decimals"] = _whole(row["decimals"], f"{place}.decimals", 36)
        values |= {key: _whole(row[key], f"{place}.{key}", 10**30) for key in CAPS if key in row}
        if "debt_ceiling" in row:
            values["debt_ceiling"] = _raw(row["debt_ceiling"], 2, f"{place}.debt_ceiling")
        values |= {key: _flag(row[key], f"{place}.{key}") for key in FLAGS if key in row}
        rates = {RATES[key]: _raw(row[key], 27, f"{place}.{key}") for key in RATES if key in row}
        if rates:
            values["rates"] = replace(old.rates or RateStrategy(optimal=RAY), **rates)
        config = replace(old, **values)
        if config.ltv > config.liquidation_threshold:
            raise BadInput("bad_value", f"{place}.ltv", config.ltv, "at most the liquidation threshold [bp]")
        if "emode" in row:
            joined = row["emode"] if isinstance(row["emode"], list | tuple) else [row["emode"]]
            for category in joined:
                self.members.setdefault(_whole(category, f"{place}.emode", 255), set()).add(name)
        self.assets[name] = config

    def _add_category(self, name: str, row: Mapping[str, Any], place: str) -> None:
        _known_keys(row, self._category_keys(), place)
        number = _whole(name.removeprefix(EMODE), place, 255)
        values: dict[str, Any] = {
            key: _basis_points(row[key], f"{place}.{key}") for key in ("ltv", "liquidation_threshold") if key in row
        }
        if "liquidation_bonus" in row:
            bonus = _basis_points(row["liquidation_bonus"], f"{place}.liquidation_bonus")
            values["liquidation_bonus"] = 10_000 + bonus
        for key in EMODE_LISTS:
            if key in row:
                values[key] = _names(row[key], f"{place}.{key}")
        if "isolated" in row:
            values["isolated"] = _flag(row["isolated"], f"{place}.isolated")
        if "price_source" in row:
            values["price_source"] = str(row["price_source"])
        self.emodes.setdefault(number, {}).update(values)

    def _category_keys(self) -> tuple[str, ...]:
        """What the version's categories have; lists that it does not know are without effect."""
        version = self.version
        if version.treasury_minted:
            return ()
        other = "price_source" if version.liquid_emode else "isolated"
        return tuple(key for key in EMODE_KEYS if key != other and (key != "isolated" or version.consumed_shares))

    def categories(self) -> dict[int, EMode]:
        """Every category with a threshold, joined by its members."""
        found = {}
        for number, values in sorted(self.emodes.items()):
            missing = [key for key in ("ltv", "liquidation_threshold") if key not in values]
            if missing:
                raise BadInput("bad_value", f"parameters.{EMODE}{number}", "nothing", " and ".join(missing))
            members = frozenset(self.members.get(number, ()))
            category = EMode(**{"liquidation_bonus": 10_000} | values)
            found[number] = replace(
                category, collateral=category.collateral | members, borrowable=category.borrowable | members
            )
        return found


def _known_keys(row: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    for key in row:
        if key not in known:
            raise BadInput("unknown_key", f"{place}.{key}", key, "one of " + ", ".join(known))


def _decimal(value: Any, place: str) -> Decimal:
    try:
        return parse_decimal(value)
    except ValueError as error:
        raise BadInput("bad_value", place, value, "a decimal number") from error


def _raw(value: Any, decimals: int, place: str) -> int:
    number = _decimal(value, place)
    try:
        raw = to_raw_exact(number, decimals)
    except ValueError:
        raise BadInput("bad_value", place, value, f"at most {decimals} decimals") from None
    if raw < 0:
        raise BadInput("bad_value", place, value, "a number that is not negative")
    return raw


def _basis_points(value: Any, place: str) -> int:
    raw = _raw(value, 4, place)
    if raw > 10_000:
        raise BadInput("bad_value", place, value, "a fraction from 0 to 1 with at most 4 decimals")
    return raw


def _whole(value: Any, place: str, most: int) -> int:
    raw = _raw(value, 0, place)
    if raw > most:
        raise BadInput("bad_value", place, value, f"a whole number up to {most}")
    return raw


def _flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise BadInput("bad_value", place, value, "true or false")
    return value


def _names(value: Any, place: str) -> frozenset[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise BadInput("bad_value", place, value, "a list of assets")
    return frozenset(value)
