"""An account as its venue sees it: wallet, positions, orders, collateral and debt.

All amounts are human units in `Decimal`, except keys that end in `_raw`, which are the venue's own integers. What only
one venue knows of a holding stands in `details`, as text, under names that its page documents.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Side = Literal["long", "short"]
MarginMode = Literal["cross", "isolated"]
PositionMode = Literal["one-way", "hedge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A derivative position. `quantity` is positive; `side` carries the sign."""

    market: str
    side: Side
    quantity: Decimal  # [base units, or contracts where the market is quoted in contracts]
    entry: Decimal  # [quote per base]
    leverage: Decimal | None = None
    mode: MarginMode | None = None  # None: the account's mode
    isolated_wallet: Decimal | None = None  # [settlement currency], beside the cross wallet
    funding_index_raw: int | None = None  # [quote per base · 10^-18] cumulative funding already in the wallet; None: 0
    reported: Mapping[str, Decimal] = field(default_factory=dict)  # the venue's own printed figures
    details: Mapping[str, str] = field(default_factory=dict)  # what only this venue knows, by its own names

    @property
    def sign(self) -> int:
        """+1 for a long, −1 for a short."""
        return 1 if self.side == "long" else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A resting order; `side` is the side of the position it would open or add to in one-way mode (buy = long)."""

    market: str
    side: Literal["buy", "sell"]
    quantity: Decimal  # [base units], remaining
    price: Decimal  # [quote per base]
    id: str = ""
    position_side: Side | None = None  # hedge mode: the leg it belongs to
    reduce_only: bool = False
    leverage: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Collateral:
    """An asset supplied to a lending protocol: `amount` includes interest, or `scaled_raw` · `index_raw` give it."""

    asset: str
    amount: Decimal | None = None  # [asset]
    enabled: bool = True  # counts as collateral
    scaled_raw: int | None = None  # [asset base units, scaled by the supply index]
    index_raw: int | None = None  # [ray]; None: the market's index
    pool: str | None = None  # isolated market or vault that holds it, where a protocol has several
    details: Mapping[str, str] = field(default_factory=dict)  # what only this venue knows, by its own names


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """An asset borrowed from a lending protocol: `amount` includes interest, or `scaled_raw` · `index_raw` give it."""

    asset: str
    amount: Decimal | None = None  # [asset]
    scaled_raw: int | None = None  # [asset base units, scaled by the borrow index]
    index_raw: int | None = None  # [ray]; None: the market's index
    pool: str | None = None  # isolated market or vault that it belongs to, where a protocol has several
    details: Mapping[str, str] = field(default_factory=dict)  # what only this venue knows, by its own names


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Constant sums known from elsewhere, added to the cross pool (other positions of the same wallet, say)."""

    support: Decimal = Decimal(0)  # [settlement currency]
    demand: Decimal = Decimal(0)  # [settlement currency]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account under one rule set."""

    id: str
    rules: str  # "family/version"; without a version where the family dates its own rules
    mode: MarginMode = "cross"
    position_mode: PositionMode = "one-way"
    wallet: Mapping[str, Decimal] = field(default_factory=dict)  # [currency -> amount]
    positions: tuple[Position, ...] = ()
    orders: tuple[Order, ...] = ()
    collateral: tuple[Collateral, ...] = ()
    debt: tuple[Debt, ...] = ()
    parameters: str | None = None  # name of an overlay table in the book
    network: str | None = None
    emode: int = 0  # e-mode category, 0 = none
    address: str | None = None
    fixed: Fixed | None = None
    reported: Mapping[str, Decimal] = field(default_factory=dict)  # the venue's own printed figures
    details: Mapping[str, str] = field(default_factory=dict)  # what only this venue knows, by its own names
    owner: str | None = None  # who holds it, perhaps beside accounts on other venues

    @property
    def venue(self) -> str:
        """The family of `rules`, `binance` of `binance/usdm`; prices may lie elsewhere (`RuleSet.venue`)."""
        return self.rules.partition("/")[0]
