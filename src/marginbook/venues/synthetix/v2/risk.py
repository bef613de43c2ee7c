"""Perps v2: margin of a position against its liquidation margin. Integers of 10^-18, cut toward zero.

    margin now            margin + size · (price − last price) + size · (funding value − at last change)
    liquidation fee       clamp(|size| · price · liquidation_fee_ratio, min_keeper_fee, max_keeper_fee)
    liquidation margin    |size| · price · liquidation_buffer_ratio + liquidation fee + keeper_liquidation_fee
    premium               |size| / skew scale · notional · liquidation_premium_multiplier
    liquidatable          margin now − premium <= liquidation margin
    inaccessible          max(notional / (max_leverage − 0.001), min_initial_margin) + 0.001

Support is the margin now, demand liquidation margin + premium, initially what is inaccessible. A flagged position stays
liquidatable and gives nothing back: its support is 0. Source:
`PerpsV2MarketBase.sol` at 1609d156 (2025-03-31), unchanged in these functions since SIP-2004/2005 (2023-04-04).

The margin is the position's `isolated_wallet`, as of its last change; `entry` is the price of that change.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import Quantities, Risk
from marginbook.exact import (
    WAD,
    ZERO,
    div_trunc,
    from_raw,
    in_exact_context,
    mul_div_floor,
    round_ceil,
    round_floor,
)
from marginbook.venues.common.views import derivative_quantities, is_breached
from marginbook.venues.synthetix.funding import funding_value
from marginbook.venues.synthetix.v2.parameters import Parameters, System, Terms
from marginbook.venues.synthetix.wad import DECIMALS, div, entry_of, mul, price_of, size_of, wad

USD = "sUSD"
MILLI = 10**15
"""0.001, kept back from leverage and margin."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A position [wad]."""

    pool: str
    market: str
    size: int  # signed
    entry: int
    margin: int
    funding: int  # funding value at the last change
    flagged: bool
    terms: Terms


@dataclass(frozen=True, slots=True)
class Figures:
    """A position at a price [wad sUSD]."""

    pnl: int
    funding: int
    margin: int  # now, may be below 0
    notional: int
    fee: int  # liquidation fee of the flagger
    buffer: int
    keeper_fee: int
    premium: int
    inaccessible: int

    @property
    def liquidation_margin(self) -> int:
        """Buffer and fees."""
        return self.buffer + self.fee + self.keeper_fee


def liquidation_fee(system: System, notional: int) -> int:
    """The flagger's fee: proportional, at most the maximum, at least the minimum.

    >>> system = System(WAD, 1000 * WAD, 35 * WAD // 10_000, 2 * WAD, 40 * WAD)
    >>> [liquidation_fee(system, n * WAD) // WAD for n in (100, 100_000, 1_000_000)]
    [1, 350, 1000]
    """
    return max(min(mul(notional, system.liquidation_fee_ratio), system.max_keeper_fee), system.min_keeper_fee)


def figures_at(holding: Holding, price: int, funding: int, system: System) -> Figures:
    """The position at `price`, with the market's funding value.

    Long 10 at 2,000 with a margin of 500, at 1,960: margin 100; buffer 1 % is 196, fees 68.6 + 2, premium 0.196.

    >>> system = System(WAD, 1000 * WAD, 35 * WAD // 10_000, 2 * WAD, 40 * WAD)
    >>> terms = Terms(10**6 * WAD, WAD // 100, WAD, 50 * WAD)
    >>> found = figures_at(Holding("", "ETH", 10 * WAD, 2000 * WAD, 500 * WAD, 0, False, terms), 1960 * WAD, 0, system)
    >>> [from_raw(n, 18).normalize() for n in (found.margin, found.liquidation_margin, found.premium)]
    [Decimal('1E+2'), Decimal('266.6'), Decimal('0.196')]
    """
    size, terms = abs(holding.size), holding.terms
    notional = mul(size, price)
    pnl = mul(holding.size, price - holding.entry)
    received = mul(holding.size, funding - holding.funding)
    inaccessible = div(notional, terms.max_leverage - MILLI)
    if inaccessible:
        inaccessible = max(inaccessible, system.min_initial_margin) + MILLI
    return Figures(
        pnl=pnl,
        funding=received,
        margin=holding.margin + pnl + received,
        notional=notional,
        fee=liquidation_fee(system, notional),
        buffer=mul(notional, terms.liquidation_buffer_ratio),
        keeper_fee=system.keeper_liquidation_fee,
        premium=mul(mul(div(size, terms.skew_scale), notional), terms.liquidation_premium_multiplier),
        inaccessible=inaccessible,
    )


def is_below(found: Figures) -> bool:
    """Whether the contracts let the position be flagged: margin − premium <= liquidation margin."""
    return is_breached(found.margin, found.liquidation_margin + found.premium, True)


def least_margin(found: Figures, terms: Terms, system: System) -> int:
    """The least margin [wad sUSD] that a withdrawal may leave: above the liquidation margin with the premium, not below
    the least initial margin, and with a leverage, cut to 18 decimals, of at most `max_leverage`.

    Not what the venue shows as inaccessible, which keeps a little more back for leverage and forgets the liquidation.
    """
    lowest = found.liquidation_margin + found.premium + 1
    leveraged = mul_div_floor(found.notional, WAD, terms.max_leverage + 1) + 1
    return max(lowest, leveraged, system.min_initial_margin)


def sums(holding: Holding, found: Figures) -> Risk[int]:
    """The seven sums of a position [wad sUSD]; a flagged one has lost its margin, whatever the price does."""
    required = found.liquidation_margin + found.premium
    if holding.flagged:
        return Risk(0, 0, 0, 0, required, 0, required)
    margin = found.margin
    return Risk(margin, 0, margin, margin, found.inaccessible, margin, required)


def holdings(account: Account, parameters: Parameters) -> Iterator[Holding]:
    """The positions; BadInput for what the venue has not."""
    seen = set()
    for position in account.positions:
        place = f"account {account.id}.position {position.market}"
        if position.market in seen:
            raise BadInput("duplicate_position", place, position.side, "one position per market")
        seen.add(position.market)
        holding = _holding(account, position, place, parameters)
        if holding.size:
            yield holding


def _holding(account: Account, position: Position, place: str, parameters: Parameters) -> Holding:
    if position.isolated_wallet is None or position.isolated_wallet < 0:
        raise BadInput(
            "missing_isolated_wallet", f"{place}.isolated_wallet", position.isolated_wallet, "the position's margin"
        )
    flagged = position.details.get("flagged", "false")
    if flagged not in ("true", "false"):
        raise BadInput("bad_detail", f"{place}.details.flagged", flagged, "true or false")
    return Holding(
        pool_of(position),
        position.market,
        size_of(account.id, position),
        entry_of(account.id, position),
        wad(position.isolated_wallet, f"{place}.isolated_wallet"),
        -(position.funding_index_raw or 0),
        flagged == "true",
        parameters.terms_of(position.market),
    )


def pool_of(position: Position) -> str:
    """The pool of a position: every one is isolated."""
    return f"isolated:{position.market}:{position.side}"


def idle(account: Account) -> int:
    """The margin [wad sUSD] that lies in the market without a position."""
    return wad(account.wallet.get(USD, ZERO), f"account {account.id}.wallet.{USD}")


def is_pending(account: Account, market: str) -> bool:
    """Whether a delayed order waits in a market: no margin moves and no other order is taken until it is gone.

    >>> is_pending(Account(id="a", rules="synthetix/2"), "ETH")
    False
    """
    return any(order.market == market for order in account.orders)


def figures(holding: Holding, market: Market, parameters: Parameters, at: int, price: int | None = None) -> Figures:
    """The position at its oracle price, or at `price` [wad]."""
    now = price_of(market, holding.market) if price is None else price
    terms = holding.terms
    funding = funding_value(market, holding.market, terms.skew_scale, terms.max_funding_velocity, now, at)
    return figures_at(holding, now, funding, parameters.system)


def holding_of(account: Account, pool: str, parameters: Parameters) -> Holding:
    """The position behind a pool; BadInput `unknown_pool` otherwise."""
    found = {holding.pool: holding for holding in holdings(account, parameters)}
    if pool not in found:
        raise BadInput("unknown_pool", f"account {account.id}", pool, "one of " + ", ".join(found))
    return found[pool]


@in_exact_context
def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[int]]:
    """The seven sums of every position."""
    return {held.pool: sums(held, figures(held, market, parameters, at)) for held in holdings(account, parameters)}


@in_exact_context
def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """margin now − premium <= liquidation margin, or flagged already."""
    holding = holding_of(account, pool, parameters)
    now = sums(holding, figures(holding, market, parameters, at))
    return is_breached(now.support, now.demand, True)


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of every position, and the venue's own names for some."""
    return {
        held.pool: _quantities(held, figures(held, market, parameters, at), parameters.system, account)
        for held in holdings(account, parameters)
    }


def _quantities(holding: Holding, found: Figures, system: System, account: Account) -> Quantities:
    accessible = max(0, max(0, found.margin) - found.inaccessible)
    locked = holding.flagged or is_pending(account, holding.market)
    free = 0 if locked else max(0, found.margin - least_margin(found, holding.terms, system))
    shown = {
        "remaining_margin": max(0, found.margin),
        "accessible_margin": accessible,
        "liquidation_margin": found.liquidation_margin,
        "liquidation_premium": found.premium,
        "liquidation_fee": found.fee,
    }
    return derivative_quantities(
        sums(holding, found),
        USD,
        scale=DECIMALS,
        wallet_balance=_decimal(holding.margin),
        unrealized_pnl=_decimal(found.pnl + found.funding),
        notional=_decimal(found.notional),
        withdrawable=_decimal(free),
        bankruptcy_price=_bankruptcy(holding, found),
        venue={name: _decimal(value) for name, value in shown.items()},
    )


def _bankruptcy(holding: Holding, found: Figures) -> Decimal | None:
    """Price at which no margin is left, at 8 decimals toward danger."""
    price = _decimal(holding.entry - div_trunc((holding.margin + found.funding) * WAD, holding.size))
    if price <= 0:
        return None
    return round_ceil(price, 8) if holding.size > 0 else round_floor(price, 8)


def _decimal(value: int) -> Decimal:
    return from_raw(value, DECIMALS)
