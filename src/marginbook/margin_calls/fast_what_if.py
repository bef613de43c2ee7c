"""`order_effect` for contracts in the columns of a book: the same answer digit for digit, in integers, sooner.

The sums of a pool are additive, so the pool after an order is that before it, less what the traded position added, plus
what it adds then (`fast_fill`); liquidation prices are in closed form (`fast_prices`). Whatever this does not cover is
answered by the exact functions: accounts that are not in columns, numbers of more digits, tables that jump or are not
monotone, prices within four ticks of zero, orders that the venue refuses outright.
"""

from collections.abc import Sequence
from decimal import Decimal

from marginbook.book.book import Book
from marginbook.book.columns import CONTRACTS
from marginbook.domain.account import Side
from marginbook.margin_calls.fast_fill import Order
from marginbook.margin_calls.fast_pools import (
    FROM_WALLET,
    PRICE,
    QUANTITY,
    DeskRules,
    Holding,
    NotHere,
    Pool,
    finish,
    raw_of,
    why_not,
)
from marginbook.margin_calls.fast_prices import liquidation_prices
from marginbook.margin_calls.order_effects import OrderEffect, PoolNumbers, Standing, Trade, Trial, order_effect
from marginbook.margin_calls.what_if import largest_order
from marginbook.venues.registry import rule_set


class OrderDesk:
    """Orders on accounts of a book, tried and not done. Reads the book as it is at each call."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._rules: dict[int, DeskRules] = {}

    def what_if(
        self,
        account: str,
        market: str,
        side: Trade,
        quantity: Decimal,
        price: Decimal | None = None,
        leverage: Decimal | None = None,
        position_side: Side | None = None,
    ) -> OrderEffect:
        """The account before and after one order at `price`, or at the present price; KeyError if it is not here."""
        trial = Trial(
            market=market, side=side, quantity=quantity, price=price, leverage=leverage, position_side=position_side
        )
        return self.basket(account, (trial,))

    def basket(self, account: str, trials: Sequence[Trial]) -> OrderEffect:
        """The account before and after a basket of orders, as `order_effect`; KeyError if it is not here."""
        with self.book.lock:
            number = self.book.identities.find(account)
            if number < 0:
                raise KeyError(account)
            return self.at(number, trials)

    def at(self, number: int, trials: Sequence[Trial]) -> OrderEffect:
        """`basket` for the account of a number; the caller holds the book's lock."""
        try:
            return self._in_columns(number, trials)
        except NotHere:
            return self.exact(number, trials)

    def exact(self, number: int, trials: Sequence[Trial]) -> OrderEffect:
        """The same by the exact functions of the rule set."""
        book = self.book
        account = book.account_at(number)
        parameters, borders = book.parameters(account), book.chosen_borders
        rules = rule_set(account.rules)
        return order_effect(rules, account, book.market, parameters, book.at, trials, borders=borders)

    def largest(
        self,
        account: str,
        market: str,
        side: Trade,
        price: Decimal | None = None,
        leverage: Decimal | None = None,
        position_side: Side | None = None,
    ) -> Decimal:
        """Largest quantity of one order that is allowed; one step more is refused."""
        book = self.book
        with book.lock:
            held = book.account(account)
            rules, parameters = rule_set(held.rules), book.parameters(held)
            here = (rules, held, book.market, parameters, book.at)
            return largest_order(*here, market, side, price=price, leverage=leverage, position_side=position_side)

    def _in_columns(self, number: int, trials: Sequence[Trial]) -> OrderEffect:
        book = self.book
        rule, first, _, kind, isolated, hedge = book.holders.item(number)
        if kind != CONTRACTS or not trials:
            raise NotHere
        rules = self._rules_of(rule)
        orders = [self._order(trial, rules, isolated, hedge) for trial in trials]
        traded = {order.terms for order in orders}
        pools = self._pools(first, rules)
        before = Standing(finish(pools, rules), _printed(pools), liquidation_prices(pools, traded, rules))
        now, refused, opened = pools, None, False
        for place, order in enumerate(orders, 1):
            then, opens = order.fill(now)
            objection = why_not(now, then) if opens else None
            if objection is not None and refused is None:
                refused = objection if len(orders) == 1 else f"order {place}: {objection}"
            now, opened = then, opened or opens
        after = Standing(finish(now, rules), _printed(now), liquidation_prices(now, traded, rules))
        together = refused if len(orders) == 1 else why_not(pools, now) if opened else None
        return OrderEffect(before, after, refused is None, refused, together is None, together)

    def _order(self, trial: Trial, rules: DeskRules, isolated: int, hedge: int) -> Order:
        quantity, price, leverage = trial.quantity, trial.price, trial.leverage
        if (trial.position_side is not None) != bool(hedge) or quantity <= 0 or (price is not None and price <= 0):
            raise NotHere
        terms = rules.terms(trial.market)
        terms.read(self.book.quotes_now)
        amount = raw_of(quantity, QUANTITY)
        paid = terms.price if price is None else raw_of(price, PRICE)
        lever = 0 if leverage is None else raw_of(leverage, 2)
        if leverage is not None and lever <= 0:
            raise NotHere
        leg = 0 if not hedge else 1 if trial.position_side == "long" else -1
        return Order(terms, amount if trial.side == "buy" else -amount, paid, lever, isolated, leg)

    def _rules_of(self, number: int) -> DeskRules:
        book = self.book
        found = self._rules.get(number)
        parameters = book.parameters_for(book.rules[number])
        if found is None or found.parameters is not parameters:
            rules = rule_set(book.rules[number][0])
            borders = book.borders_for(rules.family, rules.borders)
            found = self._rules[number] = DeskRules(rules, parameters, borders, {})
        return found

    def _pools(self, first: int, rules: DeskRules) -> list[Pool]:
        """All pools of an account, in the order of the exact functions."""
        book = self.book
        texts, store, fundings, now = book.names.texts, book.store, book.fundings, book.quotes_now
        places, exact, starts, counts = store.places, store.exact, store.pools["start"], store.pools["count"]
        known = rules.markets
        pools: list[Pool] = []
        p = first
        while p >= 0:
            high, low, following, label, currency = places.item(p)
            start, count = starts.item(p), counts.item(p)
            name = texts[label]
            alone = name.startswith("isolated:")
            holdings = []
            rows = exact[start : start + count].tolist() if count else ()
            for quantity, entry, entry_low, leverage, market, funding, _, flags in rows:
                terms = known.get(texts[market]) or rules.terms(texts[market])
                terms.read(now)
                last = fundings[funding] if funding >= 0 else 0
                holdings.append(Holding(terms, quantity, entry * 10**8 + entry_low, leverage, last, flags, alone))
            wallet = ((high << 64) + low) * FROM_WALLET
            pools.append(Pool(name, wallet, holdings, texts[currency] if currency >= 0 else None))
            p = following
        return pools


def _printed(pools: Sequence[Pool]) -> dict[str, PoolNumbers]:
    return {pool.label: pool.numbers for pool in pools if pool.numbers is not None}
