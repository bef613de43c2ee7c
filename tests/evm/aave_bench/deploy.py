"""The pools of 3.0 and 3.6, deployed."""

from typing import Any

from eth_abi import encode
from tools.chain import ADMIN, Chain

from aave_bench.market import TREASURY_ADDRESS, ZERO, Market
from marginbook.venues.aave_v3.state import Pool


def deploy_3_0(artifacts: dict[str, Any], pool: Pool, users: tuple[str, ...]) -> Market:
    """The pool of 3.0."""
    chain = Chain(pool.time)

    def put(name: str, types: list[str] = [], arguments: list[Any] = [], **libraries: str) -> str:  # noqa: B006
        return chain.deploy(artifacts[name], types, arguments, **libraries)

    provider = put("PoolAddressesProvider", ["string", "address"], ["bench", ADMIN])
    access(chain, put, provider)
    names = ("SupplyLogic", "LiquidationLogic", "EModeLogic", "BridgeLogic", "PoolLogic", "BorrowLogic")
    libraries = {name: put(name) for name in names}
    libraries["FlashLoanLogic"] = put("FlashLoanLogic", BorrowLogic=libraries["BorrowLogic"])
    chain.call(provider, "setPoolImpl(address)", put("Pool", ["address"], [provider], **libraries))
    address = chain.view(provider, "getPool()", ["address"])
    logic = put("ConfiguratorLogic")
    chain.call(provider, "setPoolConfiguratorImpl(address)", put("PoolConfigurator", ConfiguratorLogic=logic))
    configurator = chain.view(provider, "getPoolConfigurator()", ["address"])
    tokens, feeds = tokens_and_oracle(chain, put, provider, pool)
    data_provider(chain, put, provider)
    implementations = [put(name, ["address"], [address]) for name in ("AToken", "StableDebtToken", "VariableDebtToken")]
    inputs = []
    for name, config in pool.configs.items():
        rates = config.rates
        assert rates is not None
        ten = [provider, rates.optimal, rates.base, rates.slope_1, rates.slope_2, 0, 0, 0, 0, 0]
        strategy = put("DefaultReserveInterestRateStrategy", ["address"] + ["uint256"] * 9, ten)
        words = [name] * 6
        inputs.append((*implementations, config.decimals, strategy, tokens[name], TREASURY_ADDRESS, ZERO, *words, b""))
    row = "(address,address,address,uint8,address,address,address,address," + "string," * 6 + "bytes)"
    chain.call(configurator, f"initReserves({row}[])", inputs)
    configure(chain, configurator, pool, tokens)
    for number, emode in pool.emodes.items():
        source = tokens[emode.price_source] if emode.price_source else ZERO
        values = (emode.ltv, emode.liquidation_threshold, emode.liquidation_bonus, source, "")
        chain.call(configurator, "setEModeCategory(uint8,uint16,uint16,uint16,address,string)", number, *values)
        for name in sorted(emode.collateral):
            chain.call(configurator, "setAssetEModeCategory(address,uint8)", tokens[name], number)
    return finish(chain, address, configurator, tokens, feeds, pool, users)


def deploy_3_6(artifacts: dict[str, Any], pool: Pool, users: tuple[str, ...]) -> Market:
    """The pool of 3.6."""
    chain = Chain(pool.time)

    def put(name: str, types: list[str] = [], arguments: list[Any] = [], **libraries: str) -> str:  # noqa: B006
        return chain.deploy(artifacts[name], types, arguments, **libraries)

    provider = put("PoolAddressesProvider", ["string", "address"], ["bench", ADMIN])
    access(chain, put, provider)
    strategy = put("DefaultReserveInterestRateStrategyV2", ["address"], [provider])
    libraries = {name: put(name) for name in ("SupplyLogic", "LiquidationLogic", "PoolLogic", "BorrowLogic")}
    libraries["FlashLoanLogic"] = put("FlashLoanLogic", BorrowLogic=libraries["BorrowLogic"])
    implementation = put("PoolInstance", ["address", "address"], [provider, strategy], **libraries)
    chain.call(provider, "setPoolImpl(address)", implementation)
    address = chain.view(provider, "getPool()", ["address"])
    logic = put("ConfiguratorLogic")
    configuring = put("PoolConfiguratorInstance", ConfiguratorLogic=logic)
    chain.call(provider, "setPoolConfiguratorImpl(address)", configuring)
    configurator = chain.view(provider, "getPoolConfigurator()", ["address"])
    tokens, feeds = tokens_and_oracle(chain, put, provider, pool)
    data_provider(chain, put, provider)
    supply = put("ATokenInstance", ["address", "address", "address"], [address, ZERO, TREASURY_ADDRESS])
    debt = put("VariableDebtTokenInstance", ["address", "address"], [address, ZERO])
    inputs = []
    for name, config in pool.configs.items():
        rates = config.rates
        assert rates is not None
        points = [value // 10**23 for value in (rates.optimal, rates.base, rates.slope_1, rates.slope_2)]
        data = encode(["uint16", "uint32", "uint32", "uint32"], points)
        inputs.append((supply, debt, tokens[name], name, name, name, name, b"", data))
    chain.call(
        configurator, "initReserves((address,address,address,string,string,string,string,bytes,bytes)[])", inputs
    )
    configure(chain, configurator, pool, tokens)
    for number, emode in pool.emodes.items():
        values = (emode.ltv, emode.liquidation_threshold, emode.liquidation_bonus, "")
        chain.call(configurator, "setEModeCategory(uint8,uint16,uint16,uint16,string)", number, *values)
        for call, members in (
            ("setAssetCollateralInEMode", emode.collateral),
            ("setAssetBorrowableInEMode", emode.borrowable),
            ("setAssetLtvzeroInEMode", emode.zero_ltv),
        ):
            for name in sorted(members):
                chain.call(configurator, f"{call}(address,uint8,bool)", tokens[name], number, True)
    return finish(chain, address, configurator, tokens, feeds, pool, users)


def access(chain: Chain, put: Any, provider: str) -> None:
    """Us as the administrator."""
    chain.call(provider, "setACLAdmin(address)", ADMIN)
    manager = put("ACLManager", ["address"], [provider])
    chain.call(provider, "setACLManager(address)", manager)
    chain.call(manager, "addPoolAdmin(address)", ADMIN)


def data_provider(chain: Chain, put: Any, provider: str) -> None:
    """The configurator asks it whether an asset is in use."""
    helper = put("AaveProtocolDataProvider", ["address"], [provider])
    chain.call(provider, "setPoolDataProvider(address)", helper)


def tokens_and_oracle(chain: Chain, put: Any, provider: str, pool: Pool) -> tuple[dict[str, str], dict[str, str]]:
    """A mintable token per asset (a price source is only an address), and a feed per price."""
    decimals = {name: config.decimals for name, config in pool.configs.items()}
    tokens = {
        name: put("MintableERC20", ["string", "string", "uint8"], [name, name, decimals.get(name, 18)])
        for name in pool.prices
    }
    feeds = {name: put("MockAggregator", ["int256"], [price]) for name, price in pool.prices.items()}
    types = ["address", "address[]", "address[]", "address", "address", "uint256"]
    values = [provider, list(tokens.values()), list(feeds.values()), ZERO, ZERO, 10**8]
    chain.call(provider, "setPriceOracle(address)", put("AaveOracle", types, values))
    return tokens, feeds


def configure(chain: Chain, configurator: str, pool: Pool, tokens: dict[str, str]) -> None:
    """The parameters of every asset."""
    for name, config in pool.configs.items():
        asset = tokens[name]

        def put(signature: str, *values: Any, asset: str = asset) -> None:
            chain.call(configurator, signature, asset, *values)

        if config.debt_ceiling:
            put("setDebtCeiling(address,uint256)", config.debt_ceiling)
        if config.liquidation_threshold:
            values = (config.ltv, config.liquidation_threshold, config.liquidation_bonus)
            put("configureReserveAsCollateral(address,uint256,uint256,uint256)", *values)
        put("setReserveBorrowing(address,bool)", config.borrowing_enabled)
        put("setReserveFactor(address,uint256)", config.reserve_factor)
        put("setLiquidationProtocolFee(address,uint256)", config.protocol_fee)
        put("setSupplyCap(address,uint256)", config.supply_cap)
        put("setBorrowCap(address,uint256)", config.borrow_cap)
        if pool.version.isolation:
            put("setBorrowableInIsolation(address,bool)", config.borrowable_in_isolation)
        if config.siloed:
            put("setSiloedBorrowing(address,bool)", True)


def finish(
    chain: Chain,
    address: str,
    configurator: str,
    tokens: dict[str, str],
    feeds: dict[str, str],
    pool: Pool,
    users: tuple[str, ...],
) -> Market:
    """The market with its tokens known."""
    market = Market(
        chain=chain,
        pool=address,
        configurator=configurator,
        tokens={name: tokens[name] for name in pool.configs},
        feeds=feeds,
        version=pool.version,
        users={name: f"0x{0xA11CE000 + i:040x}" for i, name in enumerate(users)},
    )
    market.find_tokens()
    return market
