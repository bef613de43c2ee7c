"""From an account and a market to a pool with one user.

A supply is cTokens (`scaled_raw`) at the market's supply index, which is the stored exchange rate · 10^9; a debt is
the stored principal (`scaled_raw`) at the market's borrow index · 10^9, with the borrower's own index in
`details.interest_index_raw` (a mantissa, 10^18 where it is left out). A plain `amount` is a balance as of now.
"""

from dataclasses import replace

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market as Prices
from marginbook.exact import WAD, div_floor
from marginbook.venues.common.amounts import raw_amount
from marginbook.venues.common.fields import detail_raw
from marginbook.venues.compound.inputs import (
    PRICE_DECIMALS,
    USER,
    VENUE,
    by_asset,
    index_raw,
    price_raw,
    scaled_raw,
)
from marginbook.venues.compound.v2.parameters import Parameters
from marginbook.venues.compound.v2.state import Market, MarketConfig, Pool, Position, User, exchange_rate

POOL = "main"
TO_RAY = 10**9
"""A mantissa of 10^18 as a ray."""
TOTALS = ("cash_raw", "borrows_raw", "reserves_raw", "supply_raw", "accrual_block")
"""Names in `Market.state` that make a market whole: its interest is then known up to the chain's block."""
INTEREST_INDEX = "interest_index_raw"


def mantissa(price: int, decimals: int) -> int:
    """Price mantissa of a price with 8 decimals: USD · 10^(36 − decimals).

    >>> mantissa(2_000 * 10**8, 18) == 2_000 * 10**18
    True
    """
    scale: int = 10 ** (36 - decimals - PRICE_DECIMALS)
    return price * scale


def held_assets(account: Account) -> dict[str, tuple[Collateral | None, Debt | None]]:
    """Both sides of every asset."""
    holdings: list[Collateral | Debt] = [*account.collateral, *account.debt]
    for holding in holdings:
        if holding.pool not in (None, POOL):
            raise BadInput("unknown_pool", f"account {account.id}.{holding.asset}.pool", holding.pool, POOL)
    supply, debt = by_asset(account, account.collateral), by_asset(account, account.debt)
    return {asset: (supply.get(asset), debt.get(asset)) for asset in supply | debt}


def is_empty(holding: Collateral | Debt | None) -> bool:
    """Whether there is nothing of it."""
    return holding is None or not (holding.amount or holding.scaled_raw)


def counts(held: Collateral | None, owes: Debt | None) -> bool:
    """Whether the market is entered: by choice, or by owing in it."""
    return (held is not None and held.enabled) or not is_empty(owes)


def pool_of(
    account: Account,
    market: Prices,
    parameters: Parameters,
    more: tuple[str, ...] = (),
    without_price: frozenset[str] = frozenset(),
) -> Pool:
    """The account as the only user of a pool, on stored balances. Assets in `more` are there even if not held."""
    place = f"account {account.id}"
    configs, markets, positions, prices, entered = {}, {}, {}, {}, set()
    assets = held_assets(account) | {asset: (None, None) for asset in more if asset not in held_assets(account)}
    for asset, (held, owes) in assets.items():
        config = configs[asset] = parameters.asset(asset, f"{place}.{asset}")
        state, position = _position(asset, held, owes, config, market, place)
        markets[asset] = _whole(asset, held, owes, config, market, place) or state
        positions[asset] = position
        if counts(held, owes):
            entered.add(asset)
        needed = asset in more or not (is_empty(held) and is_empty(owes))
        priced = needed and asset not in without_price
        prices[asset] = mantissa(price_raw(market, asset, place), config.decimals) if priced else 1
    return Pool(
        configs=configs,
        markets=markets,
        prices=prices,
        close_factor=parameters.close_factor,
        incentive=parameters.incentive,
        users={USER: User(positions=positions, entered=frozenset(entered))},
        block=_block(market, markets),
        version=parameters.version,
    )


def _position(
    asset: str, held: Collateral | None, owes: Debt | None, config: MarketConfig, market: Prices, place: str
) -> tuple[Market, Position]:
    """The market as far as the account shows it, and the account's position in it."""
    tokens = principal = 0
    rate, index, own = _stored(asset, "supply", market), _stored(asset, "borrow", market), WAD
    if held is not None and held.amount is not None:
        tokens, rate = raw_amount(held.amount, config.decimals, f"{place}.collateral.{asset}.amount"), WAD
    elif held is not None:
        tokens = scaled_raw(held, f"{place}.collateral.{asset}")
        rate = div_floor(index_raw(held, asset, "supply", market, f"{place}.collateral.{asset}"), TO_RAY)
    if owes is not None and owes.amount is not None:
        principal, own = raw_amount(owes.amount, config.decimals, f"{place}.debt.{asset}.amount"), index
    elif owes is not None:
        principal = scaled_raw(owes, f"{place}.debt.{asset}")
        index = div_floor(index_raw(owes, asset, "borrow", market, f"{place}.debt.{asset}"), TO_RAY)
        own = detail_raw(owes.details, INTEREST_INDEX, f"{place}.debt.{asset}", WAD)
    if min(rate, index, own) <= 0:
        raise BadInput("bad_value", f"{place}.{asset}", "an index of 0", "indices above 0")
    return Market(cash=None, fixed_rate=rate, index=index), Position(tokens=tokens, principal=principal, index=own)


def _stored(asset: str, kind: str, market: Prices) -> int:
    """The market's index as a mantissa; 10^18 where it is unknown."""
    found = market.indices.get((VENUE, asset, kind))
    return WAD if found is None else div_floor(found.value_raw, TO_RAY)


def _whole(
    asset: str, held: Collateral | None, owes: Debt | None, config: MarketConfig, market: Prices, place: str
) -> Market | None:
    """The whole market, if its totals and indices are known and the account's balances are scaled by them."""
    totals = [market.state.get((VENUE, asset, name)) for name in TOTALS]
    plain = any(h is not None and (h.scaled_raw is None or h.index_raw is not None) for h in (held, owes))
    if None in totals or plain or any((VENUE, asset, kind) not in market.indices for kind in ("supply", "borrow")):
        return None
    cash, borrows, reserves, supply, block = (int(total or 0) for total in totals)
    found = Market(
        cash=cash,
        borrows=borrows,
        reserves=reserves,
        supply=supply,
        index=_stored(asset, "borrow", market),
        block=block,
    )
    rate = exchange_rate(config, found)
    if supply and rate != _stored(asset, "supply", market):
        raise BadInput(
            "inconsistent_state",
            f"{place}: state.{VENUE}.{asset}",
            rate,
            f"totals that give the stored exchange rate {_stored(asset, 'supply', market)}",
        )
    return found if supply else replace(found, cash=None, fixed_rate=_stored(asset, "supply", market))


def _block(market: Prices, markets: dict[str, Market]) -> int:
    """The chain's block, at least that of every accrual."""
    known = market.state.get((VENUE, "chain", "block"), 0)
    return max([int(known), *(m.block for m in markets.values())])
