"""Cascades over many markets and venues, by the exact rules of each: mark, liquidate, sell, mark again.

Every round, each pool that is liquidatable at the round's prices has one step of its venue's plan carried out by the
venue's own rules. What the steps sell and buy, net by underlying asset and valued at the prices before the cascade,
adds up over the rounds, and the asset's `Impact` turns the sum into a price; everything that follows the asset moves by
the same ratio on all venues, which is how one venue's liquidations reach another. The rounds end when no step can be
done.

    price of the asset = P₀·I(Σ net sold),  rounded to 12 decimals of the ratio: exact from there on
    price of a fill    = mark + `execution`·(mark of the next round − mark); 0.5: the seller bears half of the move

Who loses what: fills lose their slippage to counterparties and their fee to the venue's insurance fund, loans lose the
penalty to liquidators and protocol. What a closed account of contracts still owes its venue is paid by the fund as far
as it goes; the rest is bad debt, as is what loans owe beyond their assets.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, QuoteKey
from marginbook.exact import ONE, ZERO, divide, in_exact_context, round_half_up
from marginbook.margin_calls.assets import is_stable, underlying
from marginbook.margin_calls.option_prices import followers
from marginbook.simulate.closing import Carried, Step, carry_step, step_of
from marginbook.simulate.holders import Holders, PoolKey
from marginbook.simulate.impact import Impact
from marginbook.simulate.shocks import PLACES
from marginbook.simulate.values import position_value, price_of, rate_to_reporting
from marginbook.units import STABLE_ASSETS
from marginbook.venues.common.views import in_units
from marginbook.venues.registry import rule_set

RATIO_PLACES = 12
FILL_DIGITS = 8
"""Significant digits of the price of a fill."""
ROUNDS_MOST = 200
Planner = Callable[[Account, str, Market, Any, int], Step | str]
"""(account, pool, market, parameters, at) -> what a round does to a pool, or why nothing."""
Carry = Callable[[Step, Account, Market, Any, int, Decimal | None, Mapping[str, Decimal]], Carried]
"""(step, account, market, parameters, at, price of a fill, fund by currency) -> what it has done."""
FundKey = tuple[str, str]
"""(venue, or name of a shared fund; currency)."""
Money = defaultdict[Any, Decimal]
Tick = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How markets react: impact by underlying asset, or for all others; funds by venue and currency."""

    impact: Impact
    impacts: Mapping[str, Impact] = field(default_factory=dict)
    funds: Mapping[FundKey, Decimal] = field(default_factory=dict)
    fund_of: Mapping[str, str] = field(default_factory=dict)  # venue -> the fund that it shares; default: its own
    execution: Decimal = Decimal("0.5")  # share of the round's move that fills bear
    rounds_most: int = ROUNDS_MOST
    planner: Planner = step_of
    carry: Carry = carry_step

    def of(self, asset: str) -> Impact:
        """The impact of sales of an asset."""
        return self.impacts.get(asset, self.impact)


def _money() -> Money:
    return defaultdict(Decimal)


@dataclass(slots=True)
class Round:
    """What one round did; values in the reporting currency, at the prices that the round began with."""

    steps: Counter[str] = field(default_factory=Counter)  # venue -> pools of which something was closed
    accounts: dict[str, set[str]] = field(default_factory=dict)  # venue -> accounts
    closed: Money = field(default_factory=_money)  # venue -> value of positions and of collateral taken
    closed_of: Money = field(default_factory=_money)  # account -> the same
    sold: Money = field(default_factory=_money)  # asset -> net value sold
    fees: Money = field(default_factory=_money)  # (fund, currency) -> what the fund took in
    paid: Money = field(default_factory=_money)  # (fund, currency) -> what the fund paid for deficits
    shared: Money = field(default_factory=_money)  # (venue, currency) -> deficits that other users bore
    uncovered: Money = field(default_factory=_money)  # (venue, currency) -> deficits that nobody paid
    lost: Money = field(default_factory=_money)  # to "counterparties", "liquidators" -> value
    refused: dict[PoolKey, str] = field(default_factory=dict)  # liquidatable, but no step could be done: why
    ratios: Mapping[str, Decimal] = field(default_factory=dict)  # asset -> price after it / price before the cascade
    funds: Mapping[FundKey, Decimal] = field(default_factory=dict)  # after it
    bad_debt: Decimal = ZERO  # [reporting currency] up to its end: deficits that nobody paid, loans beyond their assets


@dataclass(slots=True)
class _Working:
    """One run: prices as ratios to those before the cascade, and what was sold so far."""

    start: Market
    terms: Terms
    at: int
    funds: dict[FundKey, Decimal]
    net: dict[str, float] = field(default_factory=dict)  # asset -> value sold, at prices before the cascade
    ratios: dict[str, Decimal] = field(default_factory=dict)
    owed: dict[PoolKey, Decimal] = field(default_factory=dict)  # [reporting currency] loans beyond their assets
    uncovered: Decimal = ZERO  # [reporting currency]


@in_exact_context
def rounds(holders: Holders, terms: Terms, at: int, tick: Tick | None = None) -> list[Round]:
    """All rounds of a cascade that starts from the present prices; `holders` end where the cascade does.

    A last round without steps tells pools that are liquidatable and cannot be liquidated, if there are any.
    """
    working = _Working(holders.market, terms, at, dict(terms.funds))
    found: list[Round] = []
    while len(found) < terms.rounds_most:
        done = _round(holders, working)
        if done.steps or done.refused:
            found.append(done)
        if not done.steps:
            break
        if tick:
            tick(len(found), None)
    return found


@dataclass(frozen=True, slots=True)
class _Planned:
    """A step with its values at the round's prices [reporting currency]."""

    step: Step
    pressure: Mapping[str, Decimal]  # by underlying asset: sold above 0, bought below
    closed: Decimal


def _round(holders: Holders, working: _Working) -> Round:
    done = Round()
    planned = _planned(holders, working, done)
    pressure = _money()
    for one in planned:
        _gather(pressure, one.pressure)
    ratios = _next_ratios(pressure, working)
    for one in planned:
        try:
            _carry_out(one, ratios, holders, working, done)
        except BadInput as bad:
            done.refused[one.step.account, one.step.pool] = str(bad.problem)
    if done.refused:  # what was refused sells nothing
        ratios = _next_ratios(done.sold, working)
    for asset, value in done.sold.items():
        working.net[asset] = working.net.get(asset, 0.0) + _at_start(value, asset, working)
    working.ratios.update(ratios)
    if ratios:
        holders.move(_prices(working.start, ratios))
    done.ratios, done.funds = dict(sorted(working.ratios.items())), dict(sorted(working.funds.items()))
    done.bad_debt = working.uncovered + sum(working.owed.values(), ZERO)
    return done


def _planned(holders: Holders, working: _Working, done: Round) -> list[_Planned]:
    """The step of every pool that is due, and what it sells; those without one are noted as refused."""
    found = []
    for name, pool in holders.due():
        account = holders.account(name)
        try:
            step = working.terms.planner(account, pool, holders.market, holders.parameters(account), working.at)
            if isinstance(step, str):
                done.refused[name, pool] = step
            else:
                found.append(_valued(step, account, holders, working.at))
        except BadInput as bad:
            done.refused[name, pool] = str(bad.problem)
    return found


def _gather(sums: Money, values: Mapping[str, Decimal]) -> None:
    for name, value in values.items():
        sums[name] += value


def _at_start(value: Decimal, asset: str, working: _Working) -> float:
    return float(value) / float(working.ratios.get(asset, ONE))


def _next_ratios(pressure: Mapping[str, Decimal], working: _Working) -> dict[str, Decimal]:
    """Price ratios after a round's net sales [value at the round's prices]."""
    ratios = {}
    for asset, value in sorted(pressure.items()):
        net = working.net.get(asset, 0.0) + _at_start(value, asset, working)
        ratio = round_half_up(Decimal(float(working.terms.of(asset)(net))), RATIO_PLACES)
        if ratio != working.ratios.get(asset, ONE):
            ratios[asset] = ratio
    return ratios


def _prices(start: Market, ratios: Mapping[str, Decimal]) -> dict[QuoteKey, Decimal]:
    moved: dict[QuoteKey, Decimal] = {}
    for key, quote in start.quotes.items():
        ratio = ratios.get(underlying(key[1]))
        if ratio is not None:
            moved[key] = round_half_up(quote.price * ratio, PLACES)
    return moved | followers({key: quote.price for key, quote in start.quotes.items()}, moved)


def _valued(step: Step, account: Account, holders: Holders, at: int) -> _Planned:
    """A step's values; stable assets press on nothing."""
    worth = {name: _worth(step, name, account, holders, at) for name in {**step.closed, **step.sold, **step.bought}}
    pressure = _money()
    for sign, quantities in ((ONE, step.sold), (-ONE, step.bought)):
        for name, quantity in quantities.items():
            if not is_stable(name, STABLE_ASSETS):
                pressure[underlying(name)] += sign * quantity * worth[name]
    closed = sum((quantity * worth[name] for name, quantity in step.closed.items()), ZERO)
    return _Planned(step, pressure, closed)


def _worth(step: Step, name: str, account: Account, holders: Holders, at: int) -> Decimal:
    """Value of one unit of a position or asset."""
    held = step.position if step.position is not None and step.position.market == name else None
    held = held or next((p for p in account.positions if p.market == name and p.quantity > 0), None)
    if held is None:
        return price_of(account, name, holders.market)
    whole = position_value(account, held, holders.market, holders.parameters(account), at)
    return divide(whole, held.quantity)


def _fill_price(step: Step, ratios: Mapping[str, Decimal], working: _Working) -> Decimal | None:
    """The mark, moved by the seller's share of the round's move."""
    if step.mark is None:
        return None
    asset = underlying(step.plan.market)
    before = working.ratios.get(asset, ONE)
    if not (step.sold or step.bought) or ratios.get(asset, before) == before:
        return step.mark
    move = divide(ratios[asset] - before, before) * working.terms.execution
    price = step.mark * (ONE + move)
    return round_half_up(price, max(0, FILL_DIGITS - 1 - price.adjusted()))


def _carry_out(
    planned: _Planned, ratios: Mapping[str, Decimal], holders: Holders, working: _Working, done: Round
) -> None:
    """One step by the venue's own rules, and who lost what by it. BadInput, and nothing done, where it is refused."""
    step, terms, at = planned.step, working.terms, working.at
    account, market = holders.account(step.account), holders.market
    parameters, venue = holders.parameters(account), account.venue
    fund = terms.fund_of.get(venue, venue)
    balances = {currency: amount for (name, currency), amount in working.funds.items() if name == fund}
    price = _fill_price(step, ratios, working)
    carried = terms.carry(step, account, market, parameters, at, price, balances)
    lost = _lost(account, carried.account, carried.market, parameters, market, at)
    holders.changed(carried.account, carried.market)
    for sums, amounts, name, sign in (
        (done.fees, carried.fees, fund, -1),
        (done.paid, carried.paid, fund, 1),
        (done.shared, carried.shared, venue, 1),
        (done.uncovered, carried.uncovered, venue, 1),
    ):
        for currency, amount in amounts.items():
            sums[name, currency] += amount
            lost += sign * amount * rate_to_reporting(currency, venue, market)
            if sums is done.uncovered:
                working.uncovered += amount * rate_to_reporting(currency, venue, market)
            elif sums is not done.shared:
                working.funds[fund, currency] = working.funds.get((fund, currency), ZERO) - sign * amount
    if step.position is None and lost < 0:  # nobody buys at a loss: the protocol has taken the loan over for less
        rate = rate_to_reporting(step.plan.market, venue, market)
        done.uncovered[venue, step.plan.market] += divide(-lost, rate)
        working.uncovered -= lost
        lost = ZERO
    done.lost["liquidators" if step.position is None else "counterparties"] += lost
    if step.position is None:
        _note_owed(carried.account, carried.market, parameters, working, step)
    done.steps[venue] += 1
    done.accounts.setdefault(venue, set()).add(step.account)
    done.closed[venue] += planned.closed
    done.closed_of[step.account] += planned.closed
    _gather(done.sold, planned.pressure)


def _lost(before: Account, after: Account, state: Market, parameters: Any, market: Market, at: int) -> Decimal:
    """[reporting currency] what the account lost by a step, at prices that stand still."""
    module, scale = rule_set(before.rules).module, rule_set(before.rules).risk_scale
    currencies: dict[str, str] = {}
    sums: Money = _money()
    for sign, account, seen in ((1, before, market), (-1, after, state)):
        risks = module.risk(account, seen, parameters, at)
        if not risks.keys() <= currencies.keys():
            figures = module.quantities(account, seen, parameters, at)
            currencies |= {pool: found.currency for pool, found in figures.items()}
        for pool, risk in risks.items():
            exact = in_units(risk, scale)
            sums[currencies[pool]] += sign * (exact.assets - exact.liabilities)
    return sum((v * rate_to_reporting(c, before.venue, market) for c, v in sums.items() if v), ZERO)


def _note_owed(account: Account, state: Market, parameters: Any, working: _Working, step: Step) -> None:
    """Remember what a loan owes beyond its assets after a step."""
    rules, key = rule_set(account.rules), (step.account, step.pool)
    risk = rules.module.risk(account, state, parameters, working.at).get(step.pool)
    working.owed.pop(key, None)
    if risk is not None:
        exact = in_units(risk, rules.risk_scale)
        currency = rules.module.quantities(account, state, parameters, working.at)[step.pool].currency
        missing = (exact.liabilities - exact.assets) * rate_to_reporting(currency, account.venue, state)
        if missing > 0:
            working.owed[key] = missing
