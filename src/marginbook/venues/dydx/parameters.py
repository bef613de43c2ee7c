"""Liquidity tiers, markets and liquidation limits of dYdX v4, dated (`params/data/dydx_v4.json`).

The table begins with the launch genesis of 2023-10-26; later changes are those of the repository's sample of defaults
on the day of their commit. Live values are set by governance: a book's overlay `[parameters.<name>.<market>]` states
them, with a `tier` or with `initial_margin_ppm` and `maintenance_fraction_ppm` of its own, in `"liquidations"` the
limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import from_raw
from marginbook.params.records import Record, first_time, record_or_error
from marginbook.units import format_time
from marginbook.venues.brackets import number_from
from marginbook.venues.common.fields import flag, read_row, text, whole
from marginbook.venues.dydx.quantums import MILLION, QUOTE_DECIMALS
from marginbook.venues.dydx.subaccount import LiquidationsConfig, Tier

RECORD = "dydx_v4"
RULES = "dydx/4"
LIQUIDATIONS = "liquidations"
ALL = "*"
EXPONENTS = (-30, 6)
"""Powers of ten that a market may have: a funding index is a whole number of 10^-18 USDC per coin."""


def _exponent(value: Any, place: str) -> int:
    number = number_from(value, place)
    if number != int(number) or not EXPONENTS[0] <= number <= EXPONENTS[1]:
        raise BadInput("bad_parameter", place, value, f"a whole number from {EXPONENTS[0]} to {EXPONENTS[1]}")
    return int(number)


def _ppm(value: Any, place: str) -> int:
    number = whole(value, place)
    if number > MILLION:
        raise BadInput("bad_parameter", place, value, "at most 1000000")
    return number


def _step(value: Any, place: str) -> int:
    number = whole(value, place)
    if not number:
        raise BadInput("bad_parameter", place, value, "above 0")
    return number


TIER_FIELDS = {
    "name": text,
    "initial_margin_ppm": _ppm,
    "maintenance_fraction_ppm": _ppm,
    "open_interest_lower_cap_raw": whole,
    "open_interest_upper_cap_raw": whole,
}
OWN_TIER = tuple(name for name in TIER_FIELDS if name != "name")
MARKET_FIELDS = {
    "id": whole,
    "tier": text,
    "atomic_resolution": _exponent,
    "price_exponent": _exponent,
    "step_base_quantums": _step,
    "subticks_per_tick": _step,
    "quantum_conversion_exponent": _exponent,
    "isolated": flag,
    **{name: TIER_FIELDS[name] for name in OWN_TIER},
}
LIQUIDATION_FIELDS = {
    "max_liquidation_fee_ppm": _ppm,
    "min_position_notional_liquidated_raw": whole,
    "max_position_portion_liquidated_ppm": _ppm,
    "max_notional_liquidated_raw": whole,
    "max_insurance_lost_raw": whole,
    "bankruptcy_adjustment_ppm": whole,
    "spread_to_maintenance_ppm": whole,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A market: its scales, its tier, its book's steps."""

    tier: Tier
    atomic_resolution: int  # a base quantum is 10^atomic_resolution coins
    price_exponent: int  # a price unit is 10^price_exponent USDC per coin
    step_base_quantums: int = 1
    subticks_per_tick: int = 1
    quantum_conversion_exponent: int = -9
    isolated: bool = False  # may be held only in a subaccount without other positions

    @property
    def quantity_step(self) -> Decimal:
        """Step of an order [coins]."""
        return from_raw(self.step_base_quantums, -self.atomic_resolution)


@dataclass(frozen=True, slots=True)
class Asset:
    """What may be deposited."""

    decimals: int


ASSETS = {"USDC": Asset(QUOTE_DECIMALS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Everything in force at one time."""

    markets: Mapping[str, Terms]
    config: LiquidationsConfig
    source: str
    default: Terms | None = None  # of every market that has none
    as_of: int | None = None  # [µs UTC]
    warnings: tuple[str, ...] = ()

    @property
    def assets(self) -> Mapping[str, Asset]:
        """Collateral assets and their decimals."""
        return ASSETS

    def terms_of(self, market: str) -> Terms:
        """A market's terms; BadInput `no_parameters` where there are none."""
        found = self.markets.get(market, self.default)
        if found is None:
            raise BadInput("no_parameters", f"parameters.{market}", "nothing", f"parameters of {market} for {RULES}")
        return found


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """The table in force at `at` [µs UTC], a book's overlay on it.

    >>> from marginbook.units import parse_time
    >>> found = parameters("4", parse_time("2024-01-01"))
    >>> found.terms_of("BTC-USD").tier.initial_margin_ppm, found.config.max_liquidation_fee_ppm
    (50000, 15000)
    """
    if not overlay:
        record = record_or_error(RECORD, at, RULES)
        return _read(record.rows, record, record.source)
    try:
        record = record_or_error(RECORD, at, RULES)
    except BadInput:
        first = first_time(RECORD)
        rows: dict[str, Mapping[str, Any]] = {}
        source = f"the book's own parameters; none are known before {format_time(first or 0)}"
        known = None
    else:
        rows, known = dict(record.rows), record
        source = f"the book's own parameters on: {record.source}"
    base = rows.get(ALL, {})
    for name, entry in overlay.items():
        if not isinstance(entry, Mapping):
            raise BadInput("bad_parameters", f"parameters.{name}", entry, "a table of parameters")
        rows[name] = {**rows.get(name, base), **entry}
    return _read(rows, known, source)


@cache
def _launch_limits() -> dict[str, int]:
    """The limits of the launch genesis, for a book that brings its own markets for a time before it."""
    record = record_or_error(RECORD, first_time(RECORD) or 0, RULES)
    return read_row(record.rows[LIQUIDATIONS], LIQUIDATION_FIELDS, LIQUIDATIONS)


def _read(rows: Mapping[str, Any], record: Record | None, source: str) -> Parameters:
    tiers = {
        name.partition(":")[2]: _tier(read_row(row, TIER_FIELDS, f"parameters.{name}"), name)
        for name, row in rows.items()
        if name.startswith("tier:")
    }
    limits: dict[str, int] = _launch_limits() | read_row(
        rows.get(LIQUIDATIONS, {}), LIQUIDATION_FIELDS, f"parameters.{LIQUIDATIONS}"
    )
    markets = {
        name: _terms(read_row(row, MARKET_FIELDS, f"parameters.{name}"), tiers, name)
        for name, row in rows.items()
        if name != LIQUIDATIONS and not name.startswith("tier:")
    }
    default = markets.pop(ALL, None)
    return Parameters(
        markets=markets,
        config=LiquidationsConfig(**{name.removesuffix("_raw"): value for name, value in limits.items()}),
        source=source,
        default=default,
        as_of=None if record is None else record.as_of,
    )


def _tier(row: Mapping[str, Any], name: str) -> Tier:
    for field in ("initial_margin_ppm", "maintenance_fraction_ppm"):
        if field not in row:
            raise BadInput("no_parameters", f"parameters.{name}.{field}", "nothing", "parts per million")
    found = Tier(**{key.removesuffix("_raw"): value for key, value in row.items()})
    if found.open_interest_lower_cap > found.open_interest_upper_cap:
        raise BadInput(
            "bad_parameter",
            f"parameters.{name}.open_interest_lower_cap_raw",
            found.open_interest_lower_cap,
            f"at most the upper cap, {found.open_interest_upper_cap}",
        )
    return found


def _terms(row: dict[str, Any], tiers: Mapping[str, Tier], name: str) -> Terms:
    number = row.pop("tier", None)
    row.pop("id", None)
    own = {field: row.pop(field) for field in OWN_TIER if field in row}
    if number is not None and number not in tiers:
        raise BadInput("bad_parameter", f"parameters.{name}.tier", number, "one of " + ", ".join(tiers))
    if number is None or own:
        base = {} if number is None else _row_of(tiers[number])
        tier = _tier({**base, **own}, name)
    else:
        tier = tiers[number]
    for field in ("atomic_resolution", "price_exponent"):
        if field not in row:
            raise BadInput("no_parameters", f"parameters.{name}.{field}", "nothing", "a power of ten")
    return Terms(tier=tier, **row)


def _row_of(tier: Tier) -> dict[str, Any]:
    return {
        "name": tier.name,
        "initial_margin_ppm": tier.initial_margin_ppm,
        "maintenance_fraction_ppm": tier.maintenance_fraction_ppm,
        "open_interest_lower_cap_raw": tier.open_interest_lower_cap,
        "open_interest_upper_cap_raw": tier.open_interest_upper_cap,
    }
