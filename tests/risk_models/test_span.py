"""SPAN against a worked account and an independent small evaluation, and what must hold for any account."""

from decimal import Decimal
from fractions import Fraction
from random import Random

import numpy as np
import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models import black_76
from marginbook.risk_models.option_arrays import CALL, FUTURE, PUT, Contracts, Shocks, risk_arrays, values
from marginbook.risk_models.scenarios import Positions, worst_losses
from marginbook.risk_models.span import (
    CalendarSpread,
    Commodity,
    Contract,
    Credit,
    Delivery,
    Position,
    SpreadLeg,
    span,
)
from marginbook.risk_models.span_array import SCENARIOS, Ranges, future_array

D = Decimal
RANGES = Ranges(D(900), D(2), D("0.35"))
"""Thirds are whole: 300, 600, 900, extreme 1,800 · 0.35 = 630."""

FUTURE_ARRAY = future_array(RANGES)
# a long call: gains when the price or the volatility rises; numbers chosen by hand, losses positive
CALL_ARRAY = tuple(D(x) for x in (-50, 70, -210, -90, 60, 170, -390, -300, 150, 230, -600, -540, 210, 260, -420, 120))


def oil(rate: int = 100) -> Commodity:
    legs = SpreadLeg("near", D(1), 1), SpreadLeg("far", D(1), -1)
    return Commodity(
        tiers={"near": ("2026-12",), "far": ("2027-03", "2027-06")},
        spreads=(CalendarSpread(1, legs, D(rate)),),
        delivery={"2026-12": Delivery(D(20), D(50))},
        short_option_rate=D(40),
    )


def worked() -> list[Position]:
    near = Contract("OIL", "2026-12", FUTURE_ARRAY, D(1))
    far = Contract("OIL", "2027-03", FUTURE_ARRAY, D(1))
    call = Contract("OIL", "2026-12", CALL_ARRAY, D("0.5"), "call", D(800))
    gas = Contract("GAS", "2026-12", tuple(2 * x for x in FUTURE_ARRAY), D(1))
    return [(near, D(10)), (far, D(-4)), (call, D(-6)), (gas, D(-3))]


def test_the_worked_account() -> None:
    """Every number below is by hand.

    OIL: six net futures and six short calls. Scenario losses are 6·future − 6·call:
    price 0: +300, −420; +1/3: −1800+1260 = −540, −1260; −1/3: 1800−360 = 1440, 780; +2/3: −3600+2340, −3600+1800;
    −2/3: 3600−900 = 2700, 3600−1380 = 2220; +1: −5400+3600, −5400+3240; −1: 5400−1260 = 4140, 5400−1560 = 3840;
    extreme: −3780+2520 = −1260, 3780−720 = 3060. Scan 4140 in scenario 13, paired with 14.
    Volatility risk 4140 − 3990 = 150, time risk (300 − 420)/2 = −60, price risk 3990 + 60 = 4050.
    Deltas: 2026-12 10 − 6·0.5 = 7, 2027-03 −4, net 3. Four spreads at 100 = 400. Delivery 4·20 + 3·50 = 230.
    Six short calls · 40 = 240.
    GAS: three short of twice the array: scan 3·1800 = 5400, price risk 5400, net delta −3, 1800 a delta.
    Credit OIL:GAS 1:1, opposite sides, 60 %: three spreads; OIL 0.6·(4050/3)·3 = 2430, GAS 0.6·1800·3 = 3240.
    OIL 4140 + 400 + 230 − 2430 = 2340; GAS 5400 − 3240 = 2160; together 4500. Options −6·800 = −4800.
    """
    credit = Credit(1, (SpreadLeg("OIL", D(1), 1), SpreadLeg("GAS", D(1), -1)), D("0.6"))
    found = span(worked(), {"OIL": oil(), "GAS": Commodity()}, [credit])
    o, g = found.commodities["OIL"], found.commodities["GAS"]
    assert [int(x) for x in o.losses] == [
        *(300, -420, -540, -1260, 1440, 780, -1260, -1800),
        *(2700, 2220, -1800, -2160, 4140, 3840, -1260, 3060),
    ]
    assert (o.scan, o.active, o.price, o.net_delta) == (4140, 13, 4050, 3)
    assert (o.calendar, o.delivery, o.short_options, o.credit) == (400, 230, 240, 2430)
    assert (g.scan, g.active, g.price, g.net_delta, g.credit) == (5400, 11, 5400, -3, 3240)
    assert (o.risk, g.risk, found.risk, found.net_option_value) == (2340, 2160, 4500, -4800)
    assert found.requirement == 9300
    assert span(worked(), {"OIL": oil(), "GAS": Commodity()}, [credit], ratio=D("1.1")).requirement == 9750
    own = span(worked(), {"OIL": oil(), "GAS": Commodity()}, [credit], D("1.1"), {"GAS": D("1.5")})
    assert own.requirement == D("1.1") * 2340 + D("1.5") * 2160 + 4800


def small_evaluation(positions: list[Position], oil_rate: int, credit_rate: Fraction) -> Fraction:
    """The rules of `oil` and of one 1:1 credit again, in fractions and in another order of steps."""
    total = Fraction(0)
    weighted, net = {}, {}
    for name in ("GAS", "OIL"):
        held = [(c, Fraction(q)) for c, q in positions if c.commodity == name]
        if not held:
            continue
        columns = list(zip(*([q * Fraction(x) for x in c.array] for c, q in held), strict=True))
        losses = [sum(column) for column in columns]
        scan = max([Fraction(0), *losses])
        where = losses.index(max(losses))
        mate = {**{2 * i: 2 * i + 1 for i in range(7)}, **{2 * i + 1: 2 * i for i in range(7)}}.get(where, where)
        price = max(Fraction(0), (losses[where] + losses[mate] - losses[0] - losses[1]) / 2) if scan else Fraction(0)
        months = {m: sum(q * Fraction(c.delta) for c, q in held if c.period == m) for m in {c.period for c, _ in held}}
        net[name] = sum(months.values())
        weighted[name] = price / abs(net[name]) if net[name] else Fraction(0)
        charge = Fraction(0)
        if name == "OIL":
            near, far = months.get("2026-12", Fraction(0)), [months.get(m, Fraction(0)) for m in ("2027-03", "2027-06")]
            against = sum(abs(x) for x in far if x * near < 0)
            spreads = min(abs(near), against)
            shorts = sum(-q for c, q in held if c.kind != "future" and q < 0)
            charge = spreads * oil_rate + 20 * spreads + 50 * (abs(near) - spreads)
            minimum = 40 * shorts
        else:
            minimum = Fraction(0)
        weighted[name, "whole"] = scan + charge, minimum
    pairs = min(abs(net.get("OIL", 0)), abs(net.get("GAS", 0))) if net.get("OIL", 0) * net.get("GAS", 0) < 0 else 0
    for name in net:
        whole, minimum = weighted[name, "whole"]
        total += max(Fraction(0), minimum, whole - credit_rate * weighted[name] * pairs)
    return max(Fraction(0), total - sum(Fraction(q) * Fraction(c.value) for c, q in positions))


def test_random_accounts_agree_with_the_small_evaluation() -> None:
    credit = Credit(1, (SpreadLeg("OIL", D(1), 1), SpreadLeg("GAS", D(1), -1)), D("0.6"))
    random = Random(5)
    kinds = [c for c, _ in worked()] + [Contract("OIL", "2027-06", FUTURE_ARRAY, D(1))]
    for _ in range(300):
        positions = [(c, D(random.randint(-9, 9))) for c in kinds if random.random() < 0.8]
        found = span(positions, {"OIL": oil(), "GAS": Commodity()}, [credit]).requirement
        assert float(found) == pytest.approx(float(small_evaluation(positions, 100, Fraction(3, 5))), rel=1e-14), (
            positions
        )
        shuffled = random.sample(positions, len(positions))
        assert span(shuffled, {"OIL": oil(), "GAS": Commodity()}, [credit]).requirement == found


def test_price_and_volatility_scan_of_an_option_account_is_the_arrays_worst_loss() -> None:
    """The compiled arrays and the engine against black_76 and a plain loop."""
    made = Contracts.of([FUTURE, CALL, PUT, CALL], [100.0, 100.0, 100.0, 60.0], [1, 105, 95, 60], 0.25, 0.3, 0.99, 50)
    thirds = np.array([s.thirds * (3.0 if s.is_extreme else 1.0) for s in SCENARIOS]) / 3
    cover = np.array([0.33 if s.is_extreme else 1.0 for s in SCENARIOS])
    price, swing = np.outer([8.0, 8.0, 8.0, 5.0], thirds), 0.075 * np.array([float(s.volatility) for s in SCENARIOS])
    shocks = Shocks(price, np.broadcast_to(swing, price.shape), cover, years=1 / 365)
    arrays = risk_arrays(made, shocks)
    assert arrays.tobytes() == risk_arrays(made, shocks, parallel=False).tobytes()
    for i in range(4):
        for s in range(16):

            def worth(f: float, v: float, t: float, i: int = i) -> float:
                if made.kind[i] == FUTURE:
                    return f
                return black_76.value(bool(made.kind[i] == CALL), f, float(made.strike[i]), t, v, 0.99)

            f = float(made.forward[i])
            moved = worth(f + price[i, s], 0.3 + swing[s], 0.25 - 1 / 365) - worth(f, 0.3, 0.25)
            assert arrays[i, s] == pytest.approx(50 * cover[s] * moved, abs=50e-12 * (f + 105))
    assert values(made)[0] == 5000.0
    held = np.array([[3.0, -5.0, 2.0, 0.0], [0.0, -1.0, -1.0, 4.0]])
    account, contract = np.nonzero(held)
    found, active = worst_losses(Positions.of(2, account, contract, held[account, contract]), arrays)
    assert found == pytest.approx(-(held @ arrays).min(axis=1), rel=1e-13)
    assert active.tolist() == (held @ arrays).argmin(axis=1).tolist()


def test_a_protective_put_needs_no_more_than_the_riskier_leg_alone() -> None:
    """Convention: the requirement after net option value, max(0, scan risk − value of long options).

    The scan risk by itself may be larger by what the put loses to time and to a falling volatility.
    """
    forward = 100.0
    thirds = np.array([s.thirds * (2.0 if s.is_extreme else 1.0) for s in SCENARIOS]) / 3
    swings = np.array([float(s.volatility) for s in SCENARIOS])
    cover = np.array([0.35 if s.is_extreme else 1.0 for s in SCENARIOS])
    for strike in (70.0, 90.0, 100.0, 115.0):
        for years in (0.01, 0.2, 2.0):
            made = Contracts.of([FUTURE, PUT], forward, [1.0, strike], years, 0.4)
            shocks = Shocks(np.outer([9.0, 9.0], thirds), np.outer([0.1, 0.1], swings), cover, years=1 / 365)
            arrays = risk_arrays(made, shocks)
            for puts in (0.25, 1.0):
                book = Positions.of(3, [0, 1, 2, 2], [0, 1, 0, 1], [1.0, puts, 1.0, puts])
                future, put, both = worst_losses(book, arrays)[0]
                paid = puts * values(made)[1]
                assert max(0.0, both - paid) <= max(future, put - paid) + 1e-12


def test_monotone_where_it_should_be() -> None:
    near = Contract("OIL", "2026-12", FUTURE_ARRAY, D(1))
    call = Contract("OIL", "2026-12", CALL_ARRAY, D("0.5"), "call", D(800))
    bare = {"OIL": Commodity(short_option_rate=D(40))}
    last = D(0)
    for n in range(1, 8):
        now = span([(near, D(n))], bare).requirement
        assert now == n * D(900) > last
        last = now
    assert span([(call, D(-1))], bare).risk == 600
    assert span([(call, D(1))], bare).requirement == 0
    assert span([(near, D(1)), (near, D(-1))], bare).requirement == 0


def test_short_option_minimum_is_a_floor() -> None:
    deep = Contract("OIL", "2026-12", (D(0),) * 16, D(0), "call")
    put = Contract("OIL", "2026-12", (D(0),) * 16, D(0), "put")
    held = [(deep, D(-5)), (put, D(-3)), (put, D(1))]
    assert span(held, {"OIL": Commodity(short_option_rate=D(40))}).risk == 320
    assert span(held, {"OIL": Commodity(short_option_rate=D(40), short_option_method="larger")}).risk == 200


def test_spreads_by_priority_within_a_tier_and_with_ratios() -> None:
    def future(month: str) -> Contract:
        return Contract("OIL", month, FUTURE_ARRAY, D(1))

    inside = CalendarSpread(1, (SpreadLeg("far", D(1), 1), SpreadLeg("far", D(1), -1)), D(30))
    ratio = CalendarSpread(2, (SpreadLeg("near", D(1), 1), SpreadLeg("far", D(2), -1)), D(100))
    tiers = {"near": ("a",), "far": ("b", "c")}
    parameters = {"OIL": Commodity(tiers, (ratio, inside))}
    held = [(future("a"), D(3)), (future("b"), D(-5)), (future("c"), D(1))]
    found = span(held, parameters).commodities["OIL"]
    assert found.calendar == 1 * 30 + 2 * 100
    assert found.net_delta == -1
    swapped = [(contract, -quantity) for contract, quantity in held]
    assert span(swapped, parameters).commodities["OIL"].calendar == found.calendar


def test_bad_input_is_named() -> None:
    future = Contract("OIL", "2026-12", FUTURE_ARRAY, D(1))
    for action in (
        lambda: span([(future, D(1))], {}),
        lambda: Contract("OIL", "2026-12", (D(1),), D(1)),
        lambda: SpreadLeg("near", D(0), 1),
        lambda: CalendarSpread(1, (SpreadLeg("a", D(1), 1), SpreadLeg("a", D(1), 1)), D(1)),
        lambda: span([(future, D(1))], {"OIL": Commodity({}, oil().spreads)}),
    ):
        with pytest.raises(BadInput):
            action()
