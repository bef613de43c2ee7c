"""What an absorber may do to an account now: all of it, or nothing."""

from marginbook.domain.account import Account
from marginbook.domain.market import Market
from marginbook.domain.risk import Flow, Plan
from marginbook.exact import WAD, from_raw, in_exact_context, mul_div_floor
from marginbook.venues.compound.comet.absorption import absorb
from marginbook.venues.compound.comet.collateral import value_of, values_of
from marginbook.venues.compound.comet.holdings import group_of, pool_of
from marginbook.venues.compound.comet.parameters import Parameters
from marginbook.venues.compound.comet.state import Revert, balance_of
from marginbook.venues.compound.inputs import PRICE_DECIMALS, USER


@in_exact_context
def plan_liquidation(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Plan:
    """Absorption of the whole account. `collateral`, `price` and `seized` are those of the most valuable collateral.

    The Comet takes every collateral (`flows`), pays the debt from its reserves and credits what the liquidation factors
    leave as supplied base; the account receives both. `bonus` is the store front's discount on that collateral,
    `bad_debt` what the credit does not cover: the reserves' loss at these prices.
    """
    group = group_of(account, pool, parameters)
    state = pool_of(account, group, market, at)
    config = state.config
    debt = max(-balance_of(state, USER), 0)
    try:
        _, call = absorb(state, USER)
    except Revert as revert:
        return Plan(pool=pool, market=config.base, reason=revert.reason)
    values = values_of(state, USER)
    main = max(values, key=lambda asset: values[asset], default=None)
    owed, paid = from_raw(debt, config.decimals), from_raw(call.paid, config.decimals)
    seized = {asset: from_raw(raw, config.assets[asset].decimals) for asset, raw in call.seized.items()}
    flows = [Flow("protocol", config.base, -paid), Flow("account", config.base, paid)]
    for asset, amount in seized.items():
        flows += [Flow("account", asset, -amount), Flow("protocol", asset, amount)]
    discount = mul_div_floor(config.store_front, WAD - config.assets[main].liquidation_factor, WAD) if main else 0
    unpaid = value_of(call.unpaid, state.prices[config.base], config.scale)
    return Plan(
        pool=pool,
        market=config.base,
        collateral=main,
        close_least=owed,
        close_most=owed,
        price=from_raw(state.prices[main], PRICE_DECIMALS) if main else None,
        seized=seized[main] if main else from_raw(0, 0),
        bonus=from_raw(discount, 18),
        bad_debt=from_raw(unpaid, PRICE_DECIMALS),
        flows=tuple(flows),
    )
