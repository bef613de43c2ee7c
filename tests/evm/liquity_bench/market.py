"""A deployed system that takes the model's calls and shows every number that the model has."""

from dataclasses import dataclass
from typing import Any

from eth_abi import decode
from tools.chain import Chain, Reverted, calldata

from liquity_bench.scene import FORTNIGHT, START, USERS
from marginbook.exact import WAD

KEEPER = "0x000000000000000000000000000000000000bEEF"
ZERO = "0x" + "0" * 40
NONE = 2**256 - 1
HUNDRED = 10**18


def address_of(user: str) -> str:
    """An address for each name."""
    return f"0x{USERS.index(user) + 0xA11CE00:040x}"


@dataclass(kw_only=True)
class Deployed:
    """Addresses of one system."""

    chain: Chain
    at: dict[str, str]

    def do(self, kind: str, who: str, *n: int, hint: int = 0) -> str | None:
        """Why the call was refused, or None; `hint`: the nominal ratio that a redemption leaves."""
        sender = address_of(who) if who else KEEPER
        try:
            self._call(kind, sender, n, hint)
        except Reverted as refused:
            return str(decode(["string"], refused.data[4:])[0]) if refused.data else "assertion"
        return None

    def _call(self, kind: str, sender: str, n: tuple[int, ...], hint: int) -> None:
        chain, at = self.chain, self.at
        operations, troves, stability = at["BorrowerOperations"], at["TroveManager"], at["StabilityPool"]
        match kind:
            case "wait":
                chain.set_time(chain.time + n[0])
            case "move":
                chain.call(at["PriceFeedTestnet"], "setPrice(uint256)", n[0])
            case "give":
                whale = address_of("whale")
                chain.call(at["LUSDToken"], "transfer(address,uint256)", sender, n[0], sender=whale)
            case "open":
                signature = "openTrove(uint256,uint256,address,address)"
                chain.call(operations, signature, HUNDRED, n[1], ZERO, ZERO, sender=sender, value=n[0])
            case "adjust":
                add, take, draw, repay = n
                signature = "adjustTrove(uint256,uint256,uint256,bool,address,address)"
                terms = (HUNDRED, take, draw or repay, draw > 0, ZERO, ZERO)
                chain.call(operations, signature, *terms, sender=sender, value=add)
            case "close":
                chain.call(operations, "closeTrove()", sender=sender)
            case "claim":
                chain.call(operations, "claimCollateral()", sender=sender)
            case "liquidate":
                chain.call(troves, "liquidate(address)", sender, sender=KEEPER)
            case "batch":
                users = [address_of(USERS[place]) for place in n]
                chain.call(troves, "batchLiquidateTroves(address[])", users, sender=KEEPER)
            case "sequence":
                chain.call(troves, "liquidateTroves(uint256)", n[0], sender=KEEPER)
            case "redeem":
                signature = "redeemCollateral(uint256,address,address,address,uint256,uint256,uint256)"
                chain.call(troves, signature, n[0], ZERO, ZERO, ZERO, hint, 0, HUNDRED, sender=sender)
            case "provide":
                chain.call(stability, "provideToSP(uint256,address)", n[0], ZERO, sender=sender)
            case "withdraw":
                chain.call(stability, "withdrawFromSP(uint256)", n[0], sender=sender)

    def attempts(self) -> list[list[int]]:
        """Per user, what a liquidation would do now: (done, ETH to the caller, LUSD and ETH of the pool, surplus)."""
        users = [address_of(user) for user in USERS]
        raw = self.chain.call(self.at["Probe"], "attempts(address[])", users)
        words = list(decode(["uint256[]"], raw)[0])
        return [words[i : i + 5] for i in range(0, len(words), 5)]

    def numbers(self) -> list[int]:
        """What `Model.numbers` has."""
        at, chain = self.at, self.chain
        (price,) = chain.words(at["PriceFeedTestnet"], calldata("getPrice()"))
        found = [number for user in USERS for number in self._of_user(address_of(user), price)]

        def of(contract: str, signature: str, *arguments: Any) -> int:
            return chain.words(at[contract], calldata(signature, *arguments))[0]

        troves = "TroveManager"
        found += [of(troves, f"getEntireSystem{name}()") for name in ("Coll", "Debt")]
        found.append(of(troves, "getTCR(uint256)", price) if found[-1] else NONE)
        names = ("totalStakes", "totalStakesSnapshot", "totalCollateralSnapshot", "L_ETH", "L_LUSDDebt")
        names += ("lastETHError_Redistribution", "lastLUSDDebtError_Redistribution", "getTroveOwnersCount", "baseRate")
        found += [of(troves, f"{name}()") for name in names]
        found.append(of(troves, "getBorrowingFeeWithDecay(uint256)", 1_000 * WAD))
        stability = [of("StabilityPool", f"{name}()") for name in ("P", "currentScale", "currentEpoch")]
        found += [of("StabilityPool", "getTotalLUSDDeposits()"), *stability]
        found.append(of("StabilityPool", "epochToScaleToSum(uint128,uint128)", stability[2], stability[1]))
        found += [chain.evm.get_balance(at["LQTYStaking"]), chain.evm.get_balance(KEEPER)]
        return [*found, of("LUSDToken", "balanceOf(address)", KEEPER)]

    def _of_user(self, user: str, price: int) -> list[int]:
        at, chain = self.at, self.chain
        debt, collateral, stake, *_ = chain.words(at["TroveManager"], calldata("Troves(address)", user))
        whole = chain.words(at["TroveManager"], calldata("getEntireDebtAndColl(address)", user))
        (own,) = chain.words(at["TroveManager"], calldata("getCurrentICR(address,uint256)", user, price))
        found = [collateral, debt, stake, whole[1], whole[0], own]
        for contract, name in (
            ("StabilityPool", "getCompoundedLUSDDeposit"),
            ("StabilityPool", "getDepositorETHGain"),
            ("CollSurplusPool", "getCollateral"),
            ("LUSDToken", "balanceOf"),
        ):
            found += chain.words(at[contract], calldata(f"{name}(address)", user))
        return found


def deploy(contracts: dict[str, Any], price: int) -> Deployed:
    """All contracts of the system, as the venue's own deployment connects them, a fortnight old."""
    chain, at = Chain(START - FORTNIGHT), {}
    names = ("PriceFeedTestnet", "SortedTroves", "TroveManager", "ActivePool", "StabilityPool", "GasPool")
    names += ("DefaultPool", "CollSurplusPool", "BorrowerOperations", "LQTYStaking", "LockupContractFactory")
    for name in (*names, "CommunityIssuance"):
        at[name] = chain.deploy(contracts[name])

    def created(name: str, *others: str) -> None:
        addresses = [at.get(other, other) for other in others]
        at[name] = chain.deploy(contracts[name], ["address"] * len(addresses), addresses)

    def connected(name: str, *others: str) -> None:
        types = ",".join(["address"] * len(others))
        chain.call(at[name], f"setAddresses({types})", *(at[other] for other in others))

    created("LUSDToken", "TroveManager", "StabilityPool", "BorrowerOperations")
    holders = ("CommunityIssuance", "LQTYStaking", "LockupContractFactory", *(f"0x{n:040x}" for n in (7, 8, 9)))
    created("LQTYToken", *holders)
    created("Probe", "TroveManager", "StabilityPool", "CollSurplusPool")
    signature = "setParams(uint256,address,address)"
    chain.call(at["SortedTroves"], signature, 2**128, at["TroveManager"], at["BorrowerOperations"])
    pools = ("ActivePool", "DefaultPool", "StabilityPool", "GasPool", "CollSurplusPool", "PriceFeedTestnet")
    connected("TroveManager", "BorrowerOperations", *pools, "LUSDToken", "SortedTroves", "LQTYToken", "LQTYStaking")
    connected("BorrowerOperations", "TroveManager", *pools, "SortedTroves", "LUSDToken", "LQTYStaking")
    own = ("BorrowerOperations", "TroveManager")
    more = ("ActivePool", "LUSDToken", "SortedTroves", "PriceFeedTestnet", "CommunityIssuance")
    connected("StabilityPool", *own, *more)
    connected("ActivePool", *own, "StabilityPool", "DefaultPool")
    connected("DefaultPool", "TroveManager", "ActivePool")
    connected("CollSurplusPool", *own, "ActivePool")
    connected("LQTYStaking", "LQTYToken", "LUSDToken", "TroveManager", "BorrowerOperations", "ActivePool")
    connected("CommunityIssuance", "LQTYToken", "StabilityPool")
    chain.call(at["LockupContractFactory"], "setLQTYTokenAddress(address)", at["LQTYToken"])
    chain.call(at["PriceFeedTestnet"], "setPrice(uint256)", price)
    for user in USERS:
        chain.evm.set_balance(address_of(user), 10**30)
    chain.set_time(START)
    return Deployed(chain=chain, at=at)
