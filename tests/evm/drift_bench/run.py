"""The SDK's answers beside the rule set's."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random

from drift_bench.figures import DEVIATIONS, as_the_sdk, case, is_liquidatable, shown, sums
from drift_bench.packages import Sdk
from drift_bench.questions import question


class Difference(AssertionError):
    """SDK and model disagree."""


@dataclass
class Tally:
    """What was compared."""

    accounts: int = 0
    numbers: int = 0
    high_leverage: int = 0
    isolated: int = 0
    liquidatable: int = 0
    near: int = 0  # cross accounts within two units (10^-6) of their requirement
    sums: Counter[str] = field(default_factory=Counter)
    differs: Counter[str] = field(default_factory=Counter)  # accounts by what the SDK does otherwise


def compare(sdk: Sdk, seed: int, accounts: int, others: int) -> Tally:
    """Accounts whole, then single sums; `Difference` at the first that the known deviations do not explain."""
    random, tally = Random(seed), Tally()
    cases = [case(random) for _ in range(accounts)]
    for number, (found, answer) in enumerate(
        zip(cases, sdk.ask([{"ask": "account", "given": c.asked} for c in cases]), strict=True)
    ):
        theirs = shown(answer, found.whole)
        with as_the_sdk():
            ours, short = sums(found), is_liquidatable(found)
        if short != answer["liquidatable"]:
            raise Difference(
                f"seed {seed}, account {number}: SDK liquidatable {not short}, model {short}: {found.asked}"
            )
        if theirs != ours:
            both = [(kind, pool, theirs[kind][pool], ours[kind].get(pool)) for kind in ours for pool in theirs[kind]]
            wrong = [row for row in both if row[2] != row[3]]
            raise Difference(f"seed {seed}, account {number}: (kind, pool, SDK, model) {wrong}: {found.asked}")
        for name in DEVIATIONS:
            with as_the_sdk(name):
                tally.differs[name] += sums(found) != theirs
        tally.accounts += 1
        tally.numbers += sum(len(row) for pools in theirs.values() for row in pools.values())
        tally.high_leverage += found.account.details["margin_mode"] != "default"
        tally.isolated += len(theirs["maintenance"]) - 1
        gap = theirs["maintenance"]["cross"][0] - theirs["maintenance"]["cross"][1]
        tally.liquidatable += short
        tally.near += bool(theirs["maintenance"]["cross"][1]) and abs(gap) <= 2
    asked = [question(random) for _ in range(others)]
    for (one, ours_), text in zip(asked, sdk.ask([one for one, _ in asked]), strict=True):
        if (None if text is None else int(text)) != ours_:
            raise Difference(f"seed {seed}: {one}: SDK {text}, model {ours_}")
        tally.sums[one["ask"]] += 1
    return tally
