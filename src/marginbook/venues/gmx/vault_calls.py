"""The vault's own calls on one position: increase, decrease and liquidate, in the contract's order of steps.

A call that the vault refuses raises `Revert`; which check speaks first is the contract's. Limits of the pool are looked
at where the books are whole. All numbers are 10^-30 USD unless named tokens.

Source: gmx-io/gmx-contracts `Vault.sol` and `VaultUtils.sol`, commit fe55c4ba8911 (2025-07-21), confirmed call by call
by `tests/evm/test_gmx_1.py`.
"""

from dataclasses import dataclass, replace

from marginbook.exact import mul_div_floor
from marginbook.units import seconds
from marginbook.venues.gmx.vault import Held, checked, delta_of, funding_at, margin_fee
from marginbook.venues.gmx.vault_books import Books, Prices, funded, require

SAFE = "position cannot be liquidated"


@dataclass(frozen=True, slots=True)
class Call:
    """Books and position (of size 0 where it is gone) after a call; what it paid account and keeper [10^-30 USD]."""

    books: Books
    held: Held
    paid: int = 0
    keeper: int = 0


def _accrued(books: Books, held: Held, at: int) -> Books:
    terms = held.token_terms
    return funded(books, terms.funding_factor, terms.funding_interval, seconds(at))


def _price(held: Held, prices: Prices) -> int:
    """At which a position is valued and closed: min for longs, max for shorts."""
    return prices.low if held.is_long else prices.high


def next_average(held: Held, prices: Prices, size: int, at: int) -> int:
    """⌊price · new size / (new size ± delta)⌋: the price paid is the trader's worse one, delta is at the other."""
    paid = prices.high if held.is_long else prices.low
    if not held.size or not size:
        return held.average or paid
    delta, total = delta_of(held, _price(held, prices), at), held.size + size
    return mul_div_floor(paid, total, total + (delta.signed if held.is_long else -delta.signed))


def short_delta(books: Books, price: int) -> int:
    """⌊size · |average − price| / average⌋ of all shorts, negative for a loss."""
    delta = mul_div_floor(books.short_size, abs(books.short_average - price), books.short_average)
    return delta if books.short_average > price else -delta


def next_short_average(books: Books, price: int, size: int) -> int:
    """The average of all shorts after one more of `size` at `price`."""
    if not books.short_size:
        return price
    total = books.short_size + size
    return mul_div_floor(price, total, total - short_delta(books, price))


def increase(books: Books, held: Held, prices: Prices, size: int, tokens: int, fee: int, at: int) -> Call:
    """`tokens` of collateral in, `size` more; `fee` is the position fee, funding is added to it."""
    books = _accrued(books, held, at)
    average, fee = next_average(held, prices, size, at), fee + funding_at(held, books.rate)
    worth = books.worth(tokens)
    books = replace(books, fees=books.fees + books.tokens_out(fee), balance=books.balance + tokens)
    require(held.collateral + worth >= fee, "insufficient collateral for fees")
    reserve = books.reserve_of(size)
    held = replace(
        held,
        size=held.size + size,
        collateral=held.collateral + worth - fee,
        average=average,
        rate=books.rate,
        reserve=None if held.reserve is None else held.reserve + reserve,
        increased=seconds(at),
    )
    require(held.size > 0, "invalid position size")
    _stands(held, prices, at)
    books = replace(books, reserved=books.reserved + reserve)
    require(not books.whole or books.reserved <= books.pool, "reserve exceeds pool")
    if held.is_long:
        books = replace(books, guaranteed=books.guaranteed + size + fee - worth)
        require(not books.whole or books.guaranteed >= 0, "subtraction overflow")
        return Call(books.with_pool(tokens).with_pool(-books.tokens_out(fee)), held, -worth)
    average, most = next_short_average(books, prices.low, size), held.terms.max_short_size
    books = replace(books, short_average=average, short_size=books.short_size + size)
    require(not most or books.short_size <= most, "max shorts exceeded")
    return Call(books, held, -worth)


def decrease(books: Books, held: Held, prices: Prices, taken: int, size: int, fee: int, at: int) -> Call:
    """`size` less, `taken` of the collateral out; all of it where nothing is left of the size."""
    books = _accrued(books, held, at)
    require(held.size > 0, "empty position")
    require(held.size >= size, "position size exceeded")
    require(held.collateral >= taken, "position collateral exceeded")
    before, whole = held.collateral, held.size == size
    books, held = _released(books, held, size)
    books, held, out, paid = _reduced(books, held, prices, taken, size, fee + funding_at(held, books.rate), at)
    if not whole:
        held = replace(held, rate=books.rate, size=held.size - size)
        _stands(held, prices, at)
    if held.is_long:
        books = replace(books, guaranteed=books.guaranteed + before - held.collateral - size)
        require(not books.whole or books.guaranteed >= 0, "subtraction overflow")
    else:
        books = replace(books, short_size=max(0, books.short_size - size))
    if out and held.is_long:
        books = books.with_pool(-books.tokens_out(out))
    if out:
        books = books.paid_out(books.tokens_out(paid))
    return Call(books, replace(held, size=0) if whole else held, paid)


def _released(books: Books, held: Held, size: int) -> tuple[Books, Held]:
    """Less reserved, in proportion."""
    if held.reserve is None:
        return books, held
    part = mul_div_floor(held.reserve, size, held.size)
    require(not books.whole or books.reserved >= part, "insufficient reserve")
    return replace(books, reserved=books.reserved - part), replace(held, reserve=held.reserve - part)


def _reduced(
    books: Books, held: Held, prices: Prices, taken: int, size: int, fee: int, at: int
) -> tuple[Books, Held, int, int]:
    """Profit, loss, collateral and fee of a decrease: (books, position, out before the fee, out after it)."""
    books = replace(books, fees=books.fees + books.tokens_out(fee))
    delta = delta_of(held, _price(held, prices), at)
    part = mul_div_floor(size, delta.amount, held.size)
    out = part if delta.has_profit else 0
    if part and not held.is_long:
        tokens = books.tokens_out(part)
        if not delta.has_profit:
            require(held.collateral >= part, "subtraction overflow")
        books = books.with_pool(-tokens if delta.has_profit else tokens)
    left = held.collateral - (0 if delta.has_profit else part)
    require(left >= taken, "subtraction overflow")
    left, out = left - taken, out + taken
    if held.size == size:
        left, out = 0, out + left
    paid = out - fee
    if out <= fee:
        require(left >= fee, "subtraction overflow")
        left, paid = left - fee, out
        if held.is_long:
            books = books.with_pool(-books.tokens_out(fee))
    realised = held.realised + (part if delta.has_profit else -part)
    return books, replace(held, collateral=left, realised=realised), out, paid


def _stands(held: Held, prices: Prices, at: int) -> None:
    """What the vault asks of a changed position: a size of at least the collateral, and state 0 without a profit."""
    require(held.size >= held.collateral, "size must be more than collateral")
    found = checked(held, _price(held, prices), 0, at, with_profit=False)
    require(found.remaining >= 0, "losses exceed collateral")
    require(found.remaining >= found.fees, "fees exceed collateral")
    require(found.remaining >= found.fees + found.liquidation_fee, "liquidation fees exceed collateral")
    require(found.state == 0, "max leverage exceeded")


def liquidate(books: Books, held: Held, prices: Prices, at: int) -> Call:
    """State 2 closes the position as its owner would; state 1 deletes it, and the pool pays the keeper."""
    books = _accrued(books, held, at)
    require(held.size > 0, "empty position")
    found = checked(held, _price(held, prices), funding_at(held, books.rate), at)
    require(found.state != 0, SAFE)
    if found.state == 2:
        return decrease(books, held, prices, 0, held.size, margin_fee(held.size, held.terms.margin_fee), at)
    fee = found.charged
    books = replace(books, fees=books.fees + books.tokens_out(fee))
    books, _ = _released(books, held, held.size)
    if held.is_long:
        books = replace(books, guaranteed=books.guaranteed - held.size + held.collateral)
        require(not books.whole or books.guaranteed >= 0, "subtraction overflow")
        books = books.with_pool(-books.tokens_out(fee))
    else:
        if fee < held.collateral:
            books = books.with_pool(books.tokens_out(held.collateral - fee))
        books = replace(books, short_size=max(0, books.short_size - held.size))
    keeper = books.tokens_out(found.liquidation_fee)
    books = books.with_pool(-keeper).paid_out(keeper)
    return Call(books, replace(held, size=0, collateral=0), 0, found.liquidation_fee)
