"""One step of a liquidation, as a liquidator with enough means would make it now.

Open orders go first; if that is enough the liquidation ends. Then the perp position with the largest requirement: the
base that covers the shortage, rounded up to the market's step, times the share that may be taken now, all of it below
50 quote; at the oracle price, with a fee to the liquidator and one to the insurance fund. Without a perp position the
largest borrow is taken over against the largest deposit. A loss of perps alone is settled against deposits by another
instruction, which is not planned here. A bankrupt account, with losses and nothing else, is resolved by the insurance
fund and then by all: see `shortage`.

The call that enters a liquidation sets the user's last slot to its own, so that fee and share ramp from there. State of
`system`: `slot`, beside the account's `last_active_slot`; without both, none have passed. Source:
`controller/liquidation.rs` (liquidate_perp, liquidate_spot), `math/bankruptcy.rs` at 0ae3e3b1 (2026-04-01). Bands of
the price against its average and the liquidator's own margin are not checked.
"""

from dataclasses import replace
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import (
    ZERO,
    from_raw,
    in_exact_context,
    mul_div_ceil,
    mul_div_floor,
)
from marginbook.venues.common.fields import detail, detail_raw
from marginbook.venues.common.views import is_breached
from marginbook.venues.drift import shortage as rules
from marginbook.venues.drift.account import CROSS, Book, Perp, Spot, base_value, book_of
from marginbook.venues.drift.margin import Calculation, calculate, is_high_leverage
from marginbook.venues.drift.parameters import SYSTEM, Parameters
from marginbook.venues.drift.risk import being_liquidated, maintenance_context, sides
from marginbook.venues.drift.units import (
    BASE_DECIMALS,
    FEE,
    QUOTE,
    QUOTE_DECIMALS,
    VENUE,
    price_of,
    raw,
    token_value,
)
from marginbook.venues.drift.weights import margin_ratio

SMALL_PERP = 50 * QUOTE
SMALL_BORROW = 10 * QUOTE


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """The next step for `pool`, or why there is none."""
    book = book_of(account, market, parameters)
    context = maintenance_context(parameters)
    before = calculate(book, market, parameters, context)
    if pool not in before:
        raise BadInput("unknown_pool", f"account {account.id}", pool, "one of " + ", ".join(before))
    if not is_breached(*sides(before[pool], being_liquidated(book, pool)), False):
        return Plan(pool=pool, market="", reason="the total collateral meets the requirement")
    bare = _without_orders(book)
    found = calculate(bare, market, parameters, context)[pool]
    if found.buffered_collateral >= found.buffered_requirement:
        return Plan(pool=pool, market="", reason="cancelling its open orders ends the liquidation")
    entered = being_liquidated(book, pool)
    slots = slots_passed(account, market) if entered else 0
    cancelled = max(0, before[pool].shortage - found.shortage)
    share = _share(account, found.shortage, cancelled, slots, pool, entered, parameters)
    perps = [perp for perp in bare.perps if perp.pool == pool and perp.base]
    if perps:
        largest = max(perps, key=lambda perp: found.parts[perp.market][1])
        return _close(bare, largest, found, share, slots, market, parameters)
    owed = [spot for spot in bare.spots if spot.amount < 0] if pool == CROSS else []
    held = [spot for spot in bare.spots if spot.amount > 0] if pool == CROSS else []
    if owed and held:
        debt = max(owed, key=lambda spot: -_value(spot, market))
        asset = max(held, key=lambda spot: _value(spot, market))
        return _transfer(debt, asset, found, share, market, parameters)
    losses = max(0, -found.assets) + found.liabilities
    bankrupt = is_bankrupt(bare, pool)
    reason = "bankrupt: nothing is left" if bankrupt else "its losses are settled against its deposits"
    return Plan(pool=pool, market="", bad_debt=_money(losses if bankrupt else 0), reason=reason)


def _without_orders(book: Book) -> Book:
    return replace(
        book,
        perps=tuple(replace(perp, bids=0, asks=0, orders=0) for perp in book.perps),
        spots=tuple(replace(spot, bids=0, asks=0, orders=0) for spot in book.spots),
    )


def _value(spot: Spot, market: Market) -> int:
    return token_value(spot.amount, spot.terms.decimals, price_of(market, spot.asset))


def slots_passed(account: Account, market: Market) -> int:
    """Slots since the user's last action; 0 where the state or the account does not tell."""
    slot = market.state.get((VENUE, SYSTEM, "slot"), market.state.get((VENUE, SYSTEM, "slot_raw")))
    if slot is None or "last_active_slot" not in account.details:
        return 0
    return max(0, int(slot) - detail_raw(account.details, "last_active_slot", f"account {account.id}"))


def _share(
    account: Account, lacking: int, cancelled: int, slots: int, pool: str, entered: bool, parameters: Parameters
) -> int:
    """Share [10^-4] that may be taken now; an isolated position may be taken whole.

    What cancelled orders freed counts, and what this liquidation has freed before.
    """
    if pool != CROSS:
        return rules.SHARE
    system, place = parameters.system, f"account {account.id}"
    freed = cancelled
    if entered:
        freed += raw(detail(account.details, "liquidation_margin_freed", place, ZERO), QUOTE_DECIMALS, place)
    return rules.share_allowed(lacking, freed, slots, system.initial_pct_to_liquidate, system.liquidation_duration)


def _close(
    book: Book, perp: Perp, found: Calculation, share: int, slots: int, market: Market, parameters: Parameters
) -> Plan:
    terms, size = perp.terms, abs(perp.base)
    price, quote_price = price_of(market, perp.market), price_of(market, parameters.system.quote_asset)
    high = is_high_leverage(book.mode, "maintenance")
    ratio = margin_ratio(terms, size, "maintenance", high) + parameters.system.liquidation_margin_buffer_ratio
    fee = rules.liquidator_fee(rules.base_liquidator_fee(terms, high), rules.liquidator_fee_most(terms), slots)
    own = mul_div_floor(found.shortage, found.parts[perp.market][1], found.requirement) if found.requirement else 0
    insurance = rules.insurance_fee(own, size, ratio, fee, price, quote_price, terms.if_liquidation_fee)
    cover = rules.base_to_cover(found.shortage, ratio, fee, insurance, price, quote_price)
    if cover != rules.EVERYTHING:
        cover = _stepped(cover, terms.order_step_size)
    allowed = mul_div_floor(cover, share, rules.SHARE)
    if not allowed:
        return Plan(pool=perp.pool, market=perp.market, reason="nothing more may be liquidated in this slot")
    least = 0 if abs(base_value(size, price)) > SMALL_PERP else size
    closed = min(_stepped(min(size, max(allowed, least)), terms.order_step_size), size)
    value = base_value(closed, price)
    paid, insured = mul_div_floor(value, fee, FEE), mul_div_floor(value, insurance, FEE)
    base = from_raw(closed if perp.base > 0 else -closed, BASE_DECIMALS)
    money = value if perp.base > 0 else -value
    asset = parameters.system.quote_asset
    flows = (
        Flow("account", perp.market, -base),
        Flow("liquidator", perp.market, base),
        Flow("account", asset, _money(money - paid - insured)),
        Flow("liquidator", asset, _money(paid - money)),
        Flow("insurance", asset, _money(insured)),
    )
    return Plan(
        pool=perp.pool,
        market=perp.market,
        collateral=asset,
        close_least=ZERO,
        close_most=from_raw(closed, BASE_DECIMALS),
        price=from_raw(price, QUOTE_DECIMALS),
        seized=_money(paid),
        fee=_money(paid + insured),
        protocol_fee=_money(insured),
        bad_debt=_money(max(0, found.liabilities - found.assets)),
        flows=flows,
    )


def _stepped(base: int, step: int) -> int:
    return mul_div_ceil(base, 1, step) * step


def _transfer(debt: Spot, asset: Spot, found: Calculation, share: int, market: Market, parameters: Parameters) -> Plan:
    """Take over a borrow against a deposit; the quote asset's weights are 1."""
    up, down = FEE + asset.terms.liquidator_fee, FEE - debt.terms.liquidator_fee
    held = 10**4 if asset.is_quote else asset.terms.maintenance_asset_weight
    owed = 10**4 if debt.is_quote else debt.terms.maintenance_liability_weight
    owed += parameters.system.liquidation_margin_buffer_ratio
    price, debt_price = price_of(market, asset.asset), price_of(market, debt.asset)
    amount, decimals = -debt.amount, debt.terms.decimals
    own = mul_div_floor(found.shortage, found.parts[debt.asset][1], found.requirement) if found.requirement else 0
    insurance = rules.spot_insurance_fee(
        own, amount, held, up, owed, down, decimals, debt_price, debt.terms.if_liquidation_fee
    )
    cover = rules.liability_to_cover(found.shortage, held, up, owed, down, decimals, debt_price, insurance)
    allowed = mul_div_floor(cover, share, rules.SHARE)
    if not allowed:
        return Plan(pool=CROSS, market=debt.asset, reason="nothing more may be liquidated in this slot")
    least = 0 if token_value(amount, decimals, debt_price) > SMALL_BORROW else amount
    paid_for = rules.liability_for_asset(asset.amount, up, asset.terms.decimals, price, down, decimals, debt_price)
    taken = min(amount, max(allowed, least), paid_for)
    given = rules.asset_for_liability(asset.amount, up, asset.terms.decimals, price, taken, down, decimals, debt_price)
    insured = mul_div_floor(taken, insurance, FEE)
    repaid, seized = from_raw(taken - insured, decimals), from_raw(given, asset.terms.decimals)
    flows = (
        Flow("account", debt.asset, repaid),
        Flow("liquidator", debt.asset, from_raw(-taken, decimals)),
        Flow("protocol", debt.asset, from_raw(insured, decimals)),
        Flow("account", asset.asset, -seized),
        Flow("liquidator", asset.asset, seized),
    )
    return Plan(
        pool=CROSS,
        market=debt.asset,
        collateral=asset.asset,
        close_least=ZERO,
        close_most=from_raw(taken, decimals),
        price=from_raw(debt_price, QUOTE_DECIMALS),
        seized=seized,
        protocol_fee=from_raw(insured, decimals),
        bonus=from_raw(asset.terms.liquidator_fee, 6),
        bad_debt=_money(max(0, found.liabilities - found.assets)),
        flows=flows,
    )


def is_bankrupt(book: Book, pool: str) -> bool:
    """Losses or borrows, and neither deposits nor open positions nor orders."""
    if pool != CROSS:
        return all(
            not perp.deposit and not perp.base and perp.quote < 0 and not perp.orders
            for perp in book.perps
            if perp.pool == pool
        )
    perps = [perp for perp in book.perps if perp.pool == CROSS]
    if any(spot.amount > 0 for spot in book.spots):
        return False
    if any(perp.base or perp.quote > 0 or perp.orders for perp in perps):
        return False
    return any(spot.amount < 0 for spot in book.spots) or any(perp.quote < 0 for perp in perps)


def _money(value: int) -> Decimal:
    return from_raw(value, QUOTE_DECIMALS)
