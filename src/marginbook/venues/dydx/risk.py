"""Sums, quantities and liquidation prices of subaccounts.

    net collateral  = USDC + settled funding + Σ (notional + quote balance)
    maintenance     = Σ ceil(ceil(|notional| · base fraction) · maintenance fraction)
    initial         = Σ ceil(|notional| · max(fraction scaled by open interest, own fraction))
    liquidatable    ⟺ maintenance > 0 and maintenance > net collateral

The seven sums are quote quantums (10^-6 USDC): support = net collateral, demand = maintenance.
"""

from collections.abc import Iterator
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice, Quantities, Risk
from marginbook.exact import ZERO, from_raw, in_exact_context, to_raw_floor
from marginbook.venues.common.search import borders_around
from marginbook.venues.common.views import derivative_quantities
from marginbook.venues.dydx.holdings import (
    CURRENCY,
    KIND,
    VENUE,
    Pool,
    holding_of,
    perpetual_of,
    pool_named,
    pools,
    subaccount_of,
    subaccounts,
)
from marginbook.venues.dydx.parameters import Parameters
from marginbook.venues.dydx.quantums import QUOTE_DECIMALS, MarginRisk
from marginbook.venues.dydx.subaccount import Subaccount

OPEN_INTEREST = ("open_interest", "open_interest_raw")
"""Names of the state that scales initial margin."""


def sums_of(found: MarginRisk) -> Risk[int]:
    """The seven sums [quote quantums] of a subaccount."""
    owned = found.collateral
    return Risk(owned, 0, owned, owned, found.initial, owned, found.maintenance)


@in_exact_context
def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[int]]:
    """The seven sums of every subaccount [quote quantums]."""
    return {name: sums_of(found.risk()) for name, found in subaccounts(account, market, parameters).items()}


@in_exact_context
def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """Maintenance above 0 and above net collateral."""
    return subaccount_of(pool_named(account, pool), market, parameters).risk().is_liquidatable()


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of every subaccount.

    `unrealized_pnl` is from entry prices, which the chain does not keep; `wallet_balance` is the rest of net
    collateral, and `venue.usdc_position` what the chain stores, funding settled.
    """
    found = {}
    for name, pool in pools(account).items():
        subaccount = subaccount_of(pool, market, parameters)
        total = subaccount.risk()
        cost = sum((p.sign * p.quantity * p.entry for p in pool.positions), ZERO)
        notionals = [held.perpetual.notional(held.quantums) for held in subaccount.holdings]
        profit = _usdc(sum(notionals)) - cost
        found[name] = derivative_quantities(
            sums_of(total),
            CURRENCY,
            scale=QUOTE_DECIMALS,
            wallet_balance=_usdc(total.collateral) - profit,
            unrealized_pnl=profit,
            notional=_usdc(sum(abs(notional) for notional in notionals)),
            withdrawable=_usdc(max(0, total.collateral - total.initial)),
            venue={"usdc_position": _usdc(subaccount.usdc + subaccount.funding_due())},
        )
    return found


def _usdc(quote_quantums: int) -> Decimal:
    return from_raw(quote_quantums, QUOTE_DECIMALS)


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """Per position, the nearest oracle price on the market's grid at which its subaccount is liquidatable."""
    found: list[LiquidationPrice] = []
    missing: list[BadInput] = []
    for pool in pools(account).values():
        for number in range(len(pool.positions)):
            try:
                found += _prices_of(pool, number, market, parameters)
            except BadInput as bad:
                missing.append(bad)
    if missing and not found:
        raise missing[0]
    return found


def _prices_of(pool: Pool, number: int, market: Market, parameters: Parameters) -> Iterator[LiquidationPrice]:
    position = pool.positions[number]
    terms = parameters.terms_of(position.market)
    quote = market.quotes.get((VENUE, position.market, KIND))
    anchor = max(1, to_raw_floor(quote.price if quote else position.entry, -terms.price_exponent))
    others = Pool(pool.name, pool.usdc, (*pool.positions[:number], *pool.positions[number + 1 :]), pool.fixed)
    rest = subaccount_of(others, market, parameters)
    own = holding_of(position, market, parameters, anchor)
    if not own.quantums:
        return
    # Funding does not move with the price: it is settled once, with one floor for all positions.
    settled = Subaccount(usdc=rest.usdc, holdings=(*rest.holdings, own)).funding_due() - rest.funding_due()
    fixed = rest.risk() + MarginRisk(settled + own.quote_balance, 0, 0)

    def at(price: int) -> MarginRisk:
        perpetual = perpetual_of(market, position.market, terms, price)
        initial, maintenance = perpetual.margins(own.quantums)
        return fixed + MarginRisk(perpetual.notional(own.quantums), initial, maintenance)

    # Near zero a notional below one quantum asks for nothing: searched without that exception, then confirmed.
    below, above = borders_around(lambda price: not at(price).is_maintenance_collateralized(), anchor)
    for border, falls in ((below, True), (above, False)):
        if border is not None and at(border).is_liquidatable():
            yield LiquidationPrice(
                pool=pool.name,
                market=position.market,
                side=position.side,
                price=from_raw(border, -terms.price_exponent),
                when="at_or_below" if falls else "at_or_above",
                source="exact",
            )


@in_exact_context
def warnings(account: Account, market: Market, parameters: Parameters, at: int) -> list[str]:
    """An isolated market beside others, and initial margin without the open interest that it depends on."""
    found = []
    for pool in pools(account).values():
        for position in pool.positions:
            terms = parameters.terms_of(position.market)
            if terms.isolated and len(pool.positions) > 1:
                found.append(f"{position.market}: an isolated market shares a subaccount with other positions")
            known = any(
                (VENUE, position.market, name) in market.state for name in ("open_interest", "open_interest_raw")
            )
            if terms.tier.open_interest_upper_cap and not known:
                found.append(f"{position.market}: open interest is not known; initial margin is the tier's base")
    return found
