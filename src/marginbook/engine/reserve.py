"""Is the margin for an order there? The initial margin of every pool, before and after."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.registry import rule_set


@dataclass(frozen=True, slots=True)
class Margin:
    """The pool that decides about an order."""

    pool: str
    before: Decimal  # [pool's currency] free margin, not clamped
    after: Decimal  # [pool's currency]

    @property
    def short(self) -> bool:
        """Whether the order would need margin that is not there: it may still make a bad state better."""
        return self.after < 0 and self.after < self.before


@dataclass(frozen=True, slots=True)
class Reservation:
    """The answer to an order: taken into the book, or not."""

    accepted: bool
    margin: Margin


@in_exact_context
def margin_for(
    account: Account, after: Account, market: Market, market_after: Market, parameters: Any, at: int
) -> Margin:
    """Free margin, support_initial − demand_initial, of the pool that an event leaves with the least to spare."""
    rules = rule_set(account.rules)

    def free(one: Account, quotes: Market) -> dict[str, Decimal]:
        risks = rules.module.risk(one, quotes, parameters, at)
        return {
            pool: from_raw(risk.support_initial - risk.demand_initial, rules.risk_scale)
            if rules.risk_scale
            else Decimal(risk.support_initial - risk.demand_initial)
            for pool, risk in risks.items()
        }

    had = free(account, market)
    margins = [Margin(pool, had.get(pool, Decimal(0)), left) for pool, left in free(after, market_after).items()]
    short = [margin for margin in margins if margin.short]
    return min(short or margins, key=lambda margin: margin.after, default=Margin("", Decimal(0), Decimal(0)))
