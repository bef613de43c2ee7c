"""The two markets of perps v2 that the walks start from, and what a walk may do in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from marginbook.domain.account import Account
from marginbook.domain.events import Stamp
from marginbook.domain.market import Market, Quote
from marginbook.exact import from_raw
from marginbook.venues.registry import rule_set
from marginbook.venues.synthetix.v2.risk import holdings

USERS = ("ann", "bob", "cid", "dot")
FLAGGER, KEEPER, ENDORSED, POOL = "flagger", "keeper", "endorsed", "fee pool"
PAID = (FLAGGER, KEEPER, ENDORSED, POOL)
RICH = 10**26
START = 1_700_000_000
RULES = rule_set("synthetix/2").module
OVERLAY: dict[str, dict[str, str]] = {
    "system": {
        "min_keeper_fee": "2",
        "max_keeper_fee": "57.5",
        "liquidation_fee_ratio": "0.0035",
        "keeper_liquidation_fee": "3.000000000000000001",
        "min_initial_margin": "40",
    },
    "ETH": {
        "skew_scale": "10000",
        "liquidation_buffer_ratio": "0.01",
        "liquidation_premium_multiplier": "1.5",
        "max_leverage": "25",
        "max_liquidation_delta": "0.0025",
        "max_pd": "0.0028",
        "max_funding_velocity": "9",
        "maker_fee_atomic": "0.0005",
        "taker_fee_atomic": "0.001",
        "maker_fee_delayed": "0.0004",
        "taker_fee_delayed": "0.0009",
        "maker_fee": "0.0002",
        "taker_fee": "0.0006",
        "max_market_size": "60",
    },
    "ODD": {
        "skew_scale": "333333333.333333333333333333",
        "liquidation_buffer_ratio": "0.0175",
        "liquidation_premium_multiplier": "11.3",
        "max_leverage": "10.5",
        "max_liquidation_delta": "0.005",
        "max_pd": "0.0042",
        "max_funding_velocity": "3.7",
        "maker_fee_atomic": "0.000333333333333333",
        "taker_fee_atomic": "0.000777777777777777",
        "maker_fee_delayed": "0",
        "taker_fee_delayed": "0.01",
        "maker_fee": "0.000123456789012345",
        "taker_fee": "0.000654321098765432",
        "max_market_size": "2500000",
    },
}
MARKETS = ("ETH", "ODD")
PRICES = {"ETH": 1_871_234_567_890_123_456_789, "ODD": 71_234_567_890_123_456}
PARAMETERS = RULES.parameters("2", 0, OVERLAY)
PROBES = {"ETH": 7_654_321_098_765_432_109, "ODD": 123_456_789_012_345_678_901_234}
"""Sizes at which fill prices and fees are asked."""
STAMP = Stamp()


@dataclass(frozen=True, kw_only=True)
class Action:
    """One call, or a move of time, price or dynamic fee."""

    kind: str
    user: str = ""
    market: str = ""
    amount: int = 0
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class World:
    """The two markets, an account for every user in each of them, and everybody's balances."""

    market: Market
    time: int = START
    accounts: Mapping[tuple[str, str], Account] = field(default_factory=dict)
    usd: Mapping[str, int] = field(default_factory=dict)
    flaggers: Mapping[tuple[str, str], str] = field(default_factory=dict)
    submitted: Mapping[tuple[str, str], int] = field(default_factory=dict)  # when each delayed order was [s]
    published: Mapping[str, int] = field(default_factory=dict)  # latest off-chain price of a market [s]

    @property
    def at(self) -> int:
        """Now [µs UTC]."""
        return self.time * 10**6

    def account(self, user: str, market: str) -> Account:
        """The account of a user in a market."""
        return self.accounts[user, market]

    def with_account(self, user: str, market: str, account: Account) -> "World":
        """Another account in its place."""
        return replace(self, accounts={**self.accounts, (user, market): account})

    def paid(self, **amounts: int) -> "World":
        """Balances after payments."""
        return replace(self, usd={**self.usd, **{name: self.usd[name] + amount for name, amount in amounts.items()}})


def scene() -> World:
    """Empty markets, rich users."""
    state: dict[tuple[str, str, str], int | Decimal] = {}
    for name in MARKETS:
        state["synthetix", name, "funding_time"] = 0
        state["synthetix", name, "market_size"] = Decimal(0)
    quotes = {("synthetix", name, "oracle"): Quote(from_raw(price, 18)) for name, price in PRICES.items()}
    accounts = {(u, m): Account(id=f"{u} {m}", rules="synthetix/2") for u in USERS for m in MARKETS}
    usd = {**dict.fromkeys(USERS, RICH), **dict.fromkeys(PAID, 0)}
    return World(market=Market(quotes=quotes, state=state), accounts=accounts, usd=usd)


def pool_in(account: Account) -> str | None:
    """The pool of the account's position, if it has one."""
    held = next(holdings(account, PARAMETERS), None)
    return held.pool if held else None


class Disagreement(AssertionError):
    """The rule set contradicts itself."""
