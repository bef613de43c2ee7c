"""An account as legs for the float64 kernel, with an allowance that covers every rounding of the exact rule.

Each collateral is a leg with support slope balance·threshold, each debt a leg of size balance; the factor is the oracle
price, times the market's index where the balance is scaled by it. The envelope bounds |kernel − exact| by four parts
(u = 2^-53; v, N: value and token units of a holding):

1. Float64. A term is a product of at most four rounded numbers, summing n terms adds n·u: (n + 8)·2u of the gross.
2. Balances, scaled·index, are rounded to a token unit: error < v/N, relative 1/N, none for plain amounts. A balance
   below 1000 units is dust: one unit at the highest price that a market admits (10^12 of the base currency) is an
   absolute error where the token has 18 decimals; with fewer the pool is opaque, i.e. always evaluated exactly.
3. Values are rounded to a unit of the base currency, 10^-8 USD (2: 10^-18 ETH): error below one per holding (times a
   threshold of at most 1 for support).
4. Health factor. From 3.5: hu(T·10^18/D) // 10^4 < 10^18 ⟺ T < 10^4·D as long as D < 2·10^18, and differs from it by
   less than D/(2·10^18) above: relative 2^-60. To 3.4 the sum T = Σ c·l is replaced by hu(C·⌊T/C⌋/10^4): at most half a
   base unit above T, and below it by less than C basis points + half a unit. As T ≥ C·min(l), that is at most
   1/min(l) of T (l in basis points), e.g. 1.2e-4 at thresholds around 83 %. With one threshold ⌊T/C⌋ = l exactly and
   nothing is lost; a single collateral is that case.
"""

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.legs import IDENTITY_TABLE, Factor, FactorPart, Leg, Legs, PoolLegs, Sums
from marginbook.domain.market import Market
from marginbook.exact import BASIS_POINTS, RAY, to_raw_exact
from marginbook.venues.aave_v3.account_data import counts_as_collateral, user_ltv, user_threshold
from marginbook.venues.aave_v3.holdings import (
    POOL,
    PRICE_BELOW,
    asset_config,
    emode_of,
    in_range,
)
from marginbook.venues.aave_v3.parameters import Parameters
from marginbook.venues.aave_v3.state import ReserveConfig, price_key

ROUNDOFF = 2.0**-53
DUST_BELOW = 1_000  # [token units]
DUST_DECIMALS = 18  # tokens with fewer decimals make a pool with dust opaque


def lower(account: Account, market: Market, parameters: Parameters) -> Legs:
    """The account's one pool as legs; family `loop` where all collateral is of a correlated e-mode category."""
    emode, version = emode_of(account, parameters), parameters.version
    legs, inputs, thresholds = [], [], []
    relative, absolute, opaque = 0.0, 0.0, False
    correlated = emode is not None and emode.correlated and bool(account.debt)
    base_unit = 10.0**-version.base_decimals
    holdings: list[tuple[Collateral | Debt, str]] = [(c, "supply") for c in account.collateral]
    holdings += [(d, "borrow") for d in account.debt]
    for holding, kind in holdings:
        config = asset_config(account, holding.asset, parameters)
        quantity, units, factor = _lower_balance(
            account, holding, kind, config, version.venue, price_key(holding.asset, emode)
        )
        if units == 0:
            continue
        absolute += 2 * base_unit
        if holding.amount is None and units < DUST_BELOW:
            opaque = opaque or config.decimals < DUST_DECIMALS
            absolute += 2.0 * float(PRICE_BELOW) / 10.0**config.decimals
        elif holding.amount is None:
            relative = max(relative, 1.0 / (units - 1))
        inputs.append(factor)
        if isinstance(holding, Debt):
            slopes = Sums(liabilities=quantity, margin_balance=-quantity)
            legs.append(
                Leg(holding.asset, factor, slopes, size=quantity, table=IDENTITY_TABLE, initial_rate=1.0, side=1)
            )
            continue
        threshold = user_threshold(holding.asset, config, emode)
        counts = holding.enabled and threshold > 0 and counts_as_collateral(version, config)
        if counts:
            thresholds.append(threshold)
            correlated = correlated and emode is not None and holding.asset in emode.collateral
        legs.append(
            Leg(
                holding.asset,
                factor,
                Sums(
                    assets=quantity,
                    margin_balance=quantity if counts else 0.0,
                    support_initial=quantity * user_ltv(version, holding.asset, config, emode) / BASIS_POINTS
                    if counts
                    else 0.0,
                    support=quantity * threshold / BASIS_POINTS if counts else 0.0,
                ),
            )
        )
    if version.truncated_threshold and len(set(thresholds)) > 1:
        relative += 1.0 / min(thresholds)
    relative += (len(legs) + 8) * 2 * ROUNDOFF + 2.0**-60
    pool = PoolLegs(
        pool=POOL,
        constants=Sums(),
        legs=tuple(legs),
        absolute=absolute,
        relative=relative * (1 + 1e-9),
        liquidatable_at_equality=False,
        family="loop" if correlated else "lending",
        opaque=opaque,
        inputs=tuple(dict.fromkeys(inputs)) if opaque else (),
    )
    return Legs((pool,))


def _lower_balance(
    account: Account, holding: Collateral | Debt, kind: str, config: ReserveConfig, venue: str, key: str
) -> tuple[float, int, Factor]:
    """(quantity per unit of factor, token units at least, factor) of a holding."""
    place = f"account {account.id}.{holding.asset}"
    quote: FactorPart = ("quote", venue, key, "oracle")
    unit = float(config.unit)
    if holding.amount is not None:
        raw = in_range(to_raw_exact(holding.amount, config.decimals), place)
        return raw / unit, raw, (quote,)
    scaled = in_range(holding.scaled_raw or 0, place)
    if holding.index_raw is not None:
        return scaled * (holding.index_raw / RAY) / unit, scaled, (quote,)
    index: FactorPart = ("supply" if kind == "supply" else "borrow", venue, holding.asset, "")
    return scaled / unit, scaled, (quote, index)
