"""An account as legs for the float64 kernel, with an allowance that covers every rounding of the exact rule.

Each counting supply is a leg with support slope cTokens · collateral factor, each debt one of size principal / own
index; the factor is the oracle price times the market's index. The envelope bounds |kernel − exact| by four parts
(u = 2^-53):

1. Float64. A term is a product of at most five rounded numbers, summing n terms adds n·u: (n + 8)·2u of the gross.
2. A supply is worth ⌊⌊⌊c·x⌋·p⌋·t⌋, with A = ⌊c·x⌋ the product of factor and exchange rate: relative 1/A for the first
   truncation (2/A here: the index may have been cut to a mantissa as well), an absolute t·10^-36 USD for the second and
   10^-18 USD for the third. Its value, the equity's part, is cut once. Exchange rates grow, so that A at the time of
   lowering is the least. With A below 1000 the pool is opaque.
3. A debt of N units is cut to a unit: relative 1/N; one of less than 1000 units is dust, an absolute error of one unit
   at the highest price that a market admits where the token has 18 decimals; with fewer the pool is opaque.
4. Values are cut to 10^-18 USD. Prices are cut to 8 decimals by the book before the kernel sees them.
"""

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.legs import IDENTITY_TABLE, Factor, FactorPart, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import RAY, WAD
from marginbook.venues.compound.inputs import DUST_BELOW, DUST_DECIMALS, PRICE_BELOW, ROUNDOFF, USER, VENUE
from marginbook.venues.compound.v2.holdings import counts, held_assets, is_empty, pool_of
from marginbook.venues.compound.v2.liquidity import weight
from marginbook.venues.compound.v2.parameters import Parameters
from marginbook.venues.compound.v2.state import exchange_rate, owed

VALUE_UNIT = 1e-18  # [USD]
FACTOR_LEAST = 1_000


def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """The account's one pool as legs."""
    assets = held_assets(account)
    pool = pool_of(account, market, parameters, without_price=frozenset(assets))
    legs, inputs = [], []
    relative, absolute, opaque = 0.0, 0.0, False
    for asset, (held, owes) in assets.items():
        config, position = pool.configs[asset], pool.user(USER).position(asset)
        if held is not None and not is_empty(held):
            quantity, factor = _lower_supply(held, position.tokens, config.decimals)
            inputs.append(factor)
            counted = counts(held, owes)
            factors = [weight(parameters.version, config, threshold) if counted else 0 for threshold in (False, True)]
            slopes = Sums(
                assets=quantity,
                margin_balance=quantity if counted else 0.0,
                support_initial=quantity * (factors[0] / WAD),
                support=quantity * (factors[1] / WAD),
            )
            legs.append(Leg(asset, factor, slopes))
            each = factors[1] * exchange_rate(config, pool.markets[asset]) // WAD
            relative = max(relative, 2.0 / exchange_rate(config, pool.markets[asset]))
            if factors[1]:
                opaque = opaque or each < FACTOR_LEAST
                relative = max(relative, 2.0 / max(each, 1))
            absolute += position.tokens * 1e-36 + 2 * VALUE_UNIT
        if owes is not None and not is_empty(owes):
            quantity, factor = _lower_debt(owes, position.principal, position.index, config.decimals)
            inputs.append(factor)
            slopes = Sums(liabilities=quantity, margin_balance=-quantity)
            legs.append(Leg(asset, factor, slopes, size=quantity, table=IDENTITY_TABLE, initial_rate=1.0, side=1))
            units = owed(pool, USER, asset)
            if owes.amount is None and units < DUST_BELOW:
                opaque = opaque or config.decimals < DUST_DECIMALS
                absolute += 2.0 * float(PRICE_BELOW) / 10.0**config.decimals
            elif owes.amount is None:
                relative = max(relative, 1.0 / (units - 1))
            absolute += 2 * VALUE_UNIT
    relative += (len(legs) + 8) * 2 * ROUNDOFF
    lowered = PoolLegs(
        pool="main",
        constants=Sums(),
        legs=tuple(legs),
        absolute=absolute,
        relative=relative * (1 + 1e-9),
        liquidatable_at_equality=False,
        family="lending",
        opaque=opaque,
        inputs=tuple(dict.fromkeys(inputs)) if opaque else (),
    )
    return Legs((lowered,))


def _lower_supply(held: Collateral, tokens: int, decimals: int) -> tuple[float, Factor]:
    """(token units per unit of factor, factor)."""
    quote: FactorPart = ("quote", VENUE, held.asset, "oracle")
    if held.amount is not None:
        return tokens / 10**decimals, (quote,)
    if held.index_raw is not None:
        return tokens * (held.index_raw / RAY) / 10**decimals, (quote,)
    return tokens / 10**decimals, (quote, ("supply", VENUE, held.asset, ""))


def _lower_debt(owes: Debt, principal: int, own_index: int, decimals: int) -> tuple[float, Factor]:
    """(token units per unit of factor, factor)."""
    quote: FactorPart = ("quote", VENUE, owes.asset, "oracle")
    if owes.amount is not None:
        return principal / 10**decimals, (quote,)
    quantity = principal * (WAD / own_index) / 10**decimals
    if owes.index_raw is not None:
        return quantity * (owes.index_raw / RAY), (quote,)
    return quantity, (quote, ("borrow", VENUE, owes.asset, ""))
