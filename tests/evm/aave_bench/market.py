"""A deployed pool that takes the model's actions and shows every number the model has."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from eth_abi import decode
from tools.chain import Chain, Reverted, calldata, selector

from marginbook.venues.aave_v3.state import Pool
from marginbook.venues.aave_v3.steps import Action
from marginbook.venues.aave_v3.versions import Version

TREASURY_ADDRESS = "0x00000000000000000000000000000000000000fE"
LIQUIDATOR = "0x000000000000000000000000000000000000beef"
ZERO = "0x" + "0" * 40
MAX = 2**256 - 1

CODES = {
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
    "100": "NotBorrowableInEMode",
    "103": "MustNotLeaveDust",
}
"""Errors of 3.0 to 3.3."""
NAMES = (*CODES.values(), "SelfLiquidation", "UserHasAssetWithZeroLtv")
SELECTORS = {selector(f"{name}()"): name for name in NAMES}
SELECTORS |= {selector(f"{name}(address,uint256)"): name for name in ("InvalidDebtInEmode", "InvalidCollateralInEmode")}
SELECTORS[selector("ERC20InsufficientBalance(address,uint256,uint256)")] = "InsufficientLiquidity"
PANIC = bytes.fromhex("4e487b71")
ERROR_TEXT = bytes.fromhex("08c379a0")


def reason_of(data: bytes) -> str:
    """The error's name as the model knows it. Arithmetic and transfer failures all mean: not enough liquidity."""
    if data[:4] == ERROR_TEXT:
        (text,) = decode(["string"], data[4:])
        return CODES.get(text, "InsufficientLiquidity" if "transfer" in text or "ERC20" in text else text)
    if data[:4] == PANIC:
        return "InsufficientLiquidity"
    return SELECTORS.get(data[:4], data.hex()[:80])


@dataclass(kw_only=True)
class Market:
    """Addresses of one deployment."""

    supplying: ClassVar = "supply(address,uint256,address,uint16)"
    token_words: ClassVar = (8, 10)
    """Words of `getReserveData` with the supply and the debt token."""
    data_words: ClassVar = (1, 2, 3, 4, 6, 12, 14)
    """Words of `getReserveData`: indices and rates, last update, treasury, isolation debt."""

    chain: Chain
    pool: str
    configurator: str
    tokens: dict[str, str]
    feeds: dict[str, str]
    version: Version
    users: dict[str, str]
    supply_tokens: dict[str, str] = field(default_factory=dict)
    debt_tokens: dict[str, str] = field(default_factory=dict)

    def find_tokens(self) -> None:
        """Ask the pool for its tokens, and let everybody pay with any amount."""
        for name, token in self.tokens.items():
            words = self.chain.words(self.pool, calldata("getReserveData(address)", token))
            self.supply_tokens[name], self.debt_tokens[name] = (f"0x{words[i]:040x}" for i in self.token_words)
            for holder in (*self.users.values(), LIQUIDATOR):
                self.mint(token, holder)
                self.chain.call(token, "approve(address,uint256)", self.pool, MAX, sender=holder)

    def mint(self, token: str, holder: str) -> None:
        """Enough for every action."""
        self.chain.call(token, "mint(address,uint256)", holder, 10**40)

    def set_price(self, asset: str, price: int) -> None:
        """What the oracle says from now on."""
        self.chain.evm.insert_account_storage(self.feeds[asset], 0, price)

    def reason_of(self, data: bytes) -> str:
        """The error's name as the model knows it."""
        return reason_of(data)

    def do(self, action: Action, before: Pool) -> tuple[tuple[int, int] | None, str | None]:
        """((repaid, seized) of a liquidation, why it was refused)."""
        asset, user = self.tokens.get(action.asset, ZERO), self.users.get(action.user, ZERO)
        call, sender = self.chain.call, user
        try:
            match action.kind:
                case "time":
                    self.chain.set_time(before.time + action.amount)
                case "price":
                    self.set_price(action.asset, action.amount)
                case "ltv":
                    config = before.configs[action.asset]
                    values = (action.amount, config.liquidation_threshold, config.liquidation_bonus)
                    signature = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
                    call(self.configurator, signature, asset, *values)
                case "supply":
                    call(self.pool, self.supplying, asset, action.amount, user, 0, sender=sender)
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
            return None, self.reason_of(refused.data)
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
            views.append((f"reserve {name}", self.pool, calldata("getReserveData(address)", token), self.data_words))
            for signature in ("getReserveNormalizedIncome(address)", "getReserveNormalizedVariableDebt(address)"):
                views.append((f"normalized {name}", self.pool, calldata(signature, token), (0,)))
            views += [(f"scaled {name}", t, calldata("scaledTotalSupply()"), (0,)) for t in (supply, debt)]
            if self.version.tracked_cash:
                views.append((f"cash {name}", self.pool, calldata("getVirtualUnderlyingBalance(address)", token), (0,)))
            else:
                views.append((f"cash {name}", token, calldata("balanceOf(address)", supply), (0,)))
            if self.version.position_close_factor:
                views.append((f"deficit {name}", self.pool, calldata("getReserveDeficit(address)", token), (0,)))
            views.append((f"treasury {name}", supply, calldata("scaledBalanceOf(address)", TREASURY_ADDRESS), (0,)))
        for user, address in self.users.items():
            views.append(
                (f"account {user}", self.pool, calldata("getUserAccountData(address)", address), tuple(range(6)))
            )
            if not self.version.treasury_minted:
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
