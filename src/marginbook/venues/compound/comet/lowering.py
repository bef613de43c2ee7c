"""An account as legs for the float64 kernel, one pool per Comet, with an allowance that covers every rounding.

Each collateral is a leg with support slope amount · liquidate factor over its oracle price; the debt is one of size
principal over base price times borrow index. The envelope bounds |kernel − exact| by four parts (u = 2^-53):

1. Float64. A term is a product of at most four rounded numbers, summing n terms adds n·u: (n + 8)·2u of the gross.
2. A collateral's value and its product with the factor are cut to 10^-8 each: an absolute 2·10^-8.
3. The debt of N base units is cut to a unit: relative 1/N; one of less than 1000 units is dust, an absolute error of
   one unit at the highest price that a market admits where the base has 18 decimals; with fewer the pool is opaque. A
   book's index is cut to 10^-15: relative 10^-15.
4. The debt's value is cut to 10^-8. Prices are cut to 8 decimals by the book before the kernel sees them.
"""

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.legs import IDENTITY_TABLE, Factor, FactorPart, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import RAY, WAD
from marginbook.venues.compound.comet.holdings import Group, groups_of, pool_of
from marginbook.venues.compound.comet.parameters import Parameters
from marginbook.venues.compound.inputs import DUST_BELOW, DUST_DECIMALS, PRICE_BELOW, ROUNDOFF, USER, VENUE

UNIT = 1e-8
INDEX_CUT = 1e-15


def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """One pool of legs per Comet."""
    return Legs(
        tuple(_lower_pool(account, name, group, market) for name, group in groups_of(account, parameters).items())
    )


def _lower_pool(account: Account, name: str, group: Group, market: Market) -> PoolLegs:
    config = group.comet.config
    assets = frozenset((config.base, *config.assets))
    user = pool_of(account, group, market, 0, without_price=assets).user(USER)
    legs, inputs = [], []
    relative, absolute, opaque = 0.0, 0.0, False
    for asset, raw in user.collateral.items():
        if not raw:
            continue
        row = config.assets[asset]
        factor = _lower_quote(group, asset)
        quantity = raw / row.scale
        slopes = Sums(
            assets=quantity,
            margin_balance=quantity,
            support_initial=quantity * (row.borrow_factor / WAD),
            support=quantity * (row.liquidate_factor / WAD),
        )
        legs.append(Leg(asset, factor, slopes))
        inputs.append(factor)
        absolute += 3 * UNIT
    constants = Sums()
    for holding in group.base if user.principal else ():
        quantity, factor = _lower_base(group, holding, abs(user.principal) / config.scale)
        owes = user.principal < 0
        absolute += 3 * UNIT
        relative = 2 * INDEX_CUT
        if owes and holding.amount is None:
            if -user.principal < DUST_BELOW:
                opaque = opaque or config.decimals < DUST_DECIMALS
                absolute += 2.0 * float(PRICE_BELOW) / 10.0**config.decimals
            else:
                relative = 1.0 / (-user.principal - 1) + 2 * INDEX_CUT
        if not factor:
            constants = (
                Sums(liabilities=quantity, margin_balance=-quantity, demand_initial=quantity, demand=quantity)
                if owes
                else Sums(assets=quantity)
            )
            continue
        inputs.append(factor)
        if owes:
            slopes = Sums(liabilities=quantity, margin_balance=-quantity)
            legs.append(Leg(config.base, factor, slopes, quantity, IDENTITY_TABLE, initial_rate=1.0, side=1))
        else:
            legs.append(Leg(config.base, factor, Sums(assets=quantity)))
    relative += (len(legs) + 9) * 2 * ROUNDOFF
    return PoolLegs(
        pool=name,
        constants=constants,
        legs=tuple(legs),
        absolute=absolute,
        relative=relative * (1 + 1e-9),
        liquidatable_at_equality=False,
        family="lending",
        opaque=opaque,
        inputs=tuple(dict.fromkeys(inputs)) if opaque else (),
    )


def _lower_quote(group: Group, asset: str) -> Factor:
    """The asset's price, nothing where it is a constant."""
    key = group.comet.price_key(asset)
    return (("quote", VENUE, key, "oracle"),) if key else ()


def _lower_base(group: Group, holding: Collateral | Debt, quantity: float) -> tuple[float, Factor]:
    """(base per unit of factor, factor) of a base balance; a constant price goes into the quantity."""
    factor = _lower_quote(group, group.comet.config.base)
    if not factor:
        assert group.comet.base_price is not None
        quantity *= group.comet.base_price / 10**8
    if holding.amount is not None:
        return quantity, factor
    if holding.index_raw is not None:
        return quantity * (holding.index_raw / RAY), factor
    name = group.comet.name
    index: FactorPart = ("borrow" if isinstance(holding, Debt) else "supply", VENUE, name, "")
    return quantity, (*factor, index)
