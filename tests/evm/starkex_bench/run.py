"""One walk in the machine and in the model, compared number by number."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from marginbook.venues.dydx_v3.fixed_point import ONE
from starkex_bench.figures import MARKETS, USERS, Action, Model, numbers, scene, step
from starkex_bench.market import Circuit
from starkex_bench.walk import Walk

HELD = [f"{name} {what}" for name in MARKETS for what in ("balance", "index")]
LABELS = ["stored collateral", *HELD, "funded collateral", "total value", "total risk", "code"]


class Difference(AssertionError):
    """Machine and model disagree."""


@dataclass
class Tally:
    """What a walk met."""

    steps: int = 0
    numbers: int = 0
    plans: int = 0  # liquidations by the plan, or a unit off it
    near: int = 0  # changes decided within one unit of collateral of the requirement
    equal: int = 0  # and with value equal to risk
    prices: int = 0
    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


Record = Callable[[Action, str | None, dict[str, list[int | str]]], None]


def compare(circuit: Circuit, seed: int, steps: int, record: Record | None = None) -> Tally:
    """Walk `steps` steps; `Difference` at the first number or refusal that is not equal."""
    model, walk, tally = scene(seed), Walk(Random(seed)), Tally()
    circuit.start(model)
    while tally.steps < steps:
        action = walk.next(model)
        where = f"seed {seed}, step {tally.steps}: {action}"
        turns = (USERS[tally.steps % len(USERS)], USERS[(tally.steps + 3) % len(USERS)])
        look = [user for user in (action.user, action.other) if user] or turns
        if action.kind == "price":
            _check_price(circuit, model, action, where)
            tally.prices += 1
        reason, shown = circuit.do(action, model, look)
        after, predicted = step(model, action)
        if reason != predicted:
            raise Difference(f"{where}: the machine says {reason}, the model {predicted}")
        if action.plan is not None and (reason is None) is not (action.plan >= 0):
            raise Difference(f"{where}: the plan is not the border: {reason}")
        for user in look:
            ours = numbers(after, user)
            if ours != shown[user]:
                both = zip(LABELS, shown[user], ours, strict=True)
                wrong = [f"{n}: machine {a}, model {b}" for n, a, b in both if a != b]
                raise Difference(f"{where}: {user}: " + "; ".join(wrong))
            tally.numbers += len(ours)
            gap = abs(ours[-2] - ours[-3] * ONE) if ours[-2] else ONE**3
            tally.near += gap <= ONE**2
            tally.equal += not gap
        if record:
            record(action, reason, shown)
        if reason is None:
            tally.done[action.kind] += 1
        else:
            tally.refused[f"{action.kind}: {reason}"] += 1
        tally.steps += 1
        tally.plans += action.plan is not None
        model = after
    return tally


def _check_price(circuit: Circuit, model: Model, action: Action, where: str) -> None:
    """The oracle's price stands for ours and for neither neighbour."""
    ours = model.internal(action.market, action.amount)
    if [circuit.accepts(action.market, action.amount, ours + off) for off in (-1, 0, 1)] != [False, True, False]:
        raise Difference(f"{where}: the machine does not take {ours} alone for the oracle's price")


def main() -> None:
    """`python tests/evm/starkex_bench/run.py 1 2000`: one seed, its tally printed."""
    import sys

    from starkex_bench.market import running
    from starkex_bench.packages import circuit

    with running(circuit()) as machine:
        print(compare(machine, int(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    main()
