"""From an account and a market to vaults, and back.

A holding's `pool` is the vault type, or `type:name` where an account has several vaults of a type (`ETH-A:31039`); the
pool id is `main:` before it. Collateral in tokens is `ink` (`scaled_raw`: wad). Debt in DAI is what is owed now; as
`scaled_raw` it is `art` [wad], owed times `index_raw` or the market's index of the vault type:

    [indices.maker.ETH-A]   borrow_raw = rate [ray], borrow_rate_raw = base + duty [ray per second], time = last drip

With `borrow_rate_raw` the rate is the one after a drip at the moment asked about, which anyone may call; without it,
the stored one, which is what the contracts themselves look at.
"""

from dataclasses import dataclass
from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, Market
from marginbook.exact import RAY, to_raw_floor
from marginbook.units import seconds
from marginbook.venues.common.amounts import in_range, raw_amount
from marginbook.venues.maker.parameters import Ilk, Parameters
from marginbook.venues.maker.vat import Urn, dripped, spot_of

VENUE = "maker"
PREFIX = "main:"
DEBT = "DAI"
WAD_DECIMALS = 18
TOTAL_ART = "total_art_raw"
"""State of a vault type: normalized debt of all vaults [wad], for its debt ceiling."""
PRICE_BELOW = Decimal(10) ** 12
BITS = 128


def accrued_index(index: Index, kind: str, parameters: Parameters, at: int) -> int:
    """The rate [ray] after a drip at `at`; as stored where no fee per second is given."""
    elapsed = max(seconds(at) - index.time, 0)
    return dripped(index.value_raw, index.rate_raw, elapsed) if index.rate_raw else index.value_raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """What an account has in one vault."""

    name: str  # the holding's pool
    ilk: Ilk
    urn: Urn
    rate: int  # [ray]
    collateral: Collateral | None = None
    debt: Debt | None = None

    @property
    def pool(self) -> str:
        """`main:<name>`."""
        return PREFIX + self.name


def vaults_of(account: Account, market: Market, parameters: Parameters, at: int) -> list[Vault]:
    """The account's vaults in the order of its holdings."""
    return [vault_named(account, name, market, parameters, at) for name in dict.fromkeys(_names(account))]


def vault_of(account: Account, pool: str, market: Market, parameters: Parameters, at: int) -> Vault:
    """The vault of a pool id; BadInput `unknown_pool` where the account has nothing there."""
    name = pool.removeprefix(PREFIX)
    if not pool.startswith(PREFIX) or name not in _names(account):
        raise BadInput("unknown_pool", f"account {account.id}", pool, "main:<vault type> of one of its holdings")
    return vault_named(account, name, market, parameters, at)


def _names(account: Account) -> list[str | None]:
    return [c.pool for c in account.collateral] + [d.pool for d in account.debt]


def only_pool(account: Account, place: str) -> str:
    """The vault of an account that has just one; BadInput where the choice is not clear."""
    names = set(_names(account))
    if len(names) != 1 or None in names:
        raise BadInput("missing_value", f"{place}.pool", "nothing", "the vault type, such as ETH-A")
    return str(names.pop())


def vault_named(account: Account, name: str | None, market: Market, parameters: Parameters, at: int) -> Vault:
    """The vault called `name`, empty where the account holds nothing; BadInput for what such a vault cannot hold."""
    place = f"account {account.id}"
    if not name:
        raise BadInput("missing_value", f"{place}.pool", "nothing", "the vault type, such as ETH-A")
    ilk = parameters.ilk(name.partition(":")[0], f"{place}.pool")
    held = [c for c in account.collateral if c.pool == name]
    owed = [d for d in account.debt if d.pool == name]
    for found, asset in [*((c.asset, ilk.collateral) for c in held), *((d.asset, DEBT) for d in owed)]:
        if found != asset:
            raise BadInput("unknown_asset", f"{place}.{name}", found, f"{asset}, as {name} is {ilk.name}")
    if len(held) > 1 or len(owed) > 1:
        raise BadInput("duplicate_asset", f"{place}.{name}", name, "one collateral and one debt in a vault")
    collateral, debt = held[0] if held else None, owed[0] if owed else None
    art, rate = _debt(debt, ilk, market, parameters, at, f"{place}.debt.{name}")
    ink = raw_of(collateral, f"{place}.collateral.{name}")
    return Vault(name=name, ilk=ilk, urn=Urn(ink, art), rate=rate, collateral=collateral, debt=debt)


def _debt(debt: Debt | None, ilk: Ilk, market: Market, parameters: Parameters, at: int, place: str) -> tuple[int, int]:
    """(art, rate). A debt in DAI is at rate 1."""
    if debt is not None and debt.amount is not None:
        return raw_of(debt, place), RAY
    index = market.indices.get((VENUE, ilk.name, "borrow"))
    if debt is not None and debt.index_raw is not None:
        rate = debt.index_raw
    elif index is not None:
        rate = accrued_index(index, "borrow", parameters, at)
    elif debt is None:
        rate = RAY
    else:
        raise BadInput("missing_index", place, "nothing", f"index_raw, or the market's borrow index of {ilk.name}")
    if not RAY <= rate < 2**128:
        raise BadInput("bad_value", f"{place}.index_raw", rate, "a ray of at least 10^27")
    return (0 if debt is None else raw_of(debt, place)), rate


def raw_of(holding: Collateral | Debt | None, place: str) -> int:
    """Amount or scaled balance [wad]."""
    if holding is None:
        return 0
    if holding.amount is not None:
        return raw_amount(holding.amount, WAD_DECIMALS, place)
    return in_range(holding.scaled_raw or 0, place)


def price_raw(market: Market, asset: str) -> int:
    """The oracle price [wad] that the system uses now; further decimals are cut."""
    price = market.price(VENUE, asset, "oracle")
    raw = to_raw_floor(price, WAD_DECIMALS) if price.is_finite() and 0 < price < PRICE_BELOW else 0
    if not raw:
        raise BadInput("bad_price", f"prices.{VENUE}.{asset}", price, "above 0 and below 10^12, to 18 decimals")
    return raw


def prices_of(vault: Vault, market: Market, parameters: Parameters) -> tuple[int, int]:
    """(oracle price [wad], spot [ray]); zeros for a vault without collateral, which needs none."""
    if not vault.urn.ink:
        return 0, 0
    price = price_raw(market, vault.ilk.collateral)
    return price, spot_of(price, parameters.par, vault.ilk.mat)
