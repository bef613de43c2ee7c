"""Mint, redeem, borrow, repay, enter and exit a market: each returns the next pool or raises `Revert`.

The order of the checks is the contracts' own, so that the reason is predicted too. Rewards are not modelled.
"""

from dataclasses import replace

from marginbook.exact import WAD, mul_div_floor
from marginbook.venues.compound.v2.interest import touch
from marginbook.venues.compound.v2.liquidity import liquidity
from marginbook.venues.compound.v2.state import ALL, Market, Pool, Position, exchange_rate, owed, require


def move_cash(market: Market, change: int) -> int | None:
    """Cash after `change`, where it is known."""
    return None if market.cash is None else market.cash + change


def require_cash(market: Market, amount: int, reason: str) -> None:
    """The market can pay out `amount`."""
    require(market.cash is None or market.cash >= amount, reason)


def mint(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Supply `amount` token units; the cTokens are rounded down."""
    pool = touch(pool, asset)
    config, market = pool.configs[asset], pool.markets[asset]
    require(not config.mint_paused, "mint is paused")
    tokens = mul_div_floor(amount, WAD, exchange_rate(config, market))
    position = pool.user(name).position(asset)
    pool = pool.with_market(asset, replace(market, cash=move_cash(market, amount), supply=market.supply + tokens))
    return pool.with_position(name, asset, replace(position, tokens=position.tokens + tokens))


def redeem(pool: Pool, name: str, asset: str, tokens: int) -> Pool:
    """Give back `tokens` cTokens for their underlying, rounded down."""
    pool = touch(pool, asset)
    rate = exchange_rate(pool.configs[asset], pool.markets[asset])
    return _redeem(pool, name, asset, tokens, mul_div_floor(rate, tokens, WAD))


def redeem_underlying(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Withdraw `amount` token units for cTokens, rounded down in the user's favour; not for none at all."""
    pool = touch(pool, asset)
    rate = exchange_rate(pool.configs[asset], pool.markets[asset])
    return _redeem(pool, name, asset, mul_div_floor(amount, WAD, rate), amount)


def require_redeemable(pool: Pool, name: str, asset: str, tokens: int) -> None:
    """No shortfall without these cTokens; a market that was never entered may be left freely."""
    if asset in pool.user(name).entered:
        require(liquidity(pool, name, asset, redeemed=tokens).shortfall == 0, "INSUFFICIENT_LIQUIDITY")


def _redeem(pool: Pool, name: str, asset: str, tokens: int, amount: int) -> Pool:
    require_redeemable(pool, name, asset, tokens)
    market, position = pool.markets[asset], pool.user(name).position(asset)
    require_cash(market, amount, "RedeemTransferOutNotPossible")
    require(tokens <= position.tokens, "MATH")
    require(tokens != 0 or amount == 0, "redeemTokens zero")
    pool = pool.with_market(asset, replace(market, cash=move_cash(market, -amount), supply=market.supply - tokens))
    return pool.with_position(name, asset, replace(position, tokens=position.tokens - tokens))


def borrow(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Borrow `amount`; the market is entered by it."""
    pool = touch(pool, asset)
    config = pool.configs[asset]
    require(not config.borrow_paused, "borrow is paused")
    pool = enter(pool, name, asset)
    require(pool.prices[asset] != 0, "PRICE_ERROR")
    market = pool.markets[asset]
    if config.borrow_cap and market.cash is not None:
        borrows = market.borrows + amount + pool.version.strict_cap
        require(borrows <= config.borrow_cap, "market borrow cap reached")
    require(liquidity(pool, name, asset, borrowed=amount).shortfall == 0, "INSUFFICIENT_LIQUIDITY")
    require_cash(market, amount, "BorrowCashNotAvailable")
    position = replace(pool.user(name).position(asset), principal=owed(pool, name, asset) + amount, index=market.index)
    cash = move_cash(market, -amount)
    pool = pool.with_market(asset, replace(market, cash=cash, borrows=market.borrows + amount))
    return pool.with_position(name, asset, position)


def repay(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """Repay `amount`, or `ALL`; more than is owed is refused, or pays what is owed."""
    return repaid(touch(pool, asset), name, asset, amount)


def repaid(pool: Pool, name: str, asset: str, amount: int) -> Pool:
    """The pool after a payment into an accrued market."""
    market, debt = pool.markets[asset], owed(pool, name, asset)
    amount = debt if amount == ALL or (pool.version.capped_repay and amount > debt) else amount
    require(amount <= debt, "MATH")
    if market.cash is not None:
        require(amount <= market.borrows, "MATH")
        market = replace(market, cash=market.cash + amount, borrows=market.borrows - amount)
    position = replace(pool.user(name).position(asset), principal=debt - amount, index=market.index)
    return pool.with_market(asset, market).with_position(name, asset, position)


def enter(pool: Pool, name: str, asset: str) -> Pool:
    """Let supplies of `asset` count."""
    entered = pool.user(name).entered
    return pool if asset in entered else pool.with_entered(name, entered | {asset})


def leave(pool: Pool, name: str, asset: str) -> Pool:
    """Take supplies of `asset` out of the sums; nothing is accrued."""
    user = pool.user(name)
    position: Position = user.position(asset)
    require(owed(pool, name, asset) == 0, "NONZERO_BORROW_BALANCE")
    require_redeemable(pool, name, asset, position.tokens)
    return pool.with_entered(name, user.entered - {asset})
