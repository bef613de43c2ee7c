"""Exact accounts in columns: scaled integers beside every leg and pool, from which the float64 legs follow.

    quantity      int64, 10^-8             entry      int64, 10^-8, and what is left of it in int32, 10^-16
    wallet        two 64-bit limbs, 10^-24 (a realised profit is quantity × entry)
    balance       two 64-bit limbs, token units (lending)
    leverage      int32, 10^-2             funding    number of an interned cumulative index

An account that does not fit (orders, constants, more digits, unusual terms) stays a Python object in a side table and
takes part through the legs of its rule set's `lower`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from marginbook.domain.account import Account, Collateral, Debt, MarginMode, Position
from marginbook.exact import from_raw, to_raw_exact

EXACT = np.dtype(
    [
        ("quantity", "i8"),  # signed [10^-8], or low limb of a balance
        ("entry", "i8"),  # [10^-8], or high limb of a balance
        ("entry_low", "i4"),  # [10^-16]
        ("leverage", "i4"),  # [10^-2]; 0: none
        ("market", "i4"),  # name number of market or asset
        ("funding", "i4"),  # number of a funding index; -1: none
        ("order", "u2"),  # place in the account
        ("flags", "u2"),
    ],
    align=True,
)
PLACE = np.dtype(
    [
        ("wallet_high", "i8"),  # [2^64 · 10^-24]
        ("wallet_low", "u8"),
        ("next", "i4"),  # next pool of the account; -1: last
        ("label", "i4"),  # name number of the pool
        ("currency", "i4"),  # name number; -1: the pool has no wallet entry
    ],
    align=True,
)
HOLDER = np.dtype(
    [
        ("rule", "i4"),  # number of (rules, overlay, network)
        ("first", "i4"),  # first pool; -1: none
        ("emode", "i4"),
        ("kind", "u1"),
        ("mode", "u1"),  # 1: isolated by default
        ("hedge", "u1"),
    ],
    align=True,
)
OBJECT, CONTRACTS, LENDING = 0, 1, 2
"""Kinds of account: a Python object, contracts in columns, lending in columns."""

MODE_CROSS, MODE_ISOLATED = 1, 2
IS_DEBT, IS_ENABLED, IS_AMOUNT = 1, 2, 4
QUANTITY_PLACES, ENTRY_PLACES, WALLET_PLACES, LEVERAGE_PLACES = 8, 16, 24, 2
_LIMB = 1 << 64


class Names:
    """Texts to small numbers."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.texts = list(texts)
        self.numbers = {text: n for n, text in enumerate(self.texts)}

    def number(self, text: str) -> int:
        """Number of `text`, given out when new."""
        if text not in self.numbers:
            self.numbers[text] = len(self.texts)
            self.texts.append(text)
        return self.numbers[text]


@dataclass(frozen=True, slots=True)
class Row:
    """One holding of an account in columns."""

    exact: tuple[int, ...]  # in the order of EXACT
    market: str


@dataclass(frozen=True, slots=True)
class PoolRow:
    """One pool of an account in columns."""

    label: str
    wallet: int  # [10^-24]
    currency: str | None
    rows: tuple[Row, ...]


def fits(value: Decimal, places: int, bits: int) -> int | None:
    """`value` as a signed integer of 10^-places units, or None if it does not fit."""
    try:
        raw = to_raw_exact(value, places)
    except ValueError:
        return None
    return raw if -(1 << bits - 1) < raw < 1 << bits - 1 else None


def limbs(value: int) -> tuple[int, int]:
    """(high, low) with value = high·2^64 + low, low not negative.

    >>> limbs(-1)
    (-1, 18446744073709551615)
    """
    return value >> 64, value & _LIMB - 1


def position_row(position: Position, order: int, funding: int, names: Names) -> Row | None:
    """A position as integers, or None if it does not fit."""
    quantity = fits(position.quantity, QUANTITY_PLACES, 64)
    entry = fits(position.entry, ENTRY_PLACES, 90)
    leverage = 0 if position.leverage is None else fits(position.leverage, LEVERAGE_PLACES, 32)
    if not quantity or entry is None or leverage is None or position.reported or order >= 65535:
        return None
    if position.leverage is not None and not leverage:
        return None
    entry_high, entry_low = divmod(entry, 10**8)
    if entry_high >= 1 << 63:
        return None
    flags = 0 if position.mode is None else MODE_ISOLATED if position.mode == "isolated" else MODE_CROSS
    exact = (
        position.sign * quantity, entry_high, entry_low, leverage, names.number(position.market), funding, order, flags,
    )  # fmt: skip
    return Row(exact, position.market)


def position_of(exact: Any, names: Names, fundings: list[int], wallet: Decimal | None) -> Position:
    """The exact position of a record."""
    flags = int(exact["flags"])
    mode: MarginMode | None = None if not flags else "isolated" if flags == MODE_ISOLATED else "cross"
    quantity = int(exact["quantity"])
    leverage, funding = int(exact["leverage"]), int(exact["funding"])
    entry = int(exact["entry"]) * 10**8 + int(exact["entry_low"])
    return Position(
        market=names.texts[int(exact["market"])],
        side="long" if quantity > 0 else "short",
        quantity=from_raw(abs(quantity), QUANTITY_PLACES),
        entry=from_raw(entry, ENTRY_PLACES),
        leverage=from_raw(leverage, LEVERAGE_PLACES) if leverage else None,
        mode=mode,
        isolated_wallet=wallet,
        funding_index_raw=fundings[funding] if funding >= 0 else None,
    )


def lending_row(holding: Collateral | Debt, decimals: int, order: int, names: Names) -> Row | None:
    """A balance as integers, or None if it does not fit."""
    if isinstance(holding, Collateral):
        flags = IS_ENABLED if holding.enabled else 0
    else:
        flags = IS_DEBT
    if holding.index_raw is not None or order >= 65535:
        return None
    if holding.amount is not None:
        raw = fits(holding.amount, decimals, 127)
        flags |= IS_AMOUNT
    else:
        raw = holding.scaled_raw
    if holding.amount is not None and holding.scaled_raw is not None:
        return None
    if raw is None or not 0 < raw < 1 << 127:
        return None
    high, low = limbs(raw)
    low_signed = low - _LIMB if low >= 1 << 63 else low
    exact = (low_signed, high, 0, 0, names.number(holding.asset), -1, order, flags)
    return Row(exact, holding.asset)


def balance_of(exact: Any) -> int:
    """The balance [token units] of a record."""
    return (int(exact["entry"]) << 64) + (int(exact["quantity"]) & _LIMB - 1)


def lending_of(exact: Any, names: Names, decimals: int) -> Collateral | Debt:
    """The exact holding of a record."""
    flags, raw = int(exact["flags"]), balance_of(exact)
    asset = names.texts[int(exact["market"])]
    amount = from_raw(raw, decimals) if flags & IS_AMOUNT else None
    scaled = None if flags & IS_AMOUNT else raw
    if flags & IS_DEBT:
        return Debt(asset=asset, amount=amount, scaled_raw=scaled)
    return Collateral(asset=asset, amount=amount, scaled_raw=scaled, enabled=bool(flags & IS_ENABLED))


def wallet_of(place: Any) -> Decimal:
    """The exact wallet of a pool's record."""
    return from_raw((int(place["wallet_high"]) << 64) + int(place["wallet_low"]), WALLET_PLACES)


def plain(account: Account) -> bool:
    """Whether nothing but balances, modes and the rule set's choice is set."""
    return not (account.orders or account.reported or account.address is not None or account.fixed is not None)


def wallets_fit(wallets: Mapping[str, Decimal]) -> dict[str, int] | None:
    """Wallets in 10^-24 units, or None."""
    found = {}
    for currency, amount in wallets.items():
        raw = fits(amount, WALLET_PLACES, 127)
        if raw is None:
            return None
        found[currency] = raw
    return found
