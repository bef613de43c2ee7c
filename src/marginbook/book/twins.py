"""Columnar twins of `lower`: legs from exact columns, many pools at once.

What a leg's class is comes from the rule set's own `lower`, asked about one unit of it; only the amounts, which are
all that differs between holders, are filled in here. Allowances are those of the rule set, except that a lending
balance's rounding to a token unit is charged at its own price (`CLASS.blur`) and the cut average threshold of Aave
3.0 is evaluated instead of bounded (`FLAG_AVERAGE`).
"""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
from numba import njit, prange

from marginbook.book.columns import (
    IS_AMOUNT,
    IS_DEBT,
    IS_ENABLED,
    Names,
    PoolRow,
    lending_row,
    plain,
    position_row,
    wallets_fit,
)
from marginbook.book.compiled import INLINE, KERNEL
from marginbook.book.layout import CLASS_PLAIN, FLAG_AVERAGE, FLAG_OPAQUE, FLAG_PLAIN, FLAG_TRUNCATES, Array
from marginbook.book.store import Tag, leg_key
from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.legs import Leg, PoolLegs
from marginbook.domain.market import Market
from marginbook.venues.contracts.model import Contracts, pools
from marginbook.venues.rules import RuleSet

TWO_U = 2.0**-52
LEAST_THRESHOLD = 0.01
"""Below it the cut of a mixed average threshold is not small against the distance between borders."""


@njit(**INLINE)
def _lower_contracts(
    p: int, pools: Any, places: Any, legs: Any, exact: Any, classes: Any, fundings: Any, factors: Any
) -> None:
    """Amounts, cash and allowance of a pool of contracts.

    cash = wallet − Σ quantity·entry + Σ quantity·index of the last settlement; each operation rounds once, which
    (n + 8)·2u of all that is added covers.
    """
    pool = pools[p]
    flags = FLAG_PLAIN
    wallet = (float(places[p].wallet_high) * 18446744073709551616.0 + float(places[p].wallet_low)) * 1e-24
    cash = wallet
    constants = abs(wallet)
    for i in range(np.int64(pool.start), np.int64(pool.start) + np.int64(pool.count)):
        quantity = float(exact[i].quantity) / 1e8
        entry = float(exact[i].entry) / 1e8 + float(exact[i].entry_low) / 1e16
        worth = quantity * entry
        cash -= worth
        constants += abs(worth)
        if exact[i].funding >= 0:
            paid = quantity * fundings[exact[i].funding]
            cash += paid
            constants += abs(paid)
        legs[i].amount = quantity
        if not classes[legs[i].klass].flags & CLASS_PLAIN:
            flags = 0
        legs[i].weight = max((abs(quantity) * factors[legs[i].factor, 0] * factors[legs[i].factor, 3]) ** 0.5, 1e-30)
    relative = (2.0 * pool.count + 8.0) * TWO_U
    pools[p].flags = flags
    pools[p].cash = cash
    pools[p].wallet = wallet
    pools[p].relative = relative * 1.0000001
    pools[p].absolute = relative * constants


@njit(**INLINE)
def _lower_lending(p: int, pools: Any, legs: Any, exact: Any, classes: Any, factors: Any) -> None:
    """Amounts and allowance of a lending pool; values are rounded to 10^-8, in sums of up to 10^4 basis points."""
    pool = pools[p]
    least = 1e9
    most = 0.0
    for i in range(np.int64(pool.start), np.int64(pool.start) + np.int64(pool.count)):
        k = classes[legs[i].klass]
        low = float(exact[i].quantity)
        if low < 0.0:
            low += 18446744073709551616.0
        amount = (float(exact[i].entry) * 18446744073709551616.0 + low) / k.unit
        legs[i].amount = amount
        f = factors[legs[i].factor, 0]
        legs[i].weight = max((amount * f * factors[legs[i].factor, 3]) ** 0.5, 1e-30)
        if k.margin_balance > 0.0:
            least = min(least, k.support)
            most = max(most, k.support)
    flags = pool.flags & FLAG_TRUNCATES
    if flags and most > least:
        flags |= FLAG_AVERAGE if least >= LEAST_THRESHOLD else FLAG_OPAQUE
    pools[p].flags = flags
    pools[p].wallet = float("nan")
    pools[p].absolute = 2.0e-8 * pool.count
    pools[p].relative = (pool.count + 9.0) * TWO_U


@njit(**KERNEL)
def lower_columns(
    chosen: Any, pools: Any, places: Any, legs: Any, exact: Any, classes: Any, fundings: Any, factors: Any
) -> None:
    """Legs of the `chosen` pools from their exact columns."""
    for n in range(len(chosen)):
        p = chosen[n]
        if pools[p].kind == 1:
            _lower_contracts(p, pools, places, legs, exact, classes, fundings, factors)
        elif pools[p].kind == 2:
            _lower_lending(p, pools, legs, exact, classes, factors)


@njit(parallel=True, **KERNEL)
def lower_some_columns_parallel(
    chosen: Any, pools: Any, places: Any, legs: Any, exact: Any, classes: Any, fundings: Any, factors: Any
) -> None:
    """Parallel twin of `lower_columns`."""
    for n in prange(len(chosen)):
        p = chosen[n]
        if pools[p].kind == 1:
            _lower_contracts(p, pools, places, legs, exact, classes, fundings, factors)
        elif pools[p].kind == 2:
            _lower_lending(p, pools, legs, exact, classes, factors)


@njit(**KERNEL)
def _limbs(money: Any, high: Any, low: Any) -> None:
    """money · 10^16 as signed 128-bit limbs, by 32-bit halves."""
    for n in range(len(money)):
        negative = money[n] < 0
        value = np.uint64(-money[n]) if negative else np.uint64(money[n])
        a = value & np.uint64(0xFFFFFFFF)
        b = value >> np.uint64(32)
        c = np.uint64(10**16) & np.uint64(0xFFFFFFFF)
        d = np.uint64(10**16) >> np.uint64(32)
        ac = a * c
        middle = (ac >> np.uint64(32)) + ((a * d) & np.uint64(0xFFFFFFFF)) + ((b * c) & np.uint64(0xFFFFFFFF))
        below = (middle << np.uint64(32)) | (ac & np.uint64(0xFFFFFFFF))
        above = b * d + ((a * d) >> np.uint64(32)) + ((b * c) >> np.uint64(32)) + (middle >> np.uint64(32))
        if negative:
            below = ~below + np.uint64(1)
            above = ~above + np.uint64(1 if below == 0 else 0)
        high[n] = np.int64(above)
        low[n] = below


def scaled_limbs(money: Array) -> tuple[Array, Array]:
    """(high, low) limbs of amounts in 10^-8 units, as 10^-24 units.

    >>> [(int(h) << 64) + int(l) for h, l in zip(*scaled_limbs(np.array([-3, 10**18])))]
    [-30000000000000000, 10000000000000000000000000000000000]
    """
    high, low = np.empty(len(money), np.int64), np.empty(len(money), np.uint64)
    _limbs(money, high, low)
    return high, low


def contract_rows(
    account: Account, parameters: Contracts, market: Market, names: Names, funding_number: Any
) -> dict[str, PoolRow] | None:
    """The account's pools as integers, or None if it does not fit."""
    wallets = wallets_fit(account.wallet)
    if not plain(account) or account.collateral or account.debt or account.emode or wallets is None:
        return None
    orders = {id(position): order for order, position in enumerate(account.positions)}
    found = {}
    for name, pool in pools(account, parameters).items():
        rows = []
        isolated = name.startswith("isolated:")
        for holding in pool.holdings:
            position, terms = holding.position, holding.terms
            if terms.inverse or terms.basis != "mark" or terms.contract_size != 1:
                return None
            if (position.isolated_wallet is not None) != isolated:
                return None
            funding = -1
            if position.funding_index_raw is not None:
                if (parameters.venue, position.market, "funding") not in market.indices:
                    return None
                funding = funding_number(position.funding_index_raw)
            row = position_row(position, orders[id(position)], funding, names)
            if row is None:
                return None
            rows.append(row)
        raw = wallets.get(pool.currency, 0)
        if isolated:
            own = wallets_fit({"": pool.wallet})
            if own is None:
                return None
            raw = own[""]
        currency = None if isolated or pool.currency not in account.wallet else pool.currency
        found[name] = PoolRow(name, raw, currency, tuple(rows))
    return found


def lending_rows(account: Account, parameters: Any, pool: str, names: Names) -> dict[str, PoolRow] | None:
    """The account's balances as integers, or None if it does not fit."""
    if not plain(account) or account.positions or account.wallet or account.mode != "cross":
        return None
    if account.position_mode != "one-way":
        return None
    rows = []
    holdings: list[Collateral | Debt] = [*account.collateral, *account.debt]
    for order, holding in enumerate(holdings):
        row = lending_row(holding, parameters.assets[holding.asset].decimals, order, names)
        if row is None:
            return None
        rows.append(row)
    return {pool: PoolRow(pool, 0, None, tuple(rows))}


def without_funding(lowered: PoolLegs) -> PoolLegs:
    """A pool of contracts whose funding is carried by the offset of its price factors."""
    return replace(lowered, legs=tuple(leg for leg in lowered.legs if leg.factor[0][0] != "funding"))


def unit_leg(module: Any, rules: str, parameters: Any, market: Market, flags: int, name: str, raw: Any) -> Leg:
    """The leg of one unit of a holding, by the rule set's own `lower`.

    `raw` is the leverage [10^-2] of a contract (0: none), or (category, decimals) of a balance.
    """
    if isinstance(parameters, Contracts):
        position = Position(
            market=name,
            side="long",
            quantity=Decimal(1),
            entry=Decimal(1),
            leverage=Decimal(raw).scaleb(-2) if raw else None,
        )
        account = Account(id="unit", rules=rules, wallet={}, positions=(position,))
        if parameters.terms_of(name).currency is None and parameters.currency_of(name) is None:
            account = replace(account, wallet={"USD": Decimal(0)})
        legs: list[Leg] = [leg for pool in module.lower(account, market, parameters).pools for leg in pool.legs]
        return legs[0]
    emode, decimals = raw
    holding = {"amount": Decimal(1)} if flags & IS_AMOUNT else {"scaled_raw": 10**decimals}
    if flags & IS_DEBT:
        account = Account(id="unit", rules=rules, emode=emode, debt=(Debt(asset=name, **holding),))
    else:
        enabled = bool(flags & IS_ENABLED)
        account = Account(
            id="unit",
            rules=rules,
            emode=emode,
            collateral=(Collateral(asset=name, enabled=enabled, **holding),),
        )
    leg: Leg = module.lower(account, market, parameters).pools[0].legs[0]
    return leg


def tagged_key(tag: Tag, rules: RuleSet, parameters: Any, market: Market) -> tuple[Leg, tuple[Any, ...]]:
    """(leg of one unit, key of the class) of the holdings that a tag describes."""
    _, flags, name, raw = tag
    leg = unit_leg(rules.module, rules.name, parameters, market, flags, name, raw)
    unit, blur = unit_and_blur(flags, raw[1]) if isinstance(raw, tuple) else (1.0, 0.0)
    return leg, leg_key(leg, unit, blur)[1]


def same_terms(tag: Tag, old: Any, new: Any) -> bool:
    """Whether two parameter sets say the same about what a tag describes."""
    _, _, name, raw = tag
    if isinstance(new, Contracts):
        before, after = old.terms_of(name), new.terms_of(name)
        return before is after or bool(
            before.table.rows == after.table.rows and replace(before, table=after.table) == after
        )
    if type(old) is not type(new) or old.version != new.version:
        return False
    return bool(old.assets.get(name) == new.assets.get(name) and old.emodes.get(raw[0]) == new.emodes.get(raw[0]))


def unit_and_blur(flags: int, decimals: int) -> tuple[float, float]:
    """(token units per amount, rounding to a token unit in amounts) of a balance."""
    unit = 10.0**decimals
    return unit, 0.0 if flags & IS_AMOUNT else 1.0 / unit
