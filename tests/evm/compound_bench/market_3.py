"""A deployed Comet that takes the model's actions and shows every number the model has."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tools.chain import ADMIN, Chain, Reverted, calldata, selector

from compound_bench.figures_3 import QUOTED
from compound_bench.scene_3 import BORROW_YEARLY, SUPPLY_YEARLY, USERS
from marginbook.venues.compound.comet.state import Pool
from marginbook.venues.compound.comet.steps import Action

BUYER = "0x000000000000000000000000000000000000beef"
NAMED = {
    selector(f"{name}()"): name
    for name in (
        "BadAsset",
        "BorrowTooSmall",
        "InsufficientReserves",
        "InvalidUInt128",
        "NotCollateralized",
        "NotForSale",
        "NotLiquidatable",
        "SupplyCapExceeded",
        "TransferOutFailed",
    )
}
CONFIGURATION = "(address,address,address,address,address," + "uint64," * 12 + "uint104,uint104,uint104,"
CONFIGURATION += "(address,address,uint8,uint64,uint64,uint64,uint128)[])"


def reason_of(data: bytes) -> str:
    """The error as the model names it; a failed transfer means that the cash is not there."""
    if data[:4] == bytes.fromhex("4e487b71"):
        return "MATH"
    if data[:4] == bytes.fromhex("08c379a0"):
        return "InsufficientLiquidity"
    return NAMED.get(data[:4], data.hex()[:80])


@dataclass(kw_only=True)
class Deployment:
    """Addresses of one deployment."""

    chain: Chain
    comet: str
    tokens: dict[str, str]
    feeds: dict[str, str]
    users: dict[str, str]

    def do(self, action: Action, before: Pool) -> str | None:
        """Why it was refused, or None."""
        chain, user = self.chain, self.users.get(action.user, ADMIN)
        token = self.tokens.get(action.asset, ADMIN)
        try:
            match action.kind:
                case "time":
                    chain.set_time(before.time + action.amount)
                case "price":
                    _set_price(chain, self.feeds[action.asset], action.amount)
                case "supply" | "withdraw":
                    chain.call(self.comet, f"{action.kind}(address,uint256)", token, action.amount, sender=user)
                case "accrue":
                    chain.call(self.comet, "accrueAccount(address)", BUYER)
                case "absorb":
                    chain.call(self.comet, "absorb(address,address[])", BUYER, [user], sender=BUYER)
                case "buy":
                    signature = "buyCollateral(address,uint256,uint256,address)"
                    chain.call(self.comet, signature, token, 0, action.amount, BUYER, sender=BUYER)
        except Reverted as refused:
            return reason_of(refused.data)
        return None

    @cached_property
    def _views(self) -> list[tuple[str, str, bytes, tuple[int, ...]]]:
        comet = self.comet
        views = [("totals", comet, calldata("totalsBasic()"), (0, 1, 4, 5, 6))]
        for getter in ("getUtilization", "getReserves", "totalSupply", "totalBorrow"):
            views.append((getter, comet, calldata(f"{getter}()"), (0,)))
        for side in ("Supply", "Borrow"):
            for used in (3 * 10**17, 93 * 10**16 + 1):
                views.append((f"rate {side}", comet, calldata(f"get{side}Rate(uint256)", used), (0,)))
        base, *assets = self.tokens
        views.append(("cash", self.tokens[base], calldata("balanceOf(address)", comet), (0,)))
        for asset in assets:
            token = self.tokens[asset]
            views.append((f"total {asset}", comet, calldata("totalsCollateral(address)", token), (0,)))
            views.append((f"reserves {asset}", comet, calldata("getCollateralReserves(address)", token), (0,)))
            views.append((f"quote {asset}", comet, calldata("quoteCollateral(address,uint256)", token, QUOTED), (0,)))
        for user, address in self.users.items():
            for getter in ("userBasic", "balanceOf", "borrowBalanceOf", "isBorrowCollateralized", "isLiquidatable"):
                views.append((f"{getter} {user}", comet, calldata(f"{getter}(address)", address), (0,)))
            for asset in assets:
                call = calldata("userCollateral(address,address)", address, self.tokens[asset])
                views.append((f"collateral {user} {asset}", comet, call, (0,)))
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


def _set_price(chain: Chain, feed: str, price: int) -> None:
    signature = "setRoundData(uint80,int256,uint256,uint256,uint80)"
    chain.call(feed, signature, 1, price, 0, 0, 1)


def deploy(artifacts: dict[str, Any], pool: Pool) -> Deployment:
    """The same Comet, on chain."""
    chain, config = Chain(pool.time), pool.config
    users = {name: f"0x{0xA11CE00 + i:040x}" for i, name in enumerate(USERS)}
    decimals = {config.base: config.decimals} | {name: asset.decimals for name, asset in config.assets.items()}
    tokens, feeds = {}, {}
    for name, places in decimals.items():
        types = ["uint256", "string", "uint8", "string"]
        tokens[name] = chain.deploy(artifacts["FaucetToken"], types, [0, name, places, name])
        feeds[name] = chain.deploy(artifacts["SimplePriceFeed"], ["int256", "uint8"], [pool.prices[name], 8])
    extension = chain.deploy(artifacts["CometExt"], ["(bytes32,bytes32)"], [(b"bench".ljust(32), b"b".ljust(32))])
    assets = [
        (
            tokens[name],
            feeds[name],
            asset.decimals,
            asset.borrow_factor,
            asset.liquidate_factor,
            asset.liquidation_factor,
            asset.supply_cap,
        )
        for name, asset in config.assets.items()
    ]
    supply = (SUPPLY_YEARLY[3], SUPPLY_YEARLY[1], SUPPLY_YEARLY[2], SUPPLY_YEARLY[0])
    borrow = (BORROW_YEARLY[3], BORROW_YEARLY[1], BORROW_YEARLY[2], BORROW_YEARLY[0])
    values = (ADMIN, ADMIN, tokens[config.base], feeds[config.base], extension, *supply, *borrow, config.store_front)
    values += (10**15, 0, 0, 10**6, config.borrow_min, config.target_reserves, assets)
    comet = chain.deploy(artifacts["Comet"], [CONFIGURATION], [values])
    chain.call(comet, "initializeStorage()")
    for token in tokens.values():
        for holder in (*users.values(), BUYER):
            chain.call(token, "allocateTo(address,uint256)", holder, 10**40)
            chain.call(token, "approve(address,uint256)", comet, 2**256 - 1, sender=holder)
    return Deployment(chain=chain, comet=comet, tokens=tokens, feeds=feeds, users=users)
