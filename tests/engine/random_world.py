"""Random accounts on four rule sets, near their borders, and random events of every type for them."""

import random
from dataclasses import replace
from decimal import Decimal

from small_book import OVERLAYS, SECOND, borrower, trader

from marginbook.domain.account import Account, Collateral, Debt, Position
from marginbook.domain.events import (
    AccountClosed,
    AccountSnapshot,
    Fill,
    IndexUpdate,
    LendingAction,
    OperatorAction,
    OrderChange,
    ParameterChange,
    PriceFrame,
    Setting,
    Stamp,
    Transfer,
)
from marginbook.domain.market import Index, Market, Quote
from marginbook.units import parse_time

D = Decimal
AT = parse_time("2026-10-01T12:00:00Z")
RAY = 10**27
QUOTES = {
    ("generic", "BTC", "mark"): D(60000),
    ("generic", "ETH", "mark"): D(3000),
    ("generic", "WETH", "oracle"): D(3000),
    ("generic", "USDC", "oracle"): D(1),
    ("binance", "BTCUSDT", "mark"): D(60000),
    ("binance", "ETHUSDT", "mark"): D(3000),
    ("aave", "WETH", "oracle"): D(3000),
    ("aave", "WBTC", "oracle"): D(60000),
    ("aave", "USDC", "oracle"): D(1),
}
INDICES = {
    ("aave", asset, kind): [RAY * (101 + n) // 100, RAY * rate // 100]
    for n, asset in enumerate(("WETH", "WBTC", "USDC"))
    for kind, rate in (("supply", 2), ("borrow", 5))
}


class World:
    """One seed, one book, one endless stream of events."""

    def __init__(self, seed, accounts=24, max_age=None):
        self.rng = random.Random(seed)
        self.price = dict(QUOTES)
        self.index = {key: list(value) for key, value in INDICES.items()}
        self.funding = D(0)
        self.time = AT
        self.numbers = {"prices": 0, "accounts": 0, "operator": 0}
        self.made = 0
        self.names = []
        self.max_age = max_age
        self.accounts = [self.account() for _ in range(accounts)]

    def market(self):
        indices = {key: Index(value, rate, AT // SECOND - 3600) for key, (value, rate) in self.index.items()}
        quotes = {key: Quote(price, time=AT, max_age=self.max_age) for key, price in self.price.items()}
        return Market(quotes=quotes, indices=indices, as_of=AT)

    def opening(self):
        return {"accounts": self.accounts, "market": self.market(), "overlays": OVERLAYS, "at": AT}

    def account(self):
        self.made += 1
        name = f"{self.rng.choice('abc')}{self.made}"
        self.names.append(name)
        kind = self.rng.choice((self._trader, self._borrower, self._exchange, self._aave))
        return kind(name)

    def _trader(self, name):
        side = self.rng.choice(("long", "short"))
        both = (("BTC", side, "1", self._near("generic", "BTC")), ("ETH", "long", "5", self._near("generic", "ETH")))
        isolated = self.rng.random() < 0.3
        account = trader(name, wallet=str(self.rng.randrange(3500, 9000)), positions=both)
        if isolated:
            first = replace(account.positions[0], mode="isolated", isolated_wallet=D(self.rng.randrange(3000, 6000)))
            account = replace(account, positions=(first, *account.positions[1:]))
        return account

    def _borrower(self, name):
        return borrower(name, debt=str(self.rng.randrange(15000, 23900)))

    def _exchange(self, name):
        hedge = self.rng.random() < 0.3
        sides = ("long", "short") if hedge else (self.rng.choice(("long", "short")),)
        positions = tuple(
            Position(
                market="BTCUSDT", side=side, quantity=D(2), entry=D(self._near("binance", "BTCUSDT")), leverage=D(20)
            )
            for side in sides
        )
        return Account(
            id=name,
            rules="binance/usdm",
            position_mode="hedge" if hedge else "one-way",
            wallet={"USDT": D(self.rng.randrange(500, 4000))},
            positions=positions,
        )

    def _aave(self, name):
        debt = self.rng.randrange(14000, 24500) * 10**6
        return Account(
            id=name,
            rules="aave/3.6",
            collateral=(Collateral(asset="WETH", scaled_raw=10 * 10**18),),
            debt=(Debt(asset="USDC", scaled_raw=debt),),
        )

    def _near(self, venue, market):
        return str(self.price[venue, market, "mark"] * self.rng.randrange(990, 1010) / 1000)

    def stamp(self, source):
        self.numbers[source] += 1
        late = self.rng.random() < 0.08
        return Stamp(source=source, source_sequence=self.numbers[source], time=self.time - late * 90 * SECOND)

    def event(self):
        """The next event; now and then one that was sent before, or one that is nonsense."""
        self.time += self.rng.choice((0, 100_000, SECOND, 60 * SECOND))
        chance = self.rng.random()
        if chance < 0.45:
            return self._frame()
        kinds = (
            self._transfer,
            self._transfer,
            self._fill,
            self._fill,
            self._order,
            self._lend,
            self._lend,
            self._setting,
            self._index,
            self._parameters,
            self._snapshot,
            self._closed,
            self._operator,
            self._nonsense,
        )
        return self.rng.choice(kinds)()

    def _frame(self):
        changes = {}
        wild = self.rng.random() < 0.1
        for key in self.rng.sample(sorted(self.price), self.rng.randrange(0, 5)):
            most = 5 if key[1] == "USDC" else 1200 if wild else 150
            move = D(10_000 + self.rng.randrange(-most, most + 1)) / 10_000
            anchored = self.price[key] + (QUOTES[key] - self.price[key]) * D("0.02")
            self.price[key] = (anchored * move).quantize(D("0.0001"))
            changes[key] = self.price[key]
        return PriceFrame(stamp=self.stamp("prices"), prices=changes)

    def _any(self):
        return self.rng.choice(self.names)

    def _transfer(self):
        name = self._any()
        asset = self.rng.choice(("USD", "USD", "USDT", "USDC"))
        kind, sign = self.rng.choice((("deposit", 1), ("withdrawal", -1), ("fee", -1), ("correction", 1)))
        amount = D(sign * self.rng.randrange(1, 200_000)) / 100
        return Transfer(stamp=self.stamp("accounts"), account=name, kind=kind, asset=asset, amount=amount)

    def _fill(self):
        market = self.rng.choice(("BTC", "ETH", "BTCUSDT"))
        venue = "binance" if market == "BTCUSDT" else "generic"
        return Fill(
            stamp=self.stamp("accounts"),
            account=self._any(),
            market=market,
            side=self.rng.choice(("buy", "sell")),
            quantity=D(self.rng.randrange(1, 200)) / 100,
            price=self.price[venue, market, "mark"].quantize(D("0.01")),
            fee=D(self.rng.randrange(0, 500)) / 100,
            kind=self.rng.choice(("trade", "trade", "liquidation", "adl")),
            position_side=self.rng.choice((None, "long", "short")),
            leverage=D(10),
        )

    def _order(self):
        return OrderChange(
            stamp=self.stamp("accounts"),
            account=self._any(),
            order_id=f"o{self.rng.randrange(3)}",
            market=self.rng.choice(("BTC", "ETH", "BTCUSDT")),
            side=self.rng.choice(("buy", "sell")),
            quantity=D(self.rng.randrange(0, 3)),
            price=D(self.rng.randrange(1000, 70000)),
        )

    def _lend(self):
        asset, unit = self.rng.choice((("WETH", D("0.1")), ("USDC", D(100))))
        kind = self.rng.choice(("supply", "withdraw", "borrow", "repay", "liquidation"))
        everything = self.rng.random() < 0.05
        return LendingAction(
            stamp=self.stamp("accounts"),
            account=self._any(),
            kind=kind,
            asset="USDC" if kind in ("repay", "liquidation") else asset,
            amount=D("Infinity") if everything else unit * self.rng.randrange(1, 30),
            collateral_asset="WETH" if kind == "liquidation" else None,
        )

    def _setting(self):
        kind, market, value = self.rng.choice(
            (
                ("leverage", "BTC", str(self.rng.randrange(1, 20))),
                ("collateral_enabled", "WETH", self.rng.choice(("true", "false"))),
                ("position_mode", None, "hedge"),
                ("emode", None, str(self.rng.randrange(0, 2))),
            )
        )
        return Setting(stamp=self.stamp("accounts"), account=self._any(), kind=kind, market=market, value=value)

    def _index(self):
        if self.rng.random() < 0.5:
            self.funding += D(self.rng.randrange(-30, 31))
            key, value, rate = ("generic", "BTC", "funding"), self.funding, D(0)
        else:
            key = self.rng.choice(sorted(self.index))
            self.index[key][0] += self.index[key][0] * self.rng.randrange(0, 30) // 10_000
            value, rate = map(D, self.index[key])
        return IndexUpdate(stamp=self.stamp("prices"), venue=key[0], asset=key[1], kind=key[2], value=value, rate=rate)

    def _parameters(self):
        if self.rng.random() < 0.5:
            rate = f"0.0{self.rng.randrange(45, 60)}"
            overlay = {self.rng.choice(("BTC", "*")): {"maintenance_rate": rate}}
            return ParameterChange(
                stamp=self.stamp("prices"), rules="generic/derivatives", name="perps", overlay=overlay
            )
        overlay = {"WETH": {"liquidation_threshold": f"0.8{self.rng.randrange(0, 5)}"}}
        rules, name = self.rng.choice((("generic/lending", "loans"), ("aave/3.6", None)))
        return ParameterChange(stamp=self.stamp("prices"), rules=rules, name=name, overlay=overlay)

    def _snapshot(self):
        account = self.account()
        if self.rng.random() < 0.5:
            account = replace(account, id=self._any())
        if self.rng.random() < 0.2 and account.positions:
            strange = replace(account.positions[0], market="DOGEUSDT" if "binance" in account.rules else "DOGE")
            account = replace(account, positions=(*account.positions, strange))
        return AccountSnapshot(stamp=self.stamp("accounts"), account=account)

    def _closed(self):
        return AccountClosed(stamp=self.stamp("accounts"), account=self._any())

    def _operator(self):
        kind = self.rng.choice(("acknowledge", "release"))
        account = self._any() if kind == "acknowledge" else None
        return OperatorAction(stamp=self.stamp("operator"), kind=kind, by="ada", account=account)

    def _nonsense(self):
        return self.rng.choice(
            (
                PriceFrame(stamp=self.stamp("prices"), prices={("generic", "BTC", "mark"): D("-5")}),
                PriceFrame(stamp=self.stamp("prices"), prices={("generic", "DOGE", "mark"): D("0.1")}),
                Transfer(
                    stamp=self.stamp("accounts"), account=self._any(), kind="fee", asset="USD", amount=D("-Infinity")
                ),
                Transfer(
                    stamp=Stamp(source="accounts", source_sequence=1),
                    account="a1",
                    kind="fee",
                    asset="USD",
                    amount=D(9),
                ),
            )
        )
