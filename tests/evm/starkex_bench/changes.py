"""Changes of a position asked directly, without a transaction around them: the borders of every inequality."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from marginbook.domain.account import Account, Position
from marginbook.exact import from_raw
from marginbook.venues.dydx_v3.fixed_point import BALANCE_BOUND, ONE, PRICE_BOUND, least_collateral
from marginbook.venues.dydx_v3.rule import Valued
from marginbook.venues.dydx_v3.transition import change_refusal
from starkex_bench.figures import IDS, MARKETS, RULES, Model, scene
from starkex_bench.market import Circuit
from starkex_bench.run import Difference

BATCH = 25
STEPPED = "ETH-USD"
"""The market whose risk factor has segments."""
NEAR = (-2, -1, 0, 0, 1, 2)


@dataclass(frozen=True)
class Change:
    """Collateral [USDC units] and balances by market, before and after."""

    before: tuple[int, dict[str, int]]
    after: tuple[int, dict[str, int]]


def _account(model: Model, held: tuple[int, dict[str, int]]) -> Account:
    positions = tuple(
        Position(
            market=name,
            side="long" if balance > 0 else "short",
            quantity=from_raw(abs(balance), model.parameters.terms_of(name).resolution),
            entry=from_raw(1, 0),
            details={"funding_index_raw": "0"},
        )
        for name, balance in held[1].items()
        if balance
    )
    return Account(id="a", rules=RULES, wallet={"USDC": from_raw(held[0], 6)}, positions=positions)


def _valued(model: Model, held: tuple[int, dict[str, int]]) -> Valued:
    return model.valued("", _account(model, held))


def _even(found: Valued) -> int:
    """Change of collateral at which value would equal risk, down."""
    status = found.status
    return (status.risk - status.value * ONE) // ONE**2


def drawn(random: Random, model: Model) -> Change:
    """A position near its requirement or at the end of its range, and one that it is to become."""
    sizes = {name: random.randrange(1, 10 ** random.choice([1, 4, 9, 13])) for name in MARKETS}
    if random.random() < 0.3:
        # At the end of a segment of the risk factor, or one unit beyond.
        amount = random.choice(model.parameters.terms_of(STEPPED).segments[:-1])[0]
        sizes[STEPPED] = (amount if model.by_balance else amount // model.internal(STEPPED)) + random.choice((0, 0, 1))
    names = random.sample(list(MARKETS), random.randrange(1, 4))
    held = {name: sizes[name] * random.choice((1, -1)) for name in names}
    if random.random() < 0.1:
        held = {}
    collateral = _even(_valued(model, (0, held))) + random.choice((0, 0, -(10 ** random.randrange(1, 14)), 10**6))
    before = (collateral + random.choice(NEAR), held)
    after = dict(held)
    if held:
        name = random.choice(names)
        whole = abs(held[name])
        left = random.choice([0, whole - 1, whole, whole + 1, whole // 2, -1, random.randrange(whole + 1)])
        after[name] = left * (1 if held[name] > 0 else -1)
    old, now = _valued(model, before), _valued(model, (before[0], after))
    roll = random.random()
    if roll < 0.45 and old.status.risk:
        moved = least_collateral(old.status, now.status.value - old.status.value, now.status.risk)
    elif roll < 0.85:
        moved = _even(now)
    else:
        moved = random.choice((BALANCE_BOUND - 1, -BALANCE_BOUND)) - before[0]
    kept = min(max(before[0] + moved + random.choice(NEAR), -BALANCE_BOUND), BALANCE_BOUND - 1)
    return Change(before, (kept, after))


Record = Callable[[dict[str, int], Change, str], None]


def answer(model: Model, change: Change) -> str:
    """The rule set's name of what the system says."""
    before, after = (_account(model, held) for held in (change.before, change.after))
    return change_refusal(before, after, model.market, model.parameters) or "SUCCESS"


def compare(circuit: Circuit, seed: int, count: int, record: Record | None = None) -> dict[str, int]:
    """Code -> how often; `Difference` at the first that is not the rule set's."""
    random, model, found = Random(seed), scene(seed), dict[str, int]()
    circuit.start(model)
    for start in range(0, count, BATCH):
        moved = {name: int(price * random.randrange(500, 2_000) // 1_000) for name, price in model.prices.items()}
        if random.random() < 0.3:
            moved = scene(seed).prices  # round prices: a value may lie on a bound exactly
        model = replace(model, prices=moved, cells={})
        changes = [drawn(random, model) for _ in range(BATCH)]
        pairs = [[_rows(change.after), _rows(change.before)] for change in changes]
        prices = {IDS[name]: model.internal(name) for name in MARKETS}
        for change, code in zip(changes, circuit.ask(kind="changes", pairs=pairs, prices=prices), strict=True):
            ours = answer(model, change)
            if record:
                record(moved, change, code)
            if ours != code:
                raise Difference(f"seed {seed}, from {start}: {change}: the machine says {code}, the model {ours}")
            found[code] = found.get(code, 0) + 1
        model = replace(model, prices=scene(seed).prices, cells={})
    return found


def _rows(held: tuple[int, dict[str, int]]) -> list[object]:
    rows = [[IDS[name], held[1][name], 0] for name in MARKETS if held[1].get(name)]
    return [held[0], rows]


def prices(circuit: Circuit, seed: int, count: int) -> int:
    """Oracle prices of all sizes: each stands for the rule set's own [32.32] and for neither neighbour."""
    random, model = Random(seed), scene(seed)
    circuit.start(model)
    for _ in range(count):
        name = random.choice(list(MARKETS))
        external = random.randrange(1, 10 ** random.randrange(12, 29))
        ours = model.internal(name, external)
        for internal in (ours - 1, ours, ours + 1):
            if circuit.accepts(name, external, internal) is not (internal == ours and 0 < ours < PRICE_BOUND):
                raise Difference(f"seed {seed}: {external} of {name} as {internal}, the model {ours}")
    return count
