"""The batch twin of the fold does and says what the steps one by one do and say."""

import random
from dataclasses import replace

import pytest
from random_world import AT, World
from small_book import SECOND, D

from marginbook.domain.events import Fill, Transfer
from marginbook.engine import batch as twin
from marginbook.engine.live import Engine
from marginbook.engine.outputs import Rejected
from marginbook.engine.state import Brakes, Policy
from marginbook.ledger.encoding import encode_batch, read_batch


class Busy(World):
    """Many transfers and fills within a second, most of them plain."""

    def busy(self, count, pause=20_000):
        events = []
        for _ in range(count):
            self.time += self.rng.choice((0, 0, 500, pause))
            events.append(self.rng.choice((self._payment, self._trade))())
        return events

    def stamp(self, source):
        self.numbers[source] += 1
        return replace(super().stamp(source), source_sequence=self.numbers[source], time=self.time)

    def _payment(self):
        rng = self.rng
        kind = rng.choice(("deposit", "withdrawal", "fee", "correction", "settlement"))
        amount = D(rng.randrange(-300_000, 300_000)).scaleb(-rng.randrange(0, 9))
        strange = rng.random() < 0.1
        account = rng.choice(self.accounts)
        return Transfer(
            stamp=self.stamp("accounts"),
            account=account.id,
            kind=kind,
            asset="EUR" if strange else next(iter(account.wallet), "USDC"),
            amount=amount.scaleb(3) if strange else amount,
            pool=rng.choice(("cross", "isolated:BTC:long", "nowhere")) if strange else None,
        )

    def _trade(self):
        rng = self.rng
        account = rng.choice([account for account in self.accounts if account.positions])
        market = rng.choice(account.positions).market
        venue = account.venue
        strange = rng.random() < 0.1
        return Fill(
            stamp=self.stamp("accounts"),
            account=account.id,
            market="DOGE" if strange and rng.random() < 0.1 else market,
            side=rng.choice(("buy", "sell")),
            quantity=D(rng.randrange(1, 10**6)).scaleb(-rng.randrange(5, 9)),
            price=self.price[venue, market, "mark"] * rng.randrange(9_000, 11_000) / 10_000,
            fee=D(rng.randrange(0, 10**6)).scaleb(-rng.randrange(5, 11)),
            kind="liquidation" if strange else "trade",
            order_id="o1" if strange else None,
        )


def told(outputs):
    return [replace(output, value="", expected="") if isinstance(output, Rejected) else output for output in outputs]


@pytest.mark.parametrize("seed", range(4))
def test_a_batch_does_and_says_what_its_steps_do(seed, monkeypatch):
    monkeypatch.setattr(twin, "LEAST", 2)
    taken = []
    monkeypatch.setattr(twin, "_written", lambda *args, real=twin._written: taken.append(real(*args)) or taken[-1])
    brakes = Brakes(accounts_least=1 + seed, accounts=D("0.02"))
    policy = Policy(mode="authority" if seed % 2 else "observe", brakes=brakes)
    world = Busy(seed, accounts=150)
    one, other = (Engine.open(policy=policy, **world.opening()) for _ in range(2))
    said = 0
    for _ in range(8):
        events = world.busy(60)
        if world.rng.random() < 0.5:
            events.insert(30, world._frame())
        expected = [output for event in events for output in one.fold.step(event)]
        skip = random.Random(seed).randrange(3)
        for event in events[:skip]:
            other.fold.step(event)
        head = [o for o in expected if o.sequence <= other.fold.sequence]
        outputs = list(twin.fold_batch(other.fold, other.store, read_batch(encode_batch(events)), skip))
        assert told(head + outputs) == told(expected)
        assert other.state() == one.state()
        said += len(expected)
    assert said > 50
    assert sum(len(indices) for indices, _ in taken) > 100, "too few events went the fast way"
    assert world.time > AT + SECOND


def test_the_bands_are_true_after_a_batch():
    """Prices after a batch find exactly the crossings that a book written step by step finds."""
    world = Busy(11, accounts=120)
    one, other = (Engine.open(**world.opening()) for _ in range(2))
    events = world.busy(200)
    for event in events:
        one.fold.step(event)
    list(twin.fold_batch(other.fold, other.store, read_batch(encode_batch(events))))
    crossings = 0
    for _ in range(60):
        frame = world._frame()
        expected = one.fold.step(frame)
        assert other.fold.step(frame) == expected
        crossings += len(expected)
    assert crossings > 20


def test_interest_that_accrues_between_the_seconds_is_not_passed_over():
    """At a rate that eats an account in minutes, borrowers cross while others trade."""
    world = Busy(12, accounts=120)
    options = world.opening()
    rates = {
        key: replace(index, time=AT // SECOND, rate_raw=index.rate_raw * 2 * 10**6)
        for key, index in options["market"].indices.items()
    }
    options["market"] = replace(options["market"], indices=rates)
    one, other = (Engine.open(**options) for _ in range(2))
    events = world.busy(300, pause=300_000)
    expected = [output for event in events for output in one.fold.step(event)]
    outputs = list(twin.fold_batch(other.fold, other.store, read_batch(encode_batch(events))))
    assert told(outputs) == told(expected)
    assert sum(getattr(output, "cause", "") == "interest" for output in expected) > 3
