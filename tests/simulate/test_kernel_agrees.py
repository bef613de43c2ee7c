"""The kernel's sweep at shocked prices and the exact stress of the same book agree on who falls and what is lost."""

import random
from decimal import Decimal
from typing import Any

import pytest

from marginbook.book.book import Book
from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.market import Market, Quote
from marginbook.domain.zones import Zone
from marginbook.simulate.shocks import shocked
from marginbook.simulate.stress import stress
from marginbook.venues.registry import rule_set

D = Decimal
AT = 1_790_856_000_000_000
PRICES = {
    ("generic", "ETH", "oracle"): 3000,
    ("generic", "USDC", "oracle"): 1,
    ("binance", "ETHUSDT", "mark"): 3000,
    ("binance", "BTCUSDT", "mark"): 60_000,
}
MARKET = Market(quotes={key: Quote(D(price)) for key, price in PRICES.items()}, rates={"USDT": D(1)})


@pytest.fixture(scope="module")
def accounts() -> list[Account]:
    chance = random.Random(5)
    loans = [
        Account(
            id=f"loan-{n}",
            rules="generic/lending",
            collateral=(Collateral(asset="ETH", amount=D(10)),),
            debt=(Debt(asset="USDC", amount=D(chance.randint(1000, 32_000))),),
        )
        for n in range(150)
    ]
    perps = [
        Account(
            id=f"perp-{n}",
            rules="binance/usdm",
            wallet={"USDT": D(chance.randint(300, 9000))},
            positions=(
                Position(
                    market=chance.choice(["ETHUSDT", "BTCUSDT"]),
                    side=chance.choice(["long", "short"]),
                    quantity=D(chance.randint(1, 100)) / 10,
                    entry=D(chance.choice([2800, 3000, 58_000])),
                    leverage=D(20),
                ),
            ),
        )
        for n in range(150)
    ]
    return loans + perps


@pytest.mark.parametrize("shock", ["all=-20%", "ETH=+30%", "generic:ETH=-15%", "BTC=-50%", "ETH=-0.01%"])
def test_kernel_and_exact_functions_agree(accounts, shock) -> None:
    tables: dict[str, Any] = {
        name: rule_set(name).module.parameters(rule_set(name).version, AT, overlay)
        for name, overlay in (("generic/lending", {"*": {"liquidation_threshold": "0.8"}}), ("binance/usdm", None))
    }
    exact = stress(accounts, MARKET, lambda a: tables[a.rules], [shock], AT)["after"]
    prices = shocked(MARKET, [shock])[0].quotes
    book = Book.from_accounts(accounts, MARKET, lambda a: tables[a.rules], AT)
    swept = book.shocked({key: float(prices[key].price / quote.price) for key, quote in MARKET.quotes.items()})
    for zone in (Zone.LIQUIDATION, Zone.BANKRUPT):
        assert swept.counts[zone] == exact["counts"][zone.label]
    assert abs(swept.bad_debt - float(exact["bad_debt"])) < 1e-3
    # the sweep starts from the zones of now, so milder zones may be held by their inner border
    assert swept.counts[Zone.SAFE] <= exact["counts"]["safe"]
