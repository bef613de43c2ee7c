"""A deployed Compound v2 that takes the model's actions and shows every number the model has."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_abi import decode
from tools.chain import ADMIN, Chain, Reverted, calldata, selector

from compound_bench.scene_2 import USERS, YEARLY
from marginbook.venues.compound.v2.state import Pool
from marginbook.venues.compound.v2.steps import Action

LIQUIDATOR_ADDRESS = "0x000000000000000000000000000000000000beef"
CODES = {
    3: "INSUFFICIENT_SHORTFALL",
    4: "INSUFFICIENT_LIQUIDITY",
    9: "MARKET_NOT_LISTED",
    12: "NONZERO_BORROW_BALANCE",
    13: "PRICE_ERROR",
    14: "INSUFFICIENT_LIQUIDITY",
    17: "TOO_MUCH_REPAY",
}
REJECTIONS = {
    selector(f"{name}ComptrollerRejection(uint256)"): name
    for name in ("Mint", "Redeem", "Borrow", "RepayBorrow", "Liquidate")
}
NAMED = {
    selector(f"{name}()"): name
    for name in (
        "RedeemTransferOutNotPossible",
        "BorrowCashNotAvailable",
        "LiquidateCloseAmountIsZero",
        "LiquidateCloseAmountIsUintMax",
    )
}
SIGNATURES = {
    "mint": "mint(uint256)",
    "redeem": "redeem(uint256)",
    "redeem_underlying": "redeemUnderlying(uint256)",
    "borrow": "borrow(uint256)",
    "repay": "repayBorrow(uint256)",
}


def reason_of(data: bytes) -> str:
    """The error as the model names it."""
    if data[:4] == bytes.fromhex("4e487b71"):
        return "MATH"
    if data[:4] == bytes.fromhex("08c379a0"):
        return str(decode(["string"], data[4:])[0])
    if data[:4] in REJECTIONS:
        return CODES[int.from_bytes(data[4:36], "big")]
    return NAMED.get(data[:4], data.hex()[:80])


@dataclass(kw_only=True)
class Deployment:
    """Addresses of one deployment."""

    chain: Chain
    comptroller: str
    oracle: str
    tokens: dict[str, str]
    markets: dict[str, str]
    users: dict[str, str]
    two_limits: bool = False  # Venus shows the limit of borrowing beside that of liquidation

    def set_factor(self, asset: str, factor: int) -> None:
        """Governance sets a collateral factor."""
        self.chain.call(self.comptroller, "_setCollateralFactor(address,uint256)", self.markets[asset], factor)

    def do(self, action: Action, before: Pool) -> str | None:
        """Why it was refused, or None."""
        chain, user = self.chain, self.users.get(action.user, ADMIN)
        market = self.markets.get(action.asset, ADMIN)
        try:
            match action.kind:
                case "blocks":
                    chain.number = before.block + action.amount - 1
                    chain.set_time(chain.time + 12 * action.amount)
                case "price":
                    chain.call(self.oracle, "setDirectPrice(address,uint256)", self.tokens[action.asset], action.amount)
                case "factor":
                    self.set_factor(action.asset, action.amount)
                case "enter":
                    chain.call(self.comptroller, "enterMarkets(address[])", [market], sender=user)
                case "leave":
                    code = int.from_bytes(
                        chain.call(self.comptroller, "exitMarket(address)", market, sender=user), "big"
                    )
                    return CODES[code] if code else None
                case "liquidate":
                    signature = "liquidateBorrow(address,uint256,address)"
                    arguments = (user, action.amount, self.markets[action.collateral])
                    chain.call(market, signature, *arguments, sender=LIQUIDATOR_ADDRESS)
                case kind:
                    chain.call(market, SIGNATURES[kind], action.amount, sender=user)
        except Reverted as refused:
            return reason_of(refused.data)
        return None

    @cached_property
    def _views(self) -> list[tuple[str, str, bytes, tuple[int, ...]]]:
        views: list[tuple[str, str, bytes, tuple[int, ...]]] = []
        for name, market in self.markets.items():
            for getter in ("getCash", "totalBorrows", "totalReserves", "totalSupply", "borrowIndex"):
                views.append((f"{getter} {name}", market, calldata(f"{getter}()"), (0,)))
            for getter in ("accrualBlockNumber", "exchangeRateStored", "borrowRatePerBlock", "supplyRatePerBlock"):
                views.append((f"{getter} {name}", market, calldata(f"{getter}()"), (0,)))
            signature = "liquidateCalculateSeizeTokens(address,address,uint256)"
            for other in self.markets.values():
                call = calldata(signature, market, other, 10**12 + 1)
                views.append((f"seize {name}", self.comptroller, call, (1,)))
        for user, address in self.users.items():
            views.append(
                (f"account {user}", self.comptroller, calldata("getAccountLiquidity(address)", address), (1, 2))
            )
            if self.two_limits:
                views.append(
                    (f"power {user}", self.comptroller, calldata("getBorrowingPower(address)", address), (1, 2))
                )
            for name, market in self.markets.items():
                call = calldata("getAccountSnapshot(address)", address)
                views.append((f"snapshot {user} {name}", market, call, (1, 2)))
                call = calldata("checkMembership(address,address)", address, market)
                views.append((f"entered {user} {name}", self.comptroller, call, (0,)))
        for name, market in self.markets.items():
            views.append((f"liquidator {name}", market, calldata("balanceOf(address)", LIQUIDATOR_ADDRESS), (0,)))
        return views

    def numbers(self) -> list[int]:
        """Every number that the chain shows, in the order of `model_numbers`."""
        found: list[int] = []
        for _, to, data, indices in self._views:
            words = self.chain.words(to, data)
            found += [words[i] for i in indices]
        return found

    def labels(self) -> list[str]:
        """What each number is."""
        return [f"{label}[{i}]" for label, _, _, indices in self._views for i in indices]


def deploy(artifacts: dict[str, Any], pool: Pool) -> Deployment:
    """The same pool, on chain."""
    chain = Chain(1_700_000_000)
    chain.number = pool.block - 1
    chain.set_time(chain.time)
    users = {name: f"0x{0xA11CE00 + i:040x}" for i, name in enumerate(USERS)}
    comptroller = chain.deploy(artifacts["Comptroller"])
    oracle = chain.deploy(artifacts["SimplePriceOracle"])
    chain.call(comptroller, "_setPriceOracle(address)", oracle)
    chain.call(comptroller, "_setCloseFactor(uint256)", pool.close_factor)
    chain.call(comptroller, "_setLiquidationIncentive(uint256)", pool.incentive)
    tokens, markets = {}, {}
    for name, config in pool.configs.items():
        token = chain.deploy(
            artifacts["FaucetToken"], ["uint256", "string", "uint8", "string"], [0, name, config.decimals, name]
        )
        rates = chain.deploy(artifacts["JumpRateModelV2"], ["uint256"] * 4 + ["address"], [*YEARLY[name], ADMIN])
        types = ["address", "address", "address", "uint256", "string", "string", "uint8", "address"]
        arguments = [token, comptroller, rates, config.initial_rate, name, name, 8, ADMIN]
        market = chain.deploy(artifacts["CErc20Immutable"], types, arguments)
        chain.call(comptroller, "_supportMarket(address)", market)
        chain.call(oracle, "setDirectPrice(address,uint256)", token, pool.prices[name])
        chain.call(comptroller, "_setCollateralFactor(address,uint256)", market, config.collateral_factor)
        chain.call(market, "_setReserveFactor(uint256)", config.reserve_factor)
        if config.borrow_cap:
            chain.call(comptroller, "_setMarketBorrowCaps(address[],uint256[])", [market], [config.borrow_cap])
        for holder in (*users.values(), LIQUIDATOR_ADDRESS):
            chain.call(token, "allocateTo(address,uint256)", holder, 10**40)
            chain.call(token, "approve(address,uint256)", market, 2**256 - 1, sender=holder)
        tokens[name], markets[name] = token, market
    return Deployment(chain=chain, comptroller=comptroller, oracle=oracle, tokens=tokens, markets=markets, users=users)
