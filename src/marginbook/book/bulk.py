"""Books of millions of accounts from columns: no Python object per account, leg or pool."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from marginbook.book import twins
from marginbook.book.columns import CONTRACTS, EXACT, HOLDER, IS_DEBT, LENDING, MODE_ISOLATED, PLACE
from marginbook.book.factors import grown
from marginbook.book.identities import Identities
from marginbook.book.layout import FLAG_TRUNCATES, LEG, POOL, Array
from marginbook.venues.registry import rule_set

if TYPE_CHECKING:
    from marginbook.book.book import Book

NOT_ISOLATED = np.iinfo(np.int64).min
"""`isolated_wallet` of a position in the cross pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractColumns:
    """Accounts of contracts in one settlement currency. Positions are sorted by account."""

    rules: str
    currency: str
    names: Array  # [accounts] byte strings
    wallet: Array  # [accounts] int64, 10^-8
    markets: tuple[str, ...]
    account: Array  # [positions] rising
    market: Array  # [positions] number in `markets`
    quantity: Array  # [positions] int64, 10^-8, signed
    entry: Array  # [positions] int64, 10^-8
    leverage: Array  # [positions] int32, 10^-2; 0: none
    isolated_wallet: Array  # [positions] int64, 10^-8, or NOT_ISOLATED
    hedge: Array | None = None  # [accounts] bool
    parameters: str | None = None
    network: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LendingColumns:
    """Borrowers with scaled balances. Holdings are sorted by account, collateral before debt."""

    rules: str
    names: Array  # [accounts] byte strings
    emode: Array  # [accounts]
    assets: tuple[str, ...]
    account: Array  # [holdings] rising
    asset: Array  # [holdings] number in `assets`
    low: Array  # [holdings] uint64, scaled balance
    high: Array  # [holdings] uint64
    flags: Array  # [holdings] columns.IS_DEBT, IS_ENABLED, IS_AMOUNT
    parameters: str | None = None
    network: str | None = None


def fill(book: "Book", columns: "list[ContractColumns | LendingColumns]") -> None:
    """Write `columns` into an empty book; legs, slots and certificates are still to come."""
    names = np.concatenate([part.names for part in columns]) if columns else np.zeros(0, "S1")
    book.identities = Identities.of(names)
    book.holders = np.zeros(len(names), HOLDER)
    offset = 0
    for part in columns:
        if isinstance(part, ContractColumns):
            _fill_contracts(book, part, offset)
        else:
            _fill_lending(book, part, offset)
        offset += len(part.names)


def _ranks(sorted_groups: Array, size: int) -> tuple[Array, Array]:
    """(members of each group, place of every member inside its group)."""
    counts = np.bincount(sorted_groups, minlength=size)
    starts = np.cumsum(counts) - counts
    return counts, np.arange(len(sorted_groups)) - starts[sorted_groups]


def _append(book: "Book", pools: Array, places: Array, legs: Array, exact: Array) -> None:
    store = book.store
    pools["start"] += store.leg_count
    store.pools = grown(store.pools, store.pool_count + len(pools))
    store.places = grown(store.places, store.pool_count + len(pools))
    store.pools[store.pool_count : store.pool_count + len(pools)] = pools
    store.places[store.pool_count : store.pool_count + len(pools)] = places
    store.pool_count += len(pools)
    store.legs = grown(store.legs, store.leg_count + len(legs))
    store.exact = grown(store.exact, store.leg_count + len(legs))
    store.legs[store.leg_count : store.leg_count + len(legs)] = legs
    store.exact[store.leg_count : store.leg_count + len(legs)] = exact
    store.leg_count += len(legs)


def _records(pool_of: Array, factor: Array, klass: Array, pools: Array) -> tuple[Array, Array, Array]:
    """(order of holdings by pool and factor, legs, starts of pools) with counts written to `pools`."""
    order = np.lexsort((factor, pool_of))
    counts = np.bincount(pool_of, minlength=len(pools))
    pools["count"] = pools["capacity"] = counts
    pools["start"] = np.cumsum(counts) - counts
    legs = np.zeros(len(order), LEG)
    legs["factor"], legs["klass"] = factor[order], klass[order]
    return order, legs, counts


def _fill_contracts(book: "Book", part: ContractColumns, offset: int) -> None:
    rules = rule_set(part.rules)
    key = (part.rules, part.parameters, part.network)
    parameters = book.parameters_for(key)
    store, names = book.store, book.names
    accounts = len(part.names)
    isolated = part.isolated_wallet != NOT_ISOLATED
    alone = np.bincount(part.account[isolated], minlength=accounts)
    first = np.arange(accounts) + np.cumsum(alone) - alone
    pool_of = first[part.account]
    pool_of[isolated] += 1 + _ranks(part.account[isolated], accounts)[1]
    total = accounts + int(alone.sum())
    factors, numbers = [], []
    for market in part.markets:
        book.fund(rules.venue, parameters.price_kind, market)
        factors.append(book.contract_factors[rules.venue, market])
        numbers.append(names.number(market))
    both = part.market.astype(np.int64) << 32 | part.leverage.astype(np.int64)
    kinds, which = np.unique(both, return_inverse=True)
    classes = []
    rule = book.rule_number(key)
    for kind in kinds.tolist():
        tag = (rule, 0, part.markets[kind >> 32], kind & 0xFFFFFFFF)
        classes.append(store.tagged_class(tag, twins.tagged_key(tag, rules, parameters, book.market)[1]))
    pools = np.zeros(total, POOL)
    cross = np.ones(total, bool)
    cross[pool_of[isolated]] = False
    owner = np.repeat(np.arange(accounts), 1 + alone)
    pools["account"] = owner + offset
    pools["kind"] = CONTRACTS
    pools["borders"] = store.border_set(book.borders_for("derivatives", rules.borders))
    pools["klass"] = store.class_id((1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0))
    market_factor = np.array(factors, np.int32)[part.market]
    klass = np.array(classes, np.int32)[which]
    order, legs, _ = _records(pool_of, market_factor, klass, pools)
    exact = np.zeros(len(order), EXACT)
    exact["quantity"], exact["entry"] = part.quantity[order], part.entry[order]
    exact["leverage"], exact["market"] = part.leverage[order], np.array(numbers, np.int32)[part.market[order]]
    exact["funding"] = -1
    exact["order"] = _ranks(part.account, accounts)[1][order]
    exact["flags"] = np.where(isolated[order], MODE_ISOLATED, 0)
    places = np.zeros(total, PLACE)
    places["next"] = np.where(np.append(owner[1:] == owner[:-1], False), np.arange(total) + store.pool_count + 1, -1)
    places["label"], places["currency"] = names.number(f"cross:{part.currency}"), names.number(part.currency)
    places["currency"][~cross] = -1
    labels = np.array([[names.number(f"isolated:{m}:{s}") for s in ("short", "long")] for m in part.markets], np.int32)
    places["label"][pool_of[isolated]] = labels[part.market[isolated], (part.quantity[isolated] > 0).astype(int)]
    money = np.zeros(total, np.int64)
    money[first] = part.wallet
    money[pool_of[isolated]] = part.isolated_wallet[isolated]
    high, low = twins.scaled_limbs(money)
    places["wallet_high"], places["wallet_low"] = high, low
    holders = book.holders[offset : offset + accounts]
    holders["rule"], holders["kind"] = rule, CONTRACTS
    holders["first"] = first + store.pool_count
    holders["hedge"] = 0 if part.hedge is None else part.hedge
    _append(book, pools, places, legs, exact)


def _fill_lending(book: "Book", part: LendingColumns, offset: int) -> None:
    rules = rule_set(part.rules)
    key = (part.rules, part.parameters, part.network)
    parameters = book.parameters_for(key)
    store, names = book.store, book.names
    accounts = len(part.names)
    book.learn_accrual(part.rules, parameters)
    emode = part.emode[part.account].astype(np.int64)
    both = (emode << 40) | (part.asset.astype(np.int64) << 8) | part.flags.astype(np.int64)
    kinds, which = np.unique(both, return_inverse=True)
    classes, factors = [], []
    for kind in kinds.tolist():
        category, asset, flags = kind >> 40, part.assets[kind >> 8 & 0xFFFFFFFF], kind & 255
        decimals = parameters.assets[asset].decimals
        tag = (book.rule_number(key), flags, asset, (category, decimals))
        leg, class_key = twins.tagged_key(tag, rules, parameters, book.market)
        classes.append(store.tagged_class(tag, class_key))
        factors.append(store.factors.intern(leg.factor, part.rules, book.current))
    pools = np.zeros(accounts, POOL)
    pools["account"] = np.arange(accounts) + offset
    pools["kind"] = LENDING
    pools["borders"] = store.border_set(book.borders_for("lending", rules.borders))
    pools["flags"] = FLAG_TRUNCATES if parameters.version.truncated_threshold else 0
    pools["klass"] = store.class_id((1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0))
    pool_of = part.account.astype(np.int64)
    order, legs, _ = _records(pool_of, np.array(factors, np.int32)[which], np.array(classes, np.int32)[which], pools)
    exact = np.zeros(len(order), EXACT)
    exact["quantity"], exact["entry"] = part.low[order].view(np.int64), part.high[order].view(np.int64)
    exact["market"] = np.array([names.number(asset) for asset in part.assets], np.int32)[part.asset[order]]
    exact["funding"] = -1
    exact["order"] = _ranks(part.account, accounts)[1][order]
    exact["flags"] = part.flags[order]
    places = np.zeros(accounts, PLACE)
    places["next"] = places["currency"] = -1
    places["label"] = names.number("main")
    holders = book.holders[offset : offset + accounts]
    holders["rule"], holders["kind"], holders["emode"] = book.rule_number(key), LENDING, part.emode
    holders["first"] = np.arange(accounts) + store.pool_count
    _append(book, pools, places, legs, exact)
    mark_loops(book, np.arange(store.pool_count - accounts, store.pool_count))


def mark_loops(book: "Book", chosen: Array) -> None:
    """Give lending pools the borders of loops where all that counts and a debt share the account's e-mode category."""
    store = book.store
    pools = store.pools[chosen]
    rules = [rule_set(key[0]) for key in book.rules]
    usual = np.array([store.border_set(book.borders_for(r.family, r.borders)) for r in rules], np.uint8)
    loop = store.border_set(book.borders_for("loop", ()))
    foreign = np.zeros(store.class_count, bool)
    owed = np.zeros(store.class_count, bool)
    for (rule, flags, asset, raw), klass in store.tags.items():
        if isinstance(raw, tuple):
            category = raw[0]
            emode = book.parameters_for(book.rules[rule]).emodes.get(category) if category else None
            owed[klass] = bool(flags & IS_DEBT)
            counts_here = not flags & IS_DEBT and store.classes[klass]["support"] > 0
            outside = counts_here and (emode is None or asset not in emode.collateral)
            foreign[klass] = outside or emode is None or not emode.correlated
    counts = pools["count"].astype(np.int64)
    which = np.repeat(np.arange(len(chosen)), counts)
    legs = np.repeat(pools["start"].astype(np.int64) - (np.cumsum(counts) - counts), counts) + np.arange(len(which))
    classes = store.legs["klass"][legs]
    any_foreign = np.bincount(which, foreign[classes], len(chosen)) > 0
    any_debt = np.bincount(which, owed[classes], len(chosen)) > 0
    holders = book.holders[pools["account"]]
    correlated = (holders["emode"] > 0) & any_debt & ~any_foreign
    store.pools["borders"][chosen] = np.where(correlated, loop, usual[holders["rule"]])
