"""What one order, or a basket of them, would do to an account: the numbers that a trading desk looks at first.

    marginal contribution of a position = margin of the account − margin of the account without the position

The order is a fill at its price without a fee; `what_if` carries it out on paper and judges it. Any rule set that has
fills can be asked; `fast_what_if` gives the same answer for contracts in the columns of a book, sooner.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from marginbook.domain.account import Account, Position, Side
from marginbook.domain.errors import BadInput
from marginbook.domain.events import Fill, Stamp
from marginbook.domain.market import Market
from marginbook.domain.risk import LiquidationPrice, Quantities, Risk
from marginbook.domain.zones import Zone
from marginbook.exact import ZERO, in_exact_context
from marginbook.margin_calls.what_if import Figures, judge, lacks_initial, opens, what_if
from marginbook.margin_calls.zones import Borders, zone_of_account
from marginbook.venues.rules import RuleSet

Trade = Literal["buy", "sell"]


@dataclass(frozen=True, slots=True)
class PoolNumbers:
    """Margin of one pool [its currency], rounded as `Quantities` rounds; None where the rule set has no such number."""

    margin_balance: Decimal | None
    initial_margin: Decimal | None
    maintenance_margin: Decimal | None
    free_margin: Decimal | None
    headroom: Decimal | None


@dataclass(frozen=True, slots=True)
class Standing:
    """An account on one side of an order; liquidation prices are the exact ones of the markets that are traded."""

    zone: Zone
    pools: Mapping[str, PoolNumbers]
    liquidation_prices: tuple[LiquidationPrice, ...]


@dataclass(frozen=True, slots=True)
class OrderEffect:
    """Before and after orders; `after` is None where the venue's own rules cannot carry one of them out at all.

    `allowed`: sent one after the other, each is accepted in its turn. `allowed_as_one`: taken all or none, what is left
    at the end has its initial margin. One order alone is the same either way.
    """

    before: Standing
    after: Standing | None
    allowed: bool
    why_not: str | None
    allowed_as_one: bool
    why_not_as_one: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An order to be tried; without a price, at the present price of the rule set's kind."""

    market: str
    side: Trade
    quantity: Decimal  # [base units or contracts]
    price: Decimal | None = None  # [quote per base]
    leverage: Decimal | None = None  # of a position that it opens; None: that of the position in this market, if any
    position_side: Side | None = None  # hedge mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What a position adds to its account: margin with it minus margin without it, summed over pools of a currency.

    Negative where the position offsets others. None where the rule set has no such number.
    """

    market: str
    side: Side
    currency: str
    initial_margin: Decimal | None
    maintenance_margin: Decimal | None


@in_exact_context
def order_effect(
    rule_set: RuleSet,
    account: Account,
    market: Market,
    parameters: Any,
    at: int,
    trials: Iterable[Trial],
    *,
    borders: Borders | None = None,
) -> OrderEffect:
    """The account before and after a basket of orders, filled one after the other.

    BadInput where the account cannot be evaluated as it is, or an order without a price has no quote.
    """
    orders = [fill_of(rule_set, account, market, at, trial) for trial in trials]
    names = {order.market for order in orders}
    if len(orders) == 1:
        found = what_if(rule_set, account, market, parameters, at, orders[0], borders=borders)
        after = None if found.after is None else _standing(found.after, names)
        verdict = found.allowed, found.why_not
        return OrderEffect(_standing(found.before, names), after, *verdict, *verdict)
    before = _standing(_figures(rule_set, account, market, parameters, at, borders), names)
    why_not, changed, then, opened = None, account, market, False
    risks = rule_set.module.risk(account, market, parameters, at)
    left: Mapping[str, Risk[Any]] = risks
    for number, order in enumerate(orders, 1):
        opened = opened or opens(changed, order)
        try:
            trial = judge(rule_set, changed, then, parameters, at, order)
        except BadInput as bad:
            refusal = f"order {number}: {bad.problem}"
            return OrderEffect(before, None, False, refusal, False, refusal)
        changed, then, left = trial.account, trial.market, trial.after
        if why_not is None and trial.why_not is not None:
            why_not = f"order {number}: {trial.why_not}"
    after = _standing(_figures(rule_set, changed, then, parameters, at, borders), names)
    together = lacks_initial(risks, left) if opened and rule_set.family != "lending" else None
    return OrderEffect(before, after, why_not is None, why_not, together is None, together)


def fill_of(rule_set: RuleSet, account: Account, market: Market, at: int, trial: Trial) -> Fill:
    """The fill that a trial stands for."""
    return Fill(
        stamp=Stamp(time=at),
        account=account.id,
        market=trial.market,
        side=trial.side,
        quantity=trial.quantity,
        price=market.price(rule_set.venue, trial.market, rule_set.price_kind) if trial.price is None else trial.price,
        position_side=trial.position_side,
        leverage=trial.leverage,
    )


@in_exact_context
def tried(
    rule_set: RuleSet, account: Account, market: Market, parameters: Any, at: int, trials: Iterable[Trial]
) -> tuple[Account, Market]:
    """The account and market after the orders, allowed or not; BadInput where they cannot be carried out at all."""
    for trial in trials:
        event = fill_of(rule_set, account, market, at, trial)
        account, market = rule_set.module.apply(account, market, event, parameters, at)
    return account, market


@in_exact_context
def contributions(
    rule_set: RuleSet, account: Account, market: Market, parameters: Any, at: int
) -> tuple[Contribution, ...]:
    """Marginal contribution of every position: the account's margin minus that without the position."""
    whole = rule_set.module.quantities(account, market, parameters, at)
    found = []
    for number, position in enumerate(account.positions):
        rest = account.positions[:number] + account.positions[number + 1 :]
        without = rule_set.module.quantities(replace(account, positions=rest), market, parameters, at)
        found.append(_contribution(position, whole, without))
    return tuple(found)


def _contribution(
    position: Position, whole: Mapping[str, Quantities], without: Mapping[str, Quantities]
) -> Contribution:
    changed = [name for name, figures in whole.items() if without.get(name) != figures]
    currency = whole[changed[0]].currency if changed else next((q.currency for q in whole.values()), "")

    def added(field: str) -> Decimal | None:
        total = ZERO
        for name in changed:
            old = getattr(whole[name], field)
            new = getattr(without[name], field) if name in without else ZERO
            if old is None or new is None:
                return None
            total += old - new
        return total

    return Contribution(
        market=position.market,
        side=position.side,
        currency=currency,
        initial_margin=added("initial_margin"),
        maintenance_margin=added("maintenance_margin"),
    )


def _figures(
    rule_set: RuleSet, account: Account, market: Market, parameters: Any, at: int, borders: Borders | None
) -> Figures:
    module = rule_set.module
    return Figures(
        zone=zone_of_account(rule_set, account, market, parameters, at, borders=borders),
        quantities=module.quantities(account, market, parameters, at),
        liquidation_prices=tuple(module.liquidation_prices(account, market, parameters, at)),
    )


def _standing(figures: Figures, markets: set[str]) -> Standing:
    pools = {
        name: PoolNumbers(q.margin_balance, q.initial_margin, q.maintenance_margin, q.free_margin, q.headroom)
        for name, q in figures.quantities.items()
    }
    prices = tuple(p for p in figures.liquidation_prices if p.market in markets and p.source == "exact")
    return Standing(figures.zone, pools, prices)
