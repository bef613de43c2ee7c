"""The seven sums, and the views of them that people read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, Literal, TypeVar

from marginbook.domain.account import Side

Number = TypeVar("Number", int, Decimal)


@dataclass(frozen=True, slots=True)
class Risk(Generic[Number]):
    """Additive risk of one pool: every holding adds to these, every decision compares support with demand.

    All seven are in one scale and one currency, declared by the rule set's parameters: integers of 10^-scale units,
    or `Decimal` (scale 0).
    """

    assets: Number
    liabilities: Number
    margin_balance: Number
    support_initial: Number
    demand_initial: Number
    support: Number
    demand: Number

    def __add__(self, other: "Risk[Number]") -> "Risk[Number]":
        return Risk(
            self.assets + other.assets,
            self.liabilities + other.liabilities,
            self.margin_balance + other.margin_balance,
            self.support_initial + other.support_initial,
            self.demand_initial + other.demand_initial,
            self.support + other.support,
            self.demand + other.demand,
        )


@dataclass(frozen=True, slots=True)
class MarginRatio:
    """The venue's own margin ratio, never a bare number."""

    value: Decimal
    definition: str
    bad: Literal["high", "low"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantities:
    """Every number of one pool that its rule set has; None where the rule has none.

    Money is in `currency`. `venue` holds the venue's differing numbers of the same name, for display beside ours.
    """

    currency: str
    wallet_balance: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    collateral_value: Decimal | None = None
    debt_value: Decimal | None = None
    margin_balance: Decimal | None = None
    account_equity: Decimal | None = None
    initial_margin: Decimal | None = None
    maintenance_margin: Decimal | None = None
    margin_used: Decimal | None = None
    free_margin: Decimal | None = None
    withdrawable: Decimal | None = None
    borrowable: Decimal | None = None
    headroom: Decimal | None = None
    notional: Decimal | None = None  # gross exposure
    effective_leverage: Decimal | None = None
    margin_level: Decimal | None = None
    health_factor: Decimal | None = None
    ltv: Decimal | None = None
    collateral_ratio: Decimal | None = None
    margin_ratio: MarginRatio | None = None
    bankruptcy_price: Decimal | None = None
    venue: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidationPrice:
    """Price of one market at which the pool becomes liquidatable, all else fixed."""

    pool: str
    market: str
    side: Literal["long", "short", "both", "collateral", "debt"]
    price: Decimal
    when: Literal["at_or_below", "at_or_above"]
    source: Literal["exact", "venue_displayed"]


Party = Literal["account", "liquidator", "protocol", "insurance", "pool", "counterparties"]


@dataclass(frozen=True, slots=True)
class Flow:
    """What one party receives (`amount` > 0) or gives (< 0) of an asset in a step of a liquidation."""

    party: Party
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One step of a liquidation as the venue would allow it now.

    `close_*` are quantities of the position (derivatives) or amounts of the debt asset (lending); `seized` is what the
    liquidator receives and `protocol_fee` what the protocol keeps, both in the collateral asset; `reason` says why
    nothing may be done. `fee`, `seized` and `protocol_fee` are those of closing `close_most`, and so are the transfers
    `flows`: they sum to zero in every asset, and a debt that is repaid or written off is received by the account. `fee`
    is what the venue or the liquidator charges, as far as it is paid.
    """

    pool: str
    market: str  # position market, or debt asset
    side: Side | None = None  # of the position, where a market may have both
    collateral: str | None = None
    close_least: Decimal = Decimal(0)
    close_most: Decimal = Decimal(0)
    price: Decimal | None = None
    seized: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    protocol_fee: Decimal = Decimal(0)
    bonus: Decimal = Decimal(0)  # [fraction of the collateral's value]
    bad_debt: Decimal = Decimal(0)
    reason: str | None = None
    flows: tuple[Flow, ...] = ()
