"""The rule set's side of a walk: two vault types under one limit, their vaults and auctions, moved by its functions."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random

from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.market import Index, Market, Quote
from marginbook.exact import RAY, WAD, from_raw
from marginbook.venues.maker import auction, vat
from marginbook.venues.maker.auction import Sale
from marginbook.venues.maker.holdings import TOTAL_ART, VENUE
from marginbook.venues.maker.parameters import SYSTEM, Ilk, Parameters
from marginbook.venues.maker.planning import DIRT
from marginbook.venues.maker.vat import Revert, Urn

USERS = ("ann", "bob", "cid", "dot")
TYPES = ("ETH-A", "ETH-B")
START = 1_717_000_000
RAD = 10**45
PURSE = 10**33
"""Collateral of each type that a user has at first [wad]."""
WEALTH = 10**15 * RAD
"""DAI that the keeper has at first."""
GONE = "Clipper/not-running-auction"
ARITHMETIC = "arithmetic"
CURVES = (
    {"curve": "stairstep", "step": 90, "cut": 99 * RAY // 100},
    {"curve": "linear", "tau": 9_000},
    {"curve": "exponential", "cut": 999_900_000_000_000_000_000_000_000},
    {"curve": "stairstep", "step": 7, "cut": 995 * RAY // 1_000},
)
Call = tuple[str, str, list[int]]
"""(kind, "type/user" or "type" or "", numbers)."""


@dataclass
class Kind:
    """One vault type as it stands."""

    ilk: Ilk
    duty: int
    rho: int
    rate: int = RAY
    total_art: int = 0
    dirt: int = 0
    kicks: int = 0
    urns: dict[str, Urn] = field(default_factory=dict)
    sales: dict[int, Sale] = field(default_factory=dict)
    owner: dict[int, str] = field(default_factory=dict)
    gem: dict[str, int] = field(default_factory=dict)  # [wad] of users and the keeper, outside vaults


@dataclass
class System:
    """Everything that the contracts keep."""

    par: int
    hole: int
    price: int
    time: int
    kinds: dict[str, Kind]
    dirt: int = 0
    dai: dict[str, int] = field(default_factory=dict)  # [rad] of users, the keeper and the vow
    sin: int = 0  # [rad] of the vow

    def spot(self, name: str) -> int:
        """[ray]."""
        return vat.spot_of(self.price, self.par, self.kinds[name].ilk.mat)

    def do(self, call: Call) -> str | None:
        """Why the call was refused, or None; a refused call leaves everything as it was."""
        kind, whom, numbers = call
        name, _, who = whom.partition("/")
        try:
            getattr(self, kind)(*([name] if name else []), *([who] if who else []), *numbers)
        except Revert as refused:
            return refused.reason
        return None

    def wait(self, seconds: int) -> None:
        self.time += seconds

    def move(self, price: int) -> None:
        self.price = price

    def target(self, par: int) -> None:
        self.par = par

    def limit(self, hole: int) -> None:
        self.hole = hole

    def file(self, name: str, place: int, value: int) -> None:
        """One of `FILED`."""
        kind = self.kinds[name]
        kind.ilk = replace(kind.ilk, **{FILED[place]: value if FILED[place] != "liquidations" else bool(value)})

    def duty(self, name: str, per_second: int) -> None:
        self.drip(name)
        self.kinds[name].duty = per_second

    def drip(self, name: str) -> None:
        k = self.kinds[name]
        rate = vat.dripped(k.rate, k.duty, self.time - k.rho)
        self._pay("vow", k.total_art * (rate - k.rate))
        k.rate, k.rho = rate, self.time

    def frob(self, name: str, who: str, dink: int, dart: int) -> None:
        k = self.kinds[name]
        k.urns[who] = vat.frob(k.urns[who], k.ilk, k.rate, self.spot(name), dink, dart, k.total_art)
        k.total_art += dart
        k.gem[who] -= dink
        self._pay(who, dart * k.rate)

    def draw(self, name: str, who: str, amount: int) -> None:
        """DAI [wad] as the proxies draw it, after a drip; the drip is undone with a refused draw."""
        k = self.kinds[name]
        rate = vat.dripped(k.rate, k.duty, self.time - k.rho)
        vat.frob(k.urns[who], k.ilk, rate, self.spot(name), 0, vat.drawn(amount, rate), k.total_art)
        self.drip(name)
        self.frob(name, who, 0, vat.drawn(amount, rate))

    def bark(self, name: str, who: str) -> None:
        k, urn = self.kinds[name], self.kinds[name].urns[who]
        found = auction.bark(urn, k.ilk, k.rate, self.spot(name), self.hole, self.dirt, k.dirt)
        sale, coin = auction.kick(found, k.ilk, self.price, self.par, self.time)
        k.urns[who] = vat.grabbed(urn, found.dink, found.dart)
        k.total_art -= found.dart
        self._raise(k, found.tab)
        self.sin += found.due + coin
        self._pay("keeper", coin)
        k.kicks += 1
        k.sales[k.kicks], k.owner[k.kicks] = sale, who

    def take(self, name: str, which: int, amount: int, most: int) -> None:
        k = self.kinds[name]
        found = auction.take(_sale(k, which), k.ilk, amount, most, self.time)
        self._raise(k, -found.digs)
        self._pay("keeper", -found.owe)
        self._pay("vow", found.owe)
        k.gem["keeper"] += found.slice
        if found.sale is None:
            k.gem[k.owner.pop(which)] += found.returned
            del k.sales[which]
        else:
            k.sales[which] = found.sale

    def redo(self, name: str, which: int) -> None:
        k = self.kinds[name]
        k.sales[which], coin = auction.redo(_sale(k, which), k.ilk, self.price, self.par, self.time)
        self.sin += coin
        self._pay("keeper", coin)

    def _pay(self, who: str, amount: int) -> None:
        self.dai[who] = self.dai.get(who, 0) + amount

    def _raise(self, k: Kind, amount: int) -> None:
        self.dirt += amount
        k.dirt += amount

    def numbers(self) -> dict[str, int]:
        """Label -> every number that the contracts show."""
        found = {"Dirt": self.dirt, "sin": self.sin, **{f"dai {who}": n for who, n in self.dai.items()}}
        for name, k in self.kinds.items():
            found |= {f"{name} Art": k.total_art, f"{name} rate": k.rate, f"{name} spot": self.spot(name)}
            found |= {f"{name} rho": k.rho, f"{name} dirt": k.dirt, f"{name} kicks": k.kicks}
            found |= {f"{name} chost": auction.least_left(k.ilk), f"{name} count": len(k.sales)}
            for who in USERS:
                found |= {f"{name} ink {who}": k.urns[who].ink, f"{name} art {who}": k.urns[who].art}
            found |= {f"{name} gem {who}": n for who, n in k.gem.items()}
            for which, sale in k.sales.items():
                at = f"{name} {which}"
                found |= {f"{at} tab": sale.tab, f"{at} lot": sale.lot, f"{at} top": sale.top, f"{at} tic": sale.tic}
                found[f"{at} done"] = int(auction.needs_reset(sale, k.ilk, self.time))
                found[f"{at} price"] = auction.price_at(k.ilk, sale.top, self.time - sale.tic)
        return found


def _sale(k: Kind, which: int) -> Sale:
    if which not in k.sales:
        raise Revert(GONE)
    return k.sales[which]


FILED = ("mat", "dust", "chop", "hole", "line", "buf", "tail", "cusp", "chip", "tip", "liquidations")
"""What governance changes in a walk."""


def system(seed: int) -> System:
    """The start of a seed: two vault types with different curves."""
    random = Random(seed)
    kinds = {}
    for place, name in enumerate(TYPES):
        ilk = Ilk(
            name=name,
            collateral="ETH",
            mat=random.choice([145, 160, 160, 101]) * RAY // 100 + random.choice([0, 0, 12_345_678_901]),
            dust=random.choice([7_500, 7_500, 25_000, 0]) * RAD,
            chop=random.choice([113, 105, 100]) * WAD // 100,
            hole=random.choice([400_000, 1_000_000]) * RAD,
            buf=random.choice([110, 120, 130]) * RAY // 100,
            tail=random.choice([7_200, 8_400]),
            cusp=random.choice([45, 40, 40, 0]) * RAY // 100,
            chip=WAD // random.choice([1_000, 777]),
            tip=random.choice([250, 0]) * RAD,
            line=10_000_000 * RAD,
            **CURVES[(seed + place) % len(CURVES)],  # type: ignore[arg-type]
        )
        kind = Kind(ilk, random.choice([RAY + 1547125957863212448, RAY + 705562181084137268, RAY, RAY]), START)
        kind.urns = dict.fromkeys(USERS, Urn(0, 0))
        kind.gem = {**dict.fromkeys(USERS, PURSE), "keeper": 0}
        kinds[name] = kind
    par = random.choice([RAY, RAY, 1_012_345_678_901_234_567_890_123_456])
    dai = {**dict.fromkeys(USERS, 0), "keeper": WEALTH, "vow": 0}
    price = 3_000 * WAD + random.randrange(WAD)
    return System(par, 700_000 * RAD, price, START, kinds, dai=dai, sin=WEALTH)


def book(s: System, name: str, who: str, fresh: bool) -> tuple[Account, Market]:
    """A vault as an account of a book, whose answers are those after a drip (fresh) or at the stored rate."""
    k = s.kinds[name]
    urn = k.urns[who]
    account = Account(
        id=who,
        rules="maker/dss",
        collateral=(Collateral(asset="ETH", amount=from_raw(urn.ink, 18), pool=name),) if urn.ink else (),
        debt=(Debt(asset="DAI", scaled_raw=urn.art, pool=name),),
    )
    state: dict[tuple[str, str, str], int | Decimal] = {
        (VENUE, SYSTEM, DIRT): s.dirt,
        (VENUE, name, DIRT): k.dirt,
        (VENUE, name, TOTAL_ART): k.total_art,
    }
    return account, Market(
        quotes={(VENUE, "ETH", "oracle"): Quote(from_raw(s.price, 18))},
        indices={(VENUE, name, "borrow"): Index(k.rate, k.duty if fresh else 0, k.rho)},
        state=state,
    )


def terms(s: System) -> Parameters:
    """The system's parameters."""
    ilks = {name: kind.ilk for name, kind in s.kinds.items()}
    return Parameters(ilks=ilks, source="bench", as_of=None, at=0, hole=s.hole, par=s.par)
