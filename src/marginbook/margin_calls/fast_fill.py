"""Fills in integers: what an order does to the pools of an account, as `venues.contracts.events` carries it out."""

from dataclasses import dataclass

from marginbook.exact import div_ceil, div_floor
from marginbook.margin_calls.fast_pools import (
    FROM_FUNDING,
    FROM_WALLET,
    TO_PLACES,
    Holding,
    MarketTerms,
    NotHere,
    Pool,
    changed_pool,
)


@dataclass(slots=True)
class Order:
    """One fill in integers. `leg` is 0 in one-way mode; in hedge mode 1 for the long position, −1 for the short one."""

    terms: MarketTerms
    quantity: int  # [10^-8], signed
    price: int  # [10^-16]
    leverage: int  # [10^-2]; 0: none
    isolated: int  # 1: the account is isolated by default
    leg: int

    def fill(self, pools: list[Pool]) -> tuple[list[Pool], bool]:
        """(pools after the fill, whether it may need initial margin); NotHere where it may be refused outright."""
        payer = self._payer(pools)
        owner, held, other = self._held(pools)
        opens = not self.leg or (self.quantity > 0) == (self.leg > 0)
        if held is None or owner is None:
            if not opens:
                raise NotHere  # nothing to close
            leverage = self.leverage or (other.leverage if other is not None else 0)
            alone = bool(self.isolated)
            new = self._opened(self.quantity, leverage, 0, alone)
            return self._with(pools, payer, None, payer.wallet, new, alone), True
        due = 0
        if self.terms.index is not None:
            due = -held.quantity * (self.terms.index - held.funding) * FROM_FUNDING
        alone, wallet, own = held.alone, payer.wallet, 0
        if alone:
            own = owner.wallet + due
        else:
            wallet += due
        left = held.quantity + self.quantity
        now: Holding | None
        if (self.quantity > 0) == (held.quantity > 0):
            now = self._grown(held, left)
            if alone:
                margin = self.terms.margin(abs(self.quantity), self.price, now.leverage)
                own, wallet = own + margin, wallet - margin
            opens = True
        else:
            crosses = left != 0 and (left > 0) != (held.quantity > 0)
            if crosses and self.leg:
                raise NotHere  # closes too much
            closed = held.quantity if crosses or not left else -self.quantity
            profit = closed * (self.price - held.entry) * FROM_WALLET
            opens = crosses
            if not alone:
                wallet += profit
            elif closed == held.quantity:
                wallet += own + profit
            else:
                freed = div_floor(own * closed, held.quantity * TO_PLACES) * TO_PLACES
                out = max(0, freed + profit)
                own, wallet = own + profit - out, wallet + out
            if crosses:
                now = self._opened(left, self.leverage or held.leverage, held.mode, alone)
            elif left:
                now = Holding(self.terms, left, held.entry, held.leverage, self._index(held), held.mode, alone)
            else:
                now = None
            if crosses and alone:
                return self._with(pools, payer, owner, wallet, now, True), True
        if not alone:
            return self._with(pools, payer, held, wallet, now, False), opens
        paid = changed_pool(payer, wallet, None, None)
        where = None if now is None else Pool(owner.label, own, [now])
        found = (paid if pool is payer else where if pool is owner else pool for pool in pools)
        return [pool for pool in found if pool is not None], opens

    def _payer(self, pools: list[Pool]) -> Pool:
        """The cross pool that pays for the order: of the market's currency, or the account's only wallet."""
        currency = self.terms.currency
        wallets = [pool for pool in pools if pool.currency is not None]
        if currency is None and len(wallets) != 1:
            raise NotHere
        for pool in wallets:
            if currency is None or pool.currency == currency:
                return pool
        raise NotHere

    def _held(self, pools: list[Pool]) -> tuple[Pool | None, Holding | None, Holding | None]:
        """(the pool of the position that the order is about, that position, the other leg of its market)."""
        other = None
        found: tuple[Pool | None, Holding | None] = (None, None)
        for pool in pools:
            for held in pool.holdings:
                if held.terms is self.terms:
                    if not self.leg or (held.quantity > 0) == (self.leg > 0):
                        found = pool, held
                    else:
                        other = held
        return (*found, other)

    def _index(self, held: Holding) -> int:
        return held.funding if self.terms.index is None else self.terms.index

    def _opened(self, quantity: int, leverage: int, mode: int, alone: bool) -> Holding:
        return Holding(self.terms, quantity, self.price, leverage, self.terms.index or 0, mode, alone)

    def _grown(self, held: Holding, quantity: int) -> Holding:
        """The entry averages by quantity, rounded against the holder."""
        worth = held.quantity * held.entry + self.quantity * self.price
        size = abs(quantity)
        entry = div_ceil(worth, size) if quantity > 0 else div_floor(-worth, size)
        leverage = held.leverage or self.leverage
        return Holding(self.terms, quantity, entry, leverage, self._index(held), held.mode, held.alone)

    def _with(
        self,
        pools: list[Pool],
        payer: Pool,
        old: "Holding | Pool | None",
        wallet: int,
        new: Holding | None,
        alone: bool,
    ) -> list[Pool]:
        """Pools with a position opened, replaced or closed: in the cross pool, or a new one that it gives margin to."""
        if not alone:
            changed = changed_pool(payer, wallet, old if isinstance(old, Holding) else None, new)
            return [changed if pool is payer else pool for pool in pools]
        assert new is not None
        margin = self.terms.margin(abs(new.quantity), self.price, new.leverage)
        where = Pool(f"isolated:{self.terms.name}:{'long' if new.quantity > 0 else 'short'}", margin, [new])
        paid = changed_pool(payer, wallet - margin, None, None)
        return [*(paid if pool is payer else pool for pool in pools if pool is not old), where]
