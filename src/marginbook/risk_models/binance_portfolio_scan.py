"""Portfolio Margin Pro (SPAN) of Binance: how the margins of its risk units make an account's, exact, in USD.

    account maintenance = Σ over risk units + margin loans + others
    uniMMR              = account equity / account maintenance

A risk unit (BTC, ETH, …) nets spot, perpetuals, futures and options of one underlying in price and volatility
scenarios. Neither the scenarios nor what is added to them was found in print: the margin of a unit is the caller's,
here `unit_margin` of profits that the caller has simulated, largest loss at least 0. Source: developers.binance.com,
portfolio-margin-pro, Get Classic Portfolio Margin Account Info V2 (fields and an example answer, account type PM_3,
whose ratio this module reproduces). The classic and the standard programs scan nothing: `venues.binance_portfolio`.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from marginbook.exact import ZERO, divide, in_exact_context


def unit_margin(profits: Sequence[Decimal]) -> Decimal:
    """The largest loss over simulated profits of a risk unit; unverified as the whole margin of a unit.

    >>> unit_margin([Decimal(30), Decimal(-20), Decimal(-24)]), unit_margin([Decimal(1)])
    (Decimal('24'), Decimal('0'))
    """
    return max(ZERO, *(-profit for profit in profits))


@in_exact_context
def account_maintenance(units: Mapping[str, Decimal], loans: Decimal = ZERO, others: Decimal = ZERO) -> Decimal:
    """Maintenance margin of an account: riskUnitMMList, marginMM and otherMM of the answer.

    >>> str(account_maintenance({"BTC": Decimal("23.72469206")}))
    '23.72469206'
    """
    return sum(units.values(), ZERO) + loans + others


@in_exact_context
def uni_mmr(equity: Decimal, maintenance: Decimal) -> Decimal | None:
    """Equity over maintenance margin, None without any.

    >>> found = uni_mmr(Decimal("122607.35137903"), Decimal("23.72469206"))
    >>> found is not None and round(found, 8)
    Decimal('5167.92171923')
    """
    return divide(equity, maintenance) if maintenance else None
