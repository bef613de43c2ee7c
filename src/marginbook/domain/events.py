"""Everything that can happen to accounts, prices and parameters.

Each event carries the source's name, its number there (`source_sequence`, the idempotency key) and the source's time.
Amounts are human units in `Decimal`. The JSON-lines form is `{"type": "deposit", "account": "a", "amount": "10", …}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from marginbook.domain.account import Account, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """Where an event comes from."""

    source: str = "file"
    source_sequence: int = 0
    time: int = 0  # [µs UTC]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFrame:
    """Prices that became valid together; applied whole. Keys are (venue, market, kind)."""

    stamp: Stamp
    prices: Mapping[tuple[str, str, str], Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSnapshot:
    """The whole account as its venue reports it: replaces what was known."""

    stamp: Stamp
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClosed:
    """The account leaves the book."""

    stamp: Stamp
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Money or collateral in (`amount` > 0) or out (< 0): deposit, withdrawal, bonus, correction, fee, settlement.

    `pool` names an isolated position's wallet; `to_pool` moves between pools of one account.
    """

    stamp: Stamp
    account: str
    kind: Literal["deposit", "withdrawal", "transfer", "fee", "correction", "bonus", "settlement"]
    asset: str
    amount: Decimal
    pool: str | None = None
    to_pool: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """A trade: opens, adds to, reduces, closes or flips a position. `kind` tells liquidation and ADL fills apart."""

    stamp: Stamp
    account: str
    market: str
    side: Literal["buy", "sell"]
    quantity: Decimal
    price: Decimal
    fee: Decimal = Decimal(0)  # [settlement currency], positive is paid
    kind: Literal["trade", "liquidation", "adl"] = "trade"
    position_side: Side | None = None  # hedge mode
    leverage: Decimal | None = None  # of a newly opened position
    mode: Literal["cross", "isolated"] | None = None
    order_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChange:
    """An order placed, changed (same id, new remaining quantity or price) or cancelled (`quantity` 0)."""

    stamp: Stamp
    account: str
    order_id: str
    market: str
    side: Literal["buy", "sell"]
    quantity: Decimal
    price: Decimal
    position_side: Side | None = None
    reduce_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LendingAction:
    """Supply, withdraw, borrow, repay, or a liquidation of (debt `asset`, `collateral_asset`)."""

    stamp: Stamp
    account: str
    kind: Literal["supply", "withdraw", "borrow", "repay", "liquidation"]
    asset: str
    amount: Decimal  # Infinity: all of it, where the protocol knows that
    collateral_asset: str | None = None
    pool: str | None = None  # isolated market or vault, where a protocol has several


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Leverage, margin mode, position mode, collateral flag or e-mode of an account."""

    stamp: Stamp
    account: str
    kind: Literal["leverage", "margin_mode", "position_mode", "collateral_enabled", "emode"]
    market: str | None = None  # or asset
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexUpdate:
    """A growth index for all holders at once: lending indices [ray], cumulative funding [quote per base]."""

    stamp: Stamp
    venue: str
    asset: str
    kind: Literal["supply", "borrow", "funding"]
    value: Decimal
    rate: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateUpdate:
    """System state that rules look at (open interest, skew, reserve totals), for all holders at once."""

    stamp: Stamp
    venue: str
    market: str  # or asset, or "" for the venue as a whole
    values: Mapping[str, Decimal]  # by the names on the venue's page


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterChange:
    """New parameters for all holders between two frames: an overlay for `rules` (and `name`, if not the default)."""

    stamp: Stamp
    rules: str
    overlay: Mapping[str, Any]
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAction:
    """A person's decision: `acknowledge` a call, or `release` the liquidations that the brake holds."""

    stamp: Stamp
    kind: Literal["acknowledge", "release"]
    by: str
    account: str | None = None
    pool: str | None = None


Event = (
    PriceFrame
    | AccountSnapshot
    | AccountClosed
    | Transfer
    | Fill
    | OrderChange
    | LendingAction
    | Setting
    | IndexUpdate
    | StateUpdate
    | ParameterChange
    | OperatorAction
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneChange:
    """Output of the engine: a pool entered another zone at a sequence, and what caused it."""

    time: int  # [µs UTC]
    sequence: int
    account: str
    pool: str
    from_zone: str
    to_zone: str
    cause: str
