"""GMX v1: positions of the vault by (collateral token, index token, side), their check and their numbers.

    delta     = ⌊size · |average − price| / average⌋         price min for longs, max for shorts; all USD of 10^-30
    margin fee  = size − ⌊size · (10000 − basis points) / 10000⌋            so it rounds up
    funding fee = ⌊size · (cumulative rate − entry rate)⌋
    state 1: loss > collateral, or remaining < fees, or remaining < fees + liquidation fee
    state 2: remaining · max leverage < size · 10000
with remaining = collateral ± delta. Within `min_profit_time` of the last increase a profit up to `min_profit` is 0.
In integers, any state but 0 is remaining < max(fees + liquidation fee, ⌈size / max leverage⌉).

Source: gmx-io/gmx-contracts `VaultUtils.validateLiquidation` and `Vault.getDelta`, commit fe55c4ba8911 (2025-07-21).

A position's `isolated_wallet` is its collateral in USD, as the vault counts it; `entry` its average price; `details`:
`collateral` (default: the index token of a long, USDC of a short), `size_in_usd` (default quantity · entry),
`last_increased_time` [s], `reserve_raw` [token units set aside for it], `realised_pnl` [USD]. `funding_index_raw` is
the entry funding rate, the index `("gmx", token, "funding")` the cumulative one, both fractions of 10^-18 (the vault's
integer times 10^12); where the market knows the token whole (`vault_books`), it grows with the clock as a liquidation
would find it. Pools are `isolated:BTC/USD:long`, with `/token` where there are several of that market and side.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice, Quantities, Risk
from marginbook.exact import divide, from_raw, in_exact_context, mul_div_ceil, mul_div_floor, to_raw_floor
from marginbook.params.records import record_or_error
from marginbook.units import seconds
from marginbook.venues.common.fields import Raw, Read, detail, detail_raw, positive, read_row, rows_with, text, whole
from marginbook.venues.common.search import searched_prices
from marginbook.venues.common.views import derivative_quantities, down, up
from marginbook.venues.gmx.vault_books import RATE, USD_DECIMALS, VENUE, funded_rate, price_of_kind

BASIS_POINTS = 10_000
ALL = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the vault asks of a token: as the index of a market (`BTC/USD`), or as a stable collateral (`USDC`)."""

    max_leverage: int  # [basis points]
    margin_fee: int  # [basis points]
    liquidation_fee_usd: int  # [10^-30 USD]
    min_profit: int = 0  # [basis points]
    min_profit_time: int = 0  # [s]
    funding_factor: int = 0  # [10^-6 per interval] at full use of the pool
    funding_interval: int = 3600  # [s]
    decimals: int = 18  # of the token
    max_short_size: int = 0  # [10^-30 USD] of all shorts; 0: no limit
    stable_token: str = "USDC"  # collateral of shorts where a position names none
    tick: Decimal = Decimal("0.00000001")  # grid of our liquidation prices [USD]
    quantity_step: Decimal = Decimal("0.00000001")


FIELDS: dict[str, Read] = {
    "max_leverage": Raw(4),
    "margin_fee": Raw(4),
    "liquidation_fee_usd": Raw(USD_DECIMALS),
    "min_profit": Raw(4),
    "min_profit_time": whole,
    "funding_factor": whole,
    "funding_interval": whole,
    "decimals": whole,
    "max_short_size": Raw(USD_DECIMALS),
    "stable_token": text,
    "tick": positive,
    "quantity_step": positive,
}
"""Leverage and fees are given as plain numbers (50, 0.001) and kept in basis points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Terms of every token at one time."""

    markets: Mapping[str, Terms]
    default: Terms
    source: str
    rules: str = "gmx/1"
    as_of: int | None = None  # [µs UTC]
    warnings: tuple[str, ...] = ()

    def terms_of(self, market: str) -> Terms:
        """The terms of a market or a stable token: its own, or those of every token."""
        return self.markets.get(market, self.default)


def parameters(
    version: str, at: int, overlay: Mapping[str, Any] | None = None, network: str | None = None
) -> Parameters:
    """The vault's configuration at `at` [µs UTC], a book's overlay on it (`"*"`: every token not named)."""
    record = record_or_error("gmx_v1", at, "gmx/1")
    rows = {name: read_row(row, FIELDS, f"parameters.{name}") for name, row in rows_with(record.rows, overlay).items()}
    default = Terms(**rows.pop(ALL))
    markets = {name: replace(default, **row) for name, row in rows.items()}
    if any(terms.max_leverage <= 0 for terms in (default, *markets.values())):
        raise BadInput("bad_parameter", "parameters.max_leverage", 0, "above 0")
    return Parameters(markets=markets, default=default, source=record.source, as_of=record.as_of)


@dataclass(frozen=True, slots=True)
class Held:
    """A position in the vault's integers [10^-30 USD]."""

    position: Position
    terms: Terms
    token_terms: Terms  # of the collateral token
    pool: str
    token: str  # of the collateral
    size: int
    collateral: int
    average: int
    rate: int = 0  # [10^-18] cumulative funding at its last change
    reserve: int | None = None  # [token units]; None where the account does not say
    realised: int = 0
    increased: int | None = None  # [s]

    @property
    def is_long(self) -> bool:
        """Whether it gains from a rise."""
        return self.position.side == "long"


def positions_of(account: Account, parameters: Parameters) -> dict[str, Held]:
    """The account's positions by pool; BadInput where one is not of this venue."""
    count = Counter((position.market, position.side) for position in account.positions)
    found: dict[str, Held] = {}
    for number, position in enumerate(account.positions):
        place = f"account {account.id}.position[{number}]"
        held = held_of(position, parameters, place)
        if count[position.market, position.side] > 1:
            held = replace(held, pool=f"{held.pool}/{held.token}")
        if held.size <= 0 or held.average <= 0 or position.quantity <= 0:
            raise BadInput("bad_position", place, position.quantity, "a quantity, a size and an entry above 0")
        if held.pool in found:
            raise BadInput("duplicate_position", place, position.market, "one position per collateral token")
        found[held.pool] = held
    return found


def held_of(position: Position, parameters: Parameters, place: str) -> Held:
    """A position in the vault's integers; BadInput where its collateral is not of this venue."""
    terms, details = parameters.terms_of(position.market), position.details
    own = position.market.partition("/")[0] if position.side == "long" else terms.stable_token
    token = details.get("collateral", own)
    if position.side == "long" and token != own:
        raise BadInput("unknown_collateral", f"{place}.details.collateral", token, f"{own}: longs hold the index")
    if position.isolated_wallet is None or position.isolated_wallet < 0:
        given = "nothing" if position.isolated_wallet is None else position.isolated_wallet
        raise BadInput("missing_isolated_wallet", f"{place}.isolated_wallet", given, "its collateral in USD")
    return Held(
        position=position,
        terms=terms,
        token_terms=terms if position.side == "long" else parameters.terms_of(token),
        pool=f"isolated:{position.market}:{position.side}",
        token=token,
        size=to_raw_floor(detail(details, "size_in_usd", place, position.quantity * position.entry), USD_DECIMALS),
        collateral=to_raw_floor(position.isolated_wallet, USD_DECIMALS),
        average=to_raw_floor(position.entry, USD_DECIMALS),
        rate=position.funding_index_raw or 0,
        reserve=detail_raw(details, "reserve_raw", place) if "reserve_raw" in details else None,
        realised=to_raw_floor(detail(details, "realised_pnl", place, Decimal(0)), USD_DECIMALS),
        increased=int(detail(details, "last_increased_time", place)) if "last_increased_time" in details else None,
    )


def held_named(account: Account, pool: str, parameters: Parameters) -> Held:
    """One position; BadInput `unknown_pool` listing the account's pools otherwise."""
    found = positions_of(account, parameters)
    if pool not in found:
        raise BadInput("unknown_pool", f"account {account.id}", pool, "one of " + ", ".join(found))
    return found[pool]


def price_of(held: Held, market: Market) -> int:
    """The index price that is worse for the trader, at which it is valued and closed [10^-30 USD]."""
    return price_of_kind(market, held.position.market, "min" if held.is_long else "max")


@dataclass(frozen=True, slots=True)
class Delta:
    """Profit or loss [10^-30 USD]."""

    has_profit: bool
    amount: int

    @property
    def signed(self) -> int:
        """Positive for a profit."""
        return self.amount if self.has_profit else -self.amount


def delta_of(held: Held, price: int, at: int) -> Delta:
    """⌊size · |average − price| / average⌋; a small early profit counts as 0."""
    amount = mul_div_floor(held.size, abs(held.average - price), held.average)
    has_profit = price > held.average if held.is_long else price < held.average
    if has_profit and amount * BASIS_POINTS <= held.size * _min_profit(held, at):
        amount = 0
    return Delta(has_profit, amount)


def _min_profit(held: Held, at: int) -> int:
    """Basis points below which a profit does not count yet; 0 once the time has passed or is not known."""
    if held.increased is None or seconds(at) > held.increased + held.terms.min_profit_time:
        return 0
    return held.terms.min_profit


def margin_fee(size: int, basis_points: int) -> int:
    """size − ⌊size · (10000 − basis points) / 10000⌋.

    >>> margin_fee(10001, 10)
    11
    """
    return size - mul_div_floor(size, BASIS_POINTS - basis_points, BASIS_POINTS)


def funding_fee(held: Held, market: Market, at: int) -> int:
    """⌊size · (cumulative − entry)⌋; 0 without an index."""
    terms = held.token_terms
    rate = funded_rate(market, held.token, terms.funding_factor, terms.funding_interval, seconds(at))
    return 0 if rate is None else funding_at(held, rate)


def funding_at(held: Held, rate: int) -> int:
    """⌊size · (rate − entry)⌋ [10^-30 USD]."""
    if rate < held.rate:
        raise BadInput("bad_position", f"{held.pool}.funding_index_raw", held.rate, "at most the cumulative rate")
    return mul_div_floor(held.size, rate - held.rate, RATE)


@dataclass(frozen=True, slots=True)
class Check:
    """What the vault's check finds [10^-30 USD]."""

    delta: Delta
    remaining: int
    fees: int
    liquidation_fee: int
    for_leverage: int  # ⌈size / max leverage⌉
    state: int  # 0 fine, 1 liquidatable, 2 above the maximal leverage

    @property
    def demand(self) -> int:
        """The least that must remain."""
        return max(self.fees + self.liquidation_fee, self.for_leverage)

    @property
    def charged(self) -> int:
        """Fees that a liquidation takes: no more than what remains, unless the loss is beyond the collateral."""
        return self.remaining if 0 <= self.remaining < self.fees else self.fees


def validate(held: Held, market: Market, at: int, *, with_profit: bool = True) -> Check:
    """The vault's check; profits count in a liquidation, not when a position is changed."""
    return checked(held, price_of(held, market), funding_fee(held, market, at), at, with_profit=with_profit)


def checked(held: Held, price: int, funding: int, at: int, *, with_profit: bool = True) -> Check:
    """The vault's check at a price, with a funding fee [10^-30 USD]."""
    delta, terms = delta_of(held, price, at), held.terms
    fees = funding + margin_fee(held.size, terms.margin_fee)
    remaining = held.collateral + (delta.signed if with_profit or not delta.has_profit else 0)
    state = 0
    if remaining < fees + terms.liquidation_fee_usd:
        state = 1
    elif remaining * terms.max_leverage < held.size * BASIS_POINTS:
        state = 2
    least = mul_div_ceil(held.size, BASIS_POINTS, terms.max_leverage)
    return Check(delta, remaining, fees, terms.liquidation_fee_usd, least, state)


def risk(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Risk[int]]:
    """The seven sums [10^-30 USD]: support = collateral ± delta, demand = the larger of both minima.

    For opening, a profit does not count.
    """
    return {pool: _risk(held, market, at) for pool, held in positions_of(account, parameters).items()}


def _risk(held: Held, market: Market, at: int) -> Risk[int]:
    found = validate(held, market, at)
    left, own = found.remaining, validate(held, market, at, with_profit=False).remaining
    return Risk(left, 0, left, own, found.demand, left, found.demand)


def is_liquidatable(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> bool:
    """State 1 or 2 of the vault's check."""
    return validate(held_named(account, pool, parameters), market, at).state != 0


@in_exact_context
def quantities(account: Account, market: Market, parameters: Parameters, at: int) -> dict[str, Quantities]:
    """Every number of every position [USD], 8 decimals toward danger."""
    return {pool: _quantities(held, market, at) for pool, held in positions_of(account, parameters).items()}


def _quantities(held: Held, market: Market, at: int) -> Quantities:
    found = validate(held, market, at)
    price, average = price_of(held, market), held.average
    rest = held.collateral if held.is_long else -held.collateral
    bankrupt = divide(from_raw(average, USD_DECIMALS) * (held.size - rest), Decimal(held.size))
    return derivative_quantities(
        _risk(held, market, at),
        "USD",
        scale=USD_DECIMALS,
        wallet_balance=_usd(held.collateral),
        collateral_value=_usd(held.collateral),
        unrealized_pnl=_usd(found.delta.signed),
        notional=_usd(mul_div_floor(held.size, price, average)),
        withdrawable=_usd(withdrawable(held, market, at)),
        bankruptcy_price=(up(bankrupt) if held.is_long else down(bankrupt)) if bankrupt > 0 else None,
        venue={
            "size_in_usd": _usd(held.size),
            "delta": _usd(found.delta.amount),
            "fees": up(_usd(found.fees)),
            "liquidation_state": Decimal(found.state),
        },
    )


def withdrawable(held: Held, market: Market, at: int) -> int:
    """The most collateral that may be taken out [10^-30 USD]; the funding due is paid out of it."""
    found, funding = validate(held, market, at, with_profit=False), funding_fee(held, market, at)
    most = min(held.collateral, found.remaining - max(found.demand - funding, found.for_leverage))
    return most if most > funding else 0


def _usd(raw: int) -> Decimal:
    return from_raw(raw, USD_DECIMALS)


@in_exact_context
def liquidation_prices(account: Account, market: Market, parameters: Parameters, at: int) -> list[LiquidationPrice]:
    """Per position, the index price at which the vault's check turns, min and max moving together."""
    found: list[LiquidationPrice] = []
    for pool, held in positions_of(account, parameters).items():
        name = held.position.market
        known = market.quotes.get((VENUE, name, "min"))

        def liquidatable(moved: Market, held: Held = held) -> bool:
            return validate(held, moved, at).state != 0

        found += searched_prices(
            market,
            liquidatable,
            pool=pool,
            name=name,
            keys=[(VENUE, name, kind) for kind in ("min", "max")],
            tick=held.terms.tick,
            anchor=held.position.entry if known is None else known.price,
            sides=("long", "short"),
        )
    return found
