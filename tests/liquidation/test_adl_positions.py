"""Rankings, closing against a bankrupt position, and positions under linear impact: printed examples first."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marginbook.domain.errors import BadInput
from marginbook.exact import divide
from marginbook.liquidation import rankings
from marginbook.liquidation.allocators import allocate
from marginbook.liquidation.deleveraging import deleverage
from marginbook.liquidation.position_space import (
    Fee,
    IsolatedPosition,
    bankruptcy,
    best_fund,
    equity,
    execution,
    fee,
    leverage,
    liquidation,
    restoring_slice,
    shortfall,
    slice_at,
)
from marginbook.liquidation.winners import Winner, bankruptcy_price, effective_leverage, profit, rank

ONE = Decimal(1)
MAINTENANCE = Decimal("0.10")


def winner(account: str, side: str, quantity: str, entry: str, equity: str, maintenance: str = "0") -> Winner:
    return Winner(
        account=account,
        side=side,  # type: ignore[arg-type]
        quantity=Decimal(quantity),
        entry=Decimal(entry),
        equity=Decimal(equity),
        maintenance=Decimal(maintenance),
    )


# The five positions of arXiv 2512.01112, appendix on liquidation mechanics: p₀ = 1, largest leverage 10.


def position(side: str, quantity: int, collateral: Fraction) -> IsolatedPosition:
    amount = divide(Decimal(collateral.numerator), Decimal(collateral.denominator))
    return IsolatedPosition(side=side, quantity=Decimal(quantity), collateral=amount, entry=ONE)  # type: ignore[arg-type]


A = position("long", 1, Fraction(2))
B = position("long", 1, Fraction(2, 3))
C = position("short", 4, Fraction(8, 3))
D = position("long", 1, Fraction(2, 19))
E = position("short", 1, Fraction(10, 99))


def agrees(value: Decimal, printed: str) -> bool:
    """Whether `value` rounds, or is cut, to the digits that were printed."""
    places = len(printed.partition(".")[2])
    return abs(value - Decimal(printed)) < Decimal(1).scaleb(-places)


@pytest.mark.parametrize(
    ("held", "opening", "bankrupt", "liquidated"),
    [
        (A, "0.5", "0", "0"),
        (B, "1.5", "0.3333", "0.3704"),
        (C, "1.5", "1.6667", "1.5152"),
        (D, "9.5", "0.8947", "0.9942"),
        (E, "9.9", "1.1010", "1.0010"),
    ],
    ids="ABCDE",
)
def test_leverage_and_prices_of_the_five(held: IsolatedPosition, opening: str, bankrupt: str, liquidated: str) -> None:
    assert agrees(leverage(held, ONE), opening)
    assert agrees(bankruptcy(held), bankrupt)
    assert agrees(liquidation(held, MAINTENANCE), liquidated)


@pytest.mark.parametrize(
    ("price", "funding", "printed"),
    [
        ("1.4", "0.4667", "1.9333 0.6000 2.9334 0.0386 0.1677"),
        ("1.3", "1.0387", "1.2613 -0.0720 5.6214 -0.6334 0.8397"),
    ],
    ids=["t=1", "t=2"],
)
def test_equities_of_the_five_with_funding(price: str, funding: str, printed: str) -> None:
    """Longs have paid `funding` per unit to the shorts since the opening."""
    found = [
        equity(replace(held, funding=-held.sign * held.quantity * Decimal(funding)), Decimal(price))
        for held in (A, B, C, D, E)
    ]
    assert all(agrees(value, text) for value, text in zip(found, printed.split(), strict=True))


@pytest.mark.parametrize(
    ("side", "price", "closed", "executed"),
    [
        ("long", "1.30", "0.5", "1.05"),
        ("long", "0.95", "0.2", "0.85"),
        ("short", "1.60", "2.0", "2.60"),
        ("long", "0.98", "0.4", "0.78"),
        ("short", "1.05", "0.4", "1.25"),
    ],
)
def test_execution_of_the_five(side, price, closed, executed) -> None:  # type: ignore[no-untyped-def]
    assert execution(side, Decimal(price), Decimal(closed), ONE) == Decimal(executed)


def test_fees_of_two_venues() -> None:
    price, executed, closed = Decimal("1.30"), Decimal("1.32"), Decimal("0.5")
    assert fee(Fee(on_mark=Decimal("0.0040")), price, executed, closed) == Decimal("0.0026")
    both = Fee(on_mark=Decimal("0.0020"), on_execution=Decimal("0.0010"))
    assert fee(both, price, executed, closed) == Decimal("0.00196")


def test_the_slice_for_e_is_more_than_all_of_it() -> None:
    price = Decimal("5.5")
    assert agrees(equity(E, price), "-4.399")
    found = slice_at(E, price, Decimal("5.55"), MAINTENANCE, Fee(on_mark=Decimal("0.003")))
    assert found is not None
    assert agrees(found, "10.236")
    assert restoring_slice(E, price, MAINTENANCE, Decimal("0.1"), Fee(on_mark=Decimal("0.003"))) == E.quantity


def test_bad_debt_of_d_and_e_as_printed() -> None:
    """The paper's bankruptcy price in these examples leaves out the profit since entry; so does `entry=` here."""
    printed = replace(D, entry=Decimal("0.98"))
    assert agrees(bankruptcy(printed), "0.8747")
    assert agrees(shortfall(printed, Decimal("0.78"), Decimal("0.4")), "0.0379")
    assert agrees(shortfall(replace(E, entry=Decimal("1.05")), Decimal("1.55"), ONE), "0.399")
    assert shortfall(replace(D, entry=Decimal("0.94")), Decimal("0.84"), Decimal("0.2")) == 0


def test_bad_debt_of_d_and_e_from_their_entries() -> None:
    """At the price where their equity is 0, both realise more, and D's slice at t = 2 is bad debt too."""
    assert agrees(shortfall(D, Decimal("0.78"), Decimal("0.4")), "0.0459")
    assert agrees(shortfall(E, Decimal("1.55"), ONE), "0.449")
    assert agrees(shortfall(D, Decimal("0.84"), Decimal("0.2")), "0.0109")
    assert equity(D, bankruptcy(D)).quantize(Decimal("1e-60")) == 0


def test_the_five_step_path() -> None:
    """D breaches its maintenance at t = 1 already (the paper acts at t = 2); E first at t = 4."""
    path = [Decimal(text) for text in ("1.00", "0.96", "0.94", "0.97", "1.05", "1.12")]
    breached = {
        name: [t for t, price in enumerate(path) if equity(held, price) <= MAINTENANCE * price * held.quantity]
        for name, held in zip("ABCDE", (A, B, C, D, E), strict=True)
    }
    assert breached == {"A": [], "B": [], "C": [], "D": [1, 2, 3], "E": [4, 5]}
    assert execution("long", path[2], Decimal("0.2"), ONE) == Decimal("0.84")
    assert execution("short", path[4], ONE, ONE) == Decimal("1.55")


positive = st.integers(1, 10**6).map(lambda units: Decimal(units).scaleb(-3))
sides = st.sampled_from(["long", "short"])


@given(sides, positive, positive, positive, positive)
def test_equity_is_zero_at_bankruptcy_and_the_maintenance_at_liquidation(side, quantity, collateral, entry, mu) -> None:  # type: ignore[no-untyped-def]
    held = IsolatedPosition(side=side, quantity=quantity, collateral=collateral, entry=entry)
    rate = mu / (mu + 1000)
    tiny = Decimal("1e-20")
    if bankruptcy(held) > 0:
        assert abs(equity(held, bankruptcy(held))) < tiny
        price = liquidation(held, rate)
        assert abs(equity(held, price) - rate * price * quantity) < tiny


@given(sides, st.integers(1, 99), st.integers(0, 900), st.integers(0, 40), st.integers(0, 20), st.integers(0, 20))
def test_a_slice_restores_the_maintenance_and_a_smaller_one_does_not(side, drop, alpha, fixed, mark, exec_) -> None:  # type: ignore[no-untyped-def]
    held = IsolatedPosition(side=side, quantity=Decimal(10), collateral=Decimal(120), entry=Decimal(100))
    price = Decimal(100) - held.sign * Decimal(drop) / 5
    impact = Decimal(alpha).scaleb(-2)
    rates = Fee(fixed=Decimal(fixed) / 10, on_mark=Decimal(mark).scaleb(-4), on_execution=Decimal(exec_).scaleb(-4))

    def spare(part: Decimal) -> Decimal:
        executed = execution(held.side, price, part, impact)
        slipped = held.sign * part * (executed - price)
        left = equity(held, price) + slipped - fee(rates, price, executed, part)
        return left - MAINTENANCE * price * (held.quantity - part)

    found = restoring_slice(held, price, MAINTENANCE, impact, rates)
    if found == 0:
        assert equity(held, price) >= MAINTENANCE * price * held.quantity
    elif found < held.quantity:
        assert abs(spare(found)) < Decimal("1e-20")
        assert all(spare(found * step / 8) < 0 for step in range(1, 8))
    else:
        assert all(spare(held.quantity * step / 64) < Decimal("1e-20") for step in range(1, 64))


@given(st.lists(st.integers(-5, 100).map(Decimal), min_size=1, max_size=20), st.integers(0, 12))
def test_no_other_fund_is_cheaper(deficits, tenths) -> None:  # type: ignore[no-untyped-def]
    cost, weight = Decimal(tenths) / 10, ONE

    def price(fund: Decimal) -> Decimal:
        uncovered = sum((max(Decimal(0), deficit - fund) for deficit in deficits), Decimal(0))
        return cost * fund * len(deficits) + weight * uncovered

    best = best_fund(deficits, cost, weight)
    assert all(price(best) <= price(Decimal(fund) / 2) for fund in range(220))
    if cost >= weight:
        assert best == 0
    assert Decimal(sum(deficit > best for deficit in deficits)) <= cost * len(deficits) or best == max(deficits)


def test_a_fund_needs_deficits_and_a_weight() -> None:
    for deficits, weight in (([], ONE), ([ONE], Decimal(0))):
        with pytest.raises(BadInput, match="bad_amount"):
            best_fund(deficits, ONE, weight)


# Rankings


def test_the_index_of_hyperliquid_is_the_documented_product() -> None:
    assert rankings.hyperliquid(winner("a", "long", "10", "100", "400"), Decimal(120)) == Decimal("3.6")
    # Of two shorts that differ in entry only, the one in more profit goes first.
    high, low = winner("high", "short", "1", "150", "60"), winner("low", "short", "1", "110", "60")
    assert [each.account for each in rank([low, high], Decimal(100), rankings.hyperliquid)] == ["high", "low"]


def test_bitmex_ranks_leverage_up_in_profit_and_down_in_loss() -> None:
    keen, calm = winner("keen", "long", "1", "100", "10"), winner("calm", "long", "1", "100", "100")
    for price, first in (("110", "keen"), ("90", "keen"), ("100", "calm")):
        order = [each.account for each in rank([calm, keen], Decimal(price), rankings.bitmex)]
        assert order[0] == first, price


def test_binance_agrees_with_the_venue_module_and_reads_the_wallet() -> None:
    one = winner("a", "long", "5", "100", "1500", maintenance="75")
    assert rankings.binance(one, Decimal(200)) == Decimal("0.025")
    assert rankings.binance(replace(one, wallet=Decimal(500)), Decimal(200)) == Decimal("0.075")
    assert rankings.binance(one, Decimal(90)) == 0


def test_the_score_of_the_paper_uses_the_price_it_is_given() -> None:
    one = winner("a", "long", "4", "9", "8")
    last = rankings.lineage(lambda _, mark: mark)
    assert last(one, Decimal(10)) == effective_leverage(one, Decimal(10)) == 5
    assert rankings.lineage(bankruptcy_price)(one, Decimal(10)) == Decimal("6.25")
    assert rankings.lineage(bankruptcy_price)(winner("b", "long", "1", "9", "11"), Decimal(10)).is_infinite()


def test_who_has_no_equity_left_comes_first() -> None:
    broke, rich = winner("broke", "long", "1", "50", "0"), winner("rich", "long", "1", "50", "99")
    for score in (rankings.hyperliquid, rankings.bitmex):
        assert rank([rich, broke], Decimal(100), score)[0].account == "broke"


def test_equal_scores_are_ordered_by_account() -> None:
    twins = [winner(name, "long", "1", "50", "99") for name in ("b", "c", "a")]
    assert [each.account for each in rank(twins, Decimal(100), rankings.bitmex)] == ["a", "b", "c"]


def test_overlap_ends_where_the_equity_does() -> None:
    short = winner("s", "short", "10", "100", "50")
    assert rankings.overlaps(short, Decimal(95), Decimal(90))
    assert not rankings.overlaps(short, Decimal("95.00000001"), Decimal(90))


def test_lights_count_the_quantity_down_to_and_including_a_position() -> None:
    def lit(*sizes: str) -> list[int]:
        return rankings.lights([winner("", "long", size, "1", "1") for size in sizes])

    assert lit("10", "20", "30", "10", "10", "20") == [5, 4, 3, 2, 2, 1]
    assert lit("20", "80") == [5, 1]
    assert lit("20.00000001", "79.99999999") == [4, 1]
    assert lit("1", "1", "1") == [4, 2, 1]


# Closing

queues = st.lists(
    st.builds(
        lambda quantity, entry, equity, name: winner(str(name), "short", str(quantity), str(entry), str(equity)),
        positive,
        positive,
        positive,
        st.integers(0, 99),
    ),
    max_size=8,
)


@given(positive, positive, positive, queues)
def test_closing_conserves_quantity_and_cash(quantity, price, mark, winners) -> None:  # type: ignore[no-untyped-def]
    ranked = rank(winners, mark, rankings.hyperliquid)
    done = deleverage("long", quantity, price, mark, ranked)
    closed = sum((each.quantity for each in done.closings), Decimal(0))
    assert closed + done.left == quantity
    assert done.left == max(Decimal(0), quantity - sum((each.quantity for each in winners), Decimal(0)))
    by_asset: dict[str, Decimal] = {}
    for flow in done.flows("BTC", "USD", "long"):
        by_asset[flow.asset] = by_asset.get(flow.asset, Decimal(0)) + flow.amount
    assert set(by_asset.values()) == {0}
    # What the winners give up is what the bankrupt account is spared, to the unit.
    assert sum((each.given_up for each in done.closings), Decimal(0)) == closed * (price - mark)
    for each, before in zip(done.closings, ranked, strict=False):
        assert each.account == before.account
        left = replace(before, quantity=before.quantity - each.quantity)
        assert each.realised + each.given_up + profit(left, mark) == profit(before, mark)
    assert all(each.quantity == before.quantity for each, before in zip(done.closings[:-1], ranked, strict=False))


def test_closing_by_contracts_conserves_too() -> None:
    three = [winner(name, "short", size, "100", "999") for name, size in (("a", "1"), ("b", "2"), ("c", "4"))]
    done = deleverage("long", Decimal("3.5"), Decimal(90), Decimal(80), three, allocate)
    assert [(each.account, each.quantity, each.given_up) for each in done.closings] == [
        ("a", Decimal("0.5"), 5),
        ("b", 1, 10),
        ("c", 2, 20),
    ]
    assert done.left == 0


def test_at_the_bankruptcy_price_the_winners_give_up_the_deficit() -> None:
    bankrupt = winner("b", "long", "3", "100", "-12")
    price = bankruptcy_price(bankrupt, Decimal(80))
    done = deleverage("long", Decimal(3), price, Decimal(80), [winner("w", "short", "9", "100", "500")])
    assert price == 84
    assert [each.given_up for each in done.closings] == [12]


def test_a_winner_must_be_on_the_other_side() -> None:
    with pytest.raises(BadInput, match="same_side"):
        deleverage("long", ONE, ONE, ONE, [winner("w", "long", "1", "1", "1")])
