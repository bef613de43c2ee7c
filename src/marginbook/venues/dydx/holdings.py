"""A book's account as subaccounts in quantums.

`wallet.USDC` is the subaccount's signed USDC asset position; a long bought with more than it held makes it negative.
An isolated position is a subaccount of its own, whose USDC is its `isolated_wallet`. Details: `quote_balance_raw` of a
position [quote quantums, default 0] and `custom_imf_ppm`, the user's own initial margin fraction; without it, 10^6 /
leverage, up. State: `open_interest` of a market [coins] or `open_interest_raw` [base quantums]; without either,
initial margin is the tier's base.
"""

from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market
from marginbook.exact import ONE, div_floor, divide, remainder_floor, to_raw_ceil, to_raw_exact, to_raw_floor
from marginbook.venues.common.fields import detail_raw
from marginbook.venues.dydx.parameters import Parameters, Terms
from marginbook.venues.dydx.quantums import MILLION, NOTHING, QUOTE_DECIMALS, MarginRisk
from marginbook.venues.dydx.subaccount import USDC, Holding, Perpetual, Subaccount

VENUE = "dydx"
KIND = "oracle"
CURRENCY = USDC
CROSS = "cross:USDC"
INDEX_DECIMALS = 18


def pool_of(account: Account, position: Position) -> str:
    """Pool id of a position: the cross subaccount, or its own."""
    if (position.mode or account.mode) == "isolated":
        return f"isolated:{position.market}:{position.side}"
    return CROSS


def quantums_of(quantity: Decimal, terms: Terms, place: str) -> int:
    """A quantity [coins] in base quantums; BadInput where it is no whole number of them."""
    try:
        return to_raw_exact(quantity, -terms.atomic_resolution)
    except ValueError:
        expected = f"whole base quantums of 10^{terms.atomic_resolution}"
        raise BadInput("bad_quantity", place, quantity, expected) from None


def quote_quantums_of(amount: Decimal, place: str) -> int:
    """USDC in quote quantums; BadInput where there are more than 6 decimals."""
    try:
        return to_raw_exact(amount, QUOTE_DECIMALS)
    except ValueError:
        raise BadInput("bad_amount", place, amount, "at most 6 decimals") from None


def price_of(market: Market, name: str, terms: Terms) -> int:
    """The oracle price in the market's units; further digits are cut, as the chain's price has none."""
    quoted = market.price(VENUE, name, KIND)
    raw = to_raw_floor(quoted, -terms.price_exponent)
    if raw <= 0:
        raise BadInput("bad_price", f"prices.{VENUE}.{name}", quoted, f"at least 10^{terms.price_exponent}")
    return raw


def index_units(value_raw: int, terms: Terms, place: str) -> int:
    """A cumulative funding index [10^-18 USDC per coin] in the chain's units of 10^(−12 − atomic_resolution) USDC."""
    unit = index_raw(1, terms)
    if remainder_floor(value_raw, unit):
        raise BadInput("bad_funding_index", place, value_raw, f"a multiple of {unit}")
    return div_floor(value_raw, unit)


def index_raw(units: int, terms: Terms) -> int:
    """The chain's funding index in the book's scale [10^-18 USDC per coin]."""
    unit: int = 10 ** (INDEX_DECIMALS - 2 * QUOTE_DECIMALS - terms.atomic_resolution)
    return units * unit


def perpetual_of(market: Market, name: str, terms: Terms, price: int | None = None) -> Perpetual:
    """A market at its oracle price, with its open interest and funding index."""
    index = market.indices.get((VENUE, name, "funding"))
    raw = market.state.get((VENUE, name, "open_interest_raw"))
    if raw is None:
        place = f"state.{VENUE}.{name}.open_interest"
        raw = quantums_of(Decimal(market.state.get((VENUE, name, "open_interest"), 0)), terms, place)
    return Perpetual(
        market=name,
        atomic_resolution=terms.atomic_resolution,
        price=price_of(market, name, terms) if price is None else price,
        price_exponent=terms.price_exponent,
        tier=terms.tier,
        open_interest=int(raw),
        funding_index=0 if index is None else index_units(index.value_raw, terms, f"indices.{VENUE}.{name}"),
    )


@dataclass(frozen=True, slots=True)
class Pool:
    """A subaccount before prices are looked at."""

    name: str
    usdc: int
    positions: tuple[Position, ...]
    fixed: MarginRisk = NOTHING


def pools(account: Account) -> dict[str, Pool]:
    """The account's subaccounts by pool id: cross first, then one per isolated position."""
    place = f"account {account.id}"
    for currency, amount in account.wallet.items():
        if currency != CURRENCY and amount:
            raise BadInput("unsupported_collateral", f"{place}.wallet.{currency}", amount, "USDC only")
    for name, other in (("collateral", account.collateral), ("debt", account.debt)):
        if other:
            raise BadInput("unsupported_holding", f"{place}.{name}", len(other), "USDC and positions")
    fixed = NOTHING
    if account.fixed is not None:
        demand = quote_quantums_of(account.fixed.demand, f"{place}.fixed.demand")
        fixed = MarginRisk(quote_quantums_of(account.fixed.support, f"{place}.fixed.support"), demand, demand)
    cross: list[Position] = []
    found: dict[str, Pool] = {}
    seen: set[str] = set()
    for number, position in enumerate(account.positions):
        here = f"{place}.position[{number}]"
        if position.quantity < 0:
            raise BadInput(
                "negative_quantity", f"{here}.quantity", position.quantity, "at least 0; the side has the sign"
            )
        name = pool_of(account, position)
        key = f"{name} {position.market}"
        if key in seen:
            raise BadInput("duplicate_position", here, position.market, "one position per market and subaccount")
        seen.add(key)
        if name == CROSS:
            cross.append(position)
        elif position.isolated_wallet is None:
            raise BadInput(
                "missing_isolated_wallet", f"{here}.isolated_wallet", "nothing", "USDC of the isolated subaccount"
            )
        else:
            usdc = quote_quantums_of(position.isolated_wallet, f"{here}.isolated_wallet")
            found[name] = Pool(name, usdc, (position,))
    if not cross and found and CURRENCY not in account.wallet and account.fixed is None:
        return found
    usdc = quote_quantums_of(account.wallet.get(CURRENCY, Decimal(0)), f"{place}.wallet.{CURRENCY}")
    return {CROSS: Pool(CROSS, usdc, tuple(cross), fixed), **found}


def holding_of(position: Position, market: Market, parameters: Parameters, price: int | None = None) -> Holding:
    """A position in quantums. While the market's funding index is not known, nothing is outstanding."""
    terms = parameters.terms_of(position.market)
    place = f"position {position.market}"
    perpetual = perpetual_of(market, position.market, terms, price)
    quantums = quantums_of(position.quantity, terms, f"{place}.quantity")
    leverage = position.leverage
    if leverage is not None and leverage <= 0:
        raise BadInput("bad_leverage", f"{place}.leverage", leverage, "above 0")
    own = 0 if leverage is None else to_raw_ceil(divide(ONE, leverage), QUOTE_DECIMALS)
    custom = detail_raw(position.details, "custom_imf_ppm", place, own)
    if not 0 <= custom <= MILLION:
        raise BadInput("bad_leverage", f"{place}.details.custom_imf_ppm", custom, "from 0 to 1000000")
    index = index_units(position.funding_index_raw or 0, terms, f"{place}.funding_index_raw")
    return Holding(
        perpetual=perpetual,
        quantums=quantums if position.side == "long" else -quantums,
        funding_index=index if (VENUE, position.market, "funding") in market.indices else perpetual.funding_index,
        quote_balance=detail_raw(position.details, "quote_balance_raw", place, 0),
        custom_ppm=custom,
    )


def subaccount_of(pool: Pool, market: Market, parameters: Parameters) -> Subaccount:
    """A pool at the oracle prices."""
    holdings = tuple(holding_of(position, market, parameters) for position in pool.positions)
    return Subaccount(usdc=pool.usdc, holdings=holdings, fixed=pool.fixed)


def subaccounts(account: Account, market: Market, parameters: Parameters) -> dict[str, Subaccount]:
    """Every subaccount of a book's account by pool id."""
    return {name: subaccount_of(pool, market, parameters) for name, pool in pools(account).items()}


def pool_named(account: Account, name: str) -> Pool:
    """One pool; BadInput `unknown_pool` listing the account's pools otherwise."""
    found = pools(account)
    if name not in found:
        raise BadInput("unknown_pool", f"account {account.id}", name, "one of " + ", ".join(found))
    return found[name]
