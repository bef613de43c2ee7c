"""Parameters of perps v2 by market and for the system (`params/data/synthetix_v2.json`, Optimism)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import WAD, in_exact_context
from marginbook.params.records import record_at, record_or_error
from marginbook.venues.common.fields import Raw, Read, positive, rows_with
from marginbook.venues.synthetix.parameters import ALL, SYSTEM, UNIT, built

RECORD = "synthetix_v2"
NETWORKS = (None, "optimism")


@dataclass(frozen=True, slots=True)
class Terms:
    """One market; wads."""

    skew_scale: int  # [units]
    liquidation_buffer_ratio: int
    liquidation_premium_multiplier: int
    max_leverage: int
    max_liquidation_delta: int = 0
    max_pd: int = 0
    max_funding_velocity: int = 0
    maker_fee: int = 0  # of off-chain delayed orders; those of other kinds are not in the shipped table
    taker_fee: int = 0
    maker_fee_atomic: int | None = None
    taker_fee_atomic: int | None = None
    maker_fee_delayed: int | None = None
    taker_fee_delayed: int | None = None
    max_market_size: int = 0  # [units] of one side; 0: not known
    tick: Decimal = Decimal("0.00000001")
    quantity_step: Decimal = UNIT


@dataclass(frozen=True, slots=True)
class System:
    """Fees and the least margin of all markets [wad sUSD, or ratio]."""

    min_keeper_fee: int
    max_keeper_fee: int
    liquidation_fee_ratio: int
    keeper_liquidation_fee: int
    min_initial_margin: int


@dataclass(frozen=True, slots=True)
class Parameters:
    """What `synthetix/2` needs at one time."""

    markets: Mapping[str, Terms]
    system: System
    source: str
    default: Terms | None = None
    as_of: int | None = None  # [µs UTC]
    warnings: tuple[str, ...] = ()

    def terms_of(self, market: str) -> Terms:
        """A market's terms; BadInput `no_parameters` where there are none."""
        found = self.markets.get(market, self.default)
        if found is None:
            raise BadInput(
                "no_parameters", f"parameters.{market}", "nothing", f"parameters of {market} for synthetix/2"
            )
        return found


RAW = Raw(18)
MARKET_FIELDS: dict[str, Read] = {
    **{found.name: RAW for found in fields(Terms)},
    "tick": positive,
    "quantity_step": positive,
}
SYSTEM_FIELDS: dict[str, Read] = {found.name: RAW for found in fields(System)}
REQUIRED = ("skew_scale", "liquidation_buffer_ratio", "liquidation_premium_multiplier", "max_leverage")


def _required(row: Mapping[str, Any], names: tuple[str, ...], place: str) -> None:
    for key in names:
        if key not in row:
            raise BadInput("missing_parameter", f"parameters.{place}.{key}", "nothing", "a number")


def _terms(row: Mapping[str, Any], name: str) -> Terms:
    _required(row, REQUIRED, name)
    terms: Terms = built(Terms, row, MARKET_FIELDS, name)
    if not terms.skew_scale or terms.max_leverage <= WAD:
        raise BadInput("bad_parameter", f"parameters.{name}", row, "a skew_scale above 0 and a max_leverage above 1")
    return terms


@in_exact_context
def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """The table in force on Optimism at `at` [µs UTC], the book's rows on it.

    BadInput `no_parameters` before the first table or on another network, unless the book brings its own rows.
    """
    record = record_at(RECORD, at) if network in NETWORKS else None
    if record is None and not overlay:
        if network not in NETWORKS:
            raise BadInput("no_parameters", "network", network, "optimism, or a table [parameters.<name>.<market>]")
        record_or_error(RECORD, at, "synthetix/2")
    rows = rows_with(record.rows if record else {}, overlay)
    default, system = rows.pop(ALL, None), rows.pop(SYSTEM, {})
    _required(system, tuple(SYSTEM_FIELDS), SYSTEM)
    return Parameters(
        markets={name: _terms(row, name) for name, row in rows.items()},
        system=built(System, system, SYSTEM_FIELDS, SYSTEM),
        source=record.source if record else "the book's own parameters",
        default=None if default is None else _terms(default, ALL),
        as_of=record.as_of if record else None,
    )
