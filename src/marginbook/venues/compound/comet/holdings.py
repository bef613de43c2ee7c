"""From an account and a market to one Comet per pool, each with one user.

Base is a supply or a debt of principal (`scaled_raw`) at the Comet's index · 10^12, which grows at its own rate per
second from the time it was stored; a plain `amount` is a balance as of now. Collateral earns nothing: an `amount`, or
`scaled_raw` in token units.
"""

from dataclasses import dataclass, field, replace

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, Market
from marginbook.exact import div_floor
from marginbook.units import seconds
from marginbook.venues.common.amounts import raw_amount
from marginbook.venues.compound.comet.interest import grown
from marginbook.venues.compound.comet.parameters import Comet, Parameters
from marginbook.venues.compound.comet.state import INDEX_SCALE, YEAR, Config, Pool, User
from marginbook.venues.compound.inputs import USER, VENUE, by_asset, price_raw, scaled_raw

PREFIX = "main:"
TO_RAY = 10**12
"""A Comet's index of 10^15 as a ray."""
RATE_TO_RAY = YEAR * 10**9
"""A rate per second of 10^18 as a ray per year."""
TOTALS = ("cash_raw", "supply_principal_raw", "borrow_principal_raw")
"""Names in `Market.state` that make a Comet whole: liquidity and rates are then known."""


def accrued_index(index: Index, kind: str, parameters: object, at: int) -> int:
    """A stored index [ray] as it stands at `at` [µs UTC]: index + index · (rate · elapsed), cut to 10^-15."""
    elapsed = max(seconds(at) - index.time, 0)
    return grown(div_floor(index.value_raw, TO_RAY), div_floor(index.rate_raw, RATE_TO_RAY), elapsed) * TO_RAY


@dataclass(slots=True)
class Group:
    """An account's holdings in one Comet."""

    comet: Comet
    collateral: list[Collateral] = field(default_factory=list)
    debt: list[Debt] = field(default_factory=list)

    @property
    def base(self) -> list[Collateral | Debt]:
        """The supply or debt of the base asset."""
        holdings: list[Collateral | Debt] = [*self.collateral, *self.debt]
        return [holding for holding in holdings if holding.asset == self.comet.config.base]


def pool_id(comet: Comet) -> str:
    """The pool's id in answers."""
    return PREFIX + comet.name


def groups_of(account: Account, parameters: Parameters) -> dict[str, Group]:
    """Pool id -> holdings; an account without holdings has the pool of its only Comet, if it is known."""
    found: dict[str, Group] = {}
    place = f"account {account.id}"

    def group(pool: str | None, where: str) -> Group:
        comet = parameters.comet_of(account, pool.removeprefix(PREFIX) if pool else None, where)
        return found.setdefault(pool_id(comet), Group(comet))

    for held in account.collateral:
        group(held.pool, f"{place}.collateral.{held.asset}").collateral.append(held)
    for owes in account.debt:
        group(owes.pool, f"{place}.debt.{owes.asset}").debt.append(owes)
    if not found and (len(parameters.comets) == 1 or "comet" in account.details):
        group(None, place)
    return found


def group_of(account: Account, pool: str, parameters: Parameters) -> Group:
    """The holdings of one pool; BadInput where the account has none of that name."""
    groups = groups_of(account, parameters)
    if pool not in groups:
        raise BadInput("unknown_pool", f"account {account.id}", pool, ", ".join(sorted(groups)) or "a pool")
    return groups[pool]


def pool_of(
    account: Account,
    group: Group,
    market: Market,
    at: int,
    more: tuple[str, ...] = (),
    without_price: frozenset[str] = frozenset(),
) -> Pool:
    """One Comet with the account as its only user, its indices accrued to `at`, totals unknown."""
    config, place = group.comet.config, f"account {account.id}"
    collateral = {}
    principal, indices = 0, {}
    for kind in ("supply", "borrow"):
        stored = market.indices.get((VENUE, group.comet.name, kind))
        indices[kind] = div_floor(accrued_index(stored, kind, None, at), TO_RAY) if stored else INDEX_SCALE
    for asset, held in by_asset(account, group.collateral).items():
        where = f"{place}.collateral.{asset}"
        if asset == config.base:
            principal, indices["supply"] = _base(held, "supply", config, group.comet.name, market, at, where)
            continue
        if asset not in config.assets:
            raise BadInput("unknown_market", where, asset, "one of " + ", ".join((config.base, *config.assets)))
        if not held.enabled:
            raise BadInput("bad_value", f"{where}.enabled", "false", "true: every collateral of a Comet counts")
        places = config.assets[asset].decimals
        collateral[asset] = (
            scaled_raw(held, where) if held.amount is None else raw_amount(held.amount, places, f"{where}.amount")
        )
    for asset, owes in by_asset(account, group.debt).items():
        where = f"{place}.debt.{asset}"
        if asset != config.base:
            raise BadInput("unknown_market", where, asset, f"the base asset {config.base}")
        owed, indices["borrow"] = _base(owes, "borrow", config, group.comet.name, market, at, where)
        if owed and principal:
            raise BadInput("bad_value", where, asset, "a supply or a debt of the base asset, not both")
        principal = principal or -owed
    needed = {asset for asset, amount in collateral.items() if amount} | set(more)
    if principal or _has_price(group.comet, market):
        needed.add(config.base)
    return Pool(
        config=config,
        prices={
            asset: _price(group.comet, asset, market, place) if asset in needed - without_price else 1
            for asset in (config.base, *config.assets)
        },
        supply_index=indices["supply"],
        borrow_index=indices["borrow"],
        cash=None,
        users={USER: User(principal=principal, collateral=collateral)},
        updated_at=seconds(at),
        time=seconds(at),
    )


def _has_price(comet: Comet, market: Market) -> bool:
    """Whether the base can be valued even where nothing of it is held: the least borrow is then known."""
    key = comet.price_key(comet.config.base)
    return key is None or (VENUE, key, "oracle") in market.quotes


def _price(comet: Comet, asset: str, market: Market, place: str) -> int:
    key = comet.price_key(asset)
    if key is None:
        assert comet.base_price is not None
        return comet.base_price
    return price_raw(market, key, place)


def _base(
    holding: Collateral | Debt, kind: str, config: Config, name: str, market: Market, at: int, place: str
) -> tuple[int, int]:
    """(principal, index) of a base balance; a plain amount stands at index 1."""
    if holding.amount is not None:
        return raw_amount(holding.amount, config.decimals, f"{place}.amount"), INDEX_SCALE
    principal = scaled_raw(holding, place)
    if holding.index_raw is not None:
        index = div_floor(holding.index_raw, TO_RAY)
    else:
        stored = market.indices.get((VENUE, name, kind))
        if stored is None:
            raise BadInput("missing_index", place, "nothing", f"index_raw, or the market's {kind} index of {name}")
        index = div_floor(accrued_index(stored, kind, None, at), TO_RAY)
    if index < INDEX_SCALE:
        raise BadInput("bad_value", f"{place}.index_raw", index * TO_RAY, "a ray of at least 10^27")
    return principal, index


def whole_pool(pool: Pool, group: Group, market: Market) -> Pool | None:
    """The Comet with its totals and stored indices, if the market knows them and the account's base is scaled."""
    name = group.comet.name
    totals = [market.state.get((VENUE, name, total)) for total in TOTALS]
    stored = [market.indices.get((VENUE, name, kind)) for kind in ("supply", "borrow")]
    plain = any(h.scaled_raw is None or h.index_raw is not None for h in group.base)
    supply, borrow = stored
    if None in totals or supply is None or borrow is None or supply.time != borrow.time or plain:
        return None
    cash, supply_total, borrow_total = (int(total or 0) for total in totals)
    assets = group.comet.config.assets
    known = {asset: int(market.state.get((VENUE, f"{name}:{asset}", "total_raw"), 0)) for asset in assets}
    return replace(
        pool,
        supply_index=div_floor(supply.value_raw, TO_RAY),
        borrow_index=div_floor(borrow.value_raw, TO_RAY),
        updated_at=min(supply.time, pool.time),
        cash=cash,
        supply_total=supply_total,
        borrow_total=borrow_total,
        collateral_totals=known,
        collateral_cash=known,
    )
