"""Markets of dYdX v3: decimals of each asset, risk factors of a few markets, and what a book says instead.

The chain's configuration had one risk factor per asset, a step function of the balance or of the value; no source of
its values has been read. Shipped is the maintenance margin fraction that the exchange published, for the markets of
which a dated answer has been read; a book states others in `[parameters.<name>.<market>]`:

    risk_factor = "0.03"            one factor; to 0.32 fixed point, up
    risk_factor_raw = "128849019"   the same as the system's integer
    segments = [["10", "0.03"], ["Infinity", "0.05"]] (upper bound inclusive [coins or USDC], factor)
    risk_by = "balance"             or "value"
    initial_fraction = "0.05"       of the exchange, enforced off chain; default: the risk factor
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import from_raw, grid_ceil, to_raw_exact
from marginbook.params.records import record_or_error
from marginbook.venues.brackets import NONE, number_from
from marginbook.venues.common.fields import fraction, positive, read_row, whole, word
from marginbook.venues.dydx_v3.fixed_point import COLLATERAL_DECIMALS, ONE

RECORD = "dydx_v3"
RULES = "dydx/3"
ALL = "*"
ENDLESS = 2**128
"""Largest bound of a segment that the system admits."""
RESOLUTION_MOST = 19


def _resolution(value: Any, place: str) -> int:
    number = whole(value, place)
    if number > RESOLUTION_MOST:
        raise BadInput("bad_parameter", place, value, f"at most {RESOLUTION_MOST}")
    return number


def _factor(value: Any, place: str) -> int:
    """A factor as 0.32, up: toward danger."""
    number = positive(value, place)
    if number >= 1:
        raise BadInput("bad_parameter", place, value, "below 1")
    return int(grid_ceil(number * ONE, Decimal(1)))


def _factor_raw(value: Any, place: str) -> int:
    number = whole(value, place)
    if not 0 < number < ONE:
        raise BadInput("bad_parameter", place, value, "from 1 to 2^32 − 1")
    return number


def _segments(value: Any, place: str) -> tuple[tuple[Decimal | None, int], ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise BadInput("bad_segments", place, value, "rows of [upper bound, risk factor]")
    found: list[tuple[Decimal | None, int]] = []
    for number, row in enumerate(value):
        here = f"{place}[{number}]"
        if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != 2:
            raise BadInput("bad_segments", here, row, "[upper bound, risk factor]")
        bound = None if row[0] in NONE else number_from(row[0], f"{here}[0]")
        last = found[-1][0] if found else Decimal(0)
        if last is None or (bound is not None and bound <= last):
            raise BadInput("bad_segments", here, row, "upper bounds that rise from 0")
        found.append((bound, _factor(row[1], f"{here}[1]")))
    if found[-1][0] is not None:
        raise BadInput("bad_segments", place, value[-1], "Infinity as the last upper bound")
    return tuple(found)


FIELDS = {
    "resolution": _resolution,
    "risk_factor": _factor,
    "risk_factor_raw": _factor_raw,
    "segments": _segments,
    "risk_by": word("balance", "value"),
    "initial_fraction": fraction,
}
WAYS = ("risk_factor", "risk_factor_raw", "segments")
"""Keys that state a risk factor: one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A market's scale and risk."""

    resolution: int  # decimals of the asset in the system
    segments: tuple[tuple[int, int], ...]  # (upper bound of balance or .32 value, 0.32 factor)
    by_balance: bool = True
    initial_fraction: Decimal | None = None

    @property
    def quantity_step(self) -> Decimal:
        """Smallest synthetic unit [coins]; the exchange's own steps were coarser."""
        return from_raw(1, self.resolution)


@dataclass(frozen=True, slots=True)
class Collateral:
    """What may be deposited."""

    decimals: int


COLLATERAL = {"USDC": Collateral(COLLATERAL_DECIMALS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Everything in force at one time."""

    markets: Mapping[str, Terms | None]  # None: its risk factor is not known
    source: str
    default: Terms | None = None
    as_of: int | None = None  # [µs UTC]
    warnings: tuple[str, ...] = ()

    @property
    def assets(self) -> Mapping[str, Collateral]:
        """Collateral assets and their decimals."""
        return COLLATERAL

    def terms_of(self, market: str) -> Terms:
        """A market's terms; BadInput `no_parameters` where its risk factor is not known."""
        found = self.markets.get(market, self.default)
        if found is None:
            lacking = "risk_factor" if market in self.markets else "resolution and risk_factor"
            raise BadInput("no_parameters", f"parameters.{market}", "nothing", f"{lacking} of {market} for {RULES}")
        return found


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """The shipped table with a book's overlay on it: a risk factor of the book or of its `"*"` replaces a shipped one.

    >>> from marginbook.units import parse_time
    >>> found = parameters("3", parse_time("2022-01-01"), {"BTC-USD": {"risk_factor": "0.03"}})
    >>> found.terms_of("BTC-USD").segments[0][1]
    128849019
    """
    record = record_or_error(RECORD, at, RULES)
    base = (overlay or {}).get(ALL, {})
    rows: dict[str, Mapping[str, Any]] = {
        name: _without_risk(row) if _states_risk(base) else row for name, row in record.rows.items()
    }
    for name, entry in (overlay or {}).items():
        if not isinstance(entry, Mapping):
            raise BadInput("bad_parameters", f"parameters.{name}", entry, "a table of parameters")
        known = rows.get(name, {})
        rows[name] = {**(_without_risk(known) if _states_risk(entry) else known), **entry}
    markets: dict[str, Terms | None] = {}
    for name, row in rows.items():
        own = name == ALL or _states_risk(row)
        markets[name] = _terms(read_row(row if own else {**base, **row}, FIELDS, f"parameters.{name}"), name)
    default = markets.pop(ALL, None)
    source = f"the book's own parameters on: {record.source}" if overlay else record.source
    return Parameters(markets=markets, source=source, default=default, as_of=record.as_of)


def _states_risk(row: Any) -> bool:
    return isinstance(row, Mapping) and any(key in row for key in WAYS)


def _without_risk(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A shipped row's scale alone: what the exchange asked belongs to its own risk factor."""
    return {key: value for key, value in row.items() if key not in (*WAYS, "risk_by", "initial_fraction")}


def _terms(read: Mapping[str, Any], name: str) -> Terms | None:
    place = f"parameters.{name}"
    stated = [key for key in WAYS if key in read]
    if not stated or "resolution" not in read:
        return None
    if len(stated) > 1:
        raise BadInput("bad_parameter", f"{place}.{stated[1]}", stated[1], f"only one of {', '.join(stated)}")
    resolution, by_balance = read["resolution"], read.get("risk_by", "balance") == "balance"
    if stated[0] != "segments":
        segments: tuple[tuple[int, int], ...] = ((ENDLESS, read[stated[0]]),)
    else:
        segments = tuple(
            (_bound(bound, resolution, by_balance, f"{place}.segments"), risk) for bound, risk in read["segments"]
        )
    return Terms(
        resolution=resolution,
        segments=segments,
        by_balance=by_balance,
        initial_fraction=read.get("initial_fraction"),
    )


def _bound(bound: Decimal | None, resolution: int, by_balance: bool, place: str) -> int:
    """An upper bound in the system: synthetic units, or USDC units in .32."""
    if bound is None:
        return ENDLESS
    try:
        return to_raw_exact(bound, resolution) if by_balance else to_raw_exact(bound, COLLATERAL_DECIMALS) * ONE
    except ValueError:
        decimals = resolution if by_balance else COLLATERAL_DECIMALS
        raise BadInput("bad_segments", place, bound, f"bounds of at most {decimals} decimals") from None
