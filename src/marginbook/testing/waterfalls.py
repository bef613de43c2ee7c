"""Laws of liquidation waterfalls, tried on the random accounts of every rule set (`testing/worlds`).

Half of the accounts are taken as they are, near their border; the prices of the others are moved by up to 40 %, so that
deficits occur. The fund is empty, small or large, the other side one party or a few winners; liquidators take all that
they may, or a part first.

    .venv/bin/python -m marginbook.testing.waterfalls 100000 1      # how many, seed; more: only these rule sets
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import groupby
from random import Random

from marginbook.domain.account import Account
from marginbook.domain.errors import BadInput
from marginbook.exact import ZERO, in_exact_context
from marginbook.liquidation.acts import part_of
from marginbook.liquidation.deficits import balances
from marginbook.liquidation.fund import Fund
from marginbook.liquidation.keepers import Chance, Policy, maximum
from marginbook.liquidation.steps import Step
from marginbook.liquidation.venue_stages import STAGES
from marginbook.liquidation.waterfall import STEPS_MOST, Waterfall, run
from marginbook.liquidation.winners import Winner
from marginbook.testing.laws import settings
from marginbook.testing.vectors import Setting
from marginbook.venues.common.views import in_units
from marginbook.venues.registry import rule_set

FUND_ASSETS = ("USDT", "USDC", "USD", "BTC", "ETH", "XBT", "SOL")
UNITS = Decimal("0.00000002")
"""Two units of the eight decimals that money is printed with: rounding of a printed quantity."""
LAST_UNIT = Decimal("0.000001")
"""Of the coarsest money that a payment is cut at."""
SMALL, LAST_UNITS, RELATIVE = Decimal("1e-5"), Decimal("0.01"), Decimal("1e-9")
"""What the rounding of prices, and of the last units of a protocol's tokens, may be worth."""


@dataclass(frozen=True, slots=True)
class Case:
    """One liquidation that was run: its start and its end."""

    setting: Setting
    pool: str
    fund: Fund
    winners: tuple[Winner, ...] | None
    found: Waterfall


def cases(rules: str, count: int, seed: int = 1) -> Iterator[Case]:
    """Waterfalls of the liquidatable pools of random accounts of `rules`, `count` of them, the same for one seed."""
    random, made, draw = Random(f"waterfall {rules} {seed}"), 0, 0
    while made < count:
        draw += 1
        for setting in settings(rules, 32, seed * 1_000_003 + draw):
            moved = _moved(setting, random) if random.random() < 0.5 else setting
            for pool in _liquidatable(moved):
                fund, winners, policy = _fund(random), _winners(moved, random), _policy(random)
                found = run(
                    moved.account,
                    pool,
                    moved.market,
                    moved.parameters,
                    moved.at,
                    policy=policy,
                    fund=fund,
                    counterparties=winners,
                )
                yield Case(moved, pool, fund, winners, found)
                made += 1
                if made == count:
                    return


def _liquidatable(setting: Setting) -> Sequence[str]:
    try:
        return [pool for pool in setting.call("risk") if setting.call("is_liquidatable", pool)]
    except BadInput:
        return []


def _moved(setting: Setting, random: Random) -> Setting:
    """All prices of a market by the same factor; currencies keep their index prices."""
    factors = {name: Decimal(random.randint(600, 1400)) / 1000 for _, name, _ in setting.market.quotes}
    changed = {
        key: (quote.price * factors[key[1]]).quantize(Decimal("1e-8")) or quote.price
        for key, quote in setting.market.quotes.items()
        if quote.price > Decimal("0.001")
    }
    return replace(setting, market=setting.market.with_prices(changed))


def _fund(random: Random) -> Fund:
    size = random.choice((0, 0, 10, 5_000, 10**9))
    return Fund(dict.fromkeys(FUND_ASSETS, Decimal(size)))


def _policy(random: Random) -> Policy:
    """The maximum, or a few times a share of what is allowed, cut at its decimals, and then the maximum."""
    if random.random() < 0.6:
        return maximum
    shares = [Decimal(random.randint(1, 99)) / 100 for _ in range(random.randint(1, 3))]

    def some(chance: Chance) -> Decimal:
        least, most = chance.plan.close_least, chance.plan.close_most
        return max(least, part_of(most, shares.pop())) if shares else most

    return some


def _winners(setting: Setting, random: Random) -> tuple[Winner, ...] | None:
    if random.random() < 0.5:
        return None
    found = []
    for position in setting.account.positions:
        for number in range(random.randint(0, 3)):
            found.append(
                Winner(
                    account=f"{position.market} {position.side} {number}",
                    side="short" if position.side == "long" else "long",
                    quantity=(position.quantity * random.randint(1, 150) / 100).quantize(Decimal("1e-8")) + 1,
                    entry=position.entry,
                    equity=Decimal(random.randint(1, 10**6)),
                    maintenance=Decimal(1),
                )
            )
    return tuple(found)


@in_exact_context
def flows_cancel(case: Case) -> str | None:
    """In every asset, what some get in a step the others give."""
    for step in case.found.steps:
        totals: dict[str, Decimal] = {}
        for flow in step.flows:
            totals[flow.asset] = totals.get(flow.asset, ZERO) + flow.amount
        for asset, total in totals.items():
            if total:
                return f"{step.stage}: flows of {asset} sum to {total}"
    return None


@in_exact_context
def fund_is_a_ledger(case: Case) -> str | None:
    """What the fund holds is what it held and what the steps gave it; it never holds less than nothing."""
    held = dict(case.fund.balances)
    for entry in case.found.fund.entries:
        held[entry.asset] = held.get(entry.asset, ZERO) + entry.amount
        if held[entry.asset] < 0:
            return f"the fund held {held[entry.asset]} {entry.asset}"
    flowed = dict(case.fund.balances)
    for step in case.found.steps:
        for flow in step.flows:
            if flow.party == "insurance":
                flowed[flow.asset] = flowed.get(flow.asset, ZERO) + flow.amount
    for asset in {*held, *flowed}:
        now = case.found.fund.holds(asset)
        if held.get(asset, ZERO) != now or flowed.get(asset, ZERO) != now:
            return f"fund {now} {asset}, entries {held.get(asset)}, flows {flowed.get(asset)}"
    return None


@in_exact_context
def flows_are_what_happened(case: Case) -> str | None:
    """The account's flows are the change of its balances and positions, wherever it states them as amounts."""
    before = case.setting.account
    for step in case.found.steps:
        own: dict[str, Decimal] = {}
        for flow in step.flows:
            if flow.party == "account":
                own[flow.asset] = own.get(flow.asset, ZERO) + flow.amount
        now, then = _holdings(step.account), _holdings(before)
        if step.stage not in ("cancel_orders", "wait", "stop"):
            for asset in own.keys() & _plain(before, step):
                change = now.get(asset, ZERO) - then.get(asset, ZERO)
                if abs(change - own[asset]) > UNITS:
                    return f"{step.stage}: {asset} flows {own[asset]}, balances {change}"
        before = step.account
    return None


def _holdings(account: Account) -> dict[str, Decimal]:
    found = balances(account)
    for position in account.positions:
        signed = position.sign * position.quantity
        found[position.market] = found.get(position.market, ZERO) + signed
        money = _money_of(account)
        if position.isolated_wallet is not None and money:
            found[money] = found.get(money, ZERO) + position.isolated_wallet
    return found


def _money_of(account: Account) -> str:
    return next(iter(account.wallet), "")


def _plain(account: Account, step: Step) -> set[str]:
    """Assets that are stated as amounts before and after, where money is only in wallets and amounts."""
    for one in (account, step.account):
        amounts = [held.amount for held in one.collateral] + [owed.amount for owed in one.debt]
        if None in amounts:
            return set()
    if account.rules in BOOKS:
        return {position.market for position in account.positions} if account.rules in PERPS else set()
    several = len(account.wallet) > 1 and any(p.isolated_wallet is not None for p in account.positions)
    names = {position.market for position in account.positions}
    return names if several else set(_holdings(account)) | set(_holdings(step.account))


BOOKS = {"drift/2", "perp/2", "gmx/1", "gmx/2", "synthetix/2", "synthetix/3", "liquity/1", "maker/dss"}
"""Money in open notionals, margins or tokens beside the wallet, or a surplus beside the account."""
PERPS = {"drift/2", "perp/2"}


@in_exact_context
def equity_does_not_rise(case: Case) -> str | None:
    """A closing step leaves the pool no richer, except by a loss that others bear in it."""
    setting, steps = case.setting, case.found.steps
    rules = rule_set(setting.account.rules)
    if rules.name in ("aave/3.0", "aave/3.1") and setting.account.emode:
        return None  # collateral and debt are valued by a category's price source there, calls by the oracle
    sums = in_units(setting.call("risk")[case.pool], rules.risk_scale)
    before = sums.assets - sums.liabilities
    for number, step in enumerate(steps):
        after = step.left.equity
        off = step.stage not in CLOSING or (number + 1 < len(steps) and steps[number + 1].stage == "socialise")
        most = max(before, ZERO) if rules.name in BEARS or case.pool.startswith("isolated:") else before
        small = LAST_UNITS if rules.family == "lending" else SMALL
        if not off and after > most + small + abs(before) * RELATIVE:
            return f"{step.stage}: equity {before} before, {after} after"
        before = after
    return None


CLOSING = ("reduce", "take_over", "hand_over", "seize", "absorb", "auction", "redistribute")
BEARS = {"gmx/1", "gmx/2", "synthetix/2", "synthetix/3", "compound/3", "liquity/1", "maker/dss", "morpho/blue"}
BEARS |= {f"aave/3.{minor}" for minor in range(3, 8)} | {"euler/2", "dydx/3", "dydx/4", "hyperliquid/perps"}
"""A step may take a loss off the account: the pool's, the lenders', the reserves' or the other side's."""


def events_are_enough(case: Case) -> str | None:
    """The events alone, applied to the first account, give the last one's money and positions."""
    setting = case.setting
    module = rule_set(setting.account.rules).module
    account, market = setting.account, setting.market
    if len({(p.market, p.side) for p in account.positions}) < len(account.positions):
        return None
    numbers = [event.stamp.source_sequence for event in case.found.events]
    if numbers != list(range(1, len(numbers) + 1)):
        return f"events are numbered {numbers}"
    for event in case.found.events:
        account, market = module.apply(account, market, event, setting.parameters, event.stamp.time)
    for name in ("wallet", "orders", "collateral", "debt"):
        ours, theirs = getattr(account, name), getattr(case.found.account, name)
        if ours != theirs:
            return f"{name} {ours} by events, {theirs} in the end"
    sizes = [sorted((p.market, p.side, p.quantity) for p in one.positions) for one in (account, case.found.account)]
    return None if sizes[0] == sizes[1] else f"positions {sizes[0]} by events, {sizes[1]} in the end"


def the_end_is_what_it_says(case: Case) -> str | None:
    """Covered pools are not liquidatable, empty ones hold nothing, deficits are above 0, refusals give a reason."""
    found, setting = case.found, case.setting
    module = rule_set(found.account.rules).module
    pools = module.risk(found.account, found.market, setting.parameters, found.at)
    still = case.pool in pools and module.is_liquidatable(
        found.account, case.pool, found.market, setting.parameters, found.at
    )
    last = found.steps[-1]
    match found.outcome:
        case "covered":
            return "covered, but liquidatable" if still else None
        case "empty":
            sums = pools.get(case.pool)
            return f"empty, but {sums}" if sums is not None and (sums.assets or sums.liabilities) else None
        case "deficit":
            fine = found.deficit and all(amount > 0 for amount in found.deficit.values())
            return None if fine else f"a deficit of {dict(found.deficit)}"
        case "refused":
            return None if still and last.reason and last.stage == "stop" else f"refused: {last.stage} {last.reason}"


def it_terminates(case: Case) -> str | None:
    """Within the bound, and waits lead to something: a position may need many blocks, but none that change nothing."""
    stages = [step.stage for step in case.found.steps]
    longest = max((len(list(idle)) for name, idle in groupby(stages) if name == "wait"), default=0)
    return f"{len(stages)} steps, {longest} waits in a row" if len(stages) > STEPS_MOST + 4 or longest > 100 else None


@in_exact_context
def winners_give_what_they_have(case: Case) -> str | None:
    """Deleveraged quantities are at most those of the winners, and what they give up is what is paid."""
    for step in case.found.steps:
        if step.stage != "deleverage" or not step.closings:
            continue
        sizes = {winner.account: winner.quantity for winner in case.winners or ()}
        for closing in step.closings:
            if closing.quantity > sizes[closing.account]:
                return f"{closing.account} closed {closing.quantity} of {sizes[closing.account]}"
        given = sum((closing.given_up for closing in step.closings), ZERO)
        if abs(given - step.quantity) > LAST_UNIT:
            return f"given up {given}, paid {step.quantity}"
    return None


LAWS: dict[str, Callable[[Case], str | None]] = {
    "flows_cancel": flows_cancel,
    "fund_is_a_ledger": fund_is_a_ledger,
    "flows_are_what_happened": flows_are_what_happened,
    "equity_does_not_rise": equity_does_not_rise,
    "events_are_enough": events_are_enough,
    "the_end_is_what_it_says": the_end_is_what_it_says,
    "it_terminates": it_terminates,
    "winners_give_what_they_have": winners_give_what_they_have,
}


@dataclass(slots=True)
class Tally:
    """Counts of many waterfalls."""

    waterfalls: int = 0
    steps: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def add(self, case: Case) -> None:
        """Count one, with what it breaks."""
        self.waterfalls += 1
        self.steps += len(case.found.steps)
        self.outcomes[case.found.outcome] += 1
        self.stages.update(step.stage for step in case.found.steps)
        for name, law in LAWS.items():
            broken = law(case)
            if broken:
                self.violations.append(f"{case.setting.account.rules} {case.pool} {name}: {broken}")


def tallied(rules: str, count: int, seed: int) -> Tally:
    """`count` waterfalls of one rule set against all laws."""
    tally = Tally()
    for case in cases(rules, count, seed):
        tally.add(case)
    return tally


def main(arguments: Sequence[str]) -> int:
    """Run `count` waterfalls over the named rule sets, or all, and write what was found; 1 where a law is broken."""
    count, seed = int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 1
    chosen = sorted(arguments[2:] or STAGES)
    each = -(-count // len(chosen))
    broken = 0
    total = Tally()
    for rules in chosen:
        tally = tallied(rules, each, seed)
        total.waterfalls += tally.waterfalls
        total.steps += tally.steps
        total.outcomes += tally.outcomes
        total.stages += tally.stages
        broken += len(tally.violations)
        told = [f"{rules}: {tally.waterfalls} waterfalls, {tally.steps} steps, {dict(tally.outcomes)}"]
        told += [f"  broken: {text}" for text in tally.violations[:5]]
        sys.stdout.write("\n".join(told) + "\n")
        sys.stdout.flush()
    last = f"seed {seed}: {total.waterfalls} waterfalls, {total.steps} steps, {broken} violations"
    sys.stdout.write(f"{last}\n{dict(total.outcomes)}\n{dict(total.stages)}\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
