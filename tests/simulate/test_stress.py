"""Stress of small books: the exact functions at moved prices, summed up."""

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.market import Market, Quote
from marginbook.domain.zones import Zone
from marginbook.margin_calls.zones import zone_of_account
from marginbook.simulate.shocks import shocked
from marginbook.simulate.stress import ladder, stress
from marginbook.venues.registry import rule_set

D = Decimal
AT = 1_790_856_000_000_000
TERMS = {"*": {"liquidation_threshold": "0.8"}}
MARKET = Market(
    quotes={
        ("generic", "ETH", "oracle"): Quote(D(3000)),
        ("generic", "USDC", "oracle"): Quote(D(1)),
        ("binance", "ETHUSDT", "mark"): Quote(D(3000)),
        ("binance", "BTCUSDT", "mark"): Quote(D(60_000)),
    }
)


def parameters_of(account: Account) -> Any:
    rules = rule_set(account.rules)
    return rules.module.parameters(rules.version, AT, TERMS if rules.family == "lending" else None)


def loan(name: str, debt: str, eth: str = "10") -> Account:
    return Account(
        id=name,
        rules="generic/lending",
        collateral=(Collateral(asset="ETH", amount=D(eth)),),
        debt=(Debt(asset="USDC", amount=D(debt)),),
    )


def perp(name: str, wallet: str, side: str = "long") -> Account:
    position = Position(market="ETHUSDT", side=side, quantity=D(10), entry=D(3000), leverage=D(20))  # type: ignore[arg-type]
    return Account(id=name, rules="binance/usdm", wallet={"USDT": D(wallet)}, positions=(position,))


def test_a_fall_of_twenty_percent() -> None:
    accounts = [loan("calm", "5000"), loan("warned", "15000"), loan("gone", "23500"), loan("sunk", "24000")]
    answer = stress(accounts, MARKET, parameters_of, ["ETH=-20%"], AT)
    assert answer["shocks"] == ["ETH=-20%"]
    assert {"market": "ETH", "venue": "generic", "kind": "oracle", "from": "3000", "to": "2400"} in answer["moved"]
    # support falls from 24,000 to 19,200; a debt of 24,000 is just covered before, and by all the collateral after
    assert answer["before"]["counts"] == {"safe": 2, "warning": 0, "call": 2, "liquidation": 0, "bankrupt": 0}
    assert answer["after"]["counts"] == {"safe": 1, "warning": 1, "call": 0, "liquidation": 2, "bankrupt": 0}
    assert answer["currency"] == "USD"
    assert answer["before"]["notional"]["call"] == "60000"
    assert answer["after"]["notional"]["liquidation"] == "48000"
    assert answer["after"]["bad_debt"] == "0"
    assert [(row["account"], row["from"], row["to"]) for row in answer["accounts"]] == [
        ("gone", "call", "liquidation"),
        ("sunk", "call", "liquidation"),
        ("warned", "safe", "warning"),
    ]
    assert answer["errors"] == []


def test_bad_debt_is_what_all_assets_do_not_cover() -> None:
    answer = stress([loan("sunk", "24000")], MARKET, parameters_of, ["ETH=-25%"], AT)
    assert answer["after"]["counts"]["bankrupt"] == 1
    assert answer["after"]["bad_debt"] == "1500"
    leveraged = stress([perp("p", "2000")], MARKET, parameters_of, ["ETH=-10%"], AT)
    assert leveraged["after"]["bad_debt"] == "1000"
    assert leveraged["currency"] == "USDT"


def test_currencies_need_a_rate_and_stay_apart_without() -> None:
    book = [loan("l", "24000"), perp("p", "2000")]
    answer = stress(book, MARKET, parameters_of, ["ETH=-25%"], AT)
    assert [error["code"] for error in answer["errors"]] == ["missing_rate"]
    assert answer["after"]["bad_debt"] is None
    assert answer["after"]["by_currency"]["USDT"] == {"notional": {"bankrupt": "22500"}, "bad_debt": "5500"}
    rated = Market(quotes=MARKET.quotes, rates={"USDT": D("0.998")})
    answer = stress(book, rated, parameters_of, ["ETH=-25%"], AT)
    assert answer["errors"] == []
    assert answer["after"]["bad_debt"] == "6989"  # 1,500 + 5,500 · 0.998


def test_one_bad_account_does_not_stop_a_book() -> None:
    broken = Account(id="x", rules="generic/lending", collateral=(Collateral(asset="DOGE", amount=D(1)),))
    answer = stress([broken, loan("a", "100")], MARKET, parameters_of, ["ETH=-1%"], AT)
    assert answer["errors"][0]["code"] == "missing_price"
    assert sum(answer["after"]["counts"].values()) == 1


def test_an_account_counts_once_in_the_zone_of_its_worst_pool() -> None:
    def isolated(market: str, wallet: str, quantity: str, entry: str) -> Position:
        return Position(
            market=market,
            side="long",
            quantity=D(quantity),
            entry=D(entry),
            leverage=D(10),
            isolated_wallet=D(wallet),
        )

    account = Account(
        id="two",
        rules="binance/usdm",
        mode="isolated",
        wallet={"USDT": D(0)},
        positions=(isolated("BTCUSDT", "300", "0.1", "60000"), isolated("ETHUSDT", "6000", "1", "3000")),
    )
    answer = stress([account], MARKET, parameters_of, ["all=-10%"], AT)
    assert answer["after"]["counts"]["bankrupt"] == 1
    assert answer["after"]["notional"]["safe"] == "2700"
    assert answer["after"]["notional"]["bankrupt"] == "5400"
    assert answer["after"]["bad_debt"] == "300"


def test_bad_debt_of_a_protocol_in_its_own_integers() -> None:
    market = Market(quotes={("aave", "WETH", "oracle"): Quote(D(3000)), ("aave", "USDC", "oracle"): Quote(D(1))})
    account = Account(
        id="a",
        rules="aave/3.6",
        collateral=(Collateral(asset="WETH", amount=D(1)),),
        debt=(Debt(asset="USDC", amount=D(2000)),),
    )
    answer = stress([account], market, parameters_of_aave, ["ETH=-50%"], AT)
    assert (answer["after"]["bad_debt"], answer["after"]["notional"]["bankrupt"]) == ("500", "1500")


def parameters_of_aave(account: Account) -> Any:
    rules = rule_set(account.rules)
    return rules.module.parameters(rules.version, AT, {"WETH": {"ltv": "0.8", "liquidation_threshold": "0.83"}})


def test_only_moves_what_is_named() -> None:
    book = [loan("l", "23500"), perp("p", "700")]
    moved = {row["market"] for row in stress(book, MARKET, parameters_of, ["ETHUSDT=-5%"], AT, only=True)["moved"]}
    assert moved == {"ETHUSDT"}


@settings(max_examples=30, deadline=None)
@given(
    debts=st.lists(st.decimals(100, 40_000, places=2), min_size=1, max_size=5),
    wallets=st.lists(st.decimals(100, 9_000, places=2), max_size=4),
    target=st.sampled_from(["all", "ETH", "BTC", "generic:ETH"]),
    move=st.decimals("-0.8", "0.8", places=3),
)
def test_counts_are_those_of_the_exact_functions(debts, wallets, target, move) -> None:
    book = [loan(f"l{n}", str(debt)) for n, debt in enumerate(debts)]
    book += [perp(f"p{n}", str(w), "short" if n % 2 else "long") for n, w in enumerate(wallets)]
    answer = stress(book, MARKET, parameters_of, [f"{target}={move:+}"], AT)
    market = shocked(MARKET, [f"{target}={move:+}"])[0]
    found = {}
    for side, prices in (("before", MARKET), ("after", market)):
        zones = found[side] = [zone_of_account(rule_set(a.rules), a, prices, parameters_of(a), AT) for a in book]
        assert answer[side]["counts"] == {z.label: zones.count(z) for z in Zone if z is not Zone.UNDECIDED}
    changed = {a.id for a, old, new in zip(book, found["before"], found["after"], strict=True) if old != new}
    assert {row["account"] for row in answer["accounts"]} == changed


def test_the_ladder_rises_away_from_today_in_both_directions() -> None:
    book = [loan("l", "15000"), loan("m", "22000"), perp("p", "3000"), perp("s", "3000", "short")]
    steps = ladder(book, MARKET, parameters_of, AT)
    assert [step["move"] for step in steps][:3] == ["-0.5", "-0.45", "-0.4"]
    counts = [step["accounts"] for step in steps]
    middle = len(steps) // 2
    assert counts[middle] == 0
    assert counts[: middle + 1] == sorted(counts[: middle + 1], reverse=True)
    assert counts[middle:] == sorted(counts[middle:])
    assert (counts[0], counts[-1]) == (3, 1)
    assert steps[-1]["notional"] == {"binance": {"USDT": "45000"}}
