"""The deployed kit that takes the model's calls and shows every number that the model has."""

from dataclasses import dataclass
from typing import Any

from eth_abi import decode
from eth_abi.packed import encode_packed
from eth_hash.auto import keccak
from tools.chain import ADMIN, Chain, Reverted, calldata

from euler_bench.packages import MODULES
from euler_bench.scene import LENT, NAMES, PURSE, START, USERS, VAULT, Call, Scene

LIQUIDATOR = "0x000000000000000000000000000000000000bEEF"
LENDER = "0x000000000000000000000000000000000000dEaF"
UNIT = "0x0000000000000000000000000000000000000001"
ZERO = "0x" + "0" * 40
ADDRESSES = {who: f"0x{(place + 1) * 0xA11CE00:040x}" for place, who in enumerate(USERS)}
ERRORS = {
    keccak(f"{name}()".encode())[:4]: name
    for name in (
        "E_AccountLiquidity",
        "E_AmountTooLargeToEncode",
        "E_BadCollateral",
        "E_CollateralDisabled",
        "E_DebtAmountTooLargeToEncode",
        "E_ExcessiveRepayAmount",
        "E_InsufficientBalance",
        "E_InsufficientCash",
        "E_InsufficientDebt",
        "E_LiquidationCoolOff",
        "E_RepayTooMuch",
        "E_ZeroAssets",
        "E_ZeroShares",
    )
}
VAULTS = (VAULT, *NAMES, "eBIG")


def reason_of(data: bytes) -> str:
    """The name of an error."""
    return ERRORS.get(data[:4], data.hex())


@dataclass(kw_only=True)
class Deployed:
    """Addresses of one deployment, and how prices of the model are those of its oracle."""

    chain: Chain
    at: dict[str, str]
    scene: Scene

    def do(self, call: Call) -> str | None:
        """Why the call was refused, or None."""
        try:
            self._call(*call)
        except Reverted as refused:
            return reason_of(refused.data)
        return None

    def _call(self, kind: str, who: str, n: list[int]) -> None:
        chain, at, user = self.chain, self.at, ADDRESSES.get(who, ADMIN)
        name = at[NAMES[n[0]]] if kind in ("supply", "withdraw", "redeem", "liquidate") else ""
        match kind:
            case "wait":
                chain.set_time(chain.time + n[0])
            case "price":
                self.set_price(who, *n)
            case "ltv":
                chain.call(at[VAULT], "setLTV(address,uint16,uint16,uint32)", at[who], *n)
            case "supply":
                chain.call(name, "deposit(uint256,address)", n[1], user, sender=user)
            case "withdraw" | "redeem":
                chain.call(name, f"{kind}(uint256,address,address)", n[1], user, user, sender=user)
            case "borrow" | "repay":
                chain.call(at[VAULT], f"{kind}(uint256,address)", n[0], user, sender=user)
            case "liquidate":
                most = 2**256 - 1 if n[1] < 0 else n[1]
                signature = "liquidate(address,address,uint256,uint256)"
                chain.call(at[VAULT], signature, user, name, most, 0, sender=LIQUIDATOR)

    def set_price(self, asset: str, mid: int, bid: int, ask: int) -> None:
        """Per unit of the token, as the oracle quotes it."""
        decimals = dict(zip(("TST", "ONE", "TWO"), self.scene.decimals, strict=True)).get(asset, 18)
        mid, bid, ask = (raw * 10 ** (18 - decimals) for raw in (mid, bid, ask))
        self.chain.call(self.at["oracle"], "setPrice(address,address,uint256)", self.at[asset], UNIT, mid)
        self.chain.call(self.at["oracle"], "setPrices(address,address,uint256,uint256)", self.at[asset], UNIT, bid, ask)

    def tried(self, calls: list[Call]) -> tuple[str | None, list[int]]:
        """Why the last of the calls was refused, and all numbers after them, undone."""
        kept = self.chain.evm.snapshot()
        reason = None
        for call in calls:
            reason = self.do(call)
        numbers = self.numbers() if reason is None and calls[-1][0] == "liquidate" else []
        self.chain.evm.revert(kept)
        return reason, numbers

    def sides(self, who: str) -> list[int]:
        """Both sides of an account's liquidation check."""
        data = calldata("accountLiquidity(address,bool)", ADDRESSES[who], True)
        return self.chain.words(self.at[VAULT], data)

    def totals(self, name: str) -> list[int]:
        """Assets and shares of a collateral's vault."""
        return [self.chain.words(self.at[name], calldata(f"{what}()"))[0] for what in ("totalAssets", "totalSupply")]

    def numbers(self) -> list[int]:
        """What `Model.numbers` has."""
        at, chain = self.at, self.chain

        def one(contract: str, signature: str, *arguments: Any) -> list[int]:
            return chain.words(at[contract], calldata(signature, *arguments))

        found: list[int] = []
        for user in ADDRESSES.values():
            found += one(VAULT, "debtOfExact(address)", user) + one(VAULT, "debtOf(address)", user)
            found += one("evc", "getLastAccountStatusCheckTimestamp(address)", user)
            found += [one(name, "balanceOf(address)", user)[0] for name in NAMES]
            for liquidation in (True, False):
                found += one(VAULT, "accountLiquidity(address,bool)", user, liquidation)
            for name in NAMES:
                try:
                    found += one(VAULT, "checkLiquidation(address,address,address)", LIQUIDATOR, user, at[name])
                except RuntimeError:
                    found += [-1, -1]
        found += one(VAULT, "interestAccumulator()") + one(VAULT, "cash()")
        found += [one(name, "balanceOf(address)", LIQUIDATOR)[0] for name in NAMES]
        return found + one(VAULT, "debtOfExact(address)", LIQUIDATOR)


def deploy(contracts: dict[str, Any], s: Scene) -> Deployed:
    """Connector, factory and modules of the kit; the lent vault, two collaterals, and one more for the liquidator."""
    chain = Chain(START)
    at = {
        "evc": chain.deploy(contracts["EthereumVaultConnector"]),
        "oracle": chain.deploy(contracts["MockPriceOracle"]),
    }
    at["config"] = chain.deploy(contracts["ProtocolConfig"], ["address"] * 2, [ADMIN, ADMIN])
    at["sequence"] = chain.deploy(contracts["SequenceRegistry"])
    at["factory"] = chain.deploy(contracts["GenericFactory"], ["address"], [ADMIN])
    five = tuple(at.get(name, ZERO) for name in ("evc", "config", "sequence", "tracker", "permit"))
    types = f"({','.join(['address'] * 5)})"
    modules = tuple(chain.deploy(contracts[name], [types], [five]) for name in MODULES)
    kit = chain.deploy(contracts["EVault"], [types, f"({','.join(['address'] * 8)})"], [five, modules])
    chain.call(at["factory"], "setImplementation(address)", kit)
    decimals = dict(zip((VAULT, *NAMES, "eBIG"), (*s.decimals, 18), strict=True))
    rates = {VAULT: s.rate, "eONE": s.other_rate}
    deployed = Deployed(chain=chain, at=at, scene=s)
    for name in VAULTS:
        asset = name[1:]
        arguments = [asset, asset, decimals[name], False]
        at[asset] = chain.deploy(contracts["TestERC20"], ["string", "string", "uint8", "bool"], arguments)
        packed = encode_packed(["address"] * 3, [at[asset], at["oracle"], UNIT])
        raw = chain.call(at["factory"], "createProxy(address,bool,bytes)", ZERO, True, packed)
        at[name] = decode(["address"], raw)[0]
        chain.call(at[name], "setHookConfig(address,uint32)", ZERO, 0)
        chain.call(at[name], "setInterestFee(uint16)", 1_000)
        rate = chain.deploy(contracts["FixedRate"], ["uint256"], [rates.get(name, 0)])
        chain.call(at[name], "setInterestRateModel(address)", rate)
        for holder in (*ADDRESSES.values(), LENDER, LIQUIDATOR):
            chain.call(at[asset], "mint(address,uint256)", holder, PURSE)
            chain.call(at[asset], "approve(address,uint256)", at[name], 2**256 - 1, sender=holder)
        if name != "eBIG":
            chain.call(at[name], "deposit(uint256,address)", LENT[name] * 10 ** decimals[name], LENDER, sender=LENDER)
    chain.call(at[VAULT], "setMaxLiquidationDiscount(uint16)", s.terms.max_discount)
    chain.call(at[VAULT], "setLiquidationCoolOffTime(uint16)", s.terms.cool_off)
    if not s.terms.socialize:
        chain.call(at[VAULT], "setConfigFlags(uint32)", 1)
    for name in NAMES:
        chain.call(at[VAULT], "setLTV(address,uint16,uint16,uint32)", at[name], 8_000, 8_500, 0)
    chain.call(at[VAULT], "setLTV(address,uint16,uint16,uint32)", at["eBIG"], 9_000, 9_000, 0)
    for asset, mid in {**s.prices, "BIG": 10**18}.items():
        deployed.set_price(asset, mid, mid, mid)
    chain.call(at["eBIG"], "deposit(uint256,address)", PURSE, LIQUIDATOR, sender=LIQUIDATOR)
    for user in (*ADDRESSES.values(), LIQUIDATOR):
        known = NAMES if user != LIQUIDATOR else ("eBIG",)
        for name in known:
            chain.call(at["evc"], "enableCollateral(address,address)", user, at[name], sender=user)
        chain.call(at["evc"], "enableController(address,address)", user, at[VAULT], sender=user)
    _lend_elsewhere(deployed)
    return deployed


def _lend_elsewhere(d: Deployed) -> None:
    """A loan of half of eONE against eTWO, so that a share of eONE is worth more as time passes."""
    chain, at = d.chain, d.at
    one = at["eONE"]
    chain.call(one, "setLTV(address,uint16,uint16,uint32)", at["eBIG"], 9_000, 9_000, 0)
    borrower = "0x000000000000000000000000000000000000cAfE"
    chain.call(at["BIG"], "mint(address,uint256)", borrower, PURSE)
    chain.call(at["BIG"], "approve(address,uint256)", at["eBIG"], 2**256 - 1, sender=borrower)
    chain.call(at["eBIG"], "deposit(uint256,address)", PURSE, borrower, sender=borrower)
    chain.call(at["evc"], "enableCollateral(address,address)", borrower, at["eBIG"], sender=borrower)
    chain.call(at["evc"], "enableController(address,address)", borrower, one, sender=borrower)
    amount = LENT["eONE"] * 10 ** d.scene.decimals[1] // 2
    chain.send(one, calldata("borrow(uint256,address)", amount, borrower), borrower)
