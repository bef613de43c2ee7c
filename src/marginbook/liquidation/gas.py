"""Several keepers after one liquidation: who sees it in time, who can pay the gas, who wins and what is left.

    present      latency ≤ time since the chance arose, and gas price ≤ the keeper's cap
    willing      profit before gas − the keeper's own costs, at most what its cap allows
    winner       the highest willingness; among equals the lower latency, then the earlier name
    pays         the second highest, raised by the least replacement, at least the base price, at most its own
    losers       pay for the failed transaction, where it is mined and reverts

A priority gas auction is an English auction: everybody raises until it is not worth it any more. With one keeper left
the price falls to the base price, and an auction without a reserve price is won with a bid of one unit
(`liquidation.flip`): both are what happened on 12 March 2020.

Amounts are `Decimal` in one currency; gas prices are per unit of gas. Nothing is drawn at random: caps, latencies and
prices are arguments.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from marginbook.exact import ONE, ZERO, divide, in_exact_context

REPLACEMENT = Decimal("0.1")
"""Least raise of a pending transaction's gas price, as nodes demand it (go-ethereum's default price bump, 10 %)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """One competitor."""

    name: str
    gas_cap: Decimal | None = None  # [currency per unit of gas] highest price it pays; None: whatever pays
    latency: int = 0  # [s] until it sees a chance
    margin: Decimal = ZERO  # [fraction] of the profit that it does not bid away


@dataclass(frozen=True, slots=True)
class GasAuction:
    """Who won; None where nobody took part."""

    winner: str | None
    gas_price: Decimal  # [currency per unit of gas] that the winner pays
    profit: Decimal  # [currency] that it keeps
    lost: Decimal  # [currency] paid by the others for failed transactions
    present: tuple[str, ...]


def present(keepers: Iterable[Keeper], gas_price: Decimal, elapsed: int) -> tuple[Keeper, ...]:
    """The keepers that know of the chance and whose cap is not below the gas price.

    >>> slow, cheap = Keeper(name="slow", latency=60), Keeper(name="cheap", gas_cap=Decimal(20))
    >>> [k.name for gas, s in ((10, 5), (50, 90)) for k in present((slow, cheap), Decimal(gas), s)]
    ['cheap', 'slow']
    """
    return tuple(k for k in keepers if k.latency <= elapsed and (k.gas_cap is None or gas_price <= k.gas_cap))


@in_exact_context
def gas_auction(
    keepers: Sequence[Keeper],
    profits: Mapping[str, Decimal] | Decimal,
    gas: int,
    base_price: Decimal,
    *,
    elapsed: int = 0,
    failed_gas: int = 0,
) -> GasAuction:
    """One round for a profit before gas, the same for all or by name, of a transaction of `gas` units.

    A failed transaction burns `failed_gas`.

    >>> pair = (Keeper(name="ann"), Keeper(name="bob", margin=Decimal("0.5")))
    >>> found = gas_auction(pair, Decimal(1_000), 100, Decimal(1))
    >>> found.winner, found.gas_price, found.profit
    ('ann', Decimal('5.50'), Decimal('450.00'))
    """
    there = present(keepers, base_price, elapsed)
    worth = {k.name: profits.get(k.name, ZERO) if isinstance(profits, Mapping) else profits for k in there}
    offers = sorted((-_willing(k, worth[k.name], gas), k.latency, k.name) for k in there)
    able = [(-price, name) for price, _, name in offers if -price >= base_price]
    if not able:
        return GasAuction(None, base_price, ZERO, ZERO, tuple(k.name for k in there))
    best, winner = able[0]
    second = able[1][0] * (ONE + REPLACEMENT) if len(able) > 1 else base_price
    paid = min(best, max(base_price, second))
    return GasAuction(
        winner=winner,
        gas_price=paid,
        profit=worth[winner] - paid * gas,
        lost=sum((price * failed_gas for price, _ in able[1:]), ZERO),
        present=tuple(k.name for k in there),
    )


def _willing(keeper: Keeper, profit: Decimal, gas: int) -> Decimal:
    """Highest gas price [currency per unit] at which the keeper still keeps its margin."""
    price = divide(profit * (ONE - keeper.margin), Decimal(gas))
    return price if keeper.gas_cap is None else min(price, keeper.gas_cap)
