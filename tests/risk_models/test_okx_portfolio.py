"""Components of OKX's portfolio margin: the venue's example, its tiers and its dates."""

from decimal import Decimal

import pytest

from marginbook.domain.errors import BadInput
from marginbook.risk_models.okx_portfolio import (
    Components,
    charge_tiers_at,
    initial_margin,
    maintenance_margin,
    moves_at,
    tiered_charge,
    worst_loss,
)
from marginbook.units import parse_time

BEFORE, AFTER = parse_time("2025-01-03T00:00:00Z"), parse_time("2025-02-01T00:00:00Z")


def test_the_example_of_the_article() -> None:
    tiers = charge_tiers_at(BEFORE, "BTC")
    raw = Decimal(30_000)
    assert maintenance_margin(Components(spot=Decimal(40_000), charge=raw)) == 40_000
    assert tiered_charge(raw, tiers) == 50_000
    assert maintenance_margin(Components(spot=Decimal(40_000), charge=tiered_charge(raw, tiers))) == 50_000


def test_a_live_answer_has_initial_at_1_3_of_maintenance() -> None:
    assert abs(initial_margin(Decimal("0.1050278564072823")) - Decimal("0.1365362133294671")) < Decimal("2e-16")


def test_tiers_are_continuous_and_end_without_one() -> None:
    tiers = charge_tiers_at(BEFORE, "ETH")
    for limit, _ in tiers[:-1]:
        below, at, above = (tiered_charge(limit + step, tiers) for step in (-1, 0, 1))
        assert 1 <= at - below <= above - at <= 12
    # 10 000 + 2 · 60 000 + 4 · 100 000 + 6 · 130 000 + 8 · 170 000 + 10 · 230 000 + 12 · 300 000
    assert tiered_charge(Decimal(10**6), tiers) == 8_570_000
    with pytest.raises(BadInput):
        tiered_charge(Decimal(8), [(Decimal(7), Decimal(1))])
    for at, name in ((AFTER, "BTC"), (BEFORE, "SOL")):
        with pytest.raises(BadInput, match="tiers"):
            charge_tiers_at(at, name)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("BTC", ("0.15", "0.30", "0.075"), ("0.12", "0.24", "0.05")),
        ("XRP", ("0.20", "0.40", "0.225"), ("0.18", "0.36", "0.15")),
        ("DOT", ("0.20", "0.50", "0.45"), ("0.18", "0.50", "0.30")),
        ("SOL", ("0.25", "0.40", "0.225"), ("0.25", "0.36", "0.15")),
        ("UNHEARD", ("0.25", "0.50", "0.45"), ("0.25", "0.50", "0.30")),
    ],
)
def test_moves_by_underlying_and_date(name: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    for at, wanted in ((BEFORE, before), (AFTER, after)):
        moves = moves_at(at, name)
        assert (max(moves.spot), moves.extreme[0], moves.basis) == tuple(map(Decimal, wanted))
        assert len(moves.spot) == 7
        assert sum(moves.spot) == sum(moves.extreme) == 0
    changed = moves_at(parse_time("2025-01-06T08:00:00Z"), name)
    assert (max(changed.spot), str(changed.basis)) == (Decimal(after[0]), before[2])


def test_the_worst_of_the_moves_and_never_a_gain() -> None:
    moves = moves_at(AFTER, "BTC")
    assert worst_loss(lambda move: 1000 * move, moves.spot) == 120
    assert worst_loss(lambda move: -1000 * move, moves.extreme) == 240
    assert worst_loss(lambda move: abs(move), moves.extreme) == 0


def test_only_the_worst_of_spot_theta_and_extreme_counts() -> None:
    names = ("spot", "theta", "extreme")
    unit = Components(**{name: Decimal(10 * n) for n, name in enumerate(names)}, vega=Decimal(1), basis=Decimal(2))
    assert maintenance_margin(unit) == 23
