"""What worked examples of exchanges have in common: one position, its money by the venue's names, a rate, a fee."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT, ONE, ZERO
from marginbook.testing.vectors import Setting, Unsupported
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

DATE = re.compile(r"\b(20[12]\d)-(0[1-9]|1[0-2])(?:-([0-2]\d|3[01]))?\b")
EQUITY = ("equity", "accountequity", "eq", "margin_balance")
WALLET = ("wallet", "wallet_balance", "balance", "available", "cross_wallet")
MARGIN = (
    "margin",
    "marginsize",
    "margin_size",
    "position_margin",
    "position_balance",
    "isolated_margin",
    "isolatedmargin",
)


@dataclass(frozen=True, slots=True)
class OnePosition:
    """The inputs of a case of one position."""

    case: Mapping[str, Any]
    market: str
    collateral: Mapping[str, Any]
    isolated: bool

    def number(self, *names: str) -> Decimal | None:
        """The first of the case's own numbers among `names`."""
        return next((value for name in names if (value := number(self.case, name)) is not None), None)

    def money(self, names: Sequence[str]) -> Decimal | None:
        """The first of `names` in the collateral, exact or as the head of a longer name (`equity_implied_by_…`)."""
        known = {str(key).lower(): value for key, value in self.collateral.items()}
        for name in names:
            for key, value in known.items():
                if key in (name, f"implied_{name}") or key.startswith(f"{name}_implied"):
                    return number({name: value}, name)
        return None

    def ratio(self, *names: str) -> Decimal | None:
        """A printed ratio among the collateral, by its exact name."""
        return next((found for name in names if (found := number(self.collateral, name)) is not None), None)

    def position(self, isolated_wallet: Decimal | None = None) -> Position:
        """The position; Unsupported where the case has none."""
        size, entry = self.number("qty", "quantity", "size"), self.number("entry", "entry_price")
        side = str(self.case.get("side")).lower()
        if not size or not entry or side not in ("long", "short"):
            raise Unsupported("the case has no position with an entry price")
        return Position(
            market=self.market,
            side="long" if side == "long" else "short",
            quantity=abs(size),
            entry=entry,
            leverage=self.number("leverage"),
            isolated_wallet=isolated_wallet,
        )

    def dated(self) -> int | None:
        """The latest date [µs UTC] that the case's note or source states."""
        text = f"{self.case.get('note', '')} {self.case.get('source', '')} {self.case.get('date', '')}"
        found = [f"{year}-{month}-{day or '15'}" for year, month, day in DATE.findall(text)]
        return parse_time(max(found)) if found else None

    def needs(self, **known: object) -> None:
        """Unsupported that names what is missing."""
        lacking = [name.replace("_", " ") for name, value in known.items() if value is None]
        if lacking:
            raise Unsupported(f"the case has no {' and no '.join(lacking)}")


def one_position(case: Mapping[str, Any]) -> OnePosition:
    """The case read; its market is the first word of `product`."""
    collateral = case.get("collateral")
    return OnePosition(
        case,
        str(case.get("product", "")).partition(" ")[0],
        collateral if isinstance(collateral, Mapping) else {},
        "isolated" in str(case.get("margin_mode", "")).lower(),
    )


def setting(
    read: OnePosition, rules: str, at: int, currency: str, wallet: Decimal, position: Position, entry: Mapping[str, Any]
) -> Setting:
    """The case as an account under `rules`; `entry` is the overlay of its market.

    Where the case prints no mark price, the entry price stands in for what does not depend on it.
    """
    name, _, _ = rules.partition("/")
    account = Account(
        id=str(read.case.get("id", "case")),
        rules=rules,
        mode="isolated" if read.isolated else "cross",
        wallet={currency: wallet},
        positions=(position,),
    )
    price = read.number("mark") or position.entry
    market = Market(quotes={(name, read.market, "mark"): Quote(price)})
    found = rule_set(rules)
    overlay = {read.market: {key: value for key, value in entry.items() if value is not None}}
    return Setting(account, market, found.module.parameters(found.version, at, overlay), at)


def profit(position: Position, price: Decimal, inverse: bool) -> Decimal:
    """Unrealised profit at `price` [currency], to take it out of a stated equity."""
    change = CONTEXT.subtract(price, position.entry)
    if inverse:
        change = CONTEXT.subtract(CONTEXT.divide(ONE, position.entry), CONTEXT.divide(ONE, price))
    return CONTEXT.multiply(position.quantity * position.sign, change)


def table_entry(read: OnePosition) -> dict[str, Any]:
    """Overlay entry of one bracket from the case's rate and deduction; a rate of 0 where it states none."""
    rate, amount = read.number("mmr", "maintenance_rate"), read.number("cum", "mm_deduction", "deduction")
    if amount:
        return {"brackets": [[ZERO, None, rate or ZERO, None, amount]]}
    return {"maintenance_rate": rate or ZERO}


def number(values: Mapping[str, Any], name: str) -> Decimal | None:
    """A number of a mapping; None where there is none."""
    value = values.get(name)
    if value is None or isinstance(value, Mapping | bool) or value == "":
        return None
    return Decimal(str(value))
