"""Parameters of Drift by perp market, by spot asset and for the system, with a book's overlay on the dated table.

A row with `decimals` is a spot asset, `system` the exchange, any other a perp market (`"*"` for those without a row).
Perp ratios lie on chain; shipped are those of the file that the repository starts markets with. Sources:
`params/data/drift.json`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import from_raw, in_exact_context
from marginbook.params.records import record_at, record_or_error
from marginbook.venues.common.fields import Raw, Read, flag, positive, read_row, rows_with, text, whole

ALL = "*"
SYSTEM = "system"
RECORD = "drift"
TICK = from_raw(1, 6)


@dataclass(frozen=True, slots=True)
class PerpTerms:
    """One perp market: ratios and weights 10^-4, fees and factors 10^-6."""

    margin_ratio_initial: int = 0
    margin_ratio_maintenance: int = 0
    imf_factor: int = 0
    liquidator_fee: int = 0
    if_liquidation_fee: int = 0
    unrealized_pnl_initial_asset_weight: int = 10**4
    unrealized_pnl_maintenance_asset_weight: int = 10**4
    unrealized_pnl_imf_factor: int = 0
    unrealized_pnl_max_imbalance: int = 0  # [10^-6 quote]; 0: no limit
    high_leverage_margin_ratio_initial: int = 0
    high_leverage_margin_ratio_maintenance: int = 0
    order_step_size: int = 1  # [10^-9 base]
    prediction: bool = False  # pays between 0 and 1
    tick: Decimal = TICK

    @property
    def has_high_leverage(self) -> bool:
        """Whether the market has a high-leverage mode."""
        return bool(self.high_leverage_margin_ratio_initial and self.high_leverage_margin_ratio_maintenance)

    @property
    def quantity_step(self) -> Decimal:
        """Smallest quantity of a position [base]."""
        return from_raw(self.order_step_size, 9)


@dataclass(frozen=True, slots=True)
class SpotTerms:
    """One spot asset: weights 10^-4, fees and factors 10^-6."""

    decimals: int
    initial_asset_weight: int = 0
    maintenance_asset_weight: int = 0
    initial_liability_weight: int = 0  # 0: not known, the asset may not be owed
    maintenance_liability_weight: int = 0
    imf_factor: int = 0
    liquidator_fee: int = 0
    if_liquidation_fee: int = 0
    scale_initial_asset_weight_start: int = 0  # [10^-6 quote]; 0: no scaling


@dataclass(frozen=True, slots=True)
class System:
    """What holds for the exchange."""

    quote_asset: str = "USDC"
    liquidation_margin_buffer_ratio: int = 200  # [10^-4] the program's default
    initial_pct_to_liquidate: int = 0  # [10^-4]
    liquidation_duration: int = 0  # [slots] 0: all at once
    strict: bool = True  # initial margin at the worse of price and 5-minute average


@dataclass(frozen=True, slots=True)
class Parameters:
    """What `drift/2` needs at one time."""

    markets: Mapping[str, PerpTerms]
    assets: Mapping[str, SpotTerms]
    system: System
    source: str
    default: PerpTerms | None = None
    as_of: int | None = None  # [µs UTC]
    warnings: tuple[str, ...] = field(default=())

    def terms_of(self, market: str) -> PerpTerms:
        """A perp market's terms; BadInput `no_parameters` where there are none."""
        found = self.markets.get(market, self.default)
        if found is None:
            raise BadInput("no_parameters", f"parameters.{market}", "nothing", f"parameters of {market} for drift/2")
        return found

    def asset(self, name: str) -> SpotTerms:
        """A spot asset's terms; BadInput `no_parameters` where there are none."""
        found = self.assets.get(name)
        if found is None:
            known = ", ".join(sorted(self.assets))
            raise BadInput("no_parameters", f"parameters.{name}", "nothing", f"a spot asset, one of {known}")
        return found


WEIGHTS, FACTORS, MONEY = Raw(4), Raw(6), Raw(6)
PERP_FIELDS: dict[str, Read] = {
    **{found.name: FACTORS for found in fields(PerpTerms)},
    **dict.fromkeys(
        (
            "margin_ratio_initial",
            "margin_ratio_maintenance",
            "unrealized_pnl_initial_asset_weight",
            "unrealized_pnl_maintenance_asset_weight",
            "high_leverage_margin_ratio_initial",
            "high_leverage_margin_ratio_maintenance",
        ),
        WEIGHTS,
    ),
    "unrealized_pnl_max_imbalance": MONEY,
    "order_step_size": Raw(9),
    "prediction": flag,
    "tick": positive,
}
SPOT_FIELDS: dict[str, Read] = {
    **{found.name: WEIGHTS for found in fields(SpotTerms)},
    "decimals": whole,
    "imf_factor": FACTORS,
    "liquidator_fee": FACTORS,
    "if_liquidation_fee": FACTORS,
    "scale_initial_asset_weight_start": MONEY,
}
SYSTEM_FIELDS: dict[str, Read] = {
    "quote_asset": text,
    "liquidation_margin_buffer_ratio": WEIGHTS,
    "initial_pct_to_liquidate": WEIGHTS,
    "liquidation_duration": whole,
    "strict": flag,
}


def _perp(row: Mapping[str, Any], name: str) -> PerpTerms:
    for key in ("margin_ratio_initial", "margin_ratio_maintenance"):
        if key not in row:
            raise BadInput("missing_parameter", f"parameters.{name}.{key}", "nothing", "a ratio")
    terms = PerpTerms(**read_row(row, PERP_FIELDS, f"parameters.{name}"))
    if not 0 < terms.margin_ratio_maintenance <= terms.margin_ratio_initial or not terms.order_step_size:
        raise BadInput("bad_parameter", f"parameters.{name}", row, "0 < maintenance <= initial ratio, a step above 0")
    return terms


def _spot(row: Mapping[str, Any], name: str) -> SpotTerms:
    terms = SpotTerms(**read_row(row, SPOT_FIELDS, f"parameters.{name}"))
    if terms.decimals > 18:
        raise BadInput("bad_parameter", f"parameters.{name}.decimals", terms.decimals, "at most 18")
    return terms


@in_exact_context
def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """The table known at `at` [µs UTC], the book's rows on it; BadInput `no_parameters` before the first one."""
    record = record_at(RECORD, at)
    if record is None and not overlay:
        record_or_error(RECORD, at, "drift/2")
    rows = rows_with(record.rows if record else {}, overlay)
    system, default = rows.pop(SYSTEM, {}), rows.pop(ALL, None)
    assets = {name: _spot(row, name) for name, row in rows.items() if "decimals" in row}
    found = System(**read_row(system, SYSTEM_FIELDS, f"parameters.{SYSTEM}"))
    assets.setdefault(found.quote_asset, SpotTerms(decimals=6))
    return Parameters(
        markets={name: _perp(row, name) for name, row in rows.items() if name not in assets},
        assets=assets,
        system=found,
        source=record.source if record else "the book's own parameters",
        default=None if default is None else _perp(default, ALL),
        as_of=record.as_of if record else None,
    )
