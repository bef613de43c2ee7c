"""Constants of the contracts, which nobody can change; a book may state those of a fork.

mcr, ccr               least ratio of a trove (1.1); of all troves together, below which is recovery mode (1.5)
gas_reserve            part of every debt that pays who liquidates [LUSD] (200)
min_net_debt           least debt without the reserve [LUSD] (1800)
percent_divisor        a liquidation pays 1 / so much of the collateral to who calls it (200)
borrowing_fee_floor, max_borrowing_fee   of a draw (0.005, 0.05)
minute_decay_factor    of the base rate (0.999037758833783)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import WAD
from marginbook.params.records import record_or_error
from marginbook.venues.common.fields import Raw, Read, read_row, whole

RECORD = "liquity_v1"
RULES = "liquity/1"
SYSTEM = "system"
FIELDS: Mapping[str, Read] = {
    "mcr": Raw(18),
    "ccr": Raw(18),
    "gas_reserve": Raw(18),
    "min_net_debt": Raw(18),
    "percent_divisor": whole,
    "borrowing_fee_floor": Raw(18),
    "max_borrowing_fee": Raw(18),
    "minute_decay_factor": Raw(18),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The constants [wad]."""

    mcr: int = 11 * 10**17
    ccr: int = 15 * 10**17
    gas_reserve: int = 200 * WAD
    min_net_debt: int = 1_800 * WAD
    percent_divisor: int = 200
    borrowing_fee_floor: int = 5 * 10**15
    max_borrowing_fee: int = 5 * 10**16
    minute_decay_factor: int = 999_037_758_833_783_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The constants and where they are from."""

    terms: Terms
    source: str
    as_of: int | None
    warnings: tuple[str, ...] = ()


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """The contracts' constants from April 2021 on, the book's `system` on top."""
    record = record_or_error(RECORD, at, RULES)
    for name in overlay or {}:
        if name != SYSTEM:
            raise BadInput("no_parameters", f"parameters.{name}", name, SYSTEM)
    row = (overlay or {}).get(SYSTEM, {})
    if not isinstance(row, Mapping):
        raise BadInput("bad_parameters", f"parameters.{SYSTEM}", row, "a table of parameters")
    place = f"parameters.{SYSTEM}"
    given = read_row({**record.rows[SYSTEM], **row}, FIELDS, place)
    if given["mcr"] < WAD or given["ccr"] < given["mcr"]:
        raise BadInput("bad_parameter", f"{place}.mcr", row.get("mcr"), "at least 1, and at most ccr")
    if not given["percent_divisor"]:
        raise BadInput("bad_parameter", f"{place}.percent_divisor", 0, "above 0")
    if given["minute_decay_factor"] > WAD:
        raise BadInput("bad_parameter", f"{place}.minute_decay_factor", row.get("minute_decay_factor"), "at most 1")
    return Parameters(terms=Terms(**given), source=record.source, as_of=record.as_of)
