"""A small book of both kinds of venue, and events for it, written by hand."""

from decimal import Decimal

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.events import Fill, LendingAction, OrderChange, PriceFrame, Stamp, Transfer
from marginbook.domain.market import Market, Quote
from marginbook.engine.apply import opening
from marginbook.engine.state import Policy

D = Decimal
SECOND = 1_000_000
OVERLAYS = {
    "perps": {"*": {"maintenance_rate": "0.05", "liquidation_fee": "0"}},
    "loans": {
        "WETH": {"liquidation_threshold": "0.8", "ltv": "0.75", "liquidation_bonus": "0.05", "close_factor": "0.5"},
        "USDC": {"liquidation_threshold": "0.9", "ltv": "0.85"},
    },
}
BTC, ETH = ("generic", "BTC", "mark"), ("generic", "ETH", "mark")
WETH, USDC = ("generic", "WETH", "oracle"), ("generic", "USDC", "oracle")
PRICES = {BTC: D(60000), ETH: D(3000), WETH: D(3000), USDC: D(1)}


def market(**options):
    return Market(quotes={key: Quote(price, time=0, **options) for key, price in PRICES.items()})


def trader(name="ann", wallet="10000", positions=(("BTC", "long", "1", "60000"),), **options):
    held = tuple(Position(market=m, side=s, quantity=D(q), entry=D(e), leverage=D(10)) for m, s, q, e in positions)
    return Account(
        id=name, rules="generic/derivatives", wallet={"USD": D(wallet)}, positions=held, parameters="perps", **options
    )


def borrower(name="bob", weth="10", debt="15000"):
    return Account(
        id=name,
        rules="generic/lending",
        collateral=(Collateral(asset="WETH", amount=D(weth)),),
        debt=(Debt(asset="USDC", amount=D(debt)),),
        parameters="loans",
    )


def start(*accounts, policy=None, quotes=None):
    found = quotes if quotes is not None else market()
    return opening(accounts, found, at=0, overlays=OVERLAYS, policy=policy or Policy())


class Source:
    """Numbers the events of one source; `at` is in seconds."""

    def __init__(self, name="test"):
        self.name, self.number = name, 0

    def stamp(self, at):
        self.number += 1
        return Stamp(source=self.name, source_sequence=self.number, time=at * SECOND)

    def prices(self, at, **prices):
        keys = {key[1]: key for key in PRICES}
        return PriceFrame(stamp=self.stamp(at), prices={keys[name]: D(price) for name, price in prices.items()})

    def pay(self, at, account, amount, kind=None, asset="USD", **options):
        kind = kind or ("deposit" if D(amount) > 0 else "withdrawal")
        return Transfer(stamp=self.stamp(at), account=account, kind=kind, asset=asset, amount=D(amount), **options)

    def fill(self, at, account, side, quantity, price, market="BTC", **options):
        return Fill(
            stamp=self.stamp(at),
            account=account,
            market=market,
            side=side,
            quantity=D(quantity),
            price=D(price),
            **options,
        )

    def order(self, at, account, side, quantity, price, market="BTC", order_id="o1"):
        return OrderChange(
            stamp=self.stamp(at),
            account=account,
            order_id=order_id,
            market=market,
            side=side,
            quantity=D(quantity),
            price=D(price),
        )

    def lend(self, at, account, kind, asset, amount, collateral=None):
        return LendingAction(
            stamp=self.stamp(at), account=account, kind=kind, asset=asset, amount=D(amount), collateral_asset=collateral
        )


def kinds(outputs):
    return [type(output).__name__ for output in outputs]


def of_type(outputs, kind):
    return [output for output in outputs if isinstance(output, kind)]
