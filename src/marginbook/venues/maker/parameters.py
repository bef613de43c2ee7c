"""Risk parameters of vault types ("ilks"), shipped by date or the book's own, under the contracts' names.

    collateral     asset whose oracle price counts (several vault types share one)
    mat            minimum collateral ratio (1.45)
    dust           least debt of a vault that owes anything [DAI]
    chop           1 + liquidation penalty (1.13)
    hole           most that auctions of this type may be raising at once [DAI]
    buf            starting price / oracle price (1.1)
    tail, cusp     an auction is to be reset after `tail` seconds, or below `cusp` of its starting price
    tip, chip      what starting an auction pays: [DAI], and a share of what it is to raise
    curve          "stairstep" (step, cut) | "linear" (tau) | "exponential" (cut): how its price falls
    liquidations   false: nothing is liquidated
    line           debt ceiling [DAI]; not shipped, and without it there is none

The entry `system` has Hole (all auctions at once [DAI]) and par (DAI's target price, 1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import RAY, WAD
from marginbook.params.records import record_at
from marginbook.units import format_time
from marginbook.venues.common.fields import Raw, Read, flag, read_row, rows_with, text, whole, word

RECORD = "maker_dss"
RAD_DECIMALS = 45
SYSTEM = "system"
FIELDS: Mapping[str, Read] = {
    "collateral": text,
    "mat": Raw(27),
    "dust": Raw(RAD_DECIMALS),
    "chop": Raw(18),
    "hole": Raw(RAD_DECIMALS),
    "buf": Raw(27),
    "tail": whole,
    "cusp": Raw(27),
    "chip": Raw(18),
    "tip": Raw(RAD_DECIMALS),
    "curve": word("stairstep", "linear", "exponential"),
    "tau": whole,
    "step": whole,
    "cut": Raw(27),
    "liquidations": flag,
    "line": Raw(RAD_DECIMALS),
}
SYSTEM_FIELDS: Mapping[str, Read] = {"Hole": Raw(RAD_DECIMALS), "par": Raw(27)}
UNLIMITED = 2**255


@dataclass(frozen=True, slots=True, kw_only=True)
class Ilk:
    """One vault type. wad = 10^-18, ray = 10^-27, rad = 10^-45."""

    name: str
    collateral: str
    mat: int  # [ray]
    dust: int = 0  # [rad]
    chop: int = WAD  # [wad]
    hole: int = UNLIMITED  # [rad]
    buf: int = RAY  # [ray]
    tail: int = 0  # [s]
    cusp: int = 0  # [ray]
    chip: int = 0  # [wad]
    tip: int = 0  # [rad]
    curve: str = ""
    tau: int = 0  # [s]
    step: int = 0  # [s]
    cut: int = 0  # [ray]
    liquidations: bool = True
    line: int | None = None  # [rad]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Vault types by name, and what all of them share."""

    ilks: Mapping[str, Ilk]
    source: str
    as_of: int | None
    at: int
    hole: int = UNLIMITED  # [rad] `Hole`
    par: int = RAY  # [ray]
    warnings: tuple[str, ...] = ()

    def ilk(self, name: str, place: str) -> Ilk:
        """The vault type; BadInput `no_parameters` for one that nobody described."""
        found = self.ilks.get(name)
        if found is None:
            known = ", ".join(self.ilks) or "none"
            expected = f"one of {known} at {format_time(self.at)}, or a table [parameters.<name>.{name}]"
            raise BadInput("no_parameters", place, name, expected)
        return found


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """The recorded table at `at`, the book's own on top. BadInput `no_parameters` before it and without an overlay."""
    record = record_at(RECORD, at)
    if record is None and not overlay:
        raise BadInput("no_parameters", "parameters of maker/dss", format_time(at), "a time from 2021-04-30 on")
    rows = rows_with(record.rows if record else {}, overlay)
    system = read_row(rows.pop(SYSTEM, {}), SYSTEM_FIELDS, f"parameters.{SYSTEM}")
    if system.get("par", RAY) == 0:
        raise BadInput("bad_parameter", f"parameters.{SYSTEM}.par", 0, "above 0")
    return Parameters(
        ilks={name: _ilk(name, row) for name, row in rows.items()},
        source=record.source if record else "the book's own parameters",
        as_of=record.as_of if record else None,
        at=at,
        hole=system.get("Hole", UNLIMITED),
        par=system.get("par", RAY),
    )


def _ilk(name: str, row: Mapping[str, Any]) -> Ilk:
    place = f"parameters.{name}"
    given = read_row(row, FIELDS, place)
    given.setdefault("collateral", name.rpartition("-")[0] or name)
    if not given.get("mat"):
        raise BadInput("missing_parameter", f"{place}.mat", given.get("mat", "nothing"), "a minimum collateral ratio")
    if given.get("chop", WAD) < WAD:
        raise BadInput("bad_parameter", f"{place}.chop", Decimal(given["chop"]).scaleb(-18), "1 + penalty, at least 1")
    if given.get("cut", 0) > RAY:
        raise BadInput("bad_parameter", f"{place}.cut", Decimal(given["cut"]).scaleb(-27), "at most 1")
    needed = {"stairstep": ("step", "cut"), "linear": ("tau",), "exponential": ("cut",)}.get(given.get("curve", ""), ())
    for key in needed:
        if not given.get(key):
            raise BadInput(
                "missing_parameter", f"{place}.{key}", given.get(key, "nothing"), f"above 0 for {given['curve']}"
            )
    return Ilk(name=name, **given)
