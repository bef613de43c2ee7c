"""Venus's core pool from its npm package, a fork of Compound v2 with rules of its own, beside the model.

Only prices are ours: the oracle of bounded prices answers with the test oracle's price for both sides. Caps are high,
reserves are not swept.
"""

import json
from dataclasses import dataclass
from typing import Any

from eth_abi import decode
from tools.chain import ADMIN, Chain, Reverted
from tools.packages import packed

from compound_bench.figures_2 import model_numbers
from compound_bench.market_2 import LIQUIDATOR_ADDRESS, SIGNATURES, Deployment
from compound_bench.run import Bench
from compound_bench.scene_2 import BLOCKS_PER_YEAR, USERS, YEARLY
from compound_bench.scene_venus import TERMS, scene, step
from compound_bench.walk_2 import opening, walk
from marginbook.venues.compound.v2.state import Pool
from marginbook.venues.compound.v2.steps import Action

PACKAGE = "@venusprotocol/venus-protocol@10.3.0"
NAMES = (
    "Tokens/VTokens/VBep20Immutable",
    "Lens/ComptrollerLens",
    "InterestRateModels/JumpRateModel",
    "test/AccessControlManagerMock",
    "test/ComptrollerMock",
    "test/FaucetToken",
    "test/SimplePriceOracle",
)
PRICE_OF = "63fc57d4df60e01b5f52600435600452" + "60205f60245f73{oracle}5afa50" + "5f51602052" + "60405ff3"
"""Runtime code that answers every call about a market with (price, price) of the oracle."""


def artifacts() -> dict[str, Any]:
    """Name -> artifact."""
    files = tuple(f"artifacts/contracts/{name}.sol/{name.split('/')[-1]}.json" for name in NAMES)
    folder = packed("venus", PACKAGE, files)
    return {
        name.split("/")[-1]: json.loads((folder / file).read_text()) for name, file in zip(NAMES, files, strict=True)
    }


@dataclass(kw_only=True)
class VenusDeployment(Deployment):
    """Addresses of one deployment of Venus."""

    def set_factor(self, asset: str, factor: int) -> None:
        """Governance sets a collateral factor."""
        signature = "setCollateralFactor(address,uint256,uint256)"
        self.chain.call(self.comptroller, signature, self.markets[asset], factor, TERMS[asset][0])

    def do(self, action: Action, before: Pool) -> str | None:
        """Why it was refused, or None."""
        if action.kind not in (*SIGNATURES, "leave", "liquidate"):
            return super().do(action, before)
        user, market = self.users[action.user], self.markets[action.asset]
        try:
            if action.kind == "leave":
                answer = self.chain.call(self.comptroller, "exitMarket(address)", market, sender=user)
            elif action.kind == "liquidate":
                arguments = (user, action.amount, self.markets[action.collateral])
                signature = "liquidateBorrow(address,uint256,address)"
                answer = self.chain.call(market, signature, *arguments, sender=LIQUIDATOR_ADDRESS)
            else:
                answer = self.chain.call(market, SIGNATURES[action.kind], action.amount, sender=user)
        except Reverted as refused:
            if refused.data[:4] == bytes.fromhex("08c379a0"):
                return str(decode(["string"], refused.data[4:])[0])
            return refused.data.hex()[:80]
        return "returned" if int.from_bytes(answer, "big") else None


def deploy(contracts: dict[str, Any], pool: Pool) -> VenusDeployment:
    """The same pool, on chain."""
    chain = Chain(1_700_000_000, spec="CANCUN")
    chain.number = pool.block - 1
    chain.set_time(chain.time)
    users = {name: f"0x{0xA11CE00 + i:040x}" for i, name in enumerate(USERS)}
    comptroller, oracle, lens = (
        chain.deploy(contracts[name]) for name in ("ComptrollerMock", "SimplePriceOracle", "ComptrollerLens")
    )
    access = chain.deploy(contracts["AccessControlManagerMock"], ["address"], [ADMIN])
    runtime = PRICE_OF.format(oracle=oracle.removeprefix("0x").lower())
    starter = f"60{len(runtime) // 2:02x}8060095f395ff3"
    bounded = chain.deploy({"bytecode": starter + runtime, "linkReferences": {}})
    call = chain.call
    call(comptroller, "_setAccessControl(address)", access)
    call(comptroller, "_setPriceOracle(address)", oracle)
    call(comptroller, "setDeviationBoundedOracle(address)", bounded)
    call(comptroller, "_setComptrollerLens(address)", lens)
    call(comptroller, "_setCloseFactor(uint256)", pool.close_factor)
    tokens, markets = {}, {}
    for name, config in pool.configs.items():
        types = ["uint256", "string", "uint8", "string"]
        token = chain.deploy(contracts["FaucetToken"], types, [0, name, config.decimals, name])
        rates = chain.deploy(contracts["JumpRateModel"], ["uint256"] * 5, [*YEARLY[name], BLOCKS_PER_YEAR])
        types = ["address", "address", "address", "uint256", "string", "string", "uint8", "address"]
        arguments = [token, comptroller, rates, config.initial_rate, name, name, 8, ADMIN]
        market = chain.deploy(contracts["VBep20Immutable"], types, arguments)
        call(market, "setAccessControlManager(address)", access)
        call(market, "setReduceReservesBlockDelta(uint256)", 10**12)
        call(comptroller, "supportMarket(address)", market)
        call(oracle, "setDirectPrice(address,uint256)", token, pool.prices[name])
        signature = "setCollateralFactor(address,uint256,uint256)"
        call(comptroller, signature, market, config.collateral_factor, config.liquidation_threshold)
        call(comptroller, "setLiquidationIncentive(address,uint256)", market, config.incentive)
        call(comptroller, "setIsBorrowAllowed(uint96,address,bool)", 0, market, True)
        call(market, "_setReserveFactor(uint256)", config.reserve_factor)
        caps = config.borrow_cap or 2**200
        call(comptroller, "_setMarketBorrowCaps(address[],uint256[])", [market], [caps])
        call(comptroller, "_setMarketSupplyCaps(address[],uint256[])", [market], [2**200])
        for holder in (*users.values(), LIQUIDATOR_ADDRESS):
            call(token, "allocateTo(address,uint256)", holder, 10**40)
            call(token, "approve(address,uint256)", market, 2**256 - 1, sender=holder)
        tokens[name], markets[name] = token, market
    return VenusDeployment(
        chain=chain,
        comptroller=comptroller,
        oracle=oracle,
        tokens=tokens,
        markets=markets,
        users=users,
        two_limits=True,
    )


BENCH_VENUS = Bench(scene, opening, walk, step, model_numbers, deploy)
