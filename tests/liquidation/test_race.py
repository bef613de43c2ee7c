"""Several liquidators after one loan: the better policy wins, who is late or cannot pay stays out."""

from decimal import Decimal as D

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Market, Quote
from marginbook.liquidation.gas import Keeper
from marginbook.liquidation.keepers import (
    Chance,
    Costs,
    Policy,
    chance_of,
    maximum,
    most_profitable,
    pool_sale,
    restore,
)
from marginbook.liquidation.race import Runner, race
from marginbook.venues.registry import rule_set


def loan() -> Chance:
    rules = rule_set("generic/lending")
    overlay = {
        "C": {"liquidation_threshold": "0.75", "liquidation_bonus": "0.08"},
        "USD": {"liquidation_threshold": "0", "close_factor": "0.5"},
    }
    account = Account(
        id="a",
        rules=rules.name,
        collateral=(Collateral(asset="C", amount=D(10_500)),),
        debt=(Debt(asset="USD", amount=D(8_010)),),
    )
    market = Market(quotes={("generic", name, "oracle"): Quote(D(1)) for name in ("C", "USD")})
    return chance_of(rules, account, "main", market, rules.module.parameters("lending", 0, overlay), 0)


SALE = pool_sale(D(20_000))


def runner(name: str, policy: Policy, latency: int = 0, cap: str | None = None) -> Runner:
    keeper = Keeper(name=name, latency=latency, gas_cap=None if cap is None else D(cap))
    return Runner(keeper=keeper, policy=policy, costs=Costs(sale=SALE))


THRIFTY = most_profitable(Costs(sale=SALE))


def test_the_policy_that_earns_most_bids_most() -> None:
    """Selling 4,325 into a pool of 20,000 loses more than the bonus; selling 800 does not."""
    found = race(loan(), (runner("all", maximum), runner("least", restore), runner("best", THRIFTY)), 1_000, D("0.001"))
    assert found.auction.winner == "best"
    assert found.found is not None
    assert found.found.amount == THRIFTY(loan())
    alone = race(loan(), (runner("best", THRIFTY),), 1_000, D("0.001"))
    assert alone.auction.gas_price == D("0.001") < found.auction.gas_price
    assert alone.auction.profit > found.auction.profit >= 0  # the next best is within a tenth: all is bid away


def test_who_is_late_or_capped_stays_out() -> None:
    others = (runner("late", THRIFTY, latency=12), runner("capped", THRIFTY, cap="0.0009"), runner("least", restore))
    found = race(loan(), others, 1_000, D("0.001"))
    assert (found.auction.winner, found.auction.present) == ("least", ("least",))
    assert race(loan(), others, 1_000, D("0.001"), elapsed=12).auction.winner == "late"


def test_nobody_wins_what_nobody_wants() -> None:
    found = race(loan(), (runner("none", lambda chance: D(0)), runner("all", maximum)), 1_000, D("0.001"))
    assert (found.auction.winner, found.found) == (None, None)  # the whole close factor is sold at a loss
    refused = race(loan(), (runner("too much", lambda chance: D(10**9)),), 1_000, D("0.001"))
    assert refused.found is None
