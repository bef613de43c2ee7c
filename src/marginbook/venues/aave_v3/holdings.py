"""From an account and a market to a pool with one user, and back."""

from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, Market
from marginbook.exact import RAY, from_raw, to_raw_exact, to_raw_floor
from marginbook.units import seconds
from marginbook.venues.aave_v3.account_data import counts_as_collateral, user_threshold
from marginbook.venues.aave_v3.parameters import Parameters
from marginbook.venues.aave_v3.reserve import accrued_borrow_index, accrued_supply_index
from marginbook.venues.aave_v3.state import EMode, Pool, Position, Reserve, ReserveConfig, User, price_key
from marginbook.venues.aave_v3.versions import Version

POOL = "main"
USER = "account"
PRICE_BELOW = Decimal(10) ** 12  # [base currency]; `lower` relies on it
SCALED_BITS = 128  # no balance of the protocol is larger
TOTALS = ("cash_raw", "scaled_supply_raw", "scaled_debt_raw", "accrued_to_treasury_raw", "deficit_raw")
"""Names in `Market.state` that make a reserve's totals known."""


def accrued_index(index: Index, kind: str, version: Version, at: int) -> int:
    """A stored index [ray] as it stands at `at` [µs UTC], by the version's own formula; never before it was stored."""
    elapsed = max(seconds(at) - index.time, 0)
    if kind == "supply":
        return accrued_supply_index(index.value_raw, index.rate_raw, elapsed)
    return accrued_borrow_index(version, index.value_raw, index.rate_raw, elapsed)


def price_raw(market: Market, version: Version, key: str, place: str) -> int:
    """The protocol's oracle price [base currency units]; further decimals are cut, as a feed would."""
    price = market.price(version.venue, key, "oracle")
    if not (price.is_finite() and Decimal(0) < price < PRICE_BELOW):
        expected = f"a positive price below 10^12 {version.base}"
        raise BadInput("bad_price", f"{place}: prices.{version.venue}.{key}", price, expected)
    return to_raw_floor(price, version.base_decimals)


def emode_of(account: Account, parameters: Parameters) -> EMode | None:
    """The account's category; BadInput if the parameters do not have it."""
    if account.emode == 0:
        return None
    if account.emode not in parameters.emodes:
        known = ", ".join(str(number) for number in parameters.emodes) or "0 only"
        raise BadInput("unknown_emode", f"account {account.id}.emode", account.emode, f"one of {known}")
    return parameters.emodes[account.emode]


def scaled_and_index(
    holding: Collateral | Debt, kind: str, decimals: int, market: Market, version: Version, at: int, place: str
) -> tuple[int, int]:
    """(scaled balance, index [ray] at `at`). An `amount` is a balance at index 1."""
    if holding.amount is not None:
        try:
            raw = to_raw_exact(holding.amount, decimals)
        except ValueError:
            raise BadInput("too_many_decimals", place, holding.amount, f"at most {decimals} decimals") from None
        return in_range(raw, f"{place}.amount"), RAY
    if holding.scaled_raw is None:
        raise BadInput("missing_value", place, "nothing", "amount, or scaled_raw")
    scaled = in_range(holding.scaled_raw, f"{place}.scaled_raw")
    if holding.index_raw is not None:
        if not RAY <= holding.index_raw < 2**128:
            raise BadInput("bad_value", f"{place}.index_raw", holding.index_raw, "a ray of at least 10^27")
        return scaled, holding.index_raw
    stored = market.indices.get((version.venue, holding.asset, kind))
    if stored is None:
        raise BadInput("missing_index", place, "nothing", f"index_raw, or the market's {kind} index of {holding.asset}")
    return scaled, accrued_index(stored, kind, version, at)


def in_range(raw: int, place: str) -> int:
    """`raw`, if a balance of the protocol can be that large."""
    if raw < 0 or raw >> SCALED_BITS:
        raise BadInput("bad_value", place, raw, "a balance that is not negative, below 2^128 units")
    return raw


def asset_config(account: Account, asset: str, parameters: Parameters) -> ReserveConfig:
    """The parameters of one of the account's assets."""
    return parameters.asset(asset, f"account {account.id}.{asset}")


def price_keys(account: Account, parameters: Parameters) -> dict[str, str]:
    """Asset -> whose price values it, for every holding that is not empty."""
    emode = emode_of(account, parameters)
    assets = [c.asset for c in account.collateral if c.amount or c.scaled_raw]
    assets += [d.asset for d in account.debt if d.amount or d.scaled_raw]
    return {asset: price_key(asset, emode) for asset in dict.fromkeys(assets)}


def pool_of(
    account: Account, market: Market, parameters: Parameters, at: int, without_price: frozenset[str] = frozenset()
) -> Pool:
    """The account as the only user of a pool at `at`: reserves accrued, totals unknown.

    `without_price` names price keys that the caller will fill in; 0 stands there, and for what is not held.
    """
    emode = emode_of(account, parameters)
    version, time = parameters.version, seconds(at)
    supply = _by_asset(account, account.collateral)
    debt = _by_asset(account, account.debt)
    configs, reserves, positions = {}, {}, {}
    for asset in supply | debt:
        config = asset_config(account, asset, parameters)
        place = f"account {account.id}"
        held, owed = supply.get(asset), debt.get(asset)
        scaled_supply = scaled_debt = 0
        supply_index = borrow_index = RAY
        enabled = False
        if isinstance(held, Collateral):
            scaled_supply, supply_index = scaled_and_index(
                held, "supply", config.decimals, market, version, at, f"{place}.collateral.{asset}"
            )
            threshold = user_threshold(asset, config, emode)
            enabled = bool(held.enabled and scaled_supply and threshold and counts_as_collateral(version, config))
        if isinstance(owed, Debt):
            scaled_debt, borrow_index = scaled_and_index(
                owed, "borrow", config.decimals, market, version, at, f"{place}.debt.{asset}"
            )
        configs[asset] = config
        reserves[asset] = Reserve(liquidity_index=supply_index, borrow_index=borrow_index, updated_at=time, cash=None)
        positions[asset] = Position(
            scaled_supply=scaled_supply, scaled_debt=scaled_debt, collateral=enabled, borrowing=scaled_debt > 0
        )
    keys = dict.fromkeys(price_key(asset, emode) for asset in configs)
    needed = set(price_keys(account, parameters).values()) - without_price
    place = f"account {account.id}"
    return Pool(
        version=version,
        configs=configs,
        reserves=reserves,
        prices={key: price_raw(market, version, key, place) if key in needed else 0 for key in keys},
        emodes=parameters.emodes,
        users={USER: User(positions=positions, emode=account.emode)},
        time=time,
    )


def with_source_price(pool: Pool, market: Market, place: str) -> Pool:
    """The pool with the price of the user's category: 3.0 and 3.1 price every liquidated debt by it."""
    emode = pool.emode_of(pool.user(USER))
    if emode is None or emode.price_source is None or pool.prices.get(emode.price_source):
        return pool
    return pool.with_prices({emode.price_source: price_raw(market, pool.version, emode.price_source, place)})


def _by_asset(account: Account, holdings: tuple[Collateral, ...] | tuple[Debt, ...]) -> dict[str, Collateral | Debt]:
    found: dict[str, Collateral | Debt] = {}
    for holding in holdings:
        if holding.asset in found:
            raise BadInput("duplicate_asset", f"account {account.id}", holding.asset, "each asset once per side")
        found[holding.asset] = holding
    return found


def amount_of(raw: int, config: ReserveConfig) -> Decimal:
    """Token units as a human amount."""
    return from_raw(raw, config.decimals)
