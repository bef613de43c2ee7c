"""From an account and a market to loans, one for each vault that the account borrows from, and back.

A holding's `pool` is the vault that it borrows from, or `vault:name` where the owner has several sub-accounts of one;
the pool id is `main:` before it. Collateral is named as in the vault's table; `amount` is tokens, `scaled_raw` shares
of the collateral vault, which need its totals. Debt as `amount` is what is owed now; `scaled_raw` is what the vault
stores [2^-31 token units], with the account's own accumulator as `index_raw`, and grows with the vault's:

    [state.euler.<collateral>]   assets_raw, shares_raw    totalAssets and totalSupply of the collateral's vault, now
    [state.euler.<vault>]        cash_raw                  what it could pay out; default: enough
    [indices.euler.<vault>]      borrow_raw = accumulator, borrow_rate_raw = ray per second, time of the last store

`last_status_check` of a debt's details is the time [s] of the last account status check, for the cool-off.
"""

from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, Market
from marginbook.exact import RAY, to_raw_floor
from marginbook.units import seconds
from marginbook.venues.common.amounts import in_range, raw_amount
from marginbook.venues.euler.math import DEBT_SHIFT, PRICE_DECIMALS, accrued
from marginbook.venues.euler.parameters import Parameters, Terms
from marginbook.venues.euler.vault import Loan, Prices

VENUE = "euler"
PREFIX = "main:"
LAST_CHECK = "last_status_check"
ASSETS, SHARES, CASH = "assets_raw", "shares_raw", "cash_raw"
PRICE_BELOW = Decimal(10) ** 12
AMOUNT_BITS, OWED_BITS = 112, 144


def accrued_index(index: Index, kind: str, parameters: Parameters, at: int) -> int:
    """The accumulator [ray] at `at`."""
    return accrued(index.value_raw, index.rate_raw, max(seconds(at) - index.time, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What an account has in one pool."""

    name: str  # the holding's pool
    terms: Terms
    collateral: tuple[Collateral, ...] = ()
    debt: Debt | None = None

    @property
    def pool(self) -> str:
        """`main:<name>`."""
        return PREFIX + self.name

    @property
    def vault(self) -> str:
        """The vault's name, without the sub-account's."""
        return self.name.partition(":")[0]


def holdings_of(account: Account, parameters: Parameters) -> list[Holding]:
    """The account's pools in the order of its holdings."""
    return [holding_named(account, name, parameters) for name in dict.fromkeys(_names(account))]


def holding_of(account: Account, pool: str, parameters: Parameters) -> Holding:
    """The holding of a pool id; BadInput `unknown_pool` where the account has nothing there."""
    name = pool.removeprefix(PREFIX)
    if not pool.startswith(PREFIX) or name not in _names(account):
        raise BadInput("unknown_pool", f"account {account.id}", pool, "main:<vault> of one of its holdings")
    return holding_named(account, name, parameters)


def _names(account: Account) -> list[str | None]:
    return [c.pool for c in account.collateral] + [d.pool for d in account.debt]


def only_pool(account: Account, place: str) -> str:
    """The vault of an account that has just one; BadInput where the choice is not clear."""
    names = set(_names(account))
    if len(names) != 1 or None in names:
        raise BadInput("missing_value", f"{place}.pool", "nothing", "the vault that is borrowed from")
    return str(names.pop())


def holding_named(account: Account, name: str | None, parameters: Parameters) -> Holding:
    """The holding called `name`, empty where the account has nothing; BadInput for what a vault does not know."""
    place = f"account {account.id}"
    if not name:
        raise BadInput("missing_value", f"{place}.pool", "nothing", "the vault that is borrowed from")
    terms = parameters.terms(name.partition(":")[0], f"{place}.pool")
    held = tuple(c for c in account.collateral if c.pool == name)
    owed = [d for d in account.debt if d.pool == name]
    for collateral in held:
        if collateral.asset not in terms.collaterals:
            expected = "one of " + (", ".join(terms.collaterals) or "nothing")
            raise BadInput("unknown_asset", f"{place}.collateral.{collateral.asset}", collateral.asset, expected)
    for debt in owed:
        if debt.asset != terms.asset:
            raise BadInput("unknown_asset", f"{place}.debt.{debt.asset}", debt.asset, f"{terms.asset}, lent by {name}")
    if len({c.asset for c in held}) < len(held) or len(owed) > 1:
        raise BadInput("duplicate_asset", f"{place}.{name}", name, "each collateral once, and one debt")
    return Holding(name=name, terms=terms, collateral=held, debt=owed[0] if owed else None)


def loan_of(account: Account, h: Holding, market: Market, at: int, prices: dict[str, Prices] | None = None) -> Loan:
    """The account in the vault at a time; `prices` None: the market's quotes of all that it needs."""
    place = f"account {account.id}"
    accumulator, user, owed = _debt(h, market, at, f"{place}.debt.{h.terms.asset}")
    balances = {c.asset: balance_of(c, h.terms, f"{place}.collateral.{c.asset}") for c in h.collateral if c.enabled}
    totals = {c.asset: _totals(c, market) for c in h.collateral if c.amount is None}
    cash = market.state.get((VENUE, h.vault, CASH))
    return Loan(
        terms=h.terms,
        time=seconds(at),
        accumulator=accumulator,
        owed=owed,
        user_accumulator=user,
        balances=balances,
        totals=totals,
        prices=quotes_of(h, market) if prices is None else prices,
        last_check=_last_check(h, place),
        cash=None if cash is None else in_range(int(cash), f"state.{VENUE}.{h.vault}.{CASH}", AMOUNT_BITS),
    )


def _debt(h: Holding, market: Market, at: int, place: str) -> tuple[int, int, int]:
    """(the vault's accumulator, the account's, owed). A debt in tokens is owed at accumulator 1."""
    debt, index = h.debt, market.indices.get((VENUE, h.vault, "borrow"))
    if debt is not None and debt.amount is not None:
        return RAY, RAY, raw_amount(debt.amount, h.terms.decimals, place, AMOUNT_BITS) << DEBT_SHIFT
    accumulator = RAY if index is None else accrued(index.value_raw, index.rate_raw, max(seconds(at) - index.time, 0))
    if debt is None:
        return accumulator, accumulator, 0
    owed = in_range(debt.scaled_raw or 0, place, OWED_BITS)
    if debt.index_raw is None or index is None:
        expected = "the account's own accumulator as index_raw, and the vault's as its borrow index"
        raise BadInput("missing_index", place, "nothing", expected)
    if not RAY <= debt.index_raw <= accumulator:
        raise BadInput("bad_value", f"{place}.index_raw", debt.index_raw, f"10^27 to the vault's {accumulator}")
    return accumulator, debt.index_raw, owed


def balance_of(c: Collateral, terms: Terms, place: str) -> int:
    """Token units, or shares."""
    if c.amount is not None:
        return raw_amount(c.amount, terms.collaterals[c.asset].decimals, place, AMOUNT_BITS)
    return in_range(c.scaled_raw or 0, place, AMOUNT_BITS)


def _totals(c: Collateral, market: Market) -> tuple[int, int]:
    found = []
    for name in (ASSETS, SHARES):
        value = market.state.get((VENUE, c.asset, name))
        place = f"state.{VENUE}.{c.asset}.{name}"
        if value is None:
            raise BadInput("missing_state", place, "nothing", f"an integer: {c.asset} is given in shares")
        found.append(in_range(int(value), place, AMOUNT_BITS + 2))
    return found[0], found[1]


def _last_check(h: Holding, place: str) -> int | None:
    text = None if h.debt is None else h.debt.details.get(LAST_CHECK)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise BadInput("bad_value", f"{place}.debt.{h.terms.asset}.details.{LAST_CHECK}", text, "seconds in quotes")
    return int(text)


def priced_assets(h: Holding) -> list[str]:
    """Assets whose price the loan needs: of its collateral that is held, and of its debt unless that is the unit."""
    names = [h.terms.collaterals[c.asset].asset for c in h.collateral if c.enabled]
    if h.debt is not None and h.terms.asset != h.terms.unit:
        names.append(h.terms.asset)
    return list(dict.fromkeys(names))


def quotes_of(h: Holding, market: Market) -> dict[str, Prices]:
    """Prices that the loan needs, from the market."""
    return {asset: prices_of(asset, h.terms, market) for asset in priced_assets(h)}


def prices_of(asset: str, terms: Terms, market: Market) -> Prices:
    """Mid, bid and ask of an asset [wad]; all the same where the vault's oracle has one price."""
    mid = price_raw(asset, market, "oracle")
    if not terms.two_sided:
        return Prices(mid, mid, mid)
    return Prices(mid, price_raw(asset, market, "min"), price_raw(asset, market, "max"))


def price_raw(asset: str, market: Market, kind: str) -> int:
    """A price in the unit of account [wad]; further decimals are cut."""
    price = market.price(VENUE, asset, kind)
    raw = to_raw_floor(price, PRICE_DECIMALS) if price.is_finite() and 0 < price < PRICE_BELOW else 0
    if not raw:
        raise BadInput("bad_price", f"prices.{VENUE}.{asset}", price, "above 0 and below 10^12, to 18 decimals")
    return raw
