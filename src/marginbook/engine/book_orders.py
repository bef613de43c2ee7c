"""The same orders tried on every account of a book: columns, and counts.

One order is decided by one sweep in float64 (`book.order_sweep`); accounts that lie within its allowance of a border,
or that it does not cover, and baskets, are asked one by one of an `OrderDesk`, whose answers are exact. So decisions
and zones are exact for all, figures to float64.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from marginbook.book.order_sweep import FIGURES, UNDECIDED, Swept, SweptOrder, sweep
from marginbook.domain.errors import BadInput
from marginbook.domain.zones import Zone
from marginbook.engine.orders import order_json, standing_json
from marginbook.exact import to_raw_exact
from marginbook.margin_calls.fast_what_if import OrderDesk
from marginbook.margin_calls.order_effects import OrderEffect, Standing, Trial
from marginbook.units import format_time
from marginbook.venues.contracts.model import Contracts, Terms, inverse_leverage
from marginbook.venues.registry import rule_set

REFUSED, ALLOWED, NOT_TRADED, NOT_EVALUATED = 0, 1, 2, 3
ANSWERS = ("refused", "allowed", "not traded there", "not evaluated")
SIDES = ("before", "after")


def book_orders(desk: OrderDesk, trials: Sequence[Trial]) -> dict[str, Any]:
    """Orders on every account, as columns that any data frame takes, in the order of the book's `ids()`.

    account, answer (a number of `ANSWERS`; a basket is taken as one), zone_before, zone_after, and `FIGURES` before and
    after of the pool that pays for the first order (NaN where it is not known). Accounts of lending protocols, and of
    venues that do not quote a market, are "not traded there".
    """
    book = desk.book
    with book.lock:
        found = Swept.blank(book)
        answers = np.full(book.identities.size, UNDECIDED, np.int8)
        rules = book.holders["rule"][: book.identities.size]
        for number, key in enumerate(book.rules):
            if not _traded(desk, key[0], trials):
                answers[rules == number] = NOT_TRADED
            elif len(trials) == 1:
                order = swept_order(desk, number, trials[0])
                if order is not None:
                    sweep(book, order, found)
        decided = (found.allowed != UNDECIDED) & (answers == UNDECIDED)
        answers[decided] = found.allowed[decided]
        numbers = book.identities.numbers()
        for a in numbers[answers[numbers] == UNDECIDED].tolist():
            answers[a] = _one_by_one(desk, a, trials, found)
        names = book.identities.names_of(numbers)
    columns: dict[str, Any] = {"account": names, "answer": answers[numbers]}
    for n, side in enumerate(SIDES):
        columns[f"zone_{side}"] = found.zones[numbers, n]
        for k, name in enumerate(FIGURES):
            columns[f"{name}_{side}"] = found.figures[numbers, n * len(FIGURES) + k]
    return columns


def each_account(desk: OrderDesk, orders: Mapping[str, Sequence[Trial]]) -> dict[str, Any]:
    """Each account with its own orders, exactly: columns account, answer, why_not and zones; KeyError without one."""
    rows: dict[str, list[Any]] = {name: [] for name in ("account", "answer", "why_not", "zone_before", "zone_after")}
    for account, trials in orders.items():
        effect = desk.basket(account, trials)
        after = effect.after or effect.before
        values = (account, int(effect.allowed_as_one), effect.why_not_as_one, effect.before.zone, after.zone)
        for name, value in zip(rows, values, strict=True):
            rows[name].append(value)
    return rows


def book_orders_json(desk: OrderDesk, trials: Sequence[Trial], limit: int) -> dict[str, Any]:
    """Counts over the whole book, and exact numbers of up to `limit` accounts: the worst zones first, then refusals."""
    book = desk.book
    with book.lock:
        columns = book_orders(desk, trials)
        order = np.lexsort((columns["answer"], -columns["zone_after"].astype(np.int64)))
        chosen = order[columns["answer"][order] <= ALLOWED][:limit]
        rows = [_row(columns["account"][i], desk.basket(columns["account"][i], trials)) for i in chosen.tolist()]
        at = book.at
    return {"at": format_time(at), "orders": [order_json(trial) for trial in trials], **counts(columns), "rows": rows}


def _row(account: str, effect: OrderEffect) -> dict[str, Any]:
    return {
        "account": account,
        "allowed": effect.allowed_as_one,
        "why_not": effect.why_not_as_one,
        "before": standing_json(effect.before),
        "after": None if effect.after is None else standing_json(effect.after),
    }


def counts(columns: Mapping[str, Any]) -> dict[str, Any]:
    """How many accounts give which answer, and how many stand in which zone before and after; only known ones."""
    answers = Counter(columns["answer"].tolist())
    known = columns["answer"] <= ALLOWED
    told: dict[str, Any] = {"accounts": len(columns["account"])}
    told |= {name.replace(" ", "_"): answers[n] for n, name in enumerate(ANSWERS)}
    for side in SIDES:
        zones = Counter(columns[f"zone_{side}"][known].tolist())
        told[f"zones_{side}"] = {Zone(zone).label: zones[zone] for zone in sorted(zones)}
    return told


def swept_order(desk: OrderDesk, rule: int, trial: Trial) -> SweptOrder | None:
    """The order as the sweep needs it, for accounts of one rule key; None where their terms are not covered."""
    book = desk.book
    key = book.rules[rule]
    parameters = book.parameters_for(key)
    if not isinstance(parameters, Contracts):
        return None
    try:
        terms = parameters.terms_of(trial.market)
        leverage = 0 if trial.leverage is None else to_raw_exact(trial.leverage, 2)
    except (BadInput, ValueError):
        return None
    if not _covered(terms) or trial.quantity <= 0 or leverage < 0:
        return None
    mark = book.market.price(parameters.venue, trial.market, parameters.price_kind)
    currency = terms.currency or parameters.currency_of(trial.market)
    texts = book.names.numbers
    rows = terms.table.rows
    fee = terms.fee_to_close
    return SweptOrder(
        rule=rule,
        market=texts.get(trial.market, -1),
        currency=-1 if currency is None else texts.get(currency, len(texts)),
        mark=float(mark),
        quantity=float(trial.quantity if trial.side == "buy" else -trial.quantity),
        price=float(mark if trial.price is None else trial.price),
        leverage=leverage,
        share=float(inverse_leverage(trial.leverage, terms)),
        leg=0 if trial.position_side is None else 1 if trial.position_side == "long" else -1,
        floors=np.array([float(row.floor) for row in rows]),
        rates=np.array([float(row.rate + fee) for row in rows]),
        cums=np.array([float(row.cum) for row in rows]),
    )


def _covered(terms: Terms) -> bool:
    at_mark = terms.basis == terms.initial_basis == "mark" and terms.closing is None
    plain = terms.contract_size == 1 and terms.tiers_by == "notional" and not terms.table.jump_most
    return at_mark and plain and not terms.inverse and not terms.rounds_leverage and not terms.steps


def _traded(desk: OrderDesk, name: str, trials: Sequence[Trial]) -> bool:
    """Whether accounts of these rules can trade the orders' markets: they have fills, and a price."""
    rules = rule_set(name)
    quotes = desk.book.market.quotes
    return rules.family == "derivatives" and all(
        (rules.venue, trial.market, rules.price_kind) in quotes for trial in trials
    )


def _one_by_one(desk: OrderDesk, a: int, trials: Sequence[Trial], out: Swept) -> int:
    try:
        effect = desk.at(a, trials)
    except BadInput:
        return NOT_EVALUATED
    after = effect.after or effect.before
    out.zones[a] = effect.before.zone, after.zone
    pool = _payer(desk, a, trials[0], effect.before)
    for n, standing in enumerate((effect.before, after)):
        numbers = standing.pools.get(pool) if pool is not None else None
        for k, name in enumerate(FIGURES):
            value: Decimal | None = None if numbers is None else getattr(numbers, name)
            out.figures[a, n * len(FIGURES) + k] = np.nan if value is None else float(value)
    return ALLOWED if effect.allowed_as_one else REFUSED


def _payer(desk: OrderDesk, a: int, trial: Trial, before: Standing) -> str | None:
    """The cross pool that pays for an order: of the market's currency, or the only one."""
    parameters = desk.book.parameters_for(desk.book.rules[int(desk.book.holders[a]["rule"])])
    cross = [name for name in before.pools if name.startswith("cross")]
    if hasattr(parameters, "terms_of"):
        try:
            currency = parameters.terms_of(trial.market).currency or parameters.currency_of(trial.market)
        except BadInput:
            return None
        if f"cross:{currency}" in cross:
            return f"cross:{currency}"
    return cross[0] if len(cross) == 1 else None
