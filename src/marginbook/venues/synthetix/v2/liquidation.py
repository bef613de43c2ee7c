"""Perps v2: liquidation prices, the venue's displayed and the true one, and one step of a liquidation.

The venue displays last price + (liquidation margin − (margin − premium)) / size − funding, at least 0, with liquidation
margin and premium at the *present* price, so that the number drifts with it. The true one is found by halving.

Anyone flags a position that can be liquidated; then a keeper liquidates all of it at the oracle price, where
|size| / skew scale < max_liquidation_delta and |skew| / skew scale < max_pd, else only an endorsed address may. The
flagger gets the liquidation fee, the keeper its fee (an endorsed one none), the stakers' fee pool the rest. Source:
`PerpsV2MarketViews.sol`, `PerpsV2MarketLiquidate.sol` at 1609d156. State of a market: `skew` [units, default 0].
"""

from collections.abc import Iterator

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, LiquidationPrice, Party, Plan
from marginbook.exact import divide, from_raw, in_exact_context, to_raw_floor
from marginbook.venues.common.search import borders_around
from marginbook.venues.common.views import is_breached
from marginbook.venues.synthetix.funding import funding_value
from marginbook.venues.synthetix.v2.parameters import Parameters
from marginbook.venues.synthetix.v2.risk import USD, Figures, Holding, figures, holding_of, holdings, sums
from marginbook.venues.synthetix.wad import DECIMALS, VENUE, div, price_of, state_wad


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """The true price of every position, and the displayed one where there is a quote."""
    return [price for held in holdings(account, parameters) for price in _prices_of(held, market, parameters, at)]


def _prices_of(holding: Holding, market: Market, parameters: Parameters, at: int) -> Iterator[LiquidationPrice]:
    if holding.flagged:
        return
    tick, long = holding.terms.tick, holding.size > 0

    def liquidatable(count: int) -> bool:
        now = sums(holding, figures(holding, market, parameters, at, to_raw_floor(count * tick, DECIMALS)))
        return is_breached(now.support, now.demand, True)

    quote = market.quotes.get((VENUE, holding.market, "oracle"))
    anchor = quote.price if quote else from_raw(holding.entry, DECIMALS)
    below, above = borders_around(liquidatable, max(1, int(divide(anchor, tick))))
    for count, falls in ((below, True), (above, False)):
        if count is not None:
            yield LiquidationPrice(
                pool=holding.pool,
                market=holding.market,
                side="long" if falls else "short",
                price=count * tick,
                when="at_or_below" if falls else "at_or_above",
                source="exact",
            )
    shown = displayed_price(holding, market, parameters, at) if quote else 0
    if shown:
        yield LiquidationPrice(
            pool=holding.pool,
            market=holding.market,
            side="long" if long else "short",
            price=from_raw(shown, DECIMALS),
            when="at_or_below" if long else "at_or_above",
            source="venue_displayed",
        )


def displayed_price(holding: Holding, market: Market, parameters: Parameters, at: int) -> int:
    """The venue's approximate liquidation price [wad]; 0 where it would be below."""
    price, terms = price_of(market, holding.market), holding.terms
    found = figures(holding, market, parameters, at)
    funding = funding_value(market, holding.market, terms.skew_scale, terms.max_funding_velocity, price, at)
    lacking = found.liquidation_margin - (holding.margin - found.premium)
    return max(0, holding.entry + div(lacking, holding.size) - (funding - holding.funding))


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """Flag, if it is not yet, and liquidate the whole position.

    A flagged position may be liquidated whatever its margin has become since.
    """
    holding = holding_of(account, pool, parameters)
    found = figures(holding, market, parameters, at)
    now = sums(holding, found)
    if not is_breached(now.support, now.demand, True):
        return Plan(pool=pool, market=holding.market, reason="the margin is above the liquidation margin")
    return _plan(holding, found, market)


def _plan(holding: Holding, found: Figures, market: Market) -> Plan:
    terms = holding.terms
    skew = state_wad(market, holding.market, "skew", 0)
    small = div(abs(holding.size), terms.skew_scale) < terms.max_liquidation_delta
    calm = div(abs(skew), terms.skew_scale) < terms.max_pd
    keeper = found.keeper_fee if small and calm else 0
    fees, left = found.fee + keeper, max(0, found.margin)
    rest = max(0, left - fees)
    moves: dict[Party, int] = {"account": -left, "liquidator": fees, "protocol": rest, "pool": left - fees - rest}
    reason = None
    if not small:
        reason = "the position is too large for its market: only an endorsed liquidator may"
    elif not calm:
        reason = "the market's premium is too large: only an endorsed liquidator may"
    size = from_raw(abs(holding.size), DECIMALS)
    return Plan(
        pool=holding.pool,
        market=holding.market,
        collateral=USD,
        close_least=size,
        close_most=size,
        price=from_raw(price_of(market, holding.market), DECIMALS),
        seized=from_raw(fees, DECIMALS),
        fee=from_raw(fees, DECIMALS),
        protocol_fee=from_raw(rest, DECIMALS),
        bad_debt=from_raw(max(0, -found.margin), DECIMALS),
        reason=reason,
        flows=tuple(Flow(party, USD, from_raw(amount, DECIMALS)) for party, amount in moves.items() if amount),
    )
