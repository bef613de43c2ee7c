"""Perps v3: liquidation prices, and one step of a liquidation.

A call of `liquidate` on an account that is not flagged yet checks and flags it, seizes all collateral and clears
the debt. Every call then takes from each position what the market's window still allows, at the oracle price; profit or
loss goes to the pool of the market. The keeper is paid for flagging, later calls for what they liquidate. Nothing comes
back to the account. Source: `LiquidationModule.sol`, `PerpsMarket.sol` at 23585f73 (2025-06-12).
"""

from collections.abc import Iterator
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, LiquidationPrice, Plan
from marginbook.exact import ZERO, divide, from_raw, in_exact_context, to_raw_floor
from marginbook.venues.common.search import borders_around
from marginbook.venues.common.views import is_breached
from marginbook.venues.synthetix.account import POOL, USD, Book, Holding, book_of
from marginbook.venues.synthetix.margins import keeper_reward, liquidatable_amount
from marginbook.venues.synthetix.parameters import Parameters
from marginbook.venues.synthetix.risk import Figures, checked_pool, costs_of, figures, sums
from marginbook.venues.synthetix.wad import DECIMALS, VENUE, mul, price_of
from marginbook.venues.synthetix.windows import window_of

TICK = Decimal("0.00000001")


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """Per market and synth, the price at which the account becomes liquidatable; its own quote is not needed."""
    book = book_of(account, parameters)
    if book.flagged:
        return []
    found: list[LiquidationPrice] = []
    missing: list[BadInput] = []
    names = [holding.market for holding in book.holdings] + [synth.asset for synth in book.synths]
    for name in names:
        try:
            found += _prices_of(name, book, market, parameters, at)
        except BadInput as bad:
            missing.append(bad)
    if missing and not found:
        raise missing[0]
    return found


def _prices_of(name: str, book: Book, market: Market, parameters: Parameters, at: int) -> Iterator[LiquidationPrice]:
    held = next((holding for holding in book.holdings if holding.market == name), None)
    tick = held.terms.tick if held else TICK
    quote = market.quotes.get((VENUE, name, "oracle"))
    anchor = quote.price if quote else from_raw(held.entry, DECIMALS) if held else Decimal(1)

    def liquidatable(count: int) -> bool:
        prices = {name: to_raw_floor(count * tick, DECIMALS)}
        now = sums(figures(book, market, parameters, at, prices))
        return is_breached(now.support, now.demand, False)

    below, above = borders_around(liquidatable, max(1, int(divide(anchor, tick))))
    if below is not None:
        yield LiquidationPrice(
            pool=POOL,
            market=name,
            side="collateral" if held is None else "long",
            price=below * tick,
            when="at_or_below",
            source="exact",
        )
    if above is not None:
        yield LiquidationPrice(
            pool=POOL,
            market=name,
            side="collateral" if held is None else "short",
            price=above * tick,
            when="at_or_above",
            source="exact",
        )


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """One call of `liquidate`, or of `liquidateMarginOnly` for an account without positions.

    The plan names the largest position of which anything may be closed; the flows are of the whole call, which takes a
    part of every position. `fee` and `seized` are in snxUSD, seized synths are in the flows.
    """
    checked_pool(account, pool)
    book = book_of(account, parameters)
    found = figures(book, market, parameters, at)
    now = sums(found)
    if not is_breached(now.support, now.demand, False):
        return Plan(pool=POOL, market="", reason="the available margin covers maintenance margin and reward")
    if not book.holdings:
        return _plan(book, found, "", 0, _reward(book, found, market, parameters, False), None)
    amounts = {
        held.market: liquidatable_amount(held.terms, abs(held.size), window_of(market, held.market, held.terms, at))
        for held in book.holdings
    }
    largest = max(book.holdings, key=lambda held: (amounts[held.market] > 0, found.positions[held.market].notional))
    reward = _reward(book, found, market, parameters, any(amounts.values()))
    return _plan(
        book, found, largest.market, amounts[largest.market], reward, largest, price_of(market, largest.market)
    )


def _reward(book: Book, found: Figures, market: Market, parameters: Parameters, closes: bool) -> int:
    """What the keeper of this call gets: for flagging, or only the cost of liquidating."""
    costs, guards = costs_of(market), parameters.guards
    if book.flagged:
        return keeper_reward(guards, 0, costs.liquidate, 0) if closes and costs.liquidate else 0
    reward = sum(position.flag_reward for position in found.positions.values())
    if guards.collateral_reward or not book.holdings:
        reward = max(reward, mul(found.collateral, guards.collateral_reward_ratio))
    cost = costs.flag + costs.liquidate
    return keeper_reward(guards, reward, cost, found.collateral) if reward + cost else 0


def _plan(
    book: Book, found: Figures, name: str, closed: int, reward: int, held: Holding | None, price: int = 0
) -> Plan:
    paid = from_raw(reward, DECIMALS)
    seized = ZERO if book.flagged else from_raw(book.usd, DECIMALS)
    taken = [] if book.flagged else [(synth.asset, from_raw(synth.amount, DECIMALS)) for synth in book.synths]
    flows = [flow for asset, amount in [(USD, seized), *taken] for flow in _moved(asset, amount)]
    if found.debt:
        flows += _moved(USD, -from_raw(found.debt, DECIMALS))
    if paid:
        flows += [Flow("liquidator", USD, paid), Flow("pool", USD, -paid)]
    reason = None
    if held is None:
        reason = None if seized or taken else "nothing is left to seize"
    elif not closed:
        reason = "the market's window allows nothing more now"
    return Plan(
        pool=POOL,
        market=name,
        collateral=USD,
        close_least=from_raw(closed, DECIMALS),
        close_most=from_raw(closed, DECIMALS),
        price=from_raw(price, DECIMALS) if held else None,
        seized=seized,
        fee=paid,
        bad_debt=from_raw(max(0, found.debt - found.collateral - found.pnl), DECIMALS) if not book.flagged else ZERO,
        reason=reason,
        flows=tuple(flows),
    )


def _moved(asset: str, amount: Decimal) -> Iterator[Flow]:
    yield Flow("account", asset, -amount)
    yield Flow("pool", asset, amount)
