"""Two deployed markets of perps v2 that take the model's actions and show every number the model has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from eth_abi import decode, encode
from tools.chain import ADMIN, Chain, Reverted, calldata, selector

from marginbook.venues.synthetix.v2.parameters import Terms
from synthetix_bench.figures_2 import LABELS
from synthetix_bench.scene_2 import (
    ENDORSED,
    FLAGGER,
    KEEPER,
    MARKETS,
    PAID,
    PARAMETERS,
    PROBES,
    RICH,
    USERS,
    Action,
    World,
)
from synthetix_bench.walk_2 import ANY

FEE_ADDRESS = f"0x{0xFEE:040x}"
NO_ADDRESS = "0x" + "0" * 40
VIEWS = (
    "marketKey()",
    "baseAsset()",
    "marketSize()",
    "marketSkew()",
    "assetPrice()",
    "fillPrice(int256)",
    "fundingLastRecomputed()",
    "fundingRateLastRecomputed()",
    "fundingSequence(uint256)",
    "fundingSequenceLength()",
    "positions(address)",
    "marketDebt()",
    "currentFundingRate()",
    "currentFundingVelocity()",
    "unrecordedFunding()",
    "notionalValue(address)",
    "profitLoss(address)",
    "accruedFunding(address)",
    "remainingMargin(address)",
    "accessibleMargin(address)",
    "liquidationPrice(address)",
    "liquidationFee(address)",
    "isFlagged(address)",
    "canLiquidate(address)",
    "orderFee(int256,uint8)",
)
CALLS = {
    "PerpsV2Market": (
        "transferMargin(int256)",
        "withdrawAllMargin()",
        "modifyPosition(int256,uint256)",
        "closePosition(uint256)",
    ),
    "PerpsV2MarketDelayedIntent": ("submitOffchainDelayedOrder(int256,uint256)",),
    "PerpsV2MarketDelayedExecution": (
        "executeOffchainDelayedOrder(address,bytes[])",
        "cancelOffchainDelayedOrder(address)",
    ),
    "PerpsV2MarketLiquidate": (
        "flagPosition(address)",
        "liquidatePosition(address)",
        "forceLiquidatePosition(address)",
    ),
}


def name32(text: str) -> bytes:
    """A name as the contracts keep it."""
    return text.encode().ljust(32, b"\0")


def signed(word: int) -> int:
    """A word as an int256."""
    return word - (1 << 256) if word >> 255 else word


@dataclass(kw_only=True)
class Deployed:
    """Addresses of one deployment, and what it has shown."""

    chain: Chain
    around: str
    proxies: dict[str, str]
    testable: dict[str, str]
    users: dict[str, str]
    executors: list[str] = field(default_factory=list)
    sequence: dict[tuple[str, int], int] = field(default_factory=dict)

    def do(self, action: Action) -> str | None:
        """Why it was refused, or None."""
        chain, user = self.chain, self.users.get(action.user, ADMIN)
        to = self.proxies.get(action.market, "")
        limit = action.limit if action.limit is not None else ANY if action.amount > 0 else 0
        try:
            match action.kind:
                case "time":
                    chain.set_time(chain.time + action.amount)
                case "price":
                    chain.call(self.around, "setPrice(bytes32,uint256)", name32(action.market), action.amount)
                case "dynamic":
                    chain.call(self.around, "setDynamicFee(uint256)", action.amount)
                case "transfer":
                    chain.call(to, "transferMargin(int256)", action.amount, sender=user)
                case "withdraw_all":
                    chain.call(to, "withdrawAllMargin()", sender=user)
                case "order":
                    chain.call(to, "modifyPosition(int256,uint256)", action.amount, limit, sender=user)
                case "close":
                    chain.call(to, "closePosition(uint256)", limit, sender=user)
                case "submit":
                    chain.call(to, "submitOffchainDelayedOrder(int256,uint256)", action.amount, limit, sender=user)
                case "execute":
                    update = price_update(action.market, action.amount, chain.time)
                    call = ("executeOffchainDelayedOrder(address,bytes[])", user, [update])
                    chain.call(to, *call, sender=self.users[KEEPER])
                case "cancel":
                    chain.call(to, "cancelOffchainDelayedOrder(address)", user, sender=self.users[KEEPER])
                case "cancel_own":
                    chain.call(to, "cancelOffchainDelayedOrder(address)", user, sender=user)
                case "flag":
                    chain.call(to, "flagPosition(address)", user, sender=self.users[FLAGGER])
                case "liquidate":
                    chain.call(to, "liquidatePosition(address)", user, sender=self.users[KEEPER])
                case "force":
                    chain.call(to, "forceLiquidatePosition(address)", user, sender=self.users[ENDORSED])
                case "force_by_keeper":
                    chain.call(to, "forceLiquidatePosition(address)", user, sender=self.users[KEEPER])
        except Reverted as refused:
            return str(decode(["string"], refused.data[4:])[0])
        return None

    @cached_property
    def _asked(self) -> bytes:
        """One call for every view."""
        to: list[str] = []
        data: list[bytes] = []

        def ask(address: str, *call: Any) -> None:
            to.append(address)
            data.append(calldata(*call))

        for name, proxy in self.proxies.items():
            for view in ("marketSkew", "marketSize", "fundingLastRecomputed", "fundingRateLastRecomputed"):
                ask(proxy, f"{view}()")
            for view in ("currentFundingRate", "currentFundingVelocity", "unrecordedFunding", "fundingSequenceLength"):
                ask(proxy, f"{view}()")
            ask(proxy, "assetPrice()")
            for change in (PROBES[name], -PROBES[name]):
                ask(proxy, "fillPrice(int256)", change)
            for change in (PROBES[name], -PROBES[name]):
                for kind in range(3):
                    ask(proxy, "orderFee(int256,uint8)", change, kind)
        for user in USERS:
            for name, proxy in self.proxies.items():
                ask(proxy, "positions(address)", self.users[user])
                for view in ("notionalValue", "profitLoss", "accruedFunding", "remainingMargin", "accessibleMargin"):
                    ask(proxy, f"{view}(address)", self.users[user])
                for view in ("liquidationPrice", "liquidationFee", "canLiquidate", "isFlagged"):
                    ask(proxy, f"{view}(address)", self.users[user])
                ask(self.testable[name], "currentLeverage(address)", self.users[user])
        for who in (*USERS, *PAID):
            ask(self.around, "balanceOf(address)", self.users[who])
        return calldata("read(address[],bytes[])", to, data)

    def numbers(self) -> list[int]:
        """Every number that the chain shows, in the order of `LABELS`."""
        raw = self.chain.evm.message_call(ADMIN, self.around, calldata=self._asked, is_static=True, gas=2_000_000_000)
        answers = iter(decode(["bytes[]"], bytes(raw))[0])

        def words() -> list[int]:
            answer = next(answers)
            return [signed(int.from_bytes(answer[i : i + 32], "big")) for i in range(0, len(answer), 32)]

        found: list[int] = []
        for name in self.proxies:
            skew, size, time, recorded, rate, speed, unrecorded, length, price = (words()[0] for _ in range(9))
            found += [skew, size, time, recorded, rate, speed, unrecorded, self._funding(name, length - 1), price]
            found += [words()[0] for _ in range(8)]
        for user in USERS:
            for name in self.proxies:
                _, index, margin, last, position = words()
                shown = [words()[0] for _ in range(5)]
                price, fee, liquidatable, flagged = (words()[0] for _ in range(4))
                found += [margin, last, position, self._funding(name, index) if index else 0, *shown, price, fee]
                found += [int(liquidatable or flagged), flagged, self._liquidation_margin(name, user, position)]
                found.append(words()[0])
        return found + [words()[0] for _ in (*USERS, *PAID)]

    def _funding(self, name: str, index: int) -> int:
        """An entry of the funding sequence, which never changes."""
        key = (name, index)
        if key not in self.sequence:
            view = calldata("fundingSequence(uint256)", index)
            self.sequence[key] = signed(self.chain.words(self.proxies[name], view)[0])
        return self.sequence[key]

    def _liquidation_margin(self, name: str, user: str, size: int) -> int:
        """The contract refuses to show it without a position."""
        if not size:
            return 0
        return self.chain.words(self.testable[name], calldata("liquidationMargin(address)", self.users[user]))[0]

    def labels(self) -> list[str]:
        """What each number is."""
        return LABELS


def price_update(name: str, price: int, time: int) -> bytes:
    """What the package's stand-in for the off-chain oracle takes: a price with 8 decimals."""
    row = "(int64,uint64,int32,uint256)"
    each = (price // 10**10, 0, -8, time)
    return encode([f"(bytes32,{row},{row})"], [(name32(name), each, each)])


def settings_of(terms: Terms) -> tuple[Any, ...]:
    """The struct of `setParameters`."""
    return (
        *(terms.taker_fee_atomic, terms.maker_fee_atomic, terms.taker_fee_delayed, terms.maker_fee_delayed),
        *(terms.taker_fee, terms.maker_fee),
        *(terms.max_leverage, terms.max_market_size, terms.max_funding_velocity, terms.skew_scale),
        *(2, 120, 60, 6_000, 2, 120),  # windows and ages of delayed orders
        *(name32("off"), 10**17),
        *(terms.liquidation_premium_multiplier, terms.liquidation_buffer_ratio),
        *(terms.max_liquidation_delta, terms.max_pd),
    )


SETTINGS = "(" + ",".join(["uint256"] * 16 + ["bytes32"] + ["uint256"] * 5) + ")"


def deploy(artifacts: dict[str, Any], world: World) -> Deployed:
    """The same markets, on chain."""
    chain = Chain(world.time, spec="ISTANBUL")
    libraries = {name: chain.deploy(artifacts[name]) for name in ("SafeDecimalMath", "SignedSafeDecimalMath")}
    libraries["AddressSetLib"] = chain.deploy(artifacts["AddressSetLib"])

    def made(name: str, types: str, *arguments: Any) -> str:
        return chain.deploy(artifacts[name], types.split() if types else (), arguments, **libraries)

    around, resolver = made("Surroundings", ""), made("AddressResolver", "address", ADMIN)
    storage = made("FlexibleStorage", "address", resolver)
    manager = made("FuturesMarketManager", "address address", ADMIN, resolver)
    settings = made("PerpsV2MarketSettings", "address address", ADMIN, resolver)
    rates = made("PerpsV2ExchangeRate", "address address", ADMIN, resolver)
    pyth = made("MockPyth", "uint256 uint256", 60, 0)
    known = {
        "FlexibleStorage": storage,
        "FuturesMarketManager": manager,
        "PerpsV2MarketSettings": settings,
        "PerpsV2ExchangeRate": rates,
        **dict.fromkeys(("ExchangeRates", "Exchanger", "SystemStatus", "SynthsUSD", "FeePool"), around),
    }
    names = [name32(name) for name in known]
    chain.call(resolver, "importAddresses(bytes32[],address[])", names, list(known.values()))
    cached = [manager, settings, rates]
    users = {name: f"0x{0xA11CE00 + i:040x}" for i, name in enumerate((*USERS, *PAID))} | {"fee pool": FEE_ADDRESS}
    deployed = Deployed(chain=chain, around=around, proxies={}, testable={}, users=users)
    for name in MARKETS:
        cached += _market(made, chain, resolver, deployed, name)
        chain.call(around, "setPrice(bytes32,uint256)", name32(name), _price(world, name))
    for contract in cached:
        chain.call(contract, "rebuildCache()")
    chain.call(rates, "setOffchainOracle(address)", pyth)
    for name in MARKETS:
        chain.call(rates, "setOffchainPriceFeedId(bytes32,bytes32)", name32(name), name32(name))
    chain.call(rates, "addAssociatedContracts(address[])", deployed.executors)
    system = PARAMETERS.system
    for key, value in (
        ("MinInitialMargin", system.min_initial_margin),
        ("MaxKeeperFee", system.max_keeper_fee),
        ("MinKeeperFee", system.min_keeper_fee),
        ("LiquidationFeeRatio", system.liquidation_fee_ratio),
        ("KeeperLiquidationFee", system.keeper_liquidation_fee),
    ):
        chain.call(settings, f"set{key}(uint256)", value)
    chain.call(manager, "addProxiedMarkets(address[])", list(deployed.proxies.values()))
    chain.call(manager, "addEndorsedAddresses(address[])", [users[ENDORSED]])
    for name in MARKETS:
        terms = settings_of(PARAMETERS.terms_of(name))
        chain.call(settings, f"setParameters(bytes32,{SETTINGS})", name32(name), terms)
    for user in USERS:
        chain.call(around, "issue(address,uint256)", users[user], RICH)
    return deployed


def _market(made: Callable[..., str], chain: Chain, resolver: str, deployed: Deployed, name: str) -> list[str]:
    """One market behind its proxy: the addresses that keep the resolver's."""
    state = made(
        "PerpsV2MarketState",
        "address address[] bytes32 bytes32 address",
        *(ADMIN, [ADMIN], name32(name), name32(name), NO_ADDRESS),
    )
    proxy = made("ProxyPerpsV2", "address", ADMIN)
    views = made("PerpsV2MarketViews", "address address address", state, ADMIN, resolver)
    types = "address address address address"
    parts = {part: made(part, types, proxy, state, ADMIN, resolver) for part in CALLS}
    testable = made("TestablePerpsV2Market", types, proxy, state, ADMIN, resolver)
    for view in VIEWS:
        chain.call(proxy, "addRoute(bytes4,address,bool)", selector(view), views, True)
    for part, calls in CALLS.items():
        for call in calls:
            chain.call(proxy, "addRoute(bytes4,address,bool)", selector(call), parts[part], False)
    chain.call(state, "addAssociatedContracts(address[])", list(parts.values()))
    chain.call(state, "linkOrInitializeState()")
    deployed.executors.append(parts["PerpsV2MarketDelayedExecution"])
    deployed.proxies[name], deployed.testable[name] = proxy, testable
    return [views, testable, *parts.values()]


def _price(world: World, name: str) -> int:
    return int(world.market.price("synthetix", name, "oracle").scaleb(18))
