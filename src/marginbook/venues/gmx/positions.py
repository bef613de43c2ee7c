"""Positions, prices and state of GMX v2 as the contracts hold them.

A position is known by market, collateral token and side, and is a pool of its own: `isolated:ETH/USD:long`, or
`isolated:ETH/USD:long/WETH` where the account holds several of that market and side. Its `quantity` is the size in
tokens, `isolated_wallet` the collateral in tokens, and in `details`

    collateral                   the token; default: the market's short token
    size_in_usd                  [USD]; default: quantity · entry, cut at 30 decimals
    pending_impact               [index tokens], signed; default 0
    borrowing_factor             cumulative factor at the last change [30 decimals]
    funding_fee_per_size_raw     the venue's integer at the last change
    claimable_<token>_raw        the same of claimable funding
    discount                     larger of the trader's pro and referral discounts, a fraction; default the account's, 0

Growth indices of the market: `("gmx", "ETH/USD:long", "borrow")` is the cumulative borrowing factor [10^-30], its rate
per second [10^-30]; `("gmx", "ETH/USD:long:WETH", "funding")` the funding fee per size and `(…, "supply")` the
claimable amount per size, both [10^-45 token units per 10^-30 USD]. Without an index nothing is due.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, Market
from marginbook.exact import ZERO, div_floor, mul_div_ceil, mul_div_floor, to_raw_floor
from marginbook.units import MICROSECONDS
from marginbook.venues.common.fields import detail, detail_raw
from marginbook.venues.gmx.parameters import Parameters, Terms

VENUE = "gmx"
USD_DECIMALS = 30
PER_SIZE_DECIMALS = 45
"""Decimals of amounts per size: 30 of USD and 15 more."""
PER_SIZE = 10**PER_SIZE_DECIMALS


@dataclass(frozen=True, slots=True)
class Held:
    """A position in the venue's integers."""

    position: Position
    terms: Terms
    pool: str
    place: str
    token: str  # of the collateral
    collateral: int  # [token units]
    size_usd: int  # [10^-30 USD]
    size_tokens: int  # [index token units]
    pending_impact: int  # [index token units]
    discount: int  # [10^-30]

    @property
    def is_long(self) -> bool:
        """Whether it gains from a rise."""
        return self.position.side == "long"

    @property
    def market(self) -> str:
        """Name of the market."""
        return self.position.market


def positions_of(account: Account, parameters: Parameters) -> dict[str, Held]:
    """The account's positions by pool; BadInput where one is not of this venue."""
    count = Counter((position.market, position.side) for position in account.positions)
    found: dict[str, Held] = {}
    for number, position in enumerate(account.positions):
        held = _read(account, number, parameters, several=count[position.market, position.side] > 1)
        if held.pool in found:
            raise BadInput("duplicate_position", held.place, position.market, "one position per collateral token")
        found[held.pool] = held
    return found


def held_named(account: Account, pool: str, parameters: Parameters) -> Held:
    """One position; BadInput `unknown_pool` listing the account's pools otherwise."""
    found = positions_of(account, parameters)
    if pool not in found:
        raise BadInput("unknown_pool", f"account {account.id}", pool, "one of " + ", ".join(found))
    return found[pool]


def _read(account: Account, number: int, parameters: Parameters, several: bool) -> Held:
    position = account.positions[number]
    place, details = f"account {account.id}.position[{number}]", position.details
    terms = parameters.terms_of(position.market)
    token = details.get("collateral", terms.short_token)
    decimals = terms.decimals(token)
    if position.isolated_wallet is None or position.isolated_wallet < 0:
        given = "nothing" if position.isolated_wallet is None else position.isolated_wallet
        raise BadInput("missing_isolated_wallet", f"{place}.isolated_wallet", given, f"its collateral in {token}")
    if position.quantity <= 0 or position.entry <= 0:
        raise BadInput("bad_position", place, position.quantity, "a quantity and an entry above 0")
    size = detail(details, "size_in_usd", place, position.quantity * position.entry)
    if size <= 0:
        raise BadInput("bad_position", f"{place}.details.size_in_usd", size, "above 0")
    discount = detail(details, "discount", place, detail(account.details, "discount", f"account {account.id}", ZERO))
    if not 0 <= discount <= 1:
        raise BadInput("bad_position", f"{place}.details.discount", discount, "a fraction from 0 to 1")
    pool = f"isolated:{position.market}:{position.side}"
    size_usd = to_raw_floor(size, USD_DECIMALS)
    size_tokens = to_raw_floor(position.quantity, terms.index_decimals)
    if not size_usd or not size_tokens:
        raise BadInput("bad_position", place, position.quantity, f"at least one of {terms.index_decimals} decimals")
    return Held(
        position=position,
        terms=terms,
        pool=f"{pool}/{token}" if several else pool,
        place=place,
        token=token,
        collateral=to_raw_floor(position.isolated_wallet, decimals),
        size_usd=size_usd,
        size_tokens=size_tokens,
        pending_impact=to_raw_floor(detail(details, "pending_impact", place, ZERO), terms.index_decimals),
        discount=to_raw_floor(discount, USD_DECIMALS),
    )


def price_key(held: Held, token: str, kind: str) -> tuple[str, str, str]:
    """Where a token's price is filed: an index token has one price, filed under the market."""
    return VENUE, held.market if token == held.terms.index_token else token, kind


def index_price(held: Held, market: Market, kind: str) -> int:
    """Price of the index token [10^-30 USD per unit]; further decimals are cut."""
    return _price(market, price_key(held, held.terms.index_token, kind), held.terms.index_decimals)


def token_price(held: Held, token: str, market: Market, kind: str) -> int:
    """Price of the market's long or short token [10^-30 USD per unit]; further decimals are cut."""
    return _price(market, price_key(held, token, kind), held.terms.decimals(token))


def _price(market: Market, key: tuple[str, str, str], decimals: int) -> int:
    value = market.price(*key)
    raw = to_raw_floor(value, USD_DECIMALS - decimals)
    if raw <= 0:
        raise BadInput("bad_price", f"prices.{key[0]}.{key[1]}", value, f"at least 1e-{USD_DECIMALS - decimals}")
    return raw


def pnl_price(held: Held, market: Market) -> int:
    """The index price at which profit is measured: min for longs, max for shorts."""
    return index_price(held, market, "min" if held.is_long else "max")


def state_of(held: Held, market: Market, name: str, decimals: int) -> int | None:
    """A number of the market's state in raw units, or None where the book does not give it."""
    value = market.state.get((VENUE, held.market, name))
    return None if value is None else to_raw_floor(Decimal(value), decimals)


def index_of(held: Held, market: Market, kind: str, token: str = "") -> Index | None:
    """A growth index of the position's side."""
    name = f"{held.market}:{held.position.side}" + (f":{token}" if token else "")
    return market.indices.get((VENUE, name, kind))


def accrued(index: Index, at: int) -> int:
    """The index at `at` [µs UTC]: value + whole seconds · rate.

    >>> accrued(Index(5, 2, 10), 13_900_000)
    11
    """
    return index.value_raw + index.rate_raw * max(0, div_floor(at, MICROSECONDS) - index.time)


def borrowing_due_usd(held: Held, market: Market, at: int) -> int:
    """⌊size · (cumulative factor − the position's)⌋ [10^-30 USD]."""
    index = index_of(held, market, "borrow")
    if index is None:
        return 0
    details = held.position.details
    entry = to_raw_floor(detail(details, "borrowing_factor", held.place), USD_DECIMALS)
    growth = accrued(index, at) - entry
    if growth < 0:
        raise BadInput("bad_position", f"{held.place}.details.borrowing_factor", entry, "at most the market's factor")
    return mul_div_floor(held.size_usd, growth, 10**USD_DECIMALS)


def funding_due(held: Held, market: Market) -> int:
    """⌈size · (funding fee per size − the position's)⌉ [collateral token units]."""
    index = index_of(held, market, "funding", held.token)
    if index is None:
        return 0
    growth = index.value_raw - detail_raw(held.position.details, "funding_fee_per_size_raw", held.place)
    if growth < 0:
        raise BadInput("bad_position", f"{held.place}.details.funding_fee_per_size_raw", growth, "at most the market's")
    return mul_div_ceil(held.size_usd, growth, PER_SIZE)


def claimable_funding(held: Held, market: Market) -> Mapping[str, int]:
    """Funding received and not yet claimed, ⌊size · growth⌋ of each token [token units].

    A token that is both the long and the short one is paid as each: its index holds half of what is due.
    """
    found: dict[str, int] = {}
    for token in (held.terms.long_token, held.terms.short_token):
        index = index_of(held, market, "supply", token)
        if index is not None:
            entry = detail_raw(held.position.details, f"claimable_{token}_raw", held.place, index.value_raw)
            due = mul_div_floor(held.size_usd, max(0, index.value_raw - entry), PER_SIZE)
            found[token] = found.get(token, 0) + due
    return found
