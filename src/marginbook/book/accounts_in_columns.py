"""One account at a time: from domain object to records and exact columns, and back."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from marginbook.book import twins
from marginbook.book.columns import CONTRACTS, LENDING, OBJECT, PoolRow, lending_of, position_of, wallet_of
from marginbook.book.factors import grown
from marginbook.book.layout import FLAG_TRUNCATES, Array
from marginbook.book.store import Tag
from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.legs import PoolLegs
from marginbook.venues.contracts.model import Contracts
from marginbook.venues.registry import rule_set

if TYPE_CHECKING:
    from marginbook.book.book import Book


def read(book: "Book", number: int) -> Account:
    """The exact account of a number."""
    holder = book.holders[number]
    if holder["kind"] == OBJECT:
        return book.objects[number]
    rules, parameters, network = book.rules[int(holder["rule"])]
    name = book.identities.name(number)
    common: dict[str, Any] = {"id": name, "rules": rules, "parameters": parameters, "network": network}
    if holder["kind"] == LENDING:
        return _lending(book, number, common)
    wallet, positions = {}, []
    for p in book.pools_of(number):
        place = book.store.places[p]
        own = wallet_of(place) if book.names.texts[int(place["label"])].startswith("isolated:") else None
        if place["currency"] >= 0:
            wallet[book.names.texts[int(place["currency"])]] = wallet_of(place)
        for row in _exact(book, p):
            positions.append((int(row["order"]), position_of(row, book.names, book.fundings, own)))
    return Account(
        **common,
        mode="isolated" if holder["mode"] else "cross",
        position_mode="hedge" if holder["hedge"] else "one-way",
        wallet=wallet,
        positions=tuple(position for _, position in sorted(positions, key=lambda pair: pair[0])),
    )


def _lending(book: "Book", number: int, common: dict[str, Any]) -> Account:
    emode = int(book.holders[number]["emode"])
    key = book.rules[int(book.holders[number]["rule"])]
    assets = book.parameters_for(key).assets
    rows = sorted((row for p in book.pools_of(number) for row in _exact(book, p)), key=lambda row: int(row["order"]))
    held = [lending_of(row, book.names, assets[book.names.texts[int(row["market"])]].decimals) for row in rows]
    return Account(
        **common,
        emode=emode,
        collateral=tuple(h for h in held if isinstance(h, Collateral)),
        debt=tuple(h for h in held if isinstance(h, Debt)),
    )


def _exact(book: "Book", pool: int) -> Array:
    row = book.store.pools[pool]
    return book.store.exact[int(row["start"]) : int(row["start"]) + int(row["count"])]


def _encode(
    book: "Book", account: Account, parameters: Any, lowered: tuple[PoolLegs, ...]
) -> dict[str, PoolRow] | None:
    if isinstance(parameters, Contracts):
        return twins.contract_rows(account, parameters, book.market, book.names, book.funding_number)
    if account.rules.startswith("aave/"):
        return twins.lending_rows(account, parameters, lowered[0].pool, book.names)
    return None


def write(book: "Book", account: Account, zones: Mapping[str, int]) -> int:
    """Write an account; its pools await lowering from columns, slots and certificates."""
    rules = rule_set(account.rules)
    parameters = book.parameters(account)
    book.learn_accrual(account.rules, parameters)
    lowered = rules.module.lower(account, book.market, parameters).pools
    rows = _encode(book, account, parameters, lowered)
    kind = OBJECT if rows is None else CONTRACTS if isinstance(parameters, Contracts) else LENDING
    number = book.identities.add(account.id)
    book.holders = grown(book.holders, number + 1)
    if number in book.objects or book.holders[number]["kind"]:
        book.clear(number)
    holder = book.holders[number]
    holder["rule"] = book.rule_number((account.rules, account.parameters, account.network))
    holder["kind"], holder["emode"], holder["first"] = kind, account.emode, -1
    holder["mode"], holder["hedge"] = account.mode == "isolated", account.position_mode == "hedge"
    if kind == OBJECT:
        book.objects[number] = account
    previous = -1
    for pool in lowered:
        row = None if rows is None else rows[pool.pool]
        units: list[tuple[float, float]] = []
        tags: list[Tag] = []
        rule = int(holder["rule"])
        if kind == CONTRACTS:
            pool = twins.without_funding(pool)
            tags = [(rule, 0, held.market, held.exact[3]) for held in row.rows] if row else []
        elif kind == LENDING and row is not None:
            pool = replace(pool, opaque=False)
            decimals = [parameters.assets[r.market].decimals for r in row.rows]
            pairs = list(zip(row.rows, decimals, strict=True))
            units = [twins.unit_and_blur(held.exact[-1], d) for held, d in pairs]
            tags = [(rule, held.exact[-1], held.market, (account.emode, d)) for held, d in pairs]
        borders = book.store.border_set(book.borders_for(pool.family, rules.borders))
        p = book.store.add_pool(number, pool, borders, account.rules, book.current, row, units, tags, kind == CONTRACTS)
        record = book.store.pools[p]
        record["kind"], record["zone"] = kind, zones.get(pool.pool, 0)
        one_currency = rules.family == "derivatives" and not pool.currencies
        record["wallet"] = wallet_in(account, pool.pool) if one_currency else np.nan
        if kind == CONTRACTS:
            for held in row.rows if row else ():
                book.fund(rules.venue, parameters.price_kind, held.market)
        if kind == LENDING and parameters.version.truncated_threshold:
            record["flags"] |= FLAG_TRUNCATES
        if previous < 0:
            holder["first"] = p
        else:
            book.store.places[previous]["next"] = p
        previous = p
    return number


def wallet_in(account: Account, pool: str) -> float:
    """Funds of a derivatives pool without unrealised profit [currency], for display."""
    kind, _, rest = pool.partition(":")
    if kind == "isolated":
        market, _, side = rest.partition(":")
        for position in account.positions:
            if position.market == market and (not side or position.side == side.partition("/")[0]):
                return float(position.isolated_wallet or 0)
        return 0.0
    return float(account.wallet.get(rest, sum(account.wallet.values(), Decimal(0))))
