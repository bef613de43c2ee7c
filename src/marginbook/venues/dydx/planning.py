"""One step of a liquidation on dYdX v4: an order for one position, at the fillable price, against the book.

The chain begins with a pseudo-random position; here it is the first that was not liquidated in this block. Details of
the account say what the block has done already: `liquidated_markets` (names with commas), `notional_liquidated_raw`
and `insurance_lost_raw` [quote quantums]. `price` is the order's limit, `flows` what filling it there moves.

The state `insurance_fund` of a market [USDC] is what its fund holds (isolated markets have one of their own); without
it the fund can pay. Where it cannot, a subaccount below zero is deleveraged: the whole position at the bankruptcy
price against the other side.
"""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.common.amounts import price_that_pays
from marginbook.venues.common.fields import detail_raw
from marginbook.venues.dydx.holdings import CURRENCY, VENUE, pool_named, subaccount_of
from marginbook.venues.dydx.parameters import Parameters, Terms
from marginbook.venues.dydx.quantums import QUOTE_DECIMALS, fill_quote_quantums, subticks_of_fillable_price
from marginbook.venues.dydx.subaccount import (
    Holding,
    deleveraging_quote,
    fillable_price,
    insurance_fund_delta,
    liquidation_delta,
)


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """The next liquidation order of a subaccount, or why there is none."""
    subaccount = subaccount_of(pool_named(account, pool), market, parameters)
    total = subaccount.risk()
    if not total.is_liquidatable():
        return Plan(pool=pool, market="", reason="net collateral covers maintenance: nothing may be liquidated")
    bad_debt = from_raw(max(0, -total.collateral), QUOTE_DECIMALS)
    done = [name.strip() for name in account.details.get("liquidated_markets", "").split(",")]
    held = next((h for h in subaccount.holdings if h.quantums and h.perpetual.market not in done), None)
    if held is None:
        return Plan(pool=pool, market="", bad_debt=bad_debt, reason="every position was liquidated in this block")
    place, config = f"account {account.id}", parameters.config
    already = detail_raw(account.details, "notional_liquidated_raw", place, 0)
    name = held.perpetual.market
    if already >= config.max_notional_liquidated:
        return Plan(pool=pool, market=name, bad_debt=bad_debt, reason="the block's notional limit is used up")
    terms = parameters.terms_of(name)
    delta = liquidation_delta(held, terms.step_base_quantums, already, config)
    limit = fillable_price(subaccount, name, delta, config)
    subticks = subticks_of_fillable_price(
        limit, held.quantums > 0, terms.subticks_per_tick, terms.quantum_conversion_exponent
    )
    quote = fill_quote_quantums(subticks, abs(delta), terms.quantum_conversion_exponent)
    fund = insurance_fund_delta(subaccount, name, delta, quote, config.max_liquidation_fee_ppm)
    lost = detail_raw(account.details, "insurance_lost_raw", place, 0)
    if -fund > config.max_insurance_lost - lost:
        return Plan(pool=pool, market=name, bad_debt=bad_debt, reason="the block's insurance loss limit is used up")
    price = from_raw(subticks, QUOTE_DECIMALS + terms.atomic_resolution - terms.quantum_conversion_exponent)
    received = quote if delta < 0 else -quote
    kept = market.state.get((VENUE, name, "insurance_fund"))
    if fund < 0 and kept is not None and Decimal(kept) + from_raw(fund, QUOTE_DECIMALS) < 0:
        delta, fund = -held.quantums, 0
        offered = deleveraging_quote(subaccount, name, delta)
        if offered is None:
            return Plan(pool=pool, market=name, bad_debt=bad_debt, reason="the insurance fund cannot pay the loss")
        received = offered
        size = from_raw(abs(delta), -terms.atomic_resolution)
        price = price_that_pays(abs(from_raw(received, QUOTE_DECIMALS)), size, QUOTE_DECIMALS)
    return _plan(pool, held, terms, delta, price, received, fund, bad_debt)


def _plan(
    pool: str, held: Holding, terms: Terms, delta: int, price: Decimal, quote: int, fund: int, bad_debt: Decimal
) -> Plan:
    name = held.perpetual.market
    size = from_raw(delta, -terms.atomic_resolution)
    received, fee = from_raw(quote, QUOTE_DECIMALS), from_raw(fund, QUOTE_DECIMALS)
    return Plan(
        pool=pool,
        market=name,
        close_least=abs(size),
        close_most=abs(size),
        price=price,
        fee=max(Decimal(0), fee),
        bad_debt=bad_debt,
        flows=(
            Flow("account", CURRENCY, received - fee),
            Flow("insurance", CURRENCY, fee),
            Flow("counterparties", CURRENCY, -received),
            Flow("account", name, size),
            Flow("counterparties", name, -size),
        ),
    )
