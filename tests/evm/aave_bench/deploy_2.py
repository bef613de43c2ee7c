"""The pool of version 2, deployed: other calls, other words, errors as numbers, prices in ETH."""

from typing import Any, ClassVar

from eth_abi import decode
from tools.chain import ADMIN, Chain

from aave_bench.figures import SUBTRACTIONS
from aave_bench.market import TREASURY_ADDRESS, ZERO, Market
from marginbook.venues.aave_v3.state import Pool

CODES_2 = {
    "1": "InvalidAmount",
    "2": "ReserveInactive",
    "3": "ReserveFrozen",
    "5": "NotEnoughAvailableUserBalance",
    "6": "TransferNotAllowed",
    "7": "BorrowingNotEnabled",
    "9": "CollateralBalanceIsZero",
    "10": "HealthFactorLowerThanLiquidationThreshold",
    "11": "CollateralCannotCoverNewBorrow",
    "15": "NoDebtOfSelectedType",
    "19": "UnderlyingBalanceZero",
    "20": "DepositAlreadyInUse",
    "23": "LiquidationCallFailed",
    "42": "HealthFactorNotBelowThreshold",
    "43": "CollateralCannotBeLiquidated",
    "44": "SpecifiedCurrencyNotBorrowedByUser",
    "45": "NotEnoughLiquidityToLiquidate",
    "50": "DivisionByZero",
    "56": "InvalidMintAmount",
    "58": "InvalidBurnAmount",
}


class Market2(Market):
    """Addresses of one deployment of version 2."""

    supplying: ClassVar = "deposit(address,uint256,address,uint16)"
    token_words: ClassVar = (7, 9)
    data_words: ClassVar = (1, 3, 2, 4, 6)

    def mint(self, token: str, holder: str) -> None:
        """The token mints to its caller."""
        self.chain.call(token, "mint(uint256)", 10**40, sender=holder)

    def set_price(self, asset: str, price: int) -> None:
        """The package's own oracle mock."""
        self.chain.call(self.feeds[asset], "setAssetPrice(address,uint256)", self.tokens[asset], price)

    def reason_of(self, data: bytes) -> str:
        """The error by its number; the libraries' texts all mean a failed subtraction."""
        (text,) = decode(["string"], data[4:])
        return CODES_2.get(text, SUBTRACTIONS[0] if "subtraction" in text or "ERC20" in text else text)


def deploy_2(artifacts: dict[str, Any], pool: Pool, users: tuple[str, ...]) -> Market2:
    """The pool of version 2."""
    chain = Chain(pool.time)

    def put(name: str, types: list[str] = [], arguments: list[Any] = [], **libraries: str) -> str:  # noqa: B006
        return chain.deploy(artifacts[name], types, arguments, **libraries)

    provider = put("LendingPoolAddressesProvider", ["string"], ["bench"])
    for role in ("setPoolAdmin", "setEmergencyAdmin"):
        chain.call(provider, f"{role}(address)", ADMIN)
    generic = put("GenericLogic")
    logic = {"ReserveLogic": put("ReserveLogic"), "ValidationLogic": put("ValidationLogic", GenericLogic=generic)}
    chain.call(provider, "setLendingPoolImpl(address)", put("LendingPool", **logic))
    address = chain.view(provider, "getLendingPool()", ["address"])
    chain.call(provider, "setLendingPoolConfiguratorImpl(address)", put("LendingPoolConfigurator"))
    configurator = chain.view(provider, "getLendingPoolConfigurator()", ["address"])
    chain.call(provider, "setLendingPoolCollateralManager(address)", put("LendingPoolCollateralManager"))
    oracle = put("PriceOracle")
    chain.call(provider, "setPriceOracle(address)", oracle)
    chain.call(provider, "setLendingRateOracle(address)", put("LendingRateOracle"))
    tokens = {}
    for name, config in pool.configs.items():
        asset = tokens[name] = put("MintableERC20", ["string", "string", "uint8"], [name, name, config.decimals])
        chain.call(oracle, "setAssetPrice(address,uint256)", asset, pool.prices[name])
        rates = config.rates
        assert rates is not None
        seven = [provider, rates.optimal, rates.base, rates.slope_1, rates.slope_2, 0, 0]
        strategy = put("DefaultReserveInterestRateStrategy", ["address"] + ["uint256"] * 6, seven)
        texts = [name, name, ZERO]
        supply = put(
            "AToken",
            ["address", "address", "address", "string", "string", "address"],
            [address, asset, TREASURY_ADDRESS, *texts],
        )
        stable, debt = (
            put(kind, ["address", "address", "string", "string", "address"], [address, asset, *texts])
            for kind in ("StableDebtToken", "VariableDebtToken")
        )
        row = "initReserve(address,address,address,uint8,address)"
        chain.call(configurator, row, supply, stable, debt, config.decimals, strategy)
        if config.liquidation_threshold:
            values = (config.ltv, config.liquidation_threshold, config.liquidation_bonus)
            signature = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
            chain.call(configurator, signature, asset, *values)
        chain.call(configurator, "enableBorrowingOnReserve(address,bool)", asset, False)
        chain.call(configurator, "setReserveFactor(address,uint256)", asset, config.reserve_factor)
    market = Market2(
        chain=chain,
        pool=address,
        configurator=configurator,
        tokens=tokens,
        feeds=dict.fromkeys(tokens, oracle),
        version=pool.version,
        users={name: f"0x{0xA11CE000 + i:040x}" for i, name in enumerate(users)},
    )
    market.find_tokens()
    return market
