"""The rule set's side of a walk: all troves, deposits, purses, and any trove as an account of a book."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Market, Quote
from marginbook.exact import WAD, from_raw
from marginbook.venues.liquity import math
from marginbook.venues.liquity.holdings import (
    BASE_RATE,
    COUNT,
    ERRORS,
    FEE_TIME,
    L_ETH,
    L_LUSD,
    POOL_TOTAL,
    STAKE,
    STAKES,
    TOTALS,
    VENUE,
)
from marginbook.venues.liquity.liquidation import Found, batch, liquidated, sequence
from marginbook.venues.liquity.parameters import SYSTEM, Parameters, Terms
from marginbook.venues.liquity.redemption import redeemed
from marginbook.venues.liquity.redistribution import Redistribution
from marginbook.venues.liquity.revert import Revert
from marginbook.venues.liquity.stability_pool import Deposit, collateral_gain, compounded, deposited
from marginbook.venues.liquity.system import NO_TROVE, NOT_IN_RECOVERY, System, adjusted, closed, opened

USERS = ("whale", "ann", "bob", "cid", "dot", "eve")
START = 1_617_600_000
FORTNIGHT = 14 * 86_400
TERMS = Parameters(terms=Terms(), source="bench", as_of=None)
Call = tuple[str, str, list[int]]
"""(kind, who, numbers)."""
OF_USER = (
    "collateral",
    "debt",
    "stake",
    "whole collateral",
    "whole debt",
    "ratio",
    "deposit",
    "gain",
    "surplus",
    "LUSD",
)
OF_SYSTEM = (
    "total collateral",
    "total debt",
    "total ratio",
    "total stakes",
    "stakes snapshot",
    "collateral snapshot",
    "L of ETH",
    "L of LUSD",
    "ETH error",
    "LUSD error",
    "troves",
    "base rate",
    "fee of 1000",
    "pool",
    "product",
    "scale",
    "epoch",
    "sum",
    "redemption fees",
    "keeper's ETH",
    "keeper's LUSD",
)
LABELS = [f"{user} {name}" for user in USERS for name in OF_USER] + list(OF_SYSTEM)
NO_LUSD = "BorrowerOps: Caller doesnt have enough LUSD to make repayment"
NO_BALANCE = "ERC20: transfer amount exceeds balance"
NO_DEPOSIT = "StabilityPool: User must have a non-zero deposit"
WEAK = "StabilityPool: Cannot withdraw while there are troves with ICR < MCR"
NO_CLAIM = "CollSurplusPool: No collateral available to claim"
NOT_ACTIVE = "TroveManager: Trove does not exist or is closed"
NO_REDEEMER = "TroveManager: Requested redemption amount must be <= user's LUSD token balance"
NOTHING_GIVEN = "StabilityPool: Amount must be non-zero"


def empty(price: int) -> System:
    """A system without troves."""
    known = Redistribution(total_stakes=0, stakes_snapshot=0, collateral_snapshot=0)
    return System(
        terms=Terms(),
        price=price,
        time=START,
        total_collateral=0,
        total_debt=0,
        count=0,
        redistribution=known,
        fee_time=START,
    )


@dataclass
class Model:
    """All troves, deposits and purses, moved by the rule set's functions."""

    system: System
    deposits: dict[str, Deposit] = field(default_factory=dict)
    purses: dict[str, int] = field(default_factory=lambda: dict.fromkeys(USERS, 0))  # [LUSD]
    surplus: dict[str, int] = field(default_factory=lambda: dict.fromkeys(USERS, 0))  # [ETH]
    fees: int = 0  # [ETH] of redemptions
    keeper: tuple[int, int] = (0, 0)  # [ETH, LUSD] for liquidations
    falling: list[str] = field(default_factory=list)  # the contracts' list: troves are put in their place when touched

    def do(self, kind: str, who: str, *numbers: int) -> str | None:
        """Why the call was refused, or None."""
        try:
            getattr(self, kind)(who, *numbers)
        except Revert as revert:
            return revert.reason
        return None

    def rising(self) -> list[str]:
        """Owners of troves from the end of the contracts' list, where the lowest ratio is."""
        return self.falling[::-1]

    def nominal(self, who: str) -> int:
        """A trove's ratio without a price."""
        collateral, debt = self.system.whole(who)
        return collateral * 10**20 // debt

    def _listed(self, who: str) -> None:
        """A new or changed trove in its place: before the first that is not above it, behind one that is not below."""
        others, own = [one for one in self.falling if one != who], self.nominal(who)
        ratios = [self.nominal(one) for one in others]
        for place in range(len(others) + 1):
            above = place == 0 or ratios[place - 1] >= own
            if above and (place == len(others) or own >= ratios[place]):
                self.falling = [*others[:place], who, *others[place:]]
                return
        raise LookupError("the list is out of order")

    def _unlisted(self) -> None:
        """Without troves that are gone."""
        self.falling = [who for who in self.falling if who in self.system.troves]

    def wait(self, _: str, seconds: int) -> None:
        self.system = replace(self.system, time=self.system.time + seconds)

    def move(self, _: str, price: int) -> None:
        self.system = replace(self.system, price=price)

    def give(self, who: str, amount: int) -> None:
        self._pay("whale", -amount)
        self._pay(who, amount)

    def open(self, who: str, collateral: int, amount: int) -> None:
        self.system = opened(self.system, who, collateral, amount)
        self._listed(who)
        self._pay(who, amount)

    def adjust(self, who: str, add: int, take: int, draw: int, repay: int) -> None:
        try:
            after = adjusted(self.system, who, add=add, take=take, draw=draw, repay=repay)
        except Revert as revert:
            # The purse is looked at before the new stake.
            raise Revert(
                NO_LUSD if revert.reason == "assertion" and repay > self.purses[who] else revert.reason
            ) from None
        if repay > self.purses[who]:
            raise Revert(NO_LUSD)
        self._pay(who, draw - repay)
        self.system = after
        self._listed(who)

    def close(self, who: str) -> None:
        if who not in self.system.troves:
            raise Revert(NO_TROVE)
        if self.system.in_recovery():
            raise Revert(NOT_IN_RECOVERY)
        owed = self.system.whole(who)[1] - self.system.terms.gas_reserve
        if owed > self.purses[who]:
            raise Revert(NO_LUSD)
        self.system = closed(self.system, who)
        self._unlisted()
        self._pay(who, -owed)

    def liquidate(self, who: str) -> None:
        if who not in self.system.troves:
            raise Revert(NOT_ACTIVE)
        after, found = liquidated(self.system, who)
        self._liquidated(after, {who: found})

    def batch(self, _: str, *places: int) -> None:
        self._liquidated(*batch(self.system, [USERS[place] for place in places]))

    def sequence(self, _: str, most: int) -> None:
        self._liquidated(*sequence(self.system, self.rising(), most))

    def _liquidated(self, after: System, found: Found) -> None:
        self.system = after
        self._unlisted()
        gas = sum(part.gas_collateral for part in found.values())
        self.keeper = (self.keeper[0] + gas, self.keeper[1] + len(found) * after.terms.gas_reserve)
        for who, part in found.items():
            self.surplus[who] += part.surplus

    def redeem(self, who: str, amount: int) -> None:
        total = self.system.total_ratio()
        # The redeemer's balance is looked at after the total ratio and the amount, before anything else.
        if amount > self.purses[who] and total is not None and total >= self.system.terms.mcr:
            raise Revert(NO_REDEEMER)
        self.system, found = redeemed(self.system, self.rising(), amount)
        self.fees += found.fee
        self._unlisted()
        for owner, lot in found.lots.items():
            if lot.surplus is None:
                self._listed(owner)
        for owner, lot in found.lots.items():
            self._pay(who, -lot.debt)
            self.surplus[owner] += lot.surplus or 0

    def provide(self, who: str, amount: int) -> None:
        if not amount:
            raise Revert(NOTHING_GIVEN)
        pool = self.system.pool
        had = compounded(self.deposits[who], pool) if who in self.deposits else 0
        self._pay(who, -amount)
        self.deposits[who] = deposited(pool, had + amount)
        self.system = replace(self.system, pool=replace(pool, total=pool.total + amount))

    def withdraw(self, who: str, amount: int) -> None:
        s, pool = self.system, self.system.pool
        if amount and any(s.ratio(owner) < s.terms.mcr for owner in self.rising()[:1]):
            raise Revert(WEAK)
        if who not in self.deposits or not self.deposits[who].value:
            raise Revert(NO_DEPOSIT)
        had = compounded(self.deposits[who], pool)
        taken = min(had, amount)
        self.deposits[who] = deposited(pool, had - taken)
        self.system = replace(s, pool=replace(pool, total=pool.total - taken))
        self._pay(who, taken)

    def claim(self, who: str) -> None:
        if not self.surplus[who]:
            raise Revert(NO_CLAIM)
        self.surplus[who] = 0

    def _pay(self, who: str, amount: int) -> None:
        if self.purses[who] + amount < 0:
            raise Revert(NO_BALANCE)
        self.purses[who] += amount

    def numbers(self) -> list[int]:
        """Everything that the contracts show, in the order of `LABELS`."""
        s, found = self.system, []
        for who in USERS:
            trove, deposit = s.troves.get(who), self.deposits.get(who)
            own = [0, 0, 0, 0, 0, 2**256 - 1]
            if trove is not None:
                own = [trove.collateral, trove.debt, trove.stake, *s.whole(who), s.ratio(who)]
            held = [0, 0]
            if deposit is not None and deposit.value:
                held = [compounded(deposit, s.pool), collateral_gain(deposit, s.pool)]
            found += [*own, *held, self.surplus[who], self.purses[who]]
        r, pool, terms = s.redistribution, s.pool, s.terms
        fee = math.borrowing_fee(1_000 * WAD, s.decayed_base_rate(), terms.borrowing_fee_floor, terms.max_borrowing_fee)
        known = [s.total_collateral, s.total_debt, s.total_ratio(), r.total_stakes]
        known += [r.stakes_snapshot, r.collateral_snapshot, r.l_eth, r.l_lusd, r.eth_error, r.lusd_error, s.count]
        known += [s.base_rate, fee, pool.total, pool.product, pool.scale, pool.epoch]
        known += [pool.sums.get((pool.epoch, pool.scale), 0), self.fees, *self.keeper]
        return found + [value or 0 for value in known]


def book(s: System, who: str) -> tuple[Account, Market]:
    """A trove, or none, as an account of a book that states the whole system."""
    r, trove = s.redistribution, s.troves.get(who)
    known: dict[str, Any] = {
        TOTALS[0]: s.total_collateral,
        TOTALS[1]: s.total_debt,
        POOL_TOTAL: s.pool.total,
        COUNT: s.count,
        L_ETH: r.l_eth,
        L_LUSD: r.l_lusd,
        ERRORS[0]: r.eth_error,
        ERRORS[1]: r.lusd_error,
        STAKES[0]: r.total_stakes,
        STAKES[1]: r.stakes_snapshot,
        STAKES[2]: r.collateral_snapshot,
        BASE_RATE: s.base_rate,
        FEE_TIME: s.fee_time,
    }
    market = Market(
        quotes={(VENUE, "ETH", "oracle"): Quote(from_raw(s.price, 18))},
        state={(VENUE, SYSTEM, name): value or 0 for name, value in known.items()},
    )
    account = Account(id=who, rules="liquity/1")
    if trove is None:
        return account, market
    details = {STAKE: str(trove.stake), L_ETH: str(trove.l_eth), L_LUSD: str(trove.l_lusd)}
    collateral = Collateral(asset="ETH", amount=from_raw(trove.collateral, 18))
    debt = Debt(asset="LUSD", amount=from_raw(trove.debt, 18))
    return replace(account, collateral=(collateral,), debt=(debt,), details=details), market


def wad(raw: int) -> Decimal:
    """A decimal of a book."""
    return from_raw(raw, 18)
