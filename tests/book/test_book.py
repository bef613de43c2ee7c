"""A book decides exactly as the exact functions do, whatever happens to it."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from marginbook.book.book import Book
from marginbook.book.bulk import mark_loops
from marginbook.book.crossings import Crossings
from marginbook.domain.account import Account, Collateral, Debt, Fixed, Order, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, Market, Quote
from marginbook.domain.zones import Zone


def walk(world: Any, follower: Any, steps: int) -> None:
    book, rng = follower.book, world.rng
    for n in range(steps):
        basis_points = rng.choice((3, 50, 300, 900))
        follower.step(book.prices(world.frame(rng.choice((1, 1, 2, 5)), basis_points), book.at + n * 300_000))


@pytest.mark.parametrize("kind", ["Exchange", "Lending"])
def test_a_random_walk_misses_no_crossing_and_invents_none(worlds: SimpleNamespace, kind: str) -> None:
    world = getattr(worlds, kind)(7)
    accounts = [world.account(f"a{n}") for n in range(150)]
    book = Book.from_accounts(accounts, world.market(), world.parameters_of, worlds.AT)
    follower = worlds.Follower(book, world.parameters_of)
    walk(world, follower, 30)
    follower.same()
    assert follower.crossings > 25


def test_aave_3_0_with_truncated_average_thresholds(worlds: SimpleNamespace) -> None:
    world = worlds.Lending(5, "3.0")
    accounts = [world.account(f"a{n}") for n in range(150)]
    book = Book.from_accounts(accounts, world.market(), world.parameters_of, worlds.AT)
    follower = worlds.Follower(book, world.parameters_of)
    walk(world, follower, 20)
    assert follower.crossings > 15


def test_accounts_come_change_and_go(worlds: SimpleNamespace) -> None:
    world = worlds.Exchange(3)
    book = Book.from_accounts(
        [world.account(f"a{n}") for n in range(60)], world.market(), world.parameters_of, worlds.AT
    )
    follower = worlds.Follower(book, world.parameters_of)
    for _ in range(40):
        names = [f"a{world.rng.randrange(90)}" for _ in range(3)]
        replaced = {name: world.account(name) for name in names}
        crossings = book.upsert(replaced.values(), book.at)
        for name in [key for key in follower.zones if key[0] in replaced]:
            if name[1] not in book.pool_zones(name[0]):
                del follower.zones[name]
        follower.step(crossings)
        gone = world.rng.choice(book.ids())
        book.remove([gone])
        assert gone not in book
        follower.zones = {key: zone for key, zone in follower.zones.items() if key[0] != gone}
        follower.step(book.prices(world.frame(2, 200), book.at + 1_000_000))
    follower.same()


def test_funding_and_interest_are_one_write_for_all_holders(worlds: SimpleNamespace) -> None:
    world = worlds.Exchange(4)
    book = Book.from_accounts(
        [world.account(f"a{n}") for n in range(120)], world.market(), world.parameters_of, worlds.AT
    )
    follower = worlds.Follower(book, world.parameters_of)
    paid = dict.fromkeys(world.price, 0)
    for _ in range(30):
        market = world.rng.choice(sorted(world.price))
        paid[market] += int(world.price[market] * world.rng.randrange(-100, 140) * 10**14)
        index = Index(paid[market], 0, book.at // 10**6)
        follower.step(book.indices({("binance", market, "funding"): index}, book.at))
        follower.step(book.prices(world.frame(1, 40), book.at + 1_000_000))
    assert follower.crossings > 15
    lending = worlds.Lending(6)
    book = Book.from_accounts(
        [lending.account(f"b{n}") for n in range(120)], lending.market(), lending.parameters_of, worlds.AT
    )
    follower = worlds.Follower(book, lending.parameters_of)
    for n in range(20):
        asset = lending.rng.choice(lending.assets)
        kind = lending.rng.choice(("supply", "borrow"))
        old = book.market.indices["aave", asset, kind]
        index = Index(old.value_raw * (1000 + n) // 1000, old.rate_raw, book.at // 10**6)
        follower.step(book.indices({("aave", asset, kind): index}, book.at + 3_000_000))
        follower.step(book.prices({}, book.at + 86_400_000_000))
    assert follower.crossings > 5


def test_new_parameters_decide_all_holders_between_two_frames(worlds: SimpleNamespace) -> None:
    world = worlds.Lending(8)
    book = Book.from_accounts(
        [world.account(f"a{n}") for n in range(100)], world.market(), lambda account: world.parameters, worlds.AT
    )
    follower = worlds.Follower(book, lambda account: world.parameters)
    rules = world.rules.module
    for threshold in ("0.80", "0.70", "0.60", "0.82"):
        overlay = {asset: {"liquidation_threshold": threshold, "ltv": "0.5"} for asset in world.assets[:4]}
        world.parameters = rules.parameters("3.6", worlds.AT, overlay)
        follower.step(book.parameters_changed("aave/3.6", None, book.at))
    assert follower.crossings > 10


def test_hedged_accounts_never_see_half_a_frame(worlds: SimpleNamespace) -> None:
    world = worlds.Exchange(9)
    market, other = sorted(world.price)[:2]
    quantity = (Decimal(100_000) / world.price[market]).quantize(Decimal("0.001"))
    other_quantity = (Decimal(100_000) / world.price[other]).quantize(Decimal("0.001"))
    account = Account(
        id="hedged",
        rules="binance/usdm",
        wallet={"USDT": Decimal(4000)},
        positions=(
            Position(market=market, side="long", quantity=quantity, entry=world.price[market]),
            Position(market=other, side="short", quantity=other_quantity, entry=world.price[other]),
        ),
    )
    book = Book.from_accounts([account], world.market(), world.parameters_of, worlds.AT)
    assert book.zone("hedged") is Zone.SAFE
    fall = {("binance", m, "mark"): world.price[m] * Decimal("0.9") for m in (market, other)}
    assert book.prices(fall, worlds.AT) == []
    rise = {("binance", market, "mark"): world.price[market] * Decimal("0.85")}
    assert [c.to_zone for c in book.prices(rise, worlds.AT)] != []


@pytest.mark.parametrize("kind", ["Exchange", "Lending"])
def test_columns_give_back_the_exact_account(worlds: SimpleNamespace, kind: str) -> None:
    world = getattr(worlds, kind)(11)
    accounts = {f"a{n}": world.account(f"a{n}") for n in range(80)}
    book = Book.from_accounts(accounts.values(), world.market(), world.parameters_of, worlds.AT)
    assert not book.objects
    assert {name: book.account(name) for name in book.ids()} == accounts


def test_what_does_not_fit_into_columns_takes_part_as_an_object(worlds: SimpleNamespace) -> None:
    world = worlds.Exchange(12)
    account = world.account("a")
    market = sorted(world.price)[0]
    odd = {
        "digits": replace(account, id="digits", wallet={"USDT": Decimal("1e-30")}),
        "huge": replace(account, id="huge", wallet={"USDT": Decimal(10) ** 16}),
        "orders": replace(
            account,
            id="orders",
            position_mode="one-way",
            positions=(),
            orders=(Order(market=market, side="buy", quantity=Decimal(1), price=Decimal(10)),),
        ),
        "fixed": replace(account, id="fixed", fixed=Fixed(support=Decimal(5))),
        "long-name-" + "x" * 60: replace(account, id="long-name-" + "x" * 60),
    }
    book = Book.from_accounts(odd.values(), world.market(), world.parameters_of, worlds.AT)
    assert len(book.objects) >= 3
    assert {name: book.account(name) for name in book.ids()} == odd
    follower = worlds.Follower(book, world.parameters_of)
    for _ in range(10):
        follower.step(book.prices(world.frame(2, 900), book.at))


def test_a_refused_account_is_told_and_the_rest_goes_on(worlds: SimpleNamespace) -> None:
    world = worlds.Exchange(13)
    bad = replace(
        world.account("bad"),
        positions=(Position(market="NOWHERE", side="long", quantity=Decimal(1), entry=Decimal(1)),),
    )
    book = Book.from_accounts([world.account("good"), bad], world.market(), world.parameters_of, worlds.AT)
    assert book.ids() == ["good"]
    assert book.problems["bad"].code == "no_parameters"


@pytest.mark.parametrize("kind", ["Exchange", "Lending"])
def test_a_snapshot_comes_back_and_goes_on(worlds: SimpleNamespace, kind: str, tmp_path: Path) -> None:
    world = getattr(worlds, kind)(21)
    accounts = [world.account(f"a{n}") for n in range(80)]
    accounts.append(replace(world.account("object"), reported={"x": Decimal(1)}))
    book = Book.from_accounts(accounts, world.market(), world.parameters_of, worlds.AT)
    book.prices(world.frame(3, 300), worlds.AT + 5_000_000)
    book.remove(["a7"])
    book.save(tmp_path / "snapshot")
    loaded = Book.load(tmp_path / "snapshot", world.parameters_of)
    assert loaded.market == book.market
    assert loaded.ids() == book.ids()
    assert [loaded.account(name) for name in book.ids()] == [book.account(name) for name in book.ids()]
    assert [loaded.pool_zones(name) for name in book.ids()] == [book.pool_zones(name) for name in book.ids()]
    for _ in range(10):
        frame = world.frame(2, 500)
        assert loaded.prices(frame, book.at) == book.prices(frame, book.at)
    again = [world.account(f"a{n}") for n in range(70, 95)]
    assert loaded.upsert(again, book.at) == book.upsert(again, book.at)


def test_a_broken_snapshot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="bad_snapshot"):
        Book.load(tmp_path, lambda account: None)


def test_loops_are_found_in_columns_as_the_rule_set_finds_them(worlds: SimpleNamespace) -> None:
    world = worlds.Lending(41)
    category, emode = next((n, e) for n, e in world.parameters.emodes.items() if e.correlated)
    inside = sorted(set(emode.collateral) & set(world.parameters.assets))[:2]
    prices = {("aave", a, "oracle"): Quote(Decimal(100)) for a in world.parameters.assets}
    market = replace(world.market(), quotes=prices)
    outside = next(a for a in world.assets if a not in emode.collateral)
    accounts = [
        Account(
            id=f"{n}-{kind}-{mode}",
            rules="aave/3.6",
            emode=mode,
            collateral=tuple(Collateral(asset=a, amount=Decimal(1)) for a in held),
            debt=(Debt(asset=outside, amount=Decimal("0.5")),) if kind else (),
        )
        for n, held in enumerate((inside[:1], inside, [inside[0], outside]))
        for kind in (0, 1)
        for mode in (0, category)
    ]
    book = Book.from_accounts(accounts, market, world.parameters_of, worlds.AT)
    pools = np.arange(book.store.pool_count)
    assert not book.problems
    lowered = book.store.pools["borders"].copy()
    mark_loops(book, pools)
    assert len(set(lowered[pools].tolist())) == 2
    assert (book.store.pools["borders"][pools] == lowered[pools]).all()


def test_crossings_are_never_given_another_accounts_name(worlds: SimpleNamespace) -> None:
    world = worlds.Exchange(7)
    accounts = [world.account(f"a{n}") for n in range(150)]
    book = Book.from_accounts(accounts, world.market(), world.parameters_of, worlds.AT)
    told, untold = [], []
    for _ in range(40):
        (key, price), *_ = world.frame(1, 900).items()
        found = book.prices({key: price}, book.at)
        if isinstance(found, Crossings) and len(found):
            (told if len(told) < 3 else untold).append(found)
            if len(told) <= 3 and not untold:
                assert found[0] in list(found)
    book.upsert([book.account(book.ids()[0])], book.at)
    assert len(told) == 3
    assert untold
    assert all(isinstance(crossing.account, str) for found in told for crossing in found)  # named in time
    with pytest.raises(RuntimeError, match="before an account leaves"):
        list(untold[-1])
    assert len(untold[-1]) > 0


def test_a_move_that_float64_cannot_show_is_decided(worlds: SimpleNamespace) -> None:
    from marginbook.venues.registry import rule_set

    overlay = {"*": {"maintenance_rate": "0.5", "currency": "USD", "tick": "0.00000001"}}
    parameters = rule_set("generic/derivatives").module.parameters("derivatives", worlds.AT, overlay)
    entry, key = Decimal("350000000"), ("generic", "X", "mark")
    account = Account(
        id="a",
        rules="generic/derivatives",
        wallet={"USD": Decimal("175000000")},
        positions=(Position(market="X", side="long", quantity=Decimal(1), entry=entry),),
    )
    book = Book.from_accounts([account], Market(quotes={key: Quote(entry)}), lambda _: parameters, worlds.AT, {})
    assert book.zone("a") < Zone.LIQUIDATION
    lower = entry - Decimal("0.00000001")
    assert float(lower) == float(entry)
    assert [crossing.to_zone for crossing in book.prices({key: lower}, worlds.AT)] == [Zone.LIQUIDATION]
