"""Parameters of GMX v2 markets, as integers of 10^-30.

Shipped: the main markets of Arbitrum and Avalanche as gmx-synthetics `config/markets.ts` and `config/general.ts` state
them at commit a5c0c8835182 (2026-03-13). That is the configuration file; what governance set on chain may differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.exact import from_raw
from marginbook.params.records import record_or_error
from marginbook.venues.common.fields import Raw, Read, flag, positive, read_row, text, whole
from marginbook.venues.gmx.power import FLOAT

NETWORKS = ("arbitrum", "avalanche")
ALL = "*"
FACTOR = Raw(30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the venue asks of one market. Factors and USD are integers of 10^-30."""

    index_token: str
    long_token: str = "WETH"
    short_token: str = "USDC"
    index_decimals: int = 18
    long_decimals: int = 18
    short_decimals: int = 6
    min_collateral_factor: int
    min_collateral_factor_for_liquidation: int
    min_collateral_factor_for_open_interest_multiplier: int = 0  # [factor per USD]
    min_collateral_usd: int = FLOAT
    min_position_size_usd: int = FLOAT
    position_fee_factor_positive: int = 0  # where the trade improves the balance
    position_fee_factor_negative: int = 0
    liquidation_fee_factor: int = 0
    fee_receiver_factor: int = 0  # share of fees that leaves the pool
    positive_impact_factor: int = 0
    negative_impact_factor: int = 0
    positive_impact_exponent: int = FLOAT
    negative_impact_exponent: int = FLOAT
    positive_max_impact_factor: int = 0
    negative_max_impact_factor: int = 0
    max_impact_factor_for_liquidations: int = 0
    max_pnl_factor: int | None = None  # for traders; None: no cap
    open_interest_in_tokens: bool = False  # balance is measured in tokens at the middle price
    borrowing_factor: int = 0  # [per second]
    borrowing_exponent: int = FLOAT
    optimal_usage_factor: int = 0
    base_borrowing_factor: int = 0  # [per second]
    above_optimal_borrowing_factor: int = 0  # [per second]
    open_interest_reserve_factor: int = FLOAT
    skip_borrowing_for_smaller_side: bool = False
    funding_factor: int = 0  # [per second]
    funding_exponent: int = FLOAT
    funding_increase_factor: int = 0  # [per second²]
    funding_decrease_factor: int = 0  # [per second²]
    stable_funding_threshold: int = 0
    decrease_funding_threshold: int = 0
    min_funding_factor: int = 0  # [per second]
    max_funding_factor: int = 0  # [per second]
    tick: Decimal = Decimal("0.00000001")  # grid of our liquidation prices [USD]

    @property
    def quantity_step(self) -> Decimal:
        """Smallest quantity that we propose to close: one unit of the index token, at most 8 decimals."""
        return from_raw(1, min(8, self.index_decimals))

    def decimals(self, token: str) -> int:
        """Decimals of one of the market's tokens; BadInput for another token."""
        known = {
            self.long_token: self.long_decimals,
            self.short_token: self.short_decimals,
        }
        if token not in known:
            raise BadInput("unknown_collateral", "position.details.collateral", token, " or ".join(known))
        return known[token]

    def pnl_token(self, is_long: bool) -> str:
        """What profits are paid in."""
        return self.long_token if is_long else self.short_token


def _field(name: str, kind: Any) -> Read:
    if kind is str:
        return text
    if kind is bool:
        return flag
    if name.endswith("_decimals"):
        return whole
    return positive if name == "tick" else FACTOR


FIELDS: dict[str, Read] = {entry.name: _field(entry.name, entry.type) for entry in fields(Terms)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Markets of one network at one time."""

    markets: Mapping[str, Terms]
    default: Mapping[str, Any] | None  # fields of every market that `markets` does not name
    source: str
    rules: str = "gmx/2"
    as_of: int | None = None  # [µs UTC]
    warnings: tuple[str, ...] = ()

    def terms_of(self, market: str) -> Terms:
        """The market's terms; BadInput `no_parameters` where there are none."""
        found = self.markets.get(market)
        if found is not None:
            return found
        if self.default is None:
            raise BadInput("no_parameters", f"parameters.{market}", "nothing", f"parameters of {market} for gmx/2")
        return _terms(market, self.default)


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """The network's markets at `at` [µs UTC], a book's overlay on them; `"*"` stands for every market not named.

    BadInput `no_parameters` before the first table or on an unknown network, unless an overlay says all.
    """
    where = (network or NETWORKS[0]).lower()
    markets: dict[str, Terms] = {}
    source, as_of = "the book's own parameters", None
    try:
        if where not in NETWORKS:
            raise BadInput("no_parameters", "account.network", where, " or ".join(NETWORKS))
        record = record_or_error(f"gmx_v2_{where}", at, "gmx/2")
    except BadInput:
        if not overlay:
            raise
    else:
        source, as_of = record.source, record.as_of
        for name, row in record.rows.items():
            markets[name] = _terms(name, read_row(row, FIELDS, f"gmx_v2_{where}.{name}"))
    default = None
    for name, row in (overlay or {}).items():
        values = read_row(row, FIELDS, f"parameters.{name}")
        if name == ALL:
            default = values
            _terms("EXAMPLE/USD", values)
        elif name in markets:
            markets[name] = replace(markets[name], **values)
    for name, row in (overlay or {}).items():
        if name != ALL and name not in markets:
            markets[name] = _terms(name, {**(default or {}), **read_row(row, FIELDS, f"parameters.{name}")})
    return Parameters(markets=markets, default=default, source=source, as_of=as_of)


def _terms(market: str, values: Mapping[str, Any]) -> Terms:
    """Terms from fields; the index token is the market's first word, both minimum factors are alike by default."""
    given = {"index_token": market.partition("/")[0], **values}
    if "min_collateral_factor" not in given:
        raise BadInput("no_parameters", f"parameters.{market}", ", ".join(values) or "nothing", "min_collateral_factor")
    given.setdefault("min_collateral_factor_for_liquidation", given["min_collateral_factor"])
    return Terms(**given)
