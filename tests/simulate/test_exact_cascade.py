"""Cascades by the exact rules: the book against account by account, one pass against rounds, and who loses what."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from cascade_book import AT, MARKET, PARAMETERS, loan, parameters_of, perp, random_accounts

from marginbook.book.book import Book
from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Market, Quote
from marginbook.exact import CONTEXT, in_exact_context
from marginbook.simulate import holders
from marginbook.simulate.cascade import cascade
from marginbook.simulate.cascade_answer import cascade_of_book
from marginbook.simulate.closing import carry_step, fee_of, step_of
from marginbook.simulate.exact_cascade import Terms, rounds
from marginbook.simulate.holders import BookHolders, PlainHolders
from marginbook.simulate.impact import linear, none, square_root
from marginbook.simulate.shocks import shocked
from marginbook.simulate.whole_waterfalls import with_waterfalls
from marginbook.testing.worlds import world
from marginbook.units import parse_time
from marginbook.venues.common.views import in_units
from marginbook.venues.registry import all_rule_sets, rule_set

D = Decimal


def test_the_book_and_account_by_account_give_the_same_rounds() -> None:
    seen: Counter[str] = Counter()
    for seed in range(12):
        random = Random(seed)
        accounts = random_accounts(random, 60)
        market, _ = shocked(MARKET, [random.choice(["ETH=-10%", "all=-12%", "BTC=+15%"])])
        depth = 10 ** random.uniform(5.5, 6.5)
        terms = Terms(
            impact=random.choice([linear(depth / 20), square_root(0.05, depth * 4), none]),
            funds={("binance", "USDT"): D(random.choice([0, 5_000]))},
        )
        terms = with_waterfalls(terms) if seed % 3 == 0 else terms
        plain = PlainHolders(accounts, market, parameters_of, AT)
        fast = BookHolders(Book.from_accounts(accounts, market, parameters_of, AT))
        expected, found = rounds(plain, terms, AT), rounds(fast, terms, AT)
        assert found == expected
        assert {a.id: a for a in plain.accounts()} == {a.id: a for a in fast.accounts()}
        assert plain.due() == fast.due()
        seen["rounds"] += len(found)
        seen["steps"] += sum(sum(done.steps.values()) for done in found)
        seen["uncovered"] += sum(bool(done.uncovered) for done in found)
        seen["paid"] += sum(bool(done.paid) for done in found)
    assert seen["rounds"] >= 25
    assert seen["steps"] > 150
    assert seen["uncovered"]
    assert seen["paid"]


def test_one_market_of_longs_ends_where_the_one_pass_ends() -> None:
    for seed in range(10):
        random = Random(seed)
        accounts = [perp(f"t{n}", random.randrange(300, 6000), random.randrange(1, 30)) for n in range(60)]
        depth = random.uniform(3e4, 1e6)
        prices, sizes = [], []
        for account in accounts:
            module, terms = rule_set(account.rules).module, PARAMETERS[account.rules]
            for found in module.liquidation_prices(account, MARKET, terms, AT):
                if found.source == "exact":
                    prices.append(float(found.price))
                    sizes.append(float(account.positions[0].quantity) * 2850)
        fall = cascade(prices, sizes, 2850.0, linear(depth))
        market, _ = shocked(MARKET, ["ETH=2850"])
        holders = PlainHolders(accounts, market, parameters_of, AT)
        done = rounds(holders, Terms(impact=linear(depth)), AT)
        assert sum(sum(row.steps.values()) for row in done) == fall.count > 0
        end = holders.market.price("binance", "ETHUSDT", "mark")
        assert float(end) == pytest.approx(fall.price, rel=1e-9)


def wealth(accounts: list[Account], market: Market) -> Decimal:
    """Σ assets − liabilities, in dollars."""
    total = D(0)
    for account in accounts:
        for risk in rule_set(account.rules).module.risk(account, market, parameters_of(account), AT).values():
            exact = in_units(risk, rule_set(account.rules).risk_scale)
            total = CONTEXT.add(total, CONTEXT.subtract(exact.assets, exact.liabilities))
    return total


class Revalued:
    """Holders that add up Σ open quantity · change of the mark whenever prices move: knows no margin rules."""

    def __init__(self, inner: PlainHolders) -> None:
        self.inner, self.gain = inner, D(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def move(self, prices: Any) -> None:
        for account in self.inner.accounts():
            for p in account.positions:
                key = ("binance", p.market, "mark")
                change = CONTEXT.subtract(prices.get(key, self.inner.market.quotes[key].price), self.market.price(*key))
                self.gain = CONTEXT.add(self.gain, CONTEXT.multiply(p.sign * p.quantity, change))
        self.inner.move(prices)


@in_exact_context
def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, D(0))


@pytest.mark.parametrize("change", [replace, with_waterfalls])
@pytest.mark.parametrize("seed", range(6))
@in_exact_context
def test_value_is_conserved_to_the_unit(seed: int, change: Any) -> None:
    """Accounts, fund, buyers and deficits: nothing appears and nothing is lost, in every digit."""
    random = Random(seed)
    accounts = random_accounts(random, 50)
    accounts = [account for account in accounts if account.positions]
    market, _ = shocked(MARKET, ["all=-11%"])
    holders: Any = Revalued(PlainHolders(accounts, market, parameters_of, AT))
    fund = D(2000)
    done = rounds(holders, change(Terms(impact=linear(1e5), funds={("binance", "USDT"): fund})), AT)
    paid, shared, uncovered, fees, buyers = (
        _sum(value for row in done for value in getattr(row, name).values())
        for name in ("paid", "shared", "uncovered", "fees", "lost")
    )
    assert done
    assert done[-1].funds["binance", "USDT"] == fund + fees - paid >= 0
    assert done[-1].bad_debt == uncovered
    end = wealth(list(holders.accounts()), holders.market)
    assert end == wealth(accounts, market) + holders.gain - buyers - fees + paid + shared + uncovered


def test_buyers_gain_the_slippage() -> None:
    """Two longs of 10 ETH fall at 2,850; 57,000 sold at 0.01 % per 1,000 is 0.57 %, of which fills bear half."""
    accounts = [perp("a", 1600), perp("b", 1600)]
    market, _ = shocked(MARKET, ["ETH=2850"])
    (done,) = rounds(PlainHolders(accounts, market, parameters_of, AT), Terms(impact=linear(1e5)), AT)
    assert done.closed == {"binance": D(57_000)}
    assert done.ratios == {"ETH": D("0.9943")}
    assert done.lost == {"counterparties": 20 * (D(2850) - D("2841.8775"))}
    at_mark = replace(Terms(impact=linear(1e5)), execution=D(0))
    (done,) = rounds(PlainHolders(accounts, market, parameters_of, AT), at_mark, AT)
    assert done.lost == {"counterparties": D(0)}


def test_a_fund_pays_what_it_has_and_the_rest_is_bad_debt() -> None:
    accounts = [perp("a", 1000), perp("b", 1000, mode="isolated", isolated_wallet=D(1000))]
    market, _ = shocked(MARKET, ["ETH=2800"])  # each is 1,000 short
    for fund, paid, lacking in ((0, 0, 2000), (1500, 1500, 500), (9000, 2000, 0)):
        terms = Terms(impact=none, funds={("binance", "USDT"): D(fund)})
        holders = PlainHolders(accounts, market, parameters_of, AT)
        (done,) = rounds(holders, terms, AT)
        assert sum(done.paid.values()) == paid
        assert sum(done.uncovered.values()) == lacking == done.bad_debt
        assert done.funds == {("binance", "USDT"): fund - paid}
        assert [a.wallet["USDT"] for a in holders.accounts()] == [0, 1000]  # the isolated loss stops at its own margin


def test_loans_of_one_venue_fall_by_what_another_sells() -> None:
    """Contagion by price: the loan stands at −5 %, and falls only because the contracts do."""
    loans = [loan("healthy", 22_700)]
    contracts = [perp(f"t{n}", 1600) for n in range(20)]
    market, _ = shocked(MARKET, ["ETH=-5%"])
    terms = Terms(impact=linear(1e5))
    assert not rounds(PlainHolders(loans, market, parameters_of, AT), terms, AT)
    done = rounds(PlainHolders([*loans, *contracts], market, parameters_of, AT), terms, AT)
    assert list(done[0].accounts) == ["binance"]
    assert "generic" in done[1].accounts
    assert not rounds(PlainHolders([*loans, *contracts], market, parameters_of, AT), replace(terms, impact=none), AT)[
        1:
    ]


def test_a_loan_beyond_its_collateral_is_bad_debt() -> None:
    market, _ = shocked(MARKET, ["ETH=-30%"])
    done = rounds(PlainHolders([loan("a", 22_000)], market, parameters_of, AT), Terms(impact=none), AT)
    assert done[-1].bad_debt > 0
    assert done[-1].bad_debt == 22_000 - sum(row.closed["generic"] for row in done) / D("1.05")


def test_rounds_are_limited_and_a_calm_book_has_none() -> None:
    accounts = [loan(f"b{n}", 23_000 + 40 * n) for n in range(20)]
    market, _ = shocked(MARKET, ["ETH=-3%"])
    terms = Terms(impact=linear(2e4), rounds_most=3)
    assert len(rounds(PlainHolders(accounts, market, parameters_of, AT), terms, AT)) == 3
    assert not rounds(PlainHolders(accounts[:1], MARKET, parameters_of, AT), terms, AT)
    answer = cascade_of_book(accounts, MARKET, parameters_of, ["ETH=-3%"], AT, terms)
    assert answer["stopped"] == "rounds"
    assert answer["shocked"]["counts"]["liquidation"] > 0


def test_every_rule_set_carries_out_its_own_steps() -> None:
    """One step of random accounts of all venues: fills at a moved price, repayments."""
    carried: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for rules in all_rule_sets():
        random = Random(rules.name)
        for _ in range(12):
            setting = world(rules.name, random)
            for pool in setting.call("risk"):
                if not setting.call("is_liquidatable", pool):
                    continue
                step = step_of(setting.account, pool, setting.market, setting.parameters, setting.at)
                if isinstance(step, str):
                    continue
                traded = step.mark is not None and (step.sold or step.bought)
                price = CONTEXT.multiply(step.mark, D("0.99")).quantize(step.mark) if traded else None
                given = (setting.account, setting.market, setting.parameters, setting.at)
                try:
                    account = carry_step(step, *given, price, {}).account
                except BadInput as bad:
                    refused[bad.problem.code] += 1
                else:
                    assert account != setting.account
                    assert fee_of(step)[1] >= 0
                    carried[rules.name] += 1
    # Its loans are repaid by ordinary events, and positions of one market and side with two collaterals look alike.
    assert refused.keys() <= {"unsupported_event", "ambiguous_fill"}
    assert {rules.name for rules in all_rule_sets()} - carried.keys() == {"okx/spot-margin"}
    assert sum(carried.values()) > 20 * sum(refused.values())


def test_small_and_large_books_answer_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = random_accounts(Random(4), 40)
    terms = Terms(impact=square_root(0.05, 2e6), funds={("binance", "USDT"): D(5000)})
    given = (accounts, MARKET, parameters_of, ["all=-9%"], AT, terms)
    small = cascade_of_book(*given)
    monkeypatch.setattr(holders, "SMALL", 0)
    assert cascade_of_book(*given) == small
    assert len(small["rounds"]) > 1
    assert [error["code"] for error in small["errors"]] == ["missing_rate"]


def test_an_account_that_cannot_be_judged_is_told_and_left_out() -> None:
    strange = perp("strange", 100, 1, "BTCUSDT")
    strange = replace(strange, positions=(replace(strange.positions[0], market="DOGEUSDT"),))
    answer = cascade_of_book([perp("a", 1600), strange], MARKET, parameters_of, ["ETH=-5%"], AT, Terms(impact=none))
    assert [error["code"] for error in answer["errors"]] == ["missing_price"]
    assert answer["rounds"][0]["accounts"] == {"binance": 1}


@pytest.mark.parametrize("whole", [False, True])
def test_debt_that_a_protocol_writes_off_is_the_lenders_loss(whole: bool) -> None:
    """Aave 3.6: 10 WETH at 2,100 against 24,000 USDC. 21,000 / 1.05 = 20,000 is repaid, 4,000 written off."""
    account = Account(
        id="t",
        rules="aave/3.6",
        collateral=(Collateral(asset="WETH", amount=D(10)),),
        debt=(Debt(asset="USDC", amount=D(24000)),),
    )
    at = parse_time("2026-01-10T00:00:00Z")
    market = Market(quotes={("aave", a, "oracle"): Quote(D(p)) for a, p in (("WETH", "2100"), ("USDC", "1"))})
    parameters = rule_set("aave/3.6").module.parameters("3.6", at)
    terms = with_waterfalls(Terms(impact=none)) if whole else Terms(impact=none)
    (done,) = rounds(PlainHolders([account], market, lambda _: parameters, at), terms, at)
    assert dict(done.lost) == {"liquidators": 1000}
    assert (done.shared if whole else done.uncovered) == {("aave", "USDC"): 4000}
    assert done.bad_debt == (0 if whole else 4000)


@pytest.mark.parametrize("whole", [False, True])
def test_what_reserves_pay_for_an_absorbed_loan_is_bad_debt(whole: bool) -> None:
    """Comet: the reserves pay 24,000 USDC and take 10 WETH at 2,000."""
    account = Account(
        id="t",
        rules="compound/3",
        details={"comet": "cUSDCv3"},
        collateral=(Collateral(asset="WETH", amount=D(10)),),
        debt=(Debt(asset="USDC", amount=D(24000)),),
    )
    at = parse_time("2024-06-01T00:00:00Z")
    prices = {("compound", a, "oracle"): Quote(D(p)) for a, p in (("WETH", "2000"), ("USDC", "1"))}
    parameters = rule_set("compound/3").module.parameters("3", at)
    terms = with_waterfalls(Terms(impact=none)) if whole else Terms(impact=none)
    (done,) = rounds(PlainHolders([account], Market(quotes=prices), lambda _: parameters, at), terms, at)
    assert dict(done.lost) == {"liquidators": 0}
    assert done.uncovered == {("compound", "USDC"): 4000}
    assert done.bad_debt == 4000
