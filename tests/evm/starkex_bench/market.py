"""The Cairo machine in a process of its own, asked in JSON lines."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starkex_bench.figures import IDS, USERS, Action, Model
from starkex_bench.packages import Program


@dataclass(frozen=True)
class Circuit:
    """A running machine."""

    process: subprocess.Popen[str]

    def ask(self, **question: Any) -> Any:
        """Its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, model: Model) -> None:
        """The model's assets and prices, and empty positions."""
        terms = {IDS[name]: model.parameters.terms_of(name) for name in model.prices}
        self.ask(
            kind="start",
            look=[],
            assets={asset: [10**held.resolution, held.segments] for asset, held in terms.items()},
            by_balance=model.by_balance,
            prices={IDS[name]: model.internal(name) for name in model.prices},
            indices={IDS[name]: index for name, index in model.indices.items()},
            time=model.time,
            positions=[number_of(user) for user in USERS],
        )

    def do(self, action: Action, model: Model, look: Iterable[str]) -> tuple[str | None, dict[str, list[int]]]:
        """(why it was refused, numbers of the positions that are looked at); `model` is as it was before."""
        shown = list(look)
        answer = self.ask(**_question(action, model), look=[number_of(user) for user in shown])
        found = {}
        for user in shown:
            collateral, assets = answer["stored"][str(number_of(user))]
            held = {asset: numbers for asset, *numbers in assets}
            flat = [x for name in model.prices for x in held.get(IDS[name], (0, 0))]
            found[user] = [collateral, *flat, *answer["shown"][str(number_of(user))]]
        return answer["refused"], found

    def accepts(self, name: str, external: int, internal: int) -> bool:
        """Whether the system lets an oracle's price [10^-18] stand for this one [32.32]."""
        return bool(self.ask(kind="price", asset=IDS[name], external=external, internal=internal))


def number_of(user: str) -> int:
    """A position's number."""
    return USERS.index(user) + 1


def _question(action: Action, model: Model) -> dict[str, Any]:
    a = action
    match a.kind:
        case "deposit" | "withdrawal":
            return {"kind": a.kind, "position": number_of(a.user), "amount": a.collateral}
        case "trade":
            buyer, seller = (a.user, a.other) if a.buying else (a.other, a.user)
            fees = {"buyer_fee": a.fee, "seller_fee": a.fee}
            return {"kind": a.kind, "buyer": number_of(buyer), "seller": number_of(seller), **fees, **_amounts(a)}
        case "liquidate":
            both = {"position": number_of(a.user), "liquidator": number_of(a.other), "fee": a.fee}
            return {"kind": a.kind, **both, "buying": not a.buying, **_amounts(a)}
        case "deleverage":
            both = {"position": number_of(a.user), "other": number_of(a.other)}
            return {"kind": a.kind, **both, "buying": not a.buying, **_amounts(a)}
        case "funding":
            indices = {IDS[name]: index for name, index in model.indices.items()}
            return {"kind": "funding_tick", "indices": {**indices, IDS[a.market]: a.amount}, "time": model.time + 60}
    return {
        "kind": "oracle_prices_tick",
        "prices": {IDS[a.market]: model.internal(a.market, a.amount)},
        "time": model.time,
    }


def _amounts(action: Action) -> dict[str, int]:
    return {"asset": IDS[action.market], "synthetic": action.amount, "collateral": action.collateral}


@contextmanager
def running(program: Program) -> Iterator[Circuit]:
    """A machine for the while."""
    command = [program.python, str(Path(__file__).with_name("machine.py")), str(program.file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Circuit(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
