"""One step of a liquidation on dYdX v4: an order for one position, at the fillable price, against the book.

The chain begins with a pseudo-random position; here it is the first that was not liquidated in this block. Details of
the account say what the block has done already: `liquidated_markets` (names with commas), `notional_liquidated_raw`
and `insurance_lost_raw` [quote quantums]. `price` is the order's limit, `flows` what filling it there moves.
"""

from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import from_raw, in_exact_context
from marginbook.venues.common.fields import detail_raw
from marginbook.venues.dydx.holdings import CURRENCY, pool_named, subaccount_of
from marginbook.venues.dydx.parameters import Parameters, Terms
from marginbook.venues.dydx.quantums import QUOTE_DECIMALS, fill_quote_quantums, subticks_of_fillable_price
from marginbook.venues.dydx.subaccount import (
    Holding,
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
    return _plan(pool, held, terms, delta, subticks, quote, fund, bad_debt)


def _plan(
    pool: str, held: Holding, terms: Terms, delta: int, subticks: int, quote: int, fund: int, bad_debt: Decimal
) -> Plan:
    name = held.perpetual.market
    size = from_raw(delta, -terms.atomic_resolution)
    received = from_raw(quote if delta < 0 else -quote, QUOTE_DECIMALS)
    fee = from_raw(fund, QUOTE_DECIMALS)
    return Plan(
        pool=pool,
        market=name,
        close_least=abs(size),
        close_most=abs(size),
        price=from_raw(subticks, QUOTE_DECIMALS + terms.atomic_resolution - terms.quantum_conversion_exponent),
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
