"""Risk, printed numbers, decision and liquidation prices of GMX v2 accounts: one pool per position, in USD."""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice, Quantities, Risk
from marginbook.exact import divide, from_raw, in_exact_context
from marginbook.venues.common.search import searched_prices
from marginbook.venues.common.views import derivative_quantities, down, up
from marginbook.venues.gmx.impact import balance_of
from marginbook.venues.gmx.margin import Check, cap_is_known, check, required_to_open
from marginbook.venues.gmx.orders import withdrawable
from marginbook.venues.gmx.parameters import Parameters
from marginbook.venues.gmx.positions import (
    USD_DECIMALS,
    VENUE,
    Held,
    claimable_funding,
    held_named,
    index_price,
    pnl_price,
    positions_of,
    price_key,
    token_price,
)

KINDS = ("min", "max")


def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[int]]:
    """The seven sums [10^-30 USD]: support = what remains after closing, demand = the largest of the venue's minima.

    Opening has two checks, of which the tighter one is given: what remains against the minima with the factor for
    changes, and the bare collateral, without profit, against the factor scaled by open interest.
    """
    return {pool: _risk(held, market, at) for pool, held in positions_of(account, parameters).items()}


def _risk(held: Held, market: Market, at: int) -> Risk[int]:
    found, change = check(held, market, at), check(held, market, at, for_liquidation=False)
    left, required = found.remaining, required_to_open(held, market)
    support, demand = change.remaining, change.demand
    if found.collateral - required < support - demand:
        support, demand = found.collateral, required
    return Risk(left, 0, left, support, demand, left, found.demand)


def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """The venue's checks in their order; any of them is enough."""
    return bool(check(held_named(account, pool, parameters), market, at).reason)


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of every position [USD], 8 decimals toward danger.

    `withdrawable` is what may leave by the checks of a withdrawal (`orders.withdrawable`).
    """
    return {pool: _quantities(held, market, at) for pool, held in positions_of(account, parameters).items()}


def _quantities(held: Held, market: Market, at: int) -> Quantities:
    found = check(held, market, at)
    required = required_to_open(held, market)
    claims = sum(
        amount * token_price(held, token, market, "min") for token, amount in claimable_funding(held, market).items()
    )
    return derivative_quantities(
        _risk(held, market, at),
        "USD",
        scale=USD_DECIMALS,
        wallet_balance=_usd(found.collateral),
        collateral_value=_usd(found.collateral),
        unrealized_pnl=_usd(found.pnl.capped),
        notional=_usd(held.size_tokens * pnl_price(held, market)),
        withdrawable=_usd(max(0, withdrawable(held, market, at))),
        bankruptcy_price=_bankruptcy_price(held, found),
        venue={
            "size_in_usd": _usd(held.size_usd),
            "min_collateral_to_open": up(_usd(required)),
            "price_impact": _usd(found.impact),
            "fees": up(_usd(found.cost)),
            "claimable_funding": down(_usd(claims)),
        },
    )


def _usd(raw: int) -> Decimal:
    return from_raw(raw, USD_DECIMALS)


def _bankruptcy_price(held: Held, found: Check) -> Decimal | None:
    """Index price at which nothing remains, the collateral's price fixed; None where that price is the index."""
    if held.token == held.terms.index_token:
        return None
    rest = found.collateral + found.impact - found.cost
    worth = held.size_usd - rest if held.is_long else held.size_usd + rest
    if worth <= 0:
        return None
    price = divide(_usd(worth), from_raw(held.size_tokens, held.terms.index_decimals))
    return up(price) if held.is_long else down(price)


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """Per position, the index price at which the venue's check turns, min and max moving together.

    A collateral that has a price of its own gets one too. By exact bisection on the market's `tick`.
    """
    found: list[LiquidationPrice] = []
    for pool, held in positions_of(account, parameters).items():

        def liquidatable(moved: Market, held: Held = held) -> bool:
            return bool(check(held, moved, at).reason)

        known = market.quotes.get((VENUE, held.market, "min"))
        found += searched_prices(
            market,
            liquidatable,
            pool=pool,
            name=held.market,
            keys=[(VENUE, held.market, kind) for kind in KINDS],
            tick=held.terms.tick,
            anchor=held.position.entry if known is None else known.price,
            sides=("long", "short"),
        )
        key = price_key(held, held.token, "min")
        if key[1] != held.market and (VENUE, held.market, "min") in market.quotes:
            found += searched_prices(
                market,
                liquidatable,
                pool=pool,
                name=key[1],
                keys=[(VENUE, key[1], kind) for kind in KINDS],
                tick=held.terms.tick,
                anchor=market.price(*key),
                sides=("collateral", "debt"),
            )
    return found


def warnings(account: Account, market: Market, parameters: Parameters, at: int) -> list[str]:
    """What the market's state does not tell, and what is assumed instead."""
    found = []
    for held in positions_of(account, parameters).values():
        if balance_of(held, market) is None:
            found.append(f"{held.market}: no open interest given; the fee is that of a worse balance, without impact")
        if held.terms.max_pnl_factor is not None and not cap_is_known(held, market):
            found.append(f"{held.market}: no state of the pool given; profit is not capped")
        if index_price(held, market, "min") > index_price(held, market, "max"):
            found.append(f"{held.market}: the min price is above the max price")
    return list(dict.fromkeys(found))
