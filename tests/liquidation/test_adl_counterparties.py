"""Winners read from books: what their own rule sets say of them, and a deleveraging from accounts to cash."""

from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from marginbook.domain.account import Account, Position
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.liquidation import rankings
from marginbook.liquidation.counterparties import winners_in
from marginbook.liquidation.deleveraging import deleverage
from marginbook.liquidation.winners import bankruptcy_price, rank
from marginbook.testing.worlds import world
from marginbook.units import parse_time
from marginbook.venues.registry import rule_set

AT = parse_time("2026-10-01T00:00:00Z")
PARAMETERS = rule_set("binance/usdm").module.parameters("usdm", AT)
PRICES = Market(
    quotes={("binance", name, "mark"): Quote(Decimal(price)) for name, price in (("BTCUSDT", 60000), ("ETHUSDT", 2500))}
)


def account(name: str, wallet: str, *held: Position) -> Account:
    return Account(id=name, rules="binance/usdm", wallet={"USDT": Decimal(wallet)}, positions=held)


def position(side: str, quantity: str, entry: str, market: str = "BTCUSDT", **more: object) -> Position:
    numbers = {"quantity": Decimal(quantity), "entry": Decimal(entry), "leverage": Decimal(10)}
    return Position(market=market, side=side, **numbers, **more)  # type: ignore[arg-type]


def winners(side: str, *accounts: Account) -> list:  # type: ignore[type-arg]
    return winners_in(accounts, "BTCUSDT", side, PRICES, lambda _: PARAMETERS, AT)  # type: ignore[arg-type]


def test_equity_is_that_of_the_pool_that_backs_the_position() -> None:
    hedged = account("hedged", "9000", position("short", "1", "61000"), position("long", "2", "2400", "ETHUSDT"))
    own = position("short", "1", "61000", mode="isolated", isolated_wallet=Decimal(500))
    [cross], [isolated] = winners("short", hedged), winners("short", account("isolated", "9000", own))
    assert (cross.equity, cross.wallet) == (9000 + 1000 + 200, 9000)
    assert (isolated.equity, isolated.wallet) == (500 + 1000, 500)
    assert 0 < isolated.maintenance < cross.maintenance


def test_the_other_side_flat_and_bankrupt_accounts_are_left_out() -> None:
    long, gone = account("long", "9000", position("long", "1", "61000")), account("gone", "9000")
    broke = account("broke", "100", position("short", "1", "59000"))
    assert [each.account for each in winners("short", long, gone, broke)] == []
    assert [each.account for each in winners("long", long, gone, broke)] == ["long"]


def test_from_accounts_to_cash() -> None:
    bankrupt = account("bankrupt", "5000", position("long", "3", "62000"))
    calm = account("calm", "90000", position("short", "2", "61000"))
    keen = account("keen", "1000", position("short", "2", "64000"))
    [own] = winners_in(
        [replace(bankrupt, wallet={"USDT": Decimal(6001)})], "BTCUSDT", "long", PRICES, lambda _: PARAMETERS, AT
    )
    owing = replace(own, equity=own.equity - 1001)  # 5,000 in the wallet: equity −1,000
    mark = Decimal(60000)
    ranked = rank(winners("short", calm, keen), mark, rankings.binance)
    done = deleverage("long", owing.quantity, bankruptcy_price(owing, mark), mark, ranked)
    assert [(each.account, each.quantity) for each in done.closings] == [("keen", 2), ("calm", 1)]
    assert abs(sum(each.given_up for each in done.closings) - 1000) < Decimal("1e-100")
    assert done.left == 0


@pytest.mark.parametrize("rules", ["binance/usdm", "hyperliquid/perps", "dydx/4"])
def test_random_accounts_have_winners_with_their_own_profit(rules: str) -> None:
    seen = 0
    for seed in range(60):
        setting = world(rules, Random(seed))
        for held in setting.account.positions:
            found = winners_in(
                [setting.account], held.market, held.side, setting.market, lambda _, s=setting: s.parameters, setting.at
            )
            seen += len(found)
            assert all(each.quantity > 0 and each.equity > 0 for each in found)
    assert seen > 30


def test_inverse_contracts_are_refused() -> None:
    for seed in range(20):
        setting = world("binance/coinm", Random(seed))
        for held in setting.account.positions:
            if held.quantity > 0 and held.entry != setting.market.price("binance", held.market, "mark"):
                with pytest.raises(BadInput, match="not_linear"):
                    winners_in(
                        [replace(setting.account, wallet={"BTC": Decimal(10**6), "ETH": Decimal(10**6)})],
                        held.market,
                        held.side,
                        setting.market,
                        lambda _, s=setting: s.parameters,
                        setting.at,
                    )
                return
    pytest.fail("no position was tried")
