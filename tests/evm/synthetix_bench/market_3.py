"""A deployed perps market v3 that takes the model's actions and shows every number the model has."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_abi import decode
from tools.chain import ADMIN, Chain, Reverted, calldata, selector

from marginbook.exact import WAD
from marginbook.venues.synthetix.account import USD
from synthetix_bench.figures_3 import COLLATERALS, OF_POSITION
from synthetix_bench.pool_3 import SETTLEMENT_DELAY, SETTLEMENT_WINDOW, Action, Pool
from synthetix_bench.scene_3 import IDS, MARKETS, SYNTHS, USERS

KEEPER = "0x000000000000000000000000000000000000beef"
NOBODY = "0x" + "0" * 40
LARGE = 2**100
ACCOUNTS = {name: 11 + i for i, name in enumerate(USERS)}
IDS_OF_COLLATERAL = {USD: 0, **SYNTHS}
ERRORS: dict[str, tuple[str, ...]] = {
    "AcceptablePriceExceeded": ("uint256", "uint256"),
    "AcceptablePriceNotExceeded": ("uint256", "uint256"),
    "AccountHasOpenPositions": ("uint128",),
    "AccountLiquidatable": ("uint128",),
    "ExceedsMarketCreditCapacity": ("int256", "int256"),
    "InsufficientCollateral": ("uint128", "uint256", "uint256"),
    "InsufficientCollateralAvailableForWithdraw": ("int256", "uint256"),
    "InsufficientMargin": ("int256", "uint256"),
    "InsufficientSynthCollateral": ("uint128", "uint256", "uint256"),
    "MaxCollateralsPerAccountReached": ("uint128",),
    "MaxPositionsPerAccountReached": ("uint128",),
    "NonexistentDebt": ("uint128",),
    "NotEligibleForLiquidation": ("uint128",),
    "NotEligibleForMarginLiquidation": ("uint128",),
    "OrderNotValid": (),
    "OverflowInt256ToUint256": (),
    "PendingOrderExists": (),
    "SettlementWindowExpired": ("uint256", "uint256", "uint256"),
    "SettlementWindowNotOpen": ("uint256", "uint256"),
}
NAMED = {selector(f"{name}({','.join(types)})"): (name, types) for name, types in ERRORS.items()}
STATED = {
    "InsufficientMargin": slice(None),
    "InsufficientCollateralAvailableForWithdraw": slice(None),
    "InsufficientSynthCollateral": slice(1, None),
}
"""Errors whose arguments the rule set states, and which."""
ORDER = "(uint128,uint128,int128,uint128,uint256,bytes32,address)"
STRATEGY = "(uint8,uint256,uint256,address,bytes32,uint256,bool,uint256)"


def reason_of(data: bytes) -> list[Any]:
    """The error's name, and its arguments where the rule set states them."""
    if data[:4] not in NAMED:
        return [data.hex()[:80]]
    name, types = NAMED[data[:4]]
    return [name, *(decode(types, data[4:])[STATED[name]] if name in STATED else ())]


def signed(word: int) -> int:
    """A word as a signed number."""
    return word - 2**256 if word >= 2**255 else word


@dataclass(kw_only=True)
class Deployment:
    """Addresses of one deployment."""

    chain: Chain
    perps: str
    world: str
    synths: dict[str, str]

    def do(self, action: Action, before: Pool) -> tuple[list[int], list[Any] | None]:
        """(what the call returned, why it was refused)."""
        try:
            return self._do(action, before), None
        except Reverted as refused:
            return [], reason_of(refused.data)

    def _do(self, action: Action, before: Pool) -> list[int]:
        chain, perps, world = self.chain, self.perps, self.world
        account, amount, trader = ACCOUNTS.get(action.user, 0), action.amount, _address(action.user)
        match action.kind:
            case "time":
                chain.set_time(before.time + amount)
            case "price":
                chain.call(world, "setPrice(uint128,uint256)", IDS[action.asset], amount)
            case "capacity":
                chain.call(world, "setCapacity(uint256)", amount)
            case "costs":
                chain.call(world, "setCosts(uint256[4])", [amount, 2 * amount + 1, amount // 3, amount // 2])
            case "interest":
                chain.call(perps, "updateInterestRate()")
            case "commit":
                order = (IDS[action.asset], account, amount, 0, action.price, b"", NOBODY)
                raw = chain.call(perps, f"commitOrder({ORDER})", order, sender=trader)
                return [int.from_bytes(raw[-32:], "big")]
            case "settle" | "cancel":
                chain.call(world, "setSettlementPrice(uint256)", action.price)
                chain.call(perps, f"{action.kind}Order(uint128)", account, sender=KEEPER)
            case "transfer":
                collateral = IDS_OF_COLLATERAL[action.asset]
                chain.call(
                    perps, "modifyCollateral(uint128,uint128,int256)", account, collateral, amount, sender=trader
                )
            case "repay":
                chain.call(perps, "payDebt(uint128,uint256)", account, amount, sender=trader)
            case "liquidate" | "liquidate_margin":
                name = "liquidate" if action.kind == "liquidate" else "liquidateMarginOnly"
                raw = chain.call(perps, f"{name}(uint128)", account, sender=KEEPER)
                return [int.from_bytes(raw, "big")]
        return []

    @cached_property
    def _views(self) -> list[tuple[str, bytes]]:
        lists = (list(ACCOUNTS.values()), list(MARKETS.values()), list(IDS_OF_COLLATERAL.values()))
        found = [(self.perps, calldata("shown(uint128[],uint128[],uint128[])", *lists))]
        found.append((self.world, calldata("paid(address)", KEEPER)))
        found += [(synth, calldata("balanceOf(address)", synth)) for synth in self.synths.values()]
        return found

    def numbers(self) -> list[int]:
        """Every number that the chain shows, in the order of `model_numbers`; what is left of closed positions as 0."""
        found: list[int] = []
        for i, (to, data) in enumerate(self._views):
            words = self.chain.words(to, data)
            found += [signed(word) for word in (words if i else words[2:])]
        start = 9 + len(COLLATERALS) + 10 * len(MARKETS)
        for _ in USERS:
            start += len(COLLATERALS) + 10
            for _ in MARKETS:
                if not found[start + 2]:
                    found[start + 4 : start + OF_POSITION] = [0] * (OF_POSITION - 4)
                start += OF_POSITION
        return found

    def order_numbers(self, user: str, market: str, change: int, price: int) -> list[int]:
        """Fees and fill price at a price of settlement, and what the order requires, without costs of settling."""
        by = (IDS[market], change, price)
        found = self.chain.words(self.perps, calldata("computeOrderFeesWithPrice(uint128,int128,uint256)", *by))
        call = calldata("requiredMarginForOrderWithPrice(uint128,uint128,int128,uint256)", ACCOUNTS[user], *by)
        return [*found, *self.chain.words(self.perps, call)]


def _address(user: str) -> str:
    return f"0x{0xA11CE00 + USERS.index(user):040x}" if user else ADMIN


def deploy(artifacts: dict[str, Any], pool: Pool) -> Deployment:
    """The same markets, on chain, configured by the modules' own functions."""
    chain = Chain(pool.time)
    world, perps = chain.deploy(artifacts["World"]), chain.deploy(artifacts["Perps"])
    chain.call(perps, "initializeFactory(address,address)", world, world)
    chain.call(perps, "updateKeeperCostNodeId(bytes32)", b"costs")
    chain.call(world, "setCapacity(uint256)", pool.capacity)
    chain.call(world, "setCosts(uint256[4])", list(pool.costs))
    for name, price in pool.prices.items():
        chain.call(world, "setPrice(uint128,uint256)", IDS[name], price)
    g, curve = pool.parameters.guards, pool.curve
    guards = (g.min_keeper_reward, g.min_keeper_profit_ratio, g.max_keeper_reward, g.max_keeper_scaling_ratio)
    chain.call(perps, "setKeeperRewardGuards(uint256,uint256,uint256,uint256)", *guards)
    chain.call(perps, "setCollateralLiquidateRewardRatio(uint128)", g.collateral_reward_ratio)
    chain.call(perps, "setPerAccountCaps(uint128,uint128)", g.max_positions, g.max_collaterals)
    by = (curve.low, curve.breakpoint, curve.high)
    chain.call(perps, "setInterestRateParameters(uint128,uint128,uint128)", *by)
    for name, id in MARKETS.items():
        _create(chain, perps, world, id, name, pool)
    chain.call(perps, "setCollateralConfiguration(uint128,uint256,uint256,uint256,uint256)", 0, LARGE, 0, 0, 0)
    synths = {}
    for name, id in SYNTHS.items():
        terms = pool.parameters.assets[name]
        synth = synths[name] = chain.deploy(artifacts["Synth"])
        chain.call(world, "setSynth(uint128,address,uint256)", id, synth, terms.spot_skew_scale)
        by_asset = (id, LARGE, terms.upper_limit_discount, terms.lower_limit_discount, terms.discount_scalar)
        chain.call(perps, "setCollateralConfiguration(uint128,uint256,uint256,uint256,uint256)", *by_asset)
        chain.call(perps, "registerDistributor(address,address,uint128,address[])", synth, synth, id, [world])
        for user in USERS:
            chain.call(synth, "mint(address,uint256)", _address(user), 2**200)
    return Deployment(chain=chain, perps=perps, world=world, synths=synths)


def _create(chain: Chain, perps: str, world: str, id: int, name: str, pool: Pool) -> None:
    terms = pool.terms(name)

    def configure(function: str, *arguments: Any) -> None:
        chain.call(perps, function, id, *arguments)

    configure("createMarket(uint128,string,string)", name, name)
    configure("updatePriceData(uint128,bytes32,uint256)", id.to_bytes(32, "big"), 60)
    strategy = (0, SETTLEMENT_DELAY, SETTLEMENT_WINDOW, world, b"", pool.settlement_reward, False, 2)
    configure(f"addSettlementStrategy(uint128,{STRATEGY})", strategy)
    configure("setOrderFees(uint128,uint256,uint256)", terms.maker_fee, terms.taker_fee)
    configure("setMaxMarketSize(uint128,uint256)", LARGE * WAD)
    configure("setFundingParameters(uint128,uint256,uint256)", terms.skew_scale, terms.max_funding_velocity)
    window = (terms.accumulation_multiplier, terms.window_seconds, terms.max_liquidation_pd, NOBODY)
    configure("setMaxLiquidationParameters(uint128,uint256,uint256,uint256,address)", *window)
    ratios = (terms.initial_margin_ratio, terms.minimum_initial_margin_ratio, terms.maintenance_margin_scalar)
    least = (terms.flag_reward_ratio, terms.minimum_position_margin)
    configure("setLiquidationParameters(uint128,uint256,uint256,uint256,uint256,uint256)", *ratios, *least)
    configure("setLockedOiRatio(uint128,uint256)", terms.locked_oi_ratio)
