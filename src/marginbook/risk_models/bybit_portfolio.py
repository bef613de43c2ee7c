"""Portfolio margin of Bybit's unified account: what is published of a risk unit's margin, exact, in USD.

    maximum loss = max(0, −min over price moves and volatility shocks of profit)
    short options      net short options · coefficient · index price
    vega spread        days between expiries · vega hedged · factor · index price          factor 0.03 % for BTC and ETH
    delta spread       days between expiries · delta hedged · factor                       factor 45 to 60 %
    futures            Σ |contracts| · factor · index price
    maintenance = maximum loss + contingencies,   initial = factor · maintenance

Sources: Bybit help centre, Margin Calculations under Portfolio Margin (4 September 2024: composition); learn.bybit.com,
10 February 2025 (price moves of BTC and ETH: ±15 %, from 10 January 2025 08:00 UTC ±10 %); a secondary article for the
forms of the contingencies. All of it is unverified: no worked margin was found. What could not be read is given by the
caller: steps inside the price range, volatility shocks, factors, other underlyings, the spread between USDT and USDC
contracts (`stablecoins`), and over what time the factor of the delta spread counts (`delta_spread`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.errors import BadInput
from marginbook.exact import ZERO, in_exact_context
from marginbook.params.records import record_or_error

RECORD = "bybit_portfolio"
VEGA_FACTOR = Decimal("0.0003")
"""Of BTC and ETH."""


@dataclass(frozen=True, slots=True)
class Contingencies:
    """Amounts that are added to the maximum loss, in USD."""

    short_options: Decimal = ZERO
    vega_spread: Decimal = ZERO
    delta_spread: Decimal = ZERO
    futures: Decimal = ZERO
    stablecoins: Decimal = ZERO


def price_range_at(at: int, underlying: str) -> Decimal:
    """Outermost relative move of the stress test at `at` [µs UTC].

    >>> price_range_at(1_736_467_200_000_000, "BTC"), price_range_at(1_736_496_000_000_000, "BTC")
    (Decimal('0.15'), Decimal('0.10'))
    """
    rows = record_or_error(RECORD, at, "the portfolio margin of Bybit").rows
    if underlying not in rows:
        raise BadInput("no_parameters", f"price range of {underlying}", "none recorded", "a range given by the caller")
    return Decimal(rows[underlying]["price_range"])


def maximum_loss(
    profit: Callable[[Decimal, Decimal], Decimal], moves: Sequence[Decimal], shocks: Sequence[Decimal]
) -> Decimal:
    """The largest loss over all pairs of (price move, volatility shock).

    >>> moves = [Decimal(n) / 100 for n in (-10, -5, 0, 5, 10)]
    >>> str(maximum_loss(lambda move, shock: 50_000 * move + 2_000 * shock, moves, [Decimal("-0.3"), Decimal("0.3")]))
    '5600.0'
    """
    return max(ZERO, *(-profit(move, shock) for move in moves for shock in shocks))


@in_exact_context
def short_option_contingency(net_short: Decimal, coefficient: Decimal, index: Decimal) -> Decimal:
    """Of options net short, in units of the underlying.

    >>> str(short_option_contingency(Decimal(3), Decimal("0.005"), Decimal(60_000)))
    '900.000'
    """
    return max(ZERO, net_short) * coefficient * index


@in_exact_context
def vega_spread_contingency(days: Decimal, vega: Decimal, index: Decimal, factor: Decimal = VEGA_FACTOR) -> Decimal:
    """Of vega that is long in one expiry and short in another, `days` apart."""
    return days * abs(vega) * factor * index


@in_exact_context
def futures_contingency(contracts: Sequence[Decimal], factor: Decimal, index: Decimal) -> Decimal:
    """Of perpetuals and futures, in units of the underlying: longs and shorts both count.

    >>> str(futures_contingency([Decimal(2), Decimal(-1)], Decimal("0.004"), Decimal(60_000)))
    '720.000'
    """
    return sum((abs(size) for size in contracts), ZERO) * factor * index


@in_exact_context
def maintenance_margin(loss: Decimal, added: Contingencies) -> Decimal:
    """Of one risk unit.

    >>> str(maintenance_margin(Decimal(5600), Contingencies(futures=Decimal(720))))
    '6320'
    """
    return loss + added.short_options + added.vega_spread + added.delta_spread + added.futures + added.stablecoins


@in_exact_context
def initial_margin(maintenance: Decimal, factor: Decimal) -> Decimal:
    """The maintenance margin times the factor of the underlying.

    >>> str(initial_margin(Decimal(6320), Decimal("1.2")))
    '7584.0'
    """
    return maintenance * factor
