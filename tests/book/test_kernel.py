"""The kernel computes what its documentation says, to the bit, and close enough to the rule sets' own legs."""

import platform
from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from marginbook.book import kernel
from marginbook.book.book import Book
from marginbook.book.layout import FLAG_PLAIN, OUTPUT, border_rows, bracket_rows
from marginbook.domain.zones import DERIVATIVES_BORDERS
from marginbook.venues.registry import rule_set

PLAIN_SUMS = ("equity", "margin_balance", "support_initial", "support")


def by_hand(book: Book, p: int) -> dict[str, float]:
    """`layout`'s formulas in Python floats, in the kernel's order."""
    s = book.store
    pool = s.pools[p]
    k = s.classes[pool["klass"]]
    cash = float(pool["cash"])
    names = (*PLAIN_SUMS, "demand_initial", "demand")
    sums = {name: float(k[name]) * cash for name in names}
    notional = 0.0
    for i in range(int(pool["start"]), int(pool["start"]) + int(pool["count"])):
        leg, k = s.legs[i], s.classes[s.legs[i]["klass"]]
        amount = float(leg["amount"])
        f, offset = (float(x) for x in book.factors.table[leg["factor"]][:2])
        v, worth = amount * (f + offset), abs(amount) * f
        x = worth * float(k["size"])
        net = float(k["side"]) * x
        for name in PLAIN_SUMS:
            sums[name] += float(k[name]) * v
        exposure = max(abs(net + float(k["bids"])), abs(net - float(k["asks"])))
        sums["demand_initial"] += float(k["demand_initial"]) * v + float(k["initial_rate"]) * exposure
        notional += worth * float(k["notional"])
        owed = float(k["demand"]) * v
        if k["brackets"]:
            table = s.brackets[int(k["table"]) : int(k["table"]) + int(k["brackets"])]
            row = [row for row in table if row["floor"] <= x][-1]
            owed += float(row["rate"]) * x - float(row["cum"])
        sums["demand"] += owed
    balance, support, demand = sums["margin_balance"], sums["support"], sums["demand"]
    return {
        "equity": sums["equity"],
        "margin_balance": balance,
        "initial_margin": balance - (sums["support_initial"] - sums["demand_initial"]),
        "maintenance_margin": balance - (support - demand),
        "ratio": demand / support if support > 0 else (inf if demand > 0 else 0.0),
        "notional": notional,
    }


def outputs(book: Book, sweep: Any) -> Any:
    records = book.store.records
    out = np.zeros(len(records.pools), OUTPUT)
    sweep(records, out)
    return out


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="bits are compared on x86-64 only")
@pytest.mark.parametrize("kind", ["Exchange", "Lending"])
def test_sweeps_equal_the_formulas_to_the_bit(worlds: SimpleNamespace, kind: str) -> None:
    world = getattr(worlds, kind)(31)
    book = Book.from_accounts(
        [world.account(f"a{n}") for n in range(60)], world.market(), world.parameters_of, worlds.AT
    )
    book.prices(world.frame(3, 200), worlds.AT)
    serial = outputs(book, kernel.sweep_outputs_serial)
    parallel = outputs(book, kernel.sweep_outputs_parallel)
    assert serial.tobytes() == parallel.tobytes()
    for p in range(book.store.pool_count):
        expected = by_hand(book, p)
        assert {name: float(serial[p][name]) for name in expected} == expected
    assert bool((book.store.live_pools["flags"] & FLAG_PLAIN).any()) == (kind == "Exchange")


@pytest.mark.parametrize("kind", ["Exchange", "Lending"])
def test_columnar_twins_lower_as_the_rule_set_does(worlds: SimpleNamespace, kind: str) -> None:
    world = getattr(worlds, kind)(32)
    accounts = {f"a{n}": world.account(f"a{n}") for n in range(60)}
    book = Book.from_accounts(accounts.values(), world.market(), world.parameters_of, worlds.AT)
    out = outputs(book, kernel.sweep_outputs_serial)
    for p in range(book.store.pool_count):
        account = book.account_at(int(book.store.pools[p]["account"]))
        module = rule_set(account.rules).module
        lowered = next(
            x for x in module.lower(account, book.market, world.parameters).pools if x.pool == book.pool_name(p)
        )
        assert len(lowered.legs) == int(book.store.pools[p]["count"])
        risk = module.risk(account, book.market, world.parameters, book.at)[book.pool_name(p)]
        scale = 10.0 ** rule_set(account.rules).risk_scale
        exact = {
            "equity": (float(risk.assets) - float(risk.liabilities)) / scale,
            "margin_balance": float(risk.margin_balance) / scale,
            "initial_margin": float(risk.margin_balance - risk.support_initial + risk.demand_initial) / scale,
            "maintenance_margin": float(risk.margin_balance - risk.support + risk.demand) / scale,
        }
        pool = book.store.pools[p]
        legs = book.store.legs[int(pool["start"]) : int(pool["start"]) + int(pool["count"])]
        token_units = float((book.store.classes[legs["klass"]]["blur"] * book.factors.table[legs["factor"], 0]).sum())
        allowance = float(pool["absolute"]) + token_units + 1e-12 * float(out[p]["notional"])
        for name, value in exact.items():
            assert abs(float(out[p][name]) - value) <= 2 * allowance + 1e-12 * abs(value), name


def test_brackets_end_in_infinity_and_jumps_stop_bands() -> None:
    rows, reach = bracket_rows(((0.0, 0.01, 0.0), (100.0, 0.02, 0.5), (200.0, 0.05, 6.5)))
    assert list(rows["floor"]) == [0.0, 100.0, 200.0, inf]
    assert rows[1]["jump"] == 0.5
    assert rows[2]["jump"] == 0.0
    assert reach[0]["up_cap"] == 100.0
    assert reach[1]["down_cap"] == 100.0
    assert reach[1]["up_cap"] == inf


def test_borders_that_nest_leave_one_condition_for_safe_pools() -> None:
    chain, stay = border_rows([DERIVATIVES_BORDERS, ()])
    assert chain[0].tolist() == [0.8, 1.0, 0.78, 1.0, 0.9, 1.0, 0.88, 1.0]
    assert [int(np.abs(c).sum() > 0) for c in stay[0, 0]] == [1, 0, 0]
    assert stay[1, 0].tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, -1]]
