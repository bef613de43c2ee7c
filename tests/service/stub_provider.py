"""A small provider with fixed figures: it tests the service, not the engine."""

import threading
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from marginbook.domain.errors import BadInput
from marginbook.service.cascade_desk import CascadeDesk
from marginbook.service.cascades import shocks_of, terms_of
from marginbook.service.provider import Answer, CascadeQuery, Json, PageQuery, Stamp

START = 1_760_126_400_000_000
ZONES = ("safe", "warning", "call", "liquidation", "bankrupt", "undecided")


class StubProvider:
    """200 accounts whose danger rises with their number; `tick` moves them."""

    def __init__(self, size: int = 200) -> None:
        self.size = size
        self.shift = Decimal(0)
        self.events: list[Json] = []
        self.book = 1
        self.running = False
        self.paused = False
        self.speed = Decimal(60)
        self.lock = threading.Lock()
        self.sequence = 0

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def alive(self) -> bool:
        return self.running

    def number(self) -> int:
        return self.sequence

    def _danger(self, i: int) -> Decimal:
        return Decimal(i % 100) / 100 + self.shift

    def _zone(self, danger: Decimal) -> str:
        borders = (("bankrupt", "1.15"), ("liquidation", "1"), ("call", "0.9"), ("warning", "0.8"))
        return next((zone for zone, border in borders if danger >= Decimal(border)), "safe")

    def _row(self, i: int) -> Json:
        danger = self._danger(i)
        lending = i % 3 == 0
        ratio = (
            {"name": "health factor", "value": 1 / danger if danger else Decimal("Infinity"), "unit": "factor"}
            if lending
            else {"name": "margin ratio", "value": danger, "unit": "percent"}
        )
        notional = Decimal(1000 + 37 * i)
        return {
            "account": f"{'aave' if lending else 'binance'}-{i:05d}",
            "venue": "aave" if lending else "binance",
            "rules": "aave/3.6" if lending else "binance/usdm",
            "zone": self._zone(danger),
            "danger": danger,
            "ratio": ratio,
            "exposure": notional,
            "margin_balance": notional / 10,
            "maintenance_margin": notional / 10 * danger,
            "headroom": notional / 10 * (1 - danger),
        }

    def tick(self, shift: str = "0.02") -> None:
        """Everything becomes more dangerous at once."""
        with self.lock:
            before = [self._row(i) for i in range(self.size)]
            self.shift += Decimal(shift)
            self.sequence += 1
            for i, old in enumerate(before):
                new = self._zone(self._danger(i))
                if new != old["zone"]:
                    self.events.append(
                        {
                            "number": len(self.events) + 1,
                            "time": "2025-10-10T20:00:00Z",
                            "sequence": self.sequence,
                            "account": old["account"],
                            "pool": "cross:USDT",
                            "from": old["zone"],
                            "to": new,
                            "cause": "price",
                        }
                    )

    def _answer(self, body: Json) -> Answer:
        at = START + self.sequence * 1_000_000
        return Answer(body, Stamp(as_of=at, sequence=self.sequence, rules=("aave/3.6", "binance/usdm")))

    def _by_zone(self, rows: list[Json]) -> Json:
        counts = {zone: sum(row["zone"] == zone for row in rows) for zone in ZONES}
        notional = {zone: sum((r["exposure"] for r in rows if r["zone"] == zone), Decimal(0)) for zone in ZONES}
        return {"counts": counts, "notional": notional}

    def summary(self) -> Answer:
        rows = [self._row(i) for i in range(self.size)]
        return self._answer(
            {
                "mode": "demo",
                "title": "10 October 2025",
                "banner": "Seeded accounts; prices of 10 October 2025 replayed",
                "clock": "2025-10-10T20:00:00Z",
                "speed": str(self.speed),
                "paused": self.paused,
                "finished": False,
                "progress": "0.25",
                "book": self.book,
                "can_restore": self.book > 1,
                "accounts": self.size,
                "currency": "USD",
                **self._by_zone(rows),
                "calls_opened": 3,
                "liquidations": 1,
                "bad_debt": Decimal(0),
                "prices": {"age_seconds": Decimal(1), "stale": 0, "count": 2, "oldest": "binance:BTCUSDT"},
                "parameters": {"as_of": "2026-09-29T00:00:00Z", "age_seconds": 86400, "stale": False},
                "venues": {"aave": 67, "binance": 133},
                "assets": ["ALL", "BTC", "ETH"],
                "quotes": [{"asset": "BTC", "price": Decimal("112345.6"), "change": Decimal("-0.053")}],
            }
        )

    def page(self, query: PageQuery) -> Answer:
        rows = [self._row(i) for i in range(self.size)]
        rows = [
            r
            for r in rows
            if query.search.lower() in r["account"]
            and query.zone in ("", r["zone"])
            and query.venue in ("", r["venue"])
        ]
        rows.sort(key=lambda r: r[query.sort], reverse=query.descending)
        shown = rows[query.offset : query.offset + query.limit]
        return self._answer({"total": len(rows), "offset": query.offset, "rows": shown})

    def _find(self, account: str) -> Json:
        for i in range(self.size):
            row = self._row(i)
            if row["account"] == account:
                return row
        raise BadInput("unknown_account", "account", account, "an account of the book shown")

    def account(self, account: str) -> Answer:
        row = self._find(account)
        full = {
            **{
                key: row[key] for key in ("account", "venue", "rules", "zone", "exposure", "margin_balance", "headroom")
            },
            "currency": "USD",
            "distance": {"down": Decimal("0.1"), "up": None},
            "distance_worst": Decimal("0.08"),
            "margin_ratio": {"value": row["danger"], "definition": "maintenance / margin balance", "bad": "high"},
            "liquidation_prices": [],
            "pools": [],
            "remedies": [],
            "warnings": [],
            "error": None,
        }
        gauge = {"danger": row["danger"], "warning": Decimal("0.8"), "call": Decimal("0.9"), "prices": {}, "assets": []}
        return self._answer({"account": full, "gauge": gauge})

    def explain(self, account: str) -> Answer:
        row = self._find(account)
        tree = {
            "quantity": "headroom",
            "value": row["headroom"],
            "unit": "USD",
            "formula": "support - demand",
            "source": "",
            "inputs": [],
        }
        return self._answer({"tree": tree})

    def remedies(self, account: str) -> Answer:
        return self._answer({"account": self._find(account)["account"], "remedies": []})

    def what_if(self, account: str, change: Mapping[str, Any]) -> Answer:
        row = self._find(account)
        if change.get("action") != "deposit":
            raise BadInput("unknown_action", "change.action", change.get("action"), "deposit")
        return self._answer({"before": row, "after": row, "accepted": True, "reason": None})

    def what_if_orders(self, account: str, orders: Sequence[str]) -> Answer:
        return self._answer({"account": self._find(account)["account"], "orders": list(orders)})

    def what_if_book(self, orders: Sequence[str], limit: int) -> Answer:
        return self._answer({"orders": list(orders), "rows": []})

    def scenarios(self, offset: int, limit: int) -> Answer:
        return self._answer({"total": 0, "offset": offset, "rows": []})

    def scenario(self, account: str, fresh: bool) -> Answer:
        raise BadInput("unknown_account", "account", account, "an account under scenario margin")

    def shock(self, shocks: Sequence[tuple[str, Decimal]], only: bool) -> Answer:
        if any(asset not in ("ALL", "BTC", "ETH") for asset, _ in shocks):
            raise BadInput("unknown_asset", "shock.asset", shocks[0][0], "one of ALL, BTC, ETH")
        if any(move <= -1 for _, move in shocks):
            raise BadInput("bad_move", "shock.move", shocks[0][1], "above -1")
        side = self._by_zone([self._row(i) for i in range(self.size)])
        return self._answer(
            {
                "shocks": [{"asset": asset, "move": move} for asset, move in shocks],
                "moved": [],
                "currency": "USD",
                "before": side,
                "after": side,
                "liquidatable": {"accounts": 5, "notional": Decimal(123)},
                "bad_debt": Decimal(0),
            }
        )

    def cascade(self, query: CascadeQuery) -> Answer:
        terms_of(query)
        if any(asset not in ("ALL", "BTC", "ETH") for asset, _ in query.shocks):
            raise BadInput("unknown_market", "shock", query.shocks[0][0], "one of ALL, BTC, ETH")
        side = self._by_zone([self._row(i) for i in range(self.size)])
        return self._answer(
            {
                "shocks": [shock.text for shock in shocks_of(query)],
                "currency": "USD",
                "rounds": [],
                "stopped": "settled",
                "prices": [],
                **dict.fromkeys(("before", "shocked", "after"), side),
                "bad_debt": "0",
                "refused": [],
                "errors": [],
                "warnings": [],
            }
        )

    def cascade_progress(self) -> Answer:
        return self._answer(CascadeDesk().progress())

    def cancel_cascade(self) -> Answer:
        return self._answer(CascadeDesk().cancel())

    def ladder(self, asset: str, by: str) -> Answer:
        if asset not in ("ALL", "BTC", "ETH"):
            raise BadInput("unknown_asset", "ladder.asset", asset, "one of ALL, BTC, ETH")
        steps = []
        for k in range(-10, 11):
            weight = k * k * (2 if k < 0 else 1)
            stacks = {"aave": Decimal(weight * 700_000), "binance": Decimal(weight * 1_100_000)}
            accounts = {"aave": weight * 3, "binance": weight * 9}
            steps.append(
                {
                    "move": Decimal(k) * Decimal("0.05"),
                    "accounts": sum(accounts.values()),
                    "notional": sum(stacks.values(), Decimal(0)),
                    "stacks": stacks,
                    "stack_accounts": accounts,
                }
            )
        return self._answer({"asset": asset, "by": by, "currency": "USD", "steps": steps})

    def timeline(self, after: int, limit: int) -> Answer:
        found = [event for event in self.events if event["number"] > after][-limit:]
        return self._answer({"events": found, "number": len(self.events), "bars": []})

    def prices(self) -> Answer:
        return self._answer({"prices": []})

    def parameters(self) -> Answer:
        return self._answer({"parameters": []})

    def submit(self, lines: bytes) -> Answer:
        problems = []
        accepted = 0
        for number, line in enumerate(lines.splitlines(), 1):
            if line.strip().startswith(b"{"):
                accepted += 1
            else:
                text = line.decode("utf-8", "replace")[:100]
                problems.append({"code": "bad_json", "place": f"line {number}", "value": text, "expected": "an event"})
        return self._answer({"accepted": accepted, "duplicates": 0, "problems": problems})

    def load(self, name: str, content: bytes) -> Answer:
        if not name.endswith((".toml", ".json", ".csv")):
            raise BadInput("unknown_format", name, name, "a .toml, .json or .csv file")
        if content.startswith(b"bad"):
            problem = {"code": "bad_toml", "place": f"{name}: line 1", "value": "bad", "expected": "TOML"}
            return self._answer({"accounts": 0, "problems": [problem]})
        self.book += 1
        self.sequence += 1
        return self._answer({"accounts": 1, "problems": []})

    def restore(self) -> Answer:
        self.book += 1
        return self._answer({"book": self.book})

    def control(self, paused: bool | None, speed: Decimal | None) -> Answer:
        if speed is not None and not 0 < speed <= 100_000:
            raise BadInput("bad_speed", "speed", speed, "above 0, at most 100000")
        self.paused = self.paused if paused is None else paused
        self.speed = self.speed if speed is None else speed
        self.sequence += 1
        return self._answer({"paused": self.paused, "speed": self.speed})
