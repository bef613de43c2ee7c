"""A deployed system that takes the model's calls and shows every number that the model has."""

from dataclasses import dataclass
from typing import Any

from eth_abi import decode
from tools.chain import Chain, Reverted, calldata

from maker_bench.scene import ARITHMETIC, FILED, START, TYPES, USERS, WEALTH, Call, System

KEEPER = "0x000000000000000000000000000000000000bEEF"
WHOLE = 2**256 - 1
ADDRESSES = {who: f"0x{place + 0xA11CE00:040x}" for place, who in enumerate(USERS)} | {"keeper": KEEPER}
CURVE = {
    "linear": ("LinearDecrease", ("tau",)),
    "stairstep": ("StairstepExponentialDecrease", ("step", "cut")),
    "exponential": ("ExponentialDecrease", ("cut",)),
}
OF_SALE = ("tab", "lot", "tic", "top")


def named(text: str) -> bytes:
    """A bytes32."""
    return text.encode().ljust(32, b"\0")


def reason_of(data: bytes) -> str:
    """The text of a refusal; checked arithmetic has none."""
    return data[68 : 68 + int.from_bytes(data[36:68], "big")].decode() if data else ARITHMETIC


@dataclass(kw_only=True)
class Deployed:
    """Addresses of one system; `Clipper` and `calc` by vault type."""

    chain: Chain
    at: dict[str, str]

    def do(self, call: Call) -> str | None:
        """Why the call was refused, or None."""
        kind, whom, numbers = call
        name, _, who = whom.partition("/")
        try:
            self._call(kind, name, who, numbers)
        except Reverted as refused:
            return reason_of(refused.data)
        return None

    def _call(self, kind: str, name: str, who: str, n: list[int]) -> None:
        chain, at, ilk, user = self.chain, self.at, named(name), ADDRESSES.get(who, KEEPER)
        match kind:
            case "wait":
                chain.set_time(chain.time + n[0])
            case "move":
                chain.call(at["Feed"], "set(uint256)", n[0])
                self.poke()
            case "target":
                chain.call(at["Spotter"], "file(bytes32,uint256)", named("par"), n[0])
                self.poke()
            case "limit":
                chain.call(at["Dog"], "file(bytes32,uint256)", named("Hole"), n[0])
            case "file":
                self.file(name, FILED[n[0]], n[1])
            case "duty":
                chain.call(at["Jug"], "drip(bytes32)", ilk)
                chain.call(at["Jug"], "file(bytes32,bytes32,uint256)", ilk, named("duty"), n[0])
            case "drip":
                chain.call(at["Jug"], "drip(bytes32)", ilk)
            case "frob":
                signature = "frob(bytes32,address,address,address,int256,int256)"
                chain.call(at["Vat"], signature, ilk, user, user, user, *n, sender=user)
            case "draw":
                chain.call(at["Probe"], "draw(bytes32,address,uint256,bool)", ilk, user, n[0], True)
            case "bark":
                chain.call(at["Dog"], "bark(bytes32,address,address)", ilk, user, KEEPER, sender=KEEPER)
            case "take":
                signature = "take(uint256,uint256,uint256,address,bytes)"
                chain.call(at[name], signature, *n, KEEPER, b"", sender=KEEPER)
            case "redo":
                chain.call(at[name], "redo(uint256,address)", n[0], KEEPER, sender=KEEPER)

    def file(self, name: str, what: str, value: int) -> None:
        """One parameter of a type, and what is kept of it elsewhere."""
        of_type = "file(bytes32,bytes32,uint256)"
        match what:
            case "mat":
                self.chain.call(self.at["Spotter"], of_type, named(name), named(what), value)
                self.poke()
            case "dust" | "line":
                self.chain.call(self.at["Vat"], of_type, named(name), named(what), value)
            case "chop" | "hole":
                self.chain.call(self.at["Dog"], of_type, named(name), named(what), value)
            case "liquidations":
                self.chain.call(self.at[name], "file(bytes32,uint256)", named("stopped"), 0 if value else 1)
            case _:
                self.chain.call(self.at[name], "file(bytes32,uint256)", named(what), value)
        if what in ("dust", "chop"):
            self.chain.call(self.at[name], "upchost()")

    def poke(self) -> None:
        """The spot price of every type."""
        for name in TYPES:
            self.chain.call(self.at["Spotter"], "poke(bytes32)", named(name))

    def tried(self, questions: list[tuple[str, str, bool, int, int]]) -> list[list[bytes]]:
        """Per (type, user, after a drip, DAI to draw, collateral to free): a bark, the draws and withdrawals, undone.

        Of both amounts: that and one unit more.
        """
        calls = []
        for name, who, drips, draw, free in questions:
            ilk, user = named(name), ADDRESSES[who]
            calls.append(calldata("bark(address,bytes32,address,bool)", self.at[name], ilk, user, drips))
            for amount, frees in ((draw, False), (draw + 1, False), (free, True), (free + 1, True)):
                calls.append(calldata("moved(bytes32,address,uint256,bool,bool)", ilk, user, amount, frees, drips))
        raw = self.chain.call(self.at["Probe"], "all(bytes[])", calls)
        found = list(decode(["bytes[]"], raw)[0])
        return [found[i : i + 5] for i in range(0, len(found), 5)]

    def numbers(self) -> dict[str, int]:
        """What `System.numbers` has."""
        chain, at = self.chain, self.at
        vat, vow = at["Vat"], at["Vow"]

        def one(contract: str, signature: str, *arguments: Any) -> list[int]:
            return chain.words(at[contract], calldata(signature, *arguments))

        found = {"Dirt": one("Dog", "Dirt()")[0], "sin": one("Vat", "sin(address)", vow)[0]}
        holders = {**ADDRESSES, "vow": vow}
        found |= {f"dai {who}": one("Vat", "dai(address)", address)[0] for who, address in holders.items()}
        for name in TYPES:
            ilk = named(name)
            art, rate, spot, *_ = one("Vat", "ilks(bytes32)", ilk)
            found |= {f"{name} Art": art, f"{name} rate": rate, f"{name} spot": spot}
            found |= {
                f"{name} rho": one("Jug", "ilks(bytes32)", ilk)[1],
                f"{name} dirt": one("Dog", "ilks(bytes32)", ilk)[3],
            }
            found |= {f"{name} {what}": one(name, f"{what}()")[0] for what in ("kicks", "chost", "count")}
            for who, address in ADDRESSES.items():
                if who in USERS:
                    ink, art = chain.words(vat, calldata("urns(bytes32,address)", ilk, address))
                    found |= {f"{name} ink {who}": ink, f"{name} art {who}": art}
                found[f"{name} gem {who}"] = chain.words(vat, calldata("gem(bytes32,address)", ilk, address))[0]
            for which in one(name, "list()")[2:]:
                _, tab, lot, _, tic, top = one(name, "sales(uint256)", which)
                numbers = zip(OF_SALE, (tab, lot, tic, top), strict=True)
                found |= {f"{name} {which} {what}": number for what, number in numbers}
                done, price, *_ = one(name, "getStatus(uint256)", which)
                found |= {f"{name} {which} done": done, f"{name} {which} price": price}
        return found


def deploy(contracts: dict[str, Any], s: System) -> Deployed:
    """The same system on chain: all contracts are the venue's but the feed, the keeper and the probe."""
    chain = Chain(START)
    at = {name: chain.deploy(contracts[name]) for name in ("Vat", "Feed")}
    at |= {name: chain.deploy(contracts[name], ["address"], [at["Vat"]]) for name in ("Jug", "Spotter", "Dog")}
    dead = [f"0x{place:040x}" for place in (0xDEAD1, 0xDEAD2)]  # surplus and debt auctions, never called
    at["Vow"] = chain.deploy(contracts["Vow"], ["address"] * 3, [at["Vat"], *dead])
    at["Probe"] = chain.deploy(contracts["Probe"], ["address"] * 3, [at["Vat"], at["Jug"], at["Dog"]])
    deployed = Deployed(chain=chain, at=at)
    of_all, of_type, address_of_type = (
        "file(bytes32,uint256)",
        "file(bytes32,bytes32,uint256)",
        "file(bytes32,bytes32,address)",
    )
    for contract in ("Jug", "Spotter", "Dog"):
        chain.call(at["Vat"], "rely(address)", at[contract])
    chain.call(at["Vow"], "rely(address)", at["Dog"])
    for contract in ("Jug", "Dog"):
        chain.call(at[contract], "file(bytes32,address)", named("vow"), at["Vow"])
    chain.call(at["Vat"], of_all, named("Line"), 2**250)
    chain.call(at["Dog"], of_all, named("Hole"), s.hole)
    chain.call(at["Spotter"], of_all, named("par"), s.par)
    chain.call(at["Feed"], "set(uint256)", s.price)
    for name, kind in s.kinds.items():
        ilk = named(name)
        chain.call(at["Vat"], "init(bytes32)", ilk)
        chain.call(at["Jug"], "init(bytes32)", ilk)
        chain.call(at["Jug"], of_type, ilk, named("duty"), kind.duty)
        chain.call(at["Spotter"], address_of_type, ilk, named("pip"), at["Feed"])
        types = ["address", "address", "address", "bytes32"]
        at[name] = chain.deploy(contracts["Clipper"], types, [at["Vat"], at["Spotter"], at["Dog"], ilk])
        contract, terms = CURVE[kind.ilk.curve]
        curve = chain.deploy(contracts[contract])
        for what in terms:
            chain.call(curve, of_all, named(what), getattr(kind.ilk, what))
        for what, address in (("vow", at["Vow"]), ("calc", curve)):
            chain.call(at[name], "file(bytes32,address)", named(what), address)
        chain.call(at["Dog"], address_of_type, ilk, named("clip"), at[name])
        for contract, other in ((name, at["Dog"]), ("Dog", at[name]), ("Vat", at[name])):
            chain.call(at[contract], "rely(address)", other)
        chain.call(at["Spotter"], of_type, ilk, named("mat"), kind.ilk.mat)
        for what in FILED[1:]:
            deployed.file(name, what, int(getattr(kind.ilk, what)))
        for user in (ADDRESSES[who] for who in USERS):
            chain.call(at["Vat"], "slip(bytes32,address,int256)", ilk, user, kind.gem["ann"])
            chain.call(at["Vat"], "hope(address)", at["Probe"], sender=user)
        chain.call(at["Vat"], "hope(address)", at[name], sender=KEEPER)
    chain.call(at["Vat"], "suck(address,address,uint256)", at["Vow"], KEEPER, WEALTH)
    deployed.poke()
    return deployed
