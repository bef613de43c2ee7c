"""A deployed pool that takes the model's actions and shows every number the model has."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from eth_abi import decode, encode
from tools.chain import ADMIN, Chain, Reverted, calldata, selector

from marginbook.venues.aave_v3.state import Pool
from marginbook.venues.aave_v3.steps import Action

TREASURY_ADDRESS = "0x00000000000000000000000000000000000000fE"
LIQUIDATOR = "0x000000000000000000000000000000000000beef"
ZERO = "0x" + "0" * 40
MAX = 2**256 - 1

CODES_3_0 = {
    "24": "InvalidMintAmount",
    "25": "InvalidBurnAmount",
    "26": "InvalidAmount",
    "27": "ReserveInactive",
    "28": "ReserveFrozen",
    "29": "ReservePaused",
    "30": "BorrowingNotEnabled",
    "32": "NotEnoughAvailableUserBalance",
    "34": "CollateralBalanceIsZero",
    "35": "HealthFactorLowerThanLiquidationThreshold",
    "36": "CollateralCannotCoverNewBorrow",
    "39": "NoDebtOfSelectedType",
    "43": "UnderlyingBalanceZero",
    "45": "HealthFactorNotBelowThreshold",
    "46": "CollateralCannotBeLiquidated",
    "47": "SpecifiedCurrencyNotBorrowedByUser",
    "50": "BorrowCapExceeded",
    "51": "SupplyCapExceeded",
    "53": "DebtCeilingExceeded",
    "57": "LtvValidationFailed",
    "58": "InconsistentEModeCategory",
    "60": "AssetNotBorrowableInIsolation",
    "62": "UserInIsolationModeOrLtvZero",
    "89": "SiloedBorrowingViolation",
}
NAMES_3_6 = (
    *CODES_3_0.values(),
    "NotBorrowableInEMode",
    "MustNotLeaveDust",
    "SelfLiquidation",
    "InvalidDebtInEmode",
    "InvalidCollateralInEmode",
)
SELECTORS_3_6 = {selector(f"{name}()"): name for name in NAMES_3_6}
SELECTORS_3_6 |= {
    selector(f"{name}(address,uint256)"): name for name in ("InvalidDebtInEmode", "InvalidCollateralInEmode")
}
PANIC = bytes.fromhex("4e487b71")
ERROR_TEXT = bytes.fromhex("08c379a0")
RESERVE_DATA = (1, 2, 3, 4, 6, 12, 14)
"""Words of `getReserveData`: indices and rates, last update, treasury, isolation debt."""


def reason_of(data: bytes) -> str:
    """The error's name as the model knows it. Arithmetic and transfer failures all mean: not enough liquidity."""
    if data[:4] == ERROR_TEXT:
        (text,) = decode(["string"], data[4:])
        return CODES_3_0.get(text, "InsufficientLiquidity" if "transfer" in text or "ERC20" in text else text)
    if data[:4] == PANIC:
        return "InsufficientLiquidity"
    return SELECTORS_3_6.get(data[:4], data.hex()[:80])


@dataclass(kw_only=True)
class Market:
    """Addresses of one deployment."""

    chain: Chain
    pool: str
    configurator: str
    tokens: dict[str, str]
    feeds: dict[str, str]
    tracked_cash: bool
    users: dict[str, str]
    supply_tokens: dict[str, str] = field(default_factory=dict)
    debt_tokens: dict[str, str] = field(default_factory=dict)

    def find_tokens(self) -> None:
        """Ask the pool for its tokens, and let everybody pay with any amount."""
        for name, token in self.tokens.items():
            words = self.chain.words(self.pool, calldata("getReserveData(address)", token))
            self.supply_tokens[name], self.debt_tokens[name] = (f"0x{words[i]:040x}" for i in (8, 10))
            for holder in (*self.users.values(), LIQUIDATOR):
                self.chain.call(token, "mint(address,uint256)", holder, 10**40)
                self.chain.call(token, "approve(address,uint256)", self.pool, MAX, sender=holder)

    def do(self, action: Action, before: Pool) -> tuple[tuple[int, int] | None, str | None]:
        """((repaid, seized) of a liquidation, why it was refused)."""
        asset, user = self.tokens.get(action.asset, ZERO), self.users.get(action.user, ZERO)
        call, sender = self.chain.call, user
        try:
            match action.kind:
                case "time":
                    self.chain.set_time(before.time + action.amount)
                case "price":
                    self.chain.evm.insert_account_storage(self.feeds[action.asset], 0, action.amount)
                case "ltv":
                    config = before.configs[action.asset]
                    values = (action.amount, config.liquidation_threshold, config.liquidation_bonus)
                    signature = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
                    call(self.configurator, signature, asset, *values)
                case "supply":
                    call(
                        self.pool,
                        "supply(address,uint256,address,uint16)",
                        asset,
                        action.amount,
                        user,
                        0,
                        sender=sender,
                    )
                case "withdraw":
                    call(self.pool, "withdraw(address,uint256,address)", asset, action.amount, user, sender=sender)
                case "borrow":
                    signature = "borrow(address,uint256,uint256,uint16,address)"
                    call(self.pool, signature, asset, action.amount, 2, 0, user, sender=sender)
                case "repay":
                    signature = "repay(address,uint256,uint256,address)"
                    call(self.pool, signature, asset, action.amount, 2, user, sender=sender)
                case "collateral":
                    signature = "setUserUseReserveAsCollateral(address,bool)"
                    call(self.pool, signature, asset, bool(action.amount), sender=sender)
                case "emode":
                    call(self.pool, "setUserEMode(uint8)", action.amount, sender=sender)
                case "liquidate":
                    return self._liquidate(action, asset, user), None
        except Reverted as refused:
            return None, reason_of(refused.data)
        return None, None

    def _liquidate(self, action: Action, debt: str, user: str) -> tuple[int, int]:
        collateral = self.tokens[action.collateral]
        signature = "liquidationCall(address,address,address,uint256,bool)"
        before = [self._balance(token) for token in (debt, collateral)]
        self.chain.call(self.pool, signature, collateral, debt, user, action.amount, False, sender=LIQUIDATOR)
        after = [self._balance(token) for token in (debt, collateral)]
        if debt == collateral:
            return after[0] - before[0], after[0] - before[0]
        return before[0] - after[0], after[1] - before[1]

    def _balance(self, token: str) -> int:
        return self.chain.words(token, calldata("balanceOf(address)", LIQUIDATOR))[0]

    @cached_property
    def _views(self) -> list[tuple[str, str, bytes, tuple[int, ...]]]:
        """(label, address, call, which words) of every number that is compared."""
        views: list[tuple[str, str, bytes, tuple[int, ...]]] = []
        for name, token in self.tokens.items():
            supply, debt = self.supply_tokens[name], self.debt_tokens[name]
            views.append((f"reserve {name}", self.pool, calldata("getReserveData(address)", token), RESERVE_DATA))
            for signature in ("getReserveNormalizedIncome(address)", "getReserveNormalizedVariableDebt(address)"):
                views.append((f"normalized {name}", self.pool, calldata(signature, token), (0,)))
            views += [(f"scaled {name}", t, calldata("scaledTotalSupply()"), (0,)) for t in (supply, debt)]
            if self.tracked_cash:
                views.append((f"cash {name}", self.pool, calldata("getVirtualUnderlyingBalance(address)", token), (0,)))
                views.append((f"deficit {name}", self.pool, calldata("getReserveDeficit(address)", token), (0,)))
            else:
                views.append((f"cash {name}", token, calldata("balanceOf(address)", supply), (0,)))
            views.append((f"treasury {name}", supply, calldata("scaledBalanceOf(address)", TREASURY_ADDRESS), (0,)))
        for user, address in self.users.items():
            views.append(
                (f"account {user}", self.pool, calldata("getUserAccountData(address)", address), tuple(range(6)))
            )
            views.append((f"emode {user}", self.pool, calldata("getUserEMode(address)", address), (0,)))
            views.append((f"flags {user}", self.pool, calldata("getUserConfiguration(address)", address), (0,)))
            for name in self.tokens:
                for token in (self.supply_tokens[name], self.debt_tokens[name]):
                    for signature in ("scaledBalanceOf(address)", "balanceOf(address)"):
                        views.append((f"balance {user} {name}", token, calldata(signature, address), (0,)))
        return views

    def numbers(self) -> list[int]:
        """Every number that the chain shows, in the order of `figures.model_numbers`."""
        found: list[int] = []
        for _, to, data, indices in self._views:
            words = self.chain.words(to, data)
            found += [words[i] for i in indices]
        return found

    def labels(self) -> list[str]:
        """What each number is."""
        return [f"{label}[{i}]" for label, _, _, indices in self._views for i in indices]


def deploy_3_0(artifacts: dict[str, Any], pool: Pool, users: tuple[str, ...]) -> Market:
    """The pool of 3.0."""
    chain = Chain(pool.time)

    def put(name: str, types: list[str] = [], arguments: list[Any] = [], **libraries: str) -> str:  # noqa: B006
        return chain.deploy(artifacts[name], types, arguments, **libraries)

    provider = put("PoolAddressesProvider", ["string", "address"], ["bench", ADMIN])
    _access(chain, put, provider)
    names = ("SupplyLogic", "LiquidationLogic", "EModeLogic", "BridgeLogic", "PoolLogic", "BorrowLogic")
    libraries = {name: put(name) for name in names}
    libraries["FlashLoanLogic"] = put("FlashLoanLogic", BorrowLogic=libraries["BorrowLogic"])
    chain.call(provider, "setPoolImpl(address)", put("Pool", ["address"], [provider], **libraries))
    address = chain.view(provider, "getPool()", ["address"])
    logic = put("ConfiguratorLogic")
    chain.call(provider, "setPoolConfiguratorImpl(address)", put("PoolConfigurator", ConfiguratorLogic=logic))
    configurator = chain.view(provider, "getPoolConfigurator()", ["address"])
    tokens, feeds = _tokens_and_oracle(chain, put, provider, pool)
    _data_provider(chain, put, provider)
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
    _configure(chain, configurator, pool, tokens)
    for number, emode in pool.emodes.items():
        source = tokens[emode.price_source] if emode.price_source else ZERO
        values = (emode.ltv, emode.liquidation_threshold, emode.liquidation_bonus, source, "")
        chain.call(configurator, "setEModeCategory(uint8,uint16,uint16,uint16,address,string)", number, *values)
        for name in sorted(emode.collateral):
            chain.call(configurator, "setAssetEModeCategory(address,uint8)", tokens[name], number)
    return _finish(chain, address, configurator, tokens, feeds, pool, users)


def deploy_3_6(artifacts: dict[str, Any], pool: Pool, users: tuple[str, ...]) -> Market:
    """The pool of 3.6."""
    chain = Chain(pool.time)

    def put(name: str, types: list[str] = [], arguments: list[Any] = [], **libraries: str) -> str:  # noqa: B006
        return chain.deploy(artifacts[name], types, arguments, **libraries)

    provider = put("PoolAddressesProvider", ["string", "address"], ["bench", ADMIN])
    _access(chain, put, provider)
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
    tokens, feeds = _tokens_and_oracle(chain, put, provider, pool)
    _data_provider(chain, put, provider)
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
    _configure(chain, configurator, pool, tokens)
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
    return _finish(chain, address, configurator, tokens, feeds, pool, users)


def _access(chain: Chain, put: Any, provider: str) -> None:
    chain.call(provider, "setACLAdmin(address)", ADMIN)
    manager = put("ACLManager", ["address"], [provider])
    chain.call(provider, "setACLManager(address)", manager)
    chain.call(manager, "addPoolAdmin(address)", ADMIN)


def _data_provider(chain: Chain, put: Any, provider: str) -> None:
    """The configurator asks it whether an asset is in use."""
    helper = put("AaveProtocolDataProvider", ["address"], [provider])
    chain.call(provider, "setPoolDataProvider(address)", helper)


def _tokens_and_oracle(chain: Chain, put: Any, provider: str, pool: Pool) -> tuple[dict[str, str], dict[str, str]]:
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


def _configure(chain: Chain, configurator: str, pool: Pool, tokens: dict[str, str]) -> None:
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
        put("setBorrowableInIsolation(address,bool)", config.borrowable_in_isolation)
        if config.siloed:
            put("setSiloedBorrowing(address,bool)", True)


def _finish(
    chain: Chain,
    address: str,
    configurator: str,
    tokens: dict[str, str],
    feeds: dict[str, str],
    pool: Pool,
    users: tuple[str, ...],
) -> Market:
    market = Market(
        chain=chain,
        pool=address,
        configurator=configurator,
        tokens={name: tokens[name] for name in pool.configs},
        feeds=feeds,
        tracked_cash=pool.version.tracked_cash,
        users={name: f"0x{0xA11CE000 + i:040x}" for i, name in enumerate(users)},
    )
    market.find_tokens()
    return market
