"""What the vault of GMX v1 keeps of a token: its pool, what is reserved, fees, the cumulative funding rate, shorts.

    tokens in  = ⌊tokens · min price⌋ USD          tokens out = ⌊USD / max price⌋
    reserved   = ⌊USD / min price⌋                 growth     = ⌊factor · reserved · whole intervals / pool⌋

Source: gmx-io/gmx-contracts `Vault.sol`, commit fe55c4ba8911 (2025-07-21).

A market whose state has `TOTALS` of a token is whole there: the vault's limits are checked, funding grows with the
clock from the index's time, and `apply` moves the totals. The prices of a stable token stand under its own name
(`gmx.USDC`), 1 where there is none.
"""

from dataclasses import dataclass, replace

from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, Market
from marginbook.exact import div_floor, mul_div_ceil, mul_div_floor, to_raw_floor

VENUE = "gmx"
USD_DECIMALS = 30
RATE = 10**18
"""Scale of cumulative funding rates in a book; the vault's own is 10^6."""
RATE_UNIT = 10**12
"""One unit of the vault's rate in ours."""
TOTALS = ("pool_raw", "reserved_raw", "fee_reserve_raw", "guaranteed_usd_raw", "balance_raw")
"""Names in `Market.state` of a collateral token [token units; 10^-30 USD]; `balance_raw`: all that the vault holds."""
SHORTS = ("short_size_raw", "short_average_raw")
"""Names in `Market.state` of an index token's market [10^-30 USD]: size and average price of all shorts."""


class Revert(Exception):
    """The vault would refuse, and why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def require(holds: bool, reason: str) -> None:
    """`Revert` with the vault's reason unless the condition holds."""
    if not holds:
        raise Revert(reason)


@dataclass(frozen=True, slots=True)
class Prices:
    """Min and max price of a token [10^-30 USD]."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """One collateral token, and the shorts of one index token, as the vault keeps them."""

    decimals: int
    prices: Prices  # of the collateral token
    whole: bool = False  # the totals are the vault's; otherwise they are 0 and no limit is known
    pool: int = 0  # [token units] as the next four
    reserved: int = 0
    fees: int = 0
    balance: int = 0
    guaranteed: int = 0  # [10^-30 USD]
    rate: int = 0  # cumulative funding [10^-18]
    updated: int = 0  # [s] of the last funding
    short_size: int = 0  # [10^-30 USD]
    short_average: int = 0  # [10^-30 USD]

    def worth(self, tokens: int) -> int:
        """What tokens that come in count for [10^-30 USD]."""
        return mul_div_floor(tokens, self.prices.low, 10**self.decimals)

    def tokens_for(self, usd: int) -> int:
        """The fewest tokens that count for at least so much, when they come in."""
        return mul_div_ceil(usd, 10**self.decimals, self.prices.low)

    def tokens_out(self, usd: int) -> int:
        """Tokens that are paid, or kept as fees, for an amount [10^-30 USD]."""
        return mul_div_floor(usd, 10**self.decimals, self.prices.high)

    def reserve_of(self, usd: int) -> int:
        """Tokens set aside for the profits of a size [10^-30 USD]."""
        return mul_div_floor(usd, 10**self.decimals, self.prices.low)

    def with_pool(self, change: int) -> "Books":
        """The pool grown or shrunk, within the vault's balance and not below what is reserved."""
        found = replace(self, pool=self.pool + change)
        if self.whole and change >= 0:
            require(found.pool <= self.balance, "invalid increase")
        elif self.whole:
            require(found.pool >= 0, "pool amount exceeded")
            require(self.reserved <= found.pool, "reserve exceeds pool")
        return found

    def paid_out(self, tokens: int) -> "Books":
        """Tokens sent away."""
        require(not self.whole or tokens <= self.balance, "balance exceeded")
        return replace(self, balance=self.balance - tokens)


def next_funding_rate(factor: int, reserved: int, pool: int, interval: int, seconds: int) -> int:
    """Growth of the vault's rate [10^-6]: ⌊factor · reserved · intervals / pool⌋ for whole intervals that have passed.

    >>> next_funding_rate(600, 40, 100, 3600, 7300)
    480
    """
    intervals = div_floor(seconds, interval)
    return mul_div_floor(factor * reserved, intervals, pool) if pool else 0


def funded(books: Books, factor: int, interval: int, now: int) -> Books:
    """The books with the cumulative rate of `now` [s]; it moves at whole intervals, and starts at the first call.

    The time of the last funding counts from the beginning of its interval, as the vault stores it.
    """
    since = div_floor(books.updated, interval) * interval
    if not books.whole or (since and since + interval > now):
        return books
    started = div_floor(now, interval) * interval
    if not since:
        return replace(books, updated=started)
    growth = next_funding_rate(factor, books.reserved, books.pool, interval, now - since)
    return replace(books, rate=books.rate + growth * RATE_UNIT, updated=started)


def funded_rate(market: Market, token: str, factor: int, interval: int, now: int) -> int | None:
    """The cumulative rate of `now` [s], where the token is whole; otherwise as stored, None where it is not known."""
    index = market.indices.get((VENUE, token, "funding"))
    if index is None or not is_whole(market, token):
        return None if index is None else index.value_raw
    return funded(books_of(market, token, "", 0, Prices(1, 1)), factor, interval, now).rate


def price_of_kind(market: Market, name: str, kind: str) -> int:
    """A market's or token's price [10^-30 USD]; BadInput where there is none, or it is not above 0."""
    value = market.price(VENUE, name, kind)
    raw = to_raw_floor(value, USD_DECIMALS)
    if raw <= 0:
        raise BadInput("bad_price", f"prices.{VENUE}.{name}", value, "above 0")
    return raw


def index_prices(market: Market, name: str) -> Prices:
    """Min and max price of a market."""
    return Prices(price_of_kind(market, name, "min"), price_of_kind(market, name, "max"))


def stable_prices(market: Market, token: str) -> Prices:
    """Min and max price of a stable token, 1 where there is none."""
    one = 10**USD_DECIMALS
    known = {kind: (VENUE, token, kind) in market.quotes for kind in ("min", "max")}
    return Prices(*(price_of_kind(market, token, kind) if found else one for kind, found in known.items()))


def is_whole(market: Market, token: str) -> bool:
    """Whether the vault's totals of a collateral token are known, with its cumulative rate."""
    known = all((VENUE, token, name) in market.state for name in TOTALS)
    return known and (VENUE, token, "funding") in market.indices


def books_of(market: Market, token: str, index: str, decimals: int, prices: Prices) -> Books:
    """The books of a collateral token and of the shorts of the market `index`, as far as the state has them."""
    rate = market.indices.get((VENUE, token, "funding"), Index(0))
    size, average = (int(market.state.get((VENUE, index, name), 0)) for name in SHORTS)
    found = Books(decimals=decimals, prices=prices, rate=rate.value_raw, short_size=size, short_average=average)
    if not is_whole(market, token):
        return found
    pool, reserved, fees, guaranteed, balance = (int(market.state[VENUE, token, name]) for name in TOTALS)
    return replace(
        found,
        whole=True,
        pool=pool,
        reserved=reserved,
        fees=fees,
        guaranteed=guaranteed,
        balance=balance,
        updated=rate.time,
    )


def with_books(market: Market, token: str, index: str, books: Books) -> Market:
    """The market with a token's books, where it is whole; the shorts where it knows them."""
    state = dict(market.state)
    if books.whole:
        values = (books.pool, books.reserved, books.fees, books.guaranteed, books.balance)
        state |= {(VENUE, token, name): value for name, value in zip(TOTALS, values, strict=True)}
    if all((VENUE, index, name) in state for name in SHORTS):
        shorts = (books.short_size, books.short_average)
        state |= {(VENUE, index, name): value for name, value in zip(SHORTS, shorts, strict=True)}
    if not books.whole:
        return market if state == market.state else replace(market, state=state)
    key = (VENUE, token, "funding")
    rate = replace(market.indices[key], value_raw=books.rate, time=books.updated)
    return replace(market, state=state, indices={**market.indices, key: rate})
