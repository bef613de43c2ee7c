"""What GMX v2 makes of an order to decrease a position before it executes it, and what may be taken out.

An order for a part is one for the whole where it would leave too little, and it takes out no collateral where what
stays would not carry what is left. Source: gmx-synthetics `DecreasePositionUtils`, commit a5c0c8835182 (2026-03-13).
"""

from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.venues.gmx.margin import check, pnl_of, required_to_open
from marginbook.venues.gmx.positions import Held, token_price
from marginbook.venues.gmx.power import signed


def adjusted(held: Held, market: Market, size: int, withdrawn: int) -> tuple[int, int]:
    """(size [10^-30 USD], collateral taken out [token units]) as executed; BadInput where the venue refuses the order.

    Estimated from the collateral at its min price less a loss realised, and the profit that is left; fees do not count.
    """
    terms = held.terms
    if size > held.size_usd:
        raise BadInput("closes_too_much", held.place, size, f"at most {held.size_usd}")
    withdrawn = min(withdrawn, held.collateral)
    if size < held.size_usd:
        price, profit = token_price(held, held.token, market, "min"), pnl_of(held, market).capped
        realised = signed(profit, size, held.size_usd)
        left = (held.collateral - withdrawn) * price + min(0, realised)
        enough = left >= required_to_open(held, market, size)
        if not enough or left + profit - realised < terms.min_collateral_usd:
            if not size:
                raise BadInput("insufficient_collateral", held.place, left, "enough for the size")
            left, withdrawn = left + withdrawn * price, 0
        thin = left + profit - realised < terms.min_collateral_usd
        if thin or held.size_usd - size < terms.min_position_size_usd:
            size = held.size_usd
    return size, 0 if size == held.size_usd else withdrawn


def withdrawable(held: Held, market: Market, at: int) -> int:
    """What may be taken out, borrowing and funding settled [10^-30 USD]: the least of four rooms, 0 or below if none.

    The bare collateral above what its size asks; the same with profit above the least collateral; what remains after
    closing above the minimum with the factor for changes; what settling leaves.
    """
    found, price = check(held, market, at, for_liquidation=False), token_price(held, held.token, market, "min")
    return min(
        found.collateral - required_to_open(held, market),
        found.collateral + found.pnl.capped - found.min_collateral,
        found.remaining - max(found.min_for_leverage, 1),
        found.collateral - (found.fees.borrowing + found.fees.funding) * price,
    )
