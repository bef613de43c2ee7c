"""Binance's ranking for auto-deleveraging: who is closed first against a bankrupt position.

Source: help article 360033525471 and its text of 2020.

    PnL share      = max(0, unrealised profit) / max(1, wallet balance)
    margin ratio   = 0 if wallet + profit ≤ 0, else maintenance margin / (wallet + profit)
    score          = PnL share · margin ratio
    quantile       = rank of the score / number of traders, 1 = closed last … highest score = closed first
"""

from collections.abc import Sequence
from decimal import Decimal

from marginbook.exact import ONE, ZERO, divide, in_exact_context


@in_exact_context
def adl_score(wallet: Decimal, profit: Decimal, maintenance: Decimal) -> Decimal:
    """Leverage PnL of one trader: the higher, the earlier.

    >>> adl_score(Decimal(1000), Decimal(500), Decimal(75))
    Decimal('0.025')
    >>> adl_score(Decimal(1000), Decimal(-500), Decimal(75)), adl_score(Decimal(-10), Decimal(10), Decimal(5))
    (Decimal('0'), Decimal('0'))
    """
    balance = wallet + profit
    if balance <= 0 or profit <= 0:
        return ZERO
    return divide(profit, max(ONE, wallet)) * divide(maintenance, balance)


@in_exact_context
def adl_quantiles(scores: Sequence[Decimal]) -> list[Decimal]:
    """rank / total of each score in the order given, where the highest score has quantile 1; equal scores share a rank.

    >>> adl_quantiles([Decimal("0.2"), Decimal(0), Decimal("0.5"), Decimal("0.2")])
    [Decimal('0.75'), Decimal('0.25'), Decimal('1'), Decimal('0.75')]
    """
    total = Decimal(len(scores))
    return [divide(Decimal(sum(other <= score for other in scores)), total) for score in scores]
