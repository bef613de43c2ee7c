"""From an account and a market to isolated markets with one user, and back.

A holding's `pool` is the market's name, its pool id is `main:<market>`. In a pool, the collateral asset is collateral,
the loan asset under `collateral` is a supply to lend, the loan asset under `debt` is what is borrowed. `scaled_raw` of
the loan asset are shares: they need the market's totals,

    [state.morpho."wstETH/USDC-0.86"]    supply_assets_raw, supply_shares_raw, borrow_assets_raw, borrow_shares_raw
    [indices.morpho."wstETH/USDC-0.86"]  borrow_raw = 10^27, borrow_rate_raw [wad per second], time of the last interest

and interest accrues from `time` to the moment asked about. Without an index the totals are those of the moment. An
`amount` is tokens with interest; it is kept in shares of a million per unit, which rounds nothing.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, Market
from marginbook.exact import RAY, WAD, divide, mul_div_floor, to_raw_floor
from marginbook.units import seconds
from marginbook.venues.common.amounts import in_range, raw_amount
from marginbook.venues.morpho.market import Isolated, Position, Totals, with_interest
from marginbook.venues.morpho.math import VIRTUAL_SHARES, taylor_compounded
from marginbook.venues.morpho.parameters import Parameters, Terms

VENUE = "morpho"
USER = "account"
PREFIX = "main:"
SUPPLY_TOTALS = ("supply_assets_raw", "supply_shares_raw")
BORROW_TOTALS = ("borrow_assets_raw", "borrow_shares_raw")
PRICE_BELOW = Decimal(10) ** 18
PRICE_BITS = 256


def accrued_index(index: Index, kind: str, parameters: Parameters, at: int) -> int:
    """The growth [ray] of what is owed since the totals: index·(1 + e^(rate·Δt) − 1), rate in wad per second."""
    elapsed = max(seconds(at) - index.time, 0)
    return index.value_raw + mul_div_floor(index.value_raw, taylor_compounded(index.rate_raw, elapsed), WAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What an account has in one market."""

    name: str
    terms: Terms
    collateral: Collateral | None = None
    supply: Collateral | None = None
    debt: Debt | None = None

    @property
    def pool(self) -> str:
        """`main:<market>`."""
        return PREFIX + self.name


def holdings_of(account: Account, parameters: Parameters) -> list[Holding]:
    """The account's markets in the order of its holdings; BadInput for what a market does not know."""
    return [_holding(account, name, parameters) for name in dict.fromkeys(_names(account))]


def _names(account: Account) -> list[str | None]:
    return [c.pool for c in account.collateral] + [d.pool for d in account.debt]


def holding_of(account: Account, pool: str, parameters: Parameters) -> Holding:
    """The account's market of a pool id; BadInput `unknown_pool` where it has nothing there."""
    name = pool.removeprefix(PREFIX)
    if not pool.startswith(PREFIX) or name not in _names(account):
        raise BadInput("unknown_pool", f"account {account.id}", pool, "main:<market> of one of its holdings")
    return _holding(account, name, parameters)


def _holding(account: Account, name: str | None, parameters: Parameters) -> Holding:
    place = f"account {account.id}"
    if not name:
        raise BadInput("missing_value", f"{place}.pool", "nothing", "the market, such as wstETH/USDC-0.86")
    terms = parameters.terms(name, f"{place}.pool")
    assets = (terms.collateral, terms.loan)
    held = {c.asset: c for c in account.collateral if c.pool == name}
    owed = {d.asset: d for d in account.debt if d.pool == name}
    for asset in held:
        if asset not in assets:
            raise BadInput("unknown_asset", f"{place}.collateral.{asset}", asset, f"{assets[0]} or {assets[1]}")
    for asset in owed:
        if asset != terms.loan:
            raise BadInput("unknown_asset", f"{place}.debt.{asset}", asset, f"{terms.loan}, the loan asset of {name}")
    return Holding(
        name=name,
        terms=terms,
        collateral=held.get(terms.collateral),
        supply=held.get(terms.loan),
        debt=owed.get(terms.loan),
    )


def only_pool(account: Account, place: str) -> str:
    """The market of an account that has just one; BadInput where the choice is not clear."""
    names = set(_names(account))
    if len(names) != 1 or None in names:
        raise BadInput("missing_value", f"{place}.pool", "nothing", "the market, such as wstETH/USDC-0.86")
    return str(names.pop())


def _in_tokens(account: Account, holding: Holding) -> bool:
    """Whether debt and supply are stated in tokens; BadInput where one is and the other is in shares."""
    stated = {side.amount is not None for side in (holding.debt, holding.supply) if side is not None}
    if len(stated) > 1:
        place = f"account {account.id}.{holding.name}"
        raise BadInput("inconsistent", place, "amount and scaled_raw", "debt and supply of a market in the same way")
    return stated == {True}


def is_scaled(holding: Holding) -> bool:
    """Whether debt or supply are stated in shares, which grow with the market."""
    return any(side is not None and side.amount is None for side in (holding.debt, holding.supply))


def _growth(account: Account, holding: Holding, market: Market) -> Index | None:
    """The market's index, where something of the account follows it."""
    index = market.indices.get((VENUE, holding.name, "borrow"))
    if index is None or _in_tokens(account, holding):
        return None
    if index.value_raw < RAY:
        raise BadInput("bad_value", f"indices.{VENUE}.{holding.name}.borrow_raw", index.value_raw, "at least 10^27")
    return index


def price_names(market: Market, name: str, terms: Terms) -> tuple[str, ...]:
    """Whose quotes give the oracle's price: the market's own, or else those of its collateral and its loan asset."""
    known = [asset for asset in (terms.collateral, terms.loan) if (VENUE, asset, "oracle") in market.quotes]
    own = (VENUE, name, "oracle") in market.quotes
    return (name,) if own or not known else (terms.collateral, terms.loan)


def price_raw(market: Market, name: str, terms: Terms) -> int:
    """The oracle's price [loan units per collateral unit · 10^36]; decimals beyond its own are cut.

    The market's own quote is the price of a collateral token in loan tokens; without one, the quotient of its assets'.
    """
    names = price_names(market, name, terms)
    quotes = [market.price(VENUE, asset, "oracle") for asset in names]
    raw = 0
    if all(quote.is_finite() and 0 < quote < PRICE_BELOW for quote in quotes):
        price = quotes[0] if len(quotes) == 1 else divide(quotes[0], quotes[1])
        raw = to_raw_floor(price, terms.price_decimals)
    if not raw or raw >> PRICE_BITS:
        expected = f"above 0 and below 10^18, to {terms.price_decimals} decimals"
        raise BadInput("bad_price", f"prices.{VENUE}.{names[0]}", " / ".join(map(str, quotes)), expected)
    return raw


def knows_totals(market: Market, name: str) -> bool:
    """Whether the market's four totals are given."""
    return all((VENUE, name, total) in market.state for total in (*SUPPLY_TOTALS, *BORROW_TOTALS))


def isolated_of(account: Account, holding: Holding, market: Market, at: int, price: int | None = None) -> Isolated:
    """The market with the account as the user that is looked at, interest up to `at` included.

    `price` 0 where no price is needed; None: the market's quote.
    """
    raw = price_raw(market, holding.name, holding.terms) if price is None else price
    found, index = stored(account, holding, market, at, raw), _growth(account, holding, market)
    if index is None:
        return found
    owed = found.totals.borrow_assets
    interest = mul_div_floor(owed, index.value_raw - RAY, RAY)
    elapsed = max(found.time - found.updated, 0)
    interest += mul_div_floor(owed + interest, taylor_compounded(index.rate_raw, elapsed), WAD)
    return replace(with_interest(found, interest), updated=max(found.time, found.updated))


def stored(account: Account, holding: Holding, market: Market, at: int, price: int) -> Isolated:
    """The market as of its last interest; what is given in tokens lies in shares of a million per unit."""
    place = f"account {account.id}"
    index = _growth(account, holding, market)
    knows = knows_totals(market, holding.name) and not _in_tokens(account, holding)
    debt, borrow_assets, borrow_shares = _side(holding.debt, holding, market, BORROW_TOTALS, f"{place}.debt", knows)
    lent, supply_assets, supply_shares = _side(
        holding.supply, holding, market, SUPPLY_TOTALS, f"{place}.collateral", knows
    )
    collateral = 0
    if holding.collateral is not None:
        held, here = holding.collateral, f"{place}.collateral.{holding.terms.collateral}"
        if held.amount is not None:
            collateral = raw_amount(held.amount, holding.terms.collateral_decimals, here)
        else:
            collateral = in_range(held.scaled_raw or 0, here)
    return Isolated(
        lltv=holding.terms.lltv,
        totals=Totals(
            supply_assets=supply_assets,
            supply_shares=supply_shares,
            borrow_assets=borrow_assets,
            borrow_shares=borrow_shares,
        ),
        price=price,
        updated=index.time if index is not None else seconds(at),
        time=seconds(at),
        rate_of=lambda totals, elapsed: 0,  # `isolated_of` adds the interest
        fee=holding.terms.fee,
        knows_liquidity=knows,
        positions={USER: Position(supply_shares=lent, borrow_shares=debt, collateral=collateral)},
    )


def _side(
    holding: Collateral | Debt | None,
    of: Holding,
    market: Market,
    names: tuple[str, str],
    place: str,
    whole: bool,
) -> tuple[int, int, int]:
    """(shares, total assets, total shares) of one side of the market."""
    here = f"{place}.{of.terms.loan}"
    if holding is not None and holding.amount is not None:
        raw = raw_amount(holding.amount, of.terms.loan_decimals, here)
        return raw * VIRTUAL_SHARES, raw, raw * VIRTUAL_SHARES
    if holding is None and not whole:
        return 0, 0, 0
    totals = []
    for name in names:
        value = market.state.get((VENUE, of.name, name))
        if value is None:
            expected = f"an integer: {of.terms.loan} is given in shares"
            raise BadInput("missing_state", f"state.{VENUE}.{of.name}.{name}", "nothing", expected)
        totals.append(in_range(int(value), f"state.{VENUE}.{of.name}.{name}"))
    shares = in_range(holding.scaled_raw or 0, here) if holding is not None else 0
    if shares > totals[1]:
        raise BadInput("bad_value", here, shares, f"at most the market's {totals[1]} shares")
    return shares, totals[0], totals[1]
