"""What a trade does to the state of its GMX v2 market: open interest, balance across markets, pool.

Only what the state gives moves, so that a market of which less is known stays so.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from marginbook.domain.market import Market
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.gmx.positions import USD_DECIMALS, VENUE, Held


@in_exact_context
def traded(market: Market, held: Held, size: int, tokens: int, pool: Mapping[str, int]) -> Market:
    """The market after a side grew by `size` [10^-30 USD] and `tokens` [index token units], below 0 where it shrank.

    `pool` is what the pool gains of each token [token units].
    """
    terms, side, sign = held.terms, held.position.side, -1 if held.is_long else 1
    usd, amount = from_raw(size, USD_DECIMALS), from_raw(tokens, terms.index_decimals)
    changes = {
        f"{side}_open_interest": usd,
        f"{side}_open_interest_in_tokens": amount,
        "virtual_inventory": sign * (amount if terms.open_interest_in_tokens else usd),
    }
    for name in ("long", "short"):
        token = terms.pnl_token(name == "long")
        changes[f"{name}_pool_amount"] = from_raw(pool.get(token, 0), terms.decimals(token))
    state = dict(market.state)
    for name, change in changes.items():
        key = (VENUE, held.market, name)
        if key in state and change:
            state[key] = Decimal(state[key]) + change
    return replace(market, state=state)
