"""The rule set's side of a walk: three accounts of one vault, moved by its functions, each also as one of a book."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import RAY, WAD, from_raw, mul_div_ceil, mul_div_floor
from marginbook.venues.euler import vault
from marginbook.venues.euler.holdings import ASSETS, CASH, LAST_CHECK, SHARES, VENUE
from marginbook.venues.euler.math import VIRTUAL_AMOUNT, accrued, ramped
from marginbook.venues.euler.parameters import CollateralTerms, Parameters, Terms
from marginbook.venues.euler.vault import Loan, Prices, Revert

USERS = ("ann", "bob", "cid")
NAMES = ("eONE", "eTWO")
VAULT, ASSET = "eTST", "TST"
START = 1_725_000_000
PURSE = 10**30
"""Tokens of each kind that everybody has at first."""
LENT = {"eTST": 50_000_000, "eONE": 2_000, "eTWO": 2_000}
"""Whole tokens that the lender puts into each vault at first."""
OF_USER = (
    "owed exactly",
    "debt",
    "last check",
    "eONE",
    "eTWO",
    "supports",
    "liability",
    "supports borrowing",
    "liability when borrowing",
    "repay of eONE",
    "yield of eONE",
    "repay of eTWO",
    "yield of eTWO",
)
OF_ALL = ("accumulator", "cash", "liquidator eONE", "liquidator eTWO", "liquidator's debt")
LABELS = tuple(f"{user} {name}" for user in USERS for name in OF_USER) + OF_ALL
Call = tuple[str, str, list[int]]
"""(kind, account or name, numbers)."""


@dataclass(frozen=True)
class Scene:
    """What a seed chooses."""

    decimals: tuple[int, int, int]  # of TST, ONE, TWO
    terms: Terms
    rate: int  # [ray per second]
    other_rate: int  # of the vault eONE
    prices: dict[str, int]  # mid, wad per token


def scene(seed: int) -> Scene:
    """Decimals, discount, cool-off and interest of a seed."""
    random = Random(seed)
    decimals = random.choice([(6, 18, 8), (18, 6, 18), (8, 18, 6), (18, 18, 18), (6, 8, 18)])
    terms = Terms(
        asset=ASSET,
        decimals=decimals[0],
        max_discount=random.choice([1_500, 2_000, 500, 9_000]),
        cool_off=random.choice([0, 1, 30]),
        socialize=random.random() < 0.7,
        two_sided=True,
    )
    prices = {"TST": random.choice([WAD, 3 * WAD + 7]), "ONE": 3_000 * WAD + random.randrange(WAD), "TWO": 600 * WAD}
    rate = random.choice([3170979198376458650, 15_000_000_000_000_000_000, 0])
    return Scene(decimals, terms, rate, 2 * 3170979198376458650, prices)


@dataclass
class Model:
    """Three accounts of one vault."""

    scene: Scene
    time: int = START
    stored: tuple[int, int] = (RAY, START)  # accumulator, as of when
    accumulator: int = RAY
    cash: int = 0
    loans: dict[str, Loan] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    assumed: tuple[int, int] = (0, RAY)  # what the liquidator owes [2^-31 units], as of which accumulator

    def __post_init__(self) -> None:
        self.cash = LENT[VAULT] * 10 ** self.scene.decimals[0]
        prices = {asset: Prices(mid, mid, mid) for asset, mid in self.scene.prices.items()}
        terms, totals = self.scene.terms, {}
        for place, name in enumerate(NAMES):
            decimals = self.scene.decimals[place + 1]
            first = CollateralTerms(asset=name[1:], decimals=decimals, borrow_ltv=8_000, liquidation_ltv=8_500)
            terms = replace(terms, collaterals={**terms.collaterals, name: first})
            totals[name] = (LENT[name] * 10**decimals,) * 2
        empty = Loan(terms=terms, time=START, balances=dict.fromkeys(NAMES, 0), totals=totals, prices=prices)
        self.loans = {who: replace(empty, last_check=START, cash=self.cash) for who in USERS}

    @property
    def any(self) -> Loan:
        """A loan, for what all of them share."""
        return self.loans[USERS[0]]

    def all(self, **changes: Any) -> None:
        """A change of what all accounts share."""
        self.loans = {who: replace(loan, **changes) for who, loan in self.loans.items()}

    def do(self, call: Call) -> str | None:
        """Why the call was refused, or None; a refused call leaves everything as it was."""
        kind, who, numbers = call
        before = dict(self.loans)
        try:
            getattr(self, kind)(who, *numbers)
        except Revert as revert:
            self.loans = before
            return revert.reason
        if kind in ("borrow", "repay", "liquidate"):
            self.stored = (self.accumulator, self.time)
            self.cash = self.loans[who].cash or 0
            self.all(cash=self.cash)
        return None

    def wait(self, _: str, seconds: int) -> None:
        self.time += seconds
        self.accumulator = accrued(self.stored[0], self.scene.rate, self.time - self.stored[1])
        self.all(time=self.time, accumulator=self.accumulator)

    def price(self, asset: str, mid: int, bid: int, ask: int) -> None:
        self.all(prices={**self.any.prices, asset: Prices(mid, bid, ask)})

    def totals(self, name: str, assets: int, shares: int) -> None:
        """What a collateral's vault has now: a book states it."""
        self.all(totals={**self.any.totals, name: (assets, shares)})

    def ltv(self, name: str, borrow: int, liquidation: int, ramp: int) -> None:
        known = self.any.terms.collaterals
        old = known[name]
        new = replace(
            old,
            borrow_ltv=borrow,
            liquidation_ltv=liquidation,
            initial_liquidation_ltv=self.ltv_of(name),
            ramp_end=self.time + ramp,
            ramp_seconds=ramp,
        )
        self.all(terms=replace(self.any.terms, collaterals={**known, name: new}))

    def ltv_of(self, name: str) -> int:
        """Liquidation LTV now [1e-4]."""
        old = self.any.terms.collaterals[name]
        return ramped(old.liquidation_ltv, old.initial_liquidation_ltv, old.ramp_end, old.ramp_seconds, self.time)

    def supply(self, who: str, place: int, units: int) -> None:
        assets, shares = self.any.totals[NAMES[place]]
        balance = mul_div_floor(units, shares + VIRTUAL_AMOUNT, assets + VIRTUAL_AMOUNT)
        vault.check_supply(units, balance)
        self._move(who, place, units, balance)

    def withdraw(self, who: str, place: int, units: int) -> None:
        """Tokens."""
        assets, shares = self.any.totals[NAMES[place]]
        self._move(who, place, -units, -mul_div_ceil(units, shares + VIRTUAL_AMOUNT, assets + VIRTUAL_AMOUNT))

    def redeem(self, who: str, place: int, balance: int) -> None:
        """Shares."""
        name, loan = NAMES[place], self.loans[who]
        vault.check_redeemed(vault.share_value(balance, *loan.totals[name]), balance)
        self.loans[who] = replace(vault.redeemed(loan, name, balance), last_check=self.time)
        self.all(totals=self.loans[who].totals)

    def _move(self, who: str, place: int, units: int, balance: int) -> None:
        name, loan = NAMES[place], self.loans[who]
        assets, shares = loan.totals[name]
        totals = {**loan.totals, name: (assets + units, shares + balance)}
        loan = replace(loan, totals=totals)
        if balance > 0:
            loan = vault.supplied(loan, name, balance)
        else:
            loan = replace(vault.withdrawn(loan, name, -balance), last_check=self.time)
        self.loans[who] = loan
        self.all(totals=totals)

    def borrow(self, who: str, amount: int) -> None:
        self.loans[who] = vault.borrowed(self.loans[who], amount)

    def repay(self, who: str, amount: int) -> None:
        self.loans[who] = vault.repaid(self.loans[who], amount)

    def liquidate(self, who: str, place: int, repay: int) -> None:
        before = self.loans[who]
        after, found, lost = vault.liquidated(before, NAMES[place], None if repay < 0 else repay)
        self.taken[NAMES[place]] += found.taken
        if found.repaid:
            owed = vault.owed_now(self.assumed[0], self.accumulator, self.assumed[1])
            self.assumed = (owed + vault.moved_debt(before, found.repaid), self.accumulator)
        assert lost == 0 or not after.owed
        self.loans[who] = after

    def numbers(self) -> list[int]:
        """Everything that the contracts show, in the order of `LABELS`; −1 where a view is refused."""
        found = []
        for loan in self.loans.values():
            found += [loan.owed_exactly, loan.debt, loan.last_check or 0, *(loan.balances[name] for name in NAMES)]
            found += [loan.supports(), loan.liability(), loan.supports(False), loan.liability(False)]
            for name in NAMES:
                try:
                    call = vault.largest(loan, name)
                    found += [call.repaid, call.taken]
                except Revert:
                    found += [-1, -1]
        owed = vault.owed_now(self.assumed[0], self.accumulator, self.assumed[1])
        return [*found, self.accumulator, self.cash, *self.taken.values(), owed]


def parameters(m: Model) -> Parameters:
    """The vault's terms now."""
    return Parameters(vaults={VAULT: m.any.terms}, source="bench", as_of=None, at=0)


def book(m: Model, who: str) -> tuple[Account, Market]:
    """One account of the vault as an account of a book."""
    loan = m.loans[who]
    held = [Collateral(asset=name, scaled_raw=n, pool=VAULT) for name, n in loan.balances.items() if n]
    owed = []
    if loan.owed:
        details = {LAST_CHECK: str(loan.last_check)}
        index = loan.user_accumulator
        owed = [Debt(asset=ASSET, scaled_raw=loan.owed, index_raw=index, pool=VAULT, details=details)]
    account = Account(id=who, rules="euler/2", collateral=tuple(held), debt=tuple(owed))
    quotes, state = {}, {(VENUE, VAULT, CASH): m.cash}
    for asset, p in loan.prices.items():
        for kind, raw in (("oracle", p.mid), ("min", p.bid), ("max", p.ask)):
            quotes[VENUE, asset, kind] = Quote(from_raw(raw, 18))
    for name, (assets, shares) in loan.totals.items():
        state |= {(VENUE, name, ASSETS): assets, (VENUE, name, SHARES): shares}
    held_state: dict[tuple[str, str, str], int | Decimal] = dict(state)
    indices = {(VENUE, VAULT, "borrow"): Index(m.stored[0], m.scene.rate, m.stored[1])}
    return account, Market(quotes=quotes, indices=indices, state=held_state)
