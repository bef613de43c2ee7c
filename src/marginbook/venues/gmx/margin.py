"""Is a GMX v2 position liquidatable: profit, impact, fees, and the checks in the contract's order.

    remaining = collateral · min price + profit + impact − fees                              [10^-30 USD]
    liquidatable: remaining < min_collateral_usd            "min collateral"
                  or remaining ≤ 0                          "< 0"
                  or remaining < ⌊size · factor⌋            "min collateral for leverage"

In integers that is remaining < max(min_collateral_usd, 1, ⌊size · factor⌋), so risk compares exactly as the venue does.
Source: gmx-synthetics `PositionUtils.isPositionLiquidatable`, commit a5c0c8835182 (2026-03-13).
"""

from dataclasses import dataclass

from marginbook.domain.market import Market
from marginbook.exact import div_floor, mul_div_ceil, mul_div_floor
from marginbook.venues.gmx.impact import (
    NO_IMPACT,
    Balance,
    Impact,
    balance_of,
    capped_gain,
    middle_price,
    price_impact,
)
from marginbook.venues.gmx.parameters import Terms
from marginbook.venues.gmx.positions import (
    USD_DECIMALS,
    Held,
    borrowing_due_usd,
    funding_due,
    index_price,
    pnl_price,
    state_of,
    token_price,
)
from marginbook.venues.gmx.power import apply_factor


@dataclass(frozen=True, slots=True)
class Fees:
    """What closing costs [collateral token units]."""

    position: int
    discount: int
    borrowing: int
    funding: int
    liquidation: int
    ui: int

    @property
    def receiver_shares(self) -> tuple[int, ...]:
        """The fees of which the fee receiver has its share."""
        return self.position - self.discount, self.borrowing, self.liquidation

    @property
    def without_funding(self) -> int:
        """All but funding, which is paid first."""
        return self.position + self.borrowing + self.liquidation + self.ui - self.discount

    @property
    def total(self) -> int:
        """What is taken from the collateral."""
        return self.without_funding + self.funding


def fees_of(
    held: Held,
    market: Market,
    at: int,
    size: int,
    improved: bool,
    *,
    liquidation: bool = False,
    ui_factor: int = 0,
) -> Fees:
    """Fees of a trade of `size` [10^-30 USD] at the collateral's min price.

    Position, borrowing and interface fees are cut, funding and the liquidation fee are rounded up.
    """
    terms, price = held.terms, token_price(held, held.token, market, "min")
    factor = terms.position_fee_factor_positive if improved else terms.position_fee_factor_negative
    position = div_floor(apply_factor(size, factor), price)
    return Fees(
        position=position,
        discount=apply_factor(position, held.discount),
        borrowing=div_floor(borrowing_due_usd(held, market, at), price),
        funding=funding_due(held, market),
        liquidation=mul_div_ceil(apply_factor(size, terms.liquidation_fee_factor), 1, price) if liquidation else 0,
        ui=div_floor(apply_factor(size, ui_factor), price),
    )


@dataclass(frozen=True, slots=True)
class Pnl:
    """Profit of the whole position [10^-30 USD]."""

    uncapped: int
    capped: int


def pnl_of(held: Held, market: Market) -> Pnl:
    """Profit at the price that is worse for the trader, at most its share of what the pool may pay."""
    value = held.size_tokens * pnl_price(held, market)
    profit = value - held.size_usd if held.is_long else held.size_usd - value
    return Pnl(profit, capped_pnl(held, market, profit))


def capped_pnl(held: Held, market: Market, profit: int) -> int:
    """`profit` [10^-30 USD], where the market's state tells what the pool may pay at most that share of it."""
    if profit <= 0 or not cap_is_known(held, market):
        return profit
    return capped_profit(held.terms, profit, pool_profit(held, market), pool_usd(held, market))


def capped_profit(terms: Terms, profit: int, of_pool: int, pool: int) -> int:
    """⌊profit · capped / pool's profit⌋, capped = ⌊pool's USD · max factor⌋, where the pool's profit is above that."""
    if terms.max_pnl_factor is None:
        return profit
    most = apply_factor(pool, terms.max_pnl_factor)
    return mul_div_floor(profit, most, of_pool) if of_pool > most > 0 else profit


POOL_STATE = ("open_interest", "open_interest_in_tokens", "pool_amount")
"""State of a side that the cap of profits needs."""


def cap_is_known(held: Held, market: Market) -> bool:
    """Whether the market's state tells what the pool may pay; without it profits are not capped."""
    side = held.position.side
    given = all(state_of(held, market, f"{side}_{name}", 0) is not None for name in POOL_STATE)
    return held.terms.max_pnl_factor is not None and given


def pool_profit(held: Held, market: Market) -> int:
    """Profit of all traders of the side, at the index price that is better for them [10^-30 USD]."""
    side, terms = held.position.side, held.terms
    interest = state_of(held, market, f"{side}_open_interest", USD_DECIMALS) or 0
    tokens = state_of(held, market, f"{side}_open_interest_in_tokens", terms.index_decimals) or 0
    if not interest or not tokens:
        return 0
    value = tokens * index_price(held, market, "max" if held.is_long else "min")
    return value - interest if held.is_long else interest - value


def pool_usd(held: Held, market: Market) -> int:
    """The pool's tokens of the side at their min price [10^-30 USD]; half of them where both tokens are one."""
    terms, token = held.terms, held.terms.pnl_token(held.is_long)
    amount = state_of(held, market, f"{held.position.side}_pool_amount", terms.decimals(token)) or 0
    if terms.long_token == terms.short_token:
        amount = div_floor(amount, 2)
    return amount * token_price(held, token, market, "min")


def closing_impact(held: Held, market: Market, balance: Balance | None) -> Impact:
    """Impact of closing the whole position, a positive one at most its maximal factor."""
    return impact_of_closing(held, market, balance, held.size_usd, held.size_tokens)


def impact_of_closing(held: Held, market: Market, balance: Balance | None, size: int, tokens: int) -> Impact:
    """Impact of closing `size` [10^-30 USD] and `tokens` [index token units], nothing of either being neither."""
    if not size:
        return NO_IMPACT
    delta = -tokens * middle_price(held, market) if held.terms.open_interest_in_tokens else -size
    found = price_impact(held.terms, balance, delta, held.is_long)
    return Impact(capped_gain(held.terms, found.usd, size), found.improved)


def pending_usd(held: Held, market: Market, amount: int) -> int:
    """Worth of an impact carried since the position grew: gains at the min index price, losses at the max."""
    return amount * index_price(held, market, "min" if amount > 0 else "max")


@dataclass(frozen=True, slots=True)
class Check:
    """What the liquidation check finds [10^-30 USD]."""

    collateral: int
    pnl: Pnl
    impact: int
    fees: Fees
    cost: int
    min_collateral: int
    min_for_leverage: int
    improved: bool

    @property
    def remaining(self) -> int:
        """What would be left after closing."""
        return self.collateral + self.pnl.capped + self.impact - self.cost

    @property
    def demand(self) -> int:
        """The least that must remain."""
        return max(self.min_collateral, self.min_for_leverage, 1)

    @property
    def reason(self) -> str:
        """The first check that fails, as the venue words it; empty where none does."""
        if self.remaining < self.min_collateral:
            return "min collateral"
        if self.remaining <= 0:
            return "< 0"
        return "min collateral for leverage" if self.remaining < self.min_for_leverage else ""

    @property
    def is_too_thin(self) -> bool:
        """Whether a decrease may not leave this: the same without the least collateral in USD."""
        return self.remaining < max(self.min_for_leverage, 1)


def check(held: Held, market: Market, at: int, *, for_liquidation: bool = True) -> Check:
    """The venue's check of a position, with the factor for liquidations or the one for changes of a position."""
    terms, price = held.terms, token_price(held, held.token, market, "min")
    closing = closing_impact(held, market, balance_of(held, market))
    worst = -apply_factor(held.size_usd, terms.max_impact_factor_for_liquidations)
    impact = max(min(0, closing.usd + pending_usd(held, market, held.pending_impact)), worst) if worst else 0
    fees = fees_of(held, market, at, held.size_usd, closing.improved)
    factor = terms.min_collateral_factor_for_liquidation if for_liquidation else terms.min_collateral_factor
    return Check(
        collateral=held.collateral * price,
        pnl=pnl_of(held, market),
        impact=impact,
        fees=fees,
        cost=fees.total * price,
        min_collateral=terms.min_collateral_usd,
        min_for_leverage=apply_factor(held.size_usd, factor),
        improved=closing.improved,
    )


def required_to_open(held: Held, market: Market, closed: int = 0) -> int:
    """⌊size · max(factor, ⌊open interest · multiplier⌋)⌋ [10^-30 USD], which the bare collateral must cover.

    `closed` [10^-30 USD] is about to leave both. Without open interest in the market's state, the factor alone.
    """
    terms = held.terms
    interest = state_of(held, market, f"{held.position.side}_open_interest", USD_DECIMALS) or 0
    by_interest = apply_factor(max(0, interest - closed), terms.min_collateral_factor_for_open_interest_multiplier)
    return apply_factor(held.size_usd - closed, max(terms.min_collateral_factor, by_interest))
