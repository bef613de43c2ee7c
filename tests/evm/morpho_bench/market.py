"""A deployed market that takes the model's actions and shows every number the model has."""

from dataclasses import dataclass
from typing import Any

from eth_abi import decode, encode
from eth_hash.auto import keccak
from tools.chain import ADMIN, Chain, Reverted, calldata

from marginbook.venues.morpho.market import FEE_RECIPIENT, Isolated
from morpho_bench.figures import SHOWN, USERS, Action

LIQUIDATOR = "0x000000000000000000000000000000000000bEEF"
ZERO = "0x" + "0" * 40
PARAMS = "(address,address,address,address,uint256)"
BY_EITHER = {"supply": "bytes", "repay": "bytes", "withdraw": "address", "borrow": "address"}
PANIC = bytes.fromhex("4e487b71")


def address_of(user: str) -> str:
    """An address for each name."""
    return f"0x{SHOWN.index(user) + 0xA0:040x}"


@dataclass(kw_only=True)
class Deployed:
    """One market on one chain."""

    chain: Chain
    morpho: str
    oracle: str
    params: tuple[str, str, str, str, int]

    @property
    def id(self) -> bytes:
        """Hash of the five terms."""
        return keccak(encode([PARAMS], [self.params]))

    def do(self, action: Action) -> tuple[list[int] | None, str | None]:
        """(what the call returned, why it was refused)."""
        user = address_of(action.user) if action.user else ZERO
        kind, sender = action.kind, user
        try:
            if kind == "time":
                self.chain.set_time(self.chain.time + action.assets)
            elif kind == "price":
                self.chain.call(self.oracle, "setPrice(uint256)", action.assets)
            elif kind == "accrue":
                self.chain.call(self.morpho, f"accrueInterest({PARAMS})", self.params)
            elif kind == "supply_collateral":
                signature = f"supplyCollateral({PARAMS},uint256,address,bytes)"
                self.chain.call(self.morpho, signature, self.params, action.assets, user, b"", sender=sender)
            elif kind == "withdraw_collateral":
                signature = f"withdrawCollateral({PARAMS},uint256,address,address)"
                self.chain.call(self.morpho, signature, self.params, action.assets, user, user, sender=sender)
            else:
                return self._both(action, user), None
        except Reverted as reverted:
            return None, _reason(reverted.data)
        return None, None

    def _both(self, action: Action, user: str) -> list[int]:
        """Calls with assets or shares, which return two numbers."""
        kind, both = action.kind, (action.assets, action.shares)
        if kind == "liquidate":
            data = calldata(f"liquidate({PARAMS},address,uint256,uint256,bytes)", self.params, user, *both, b"")
            raw = self.chain.send(self.morpho, data, LIQUIDATOR)
        else:
            last = BY_EITHER[kind]
            signature = f"{kind}({PARAMS},uint256,uint256,address,{last})"
            raw = self.chain.send(
                self.morpho, calldata(signature, self.params, *both, user, b"" if last == "bytes" else user), user
            )
        return list(decode(["uint256", "uint256"], raw))

    def numbers(self) -> list[int]:
        """What `figures.numbers` has, from the contract's storage getters."""
        words = self.chain.words(self.morpho, calldata("market(bytes32)", self.id))
        found = words[:5]
        for user in SHOWN:
            found += self.chain.words(self.morpho, calldata("position(bytes32,address)", self.id, address_of(user)))
        return found


def _reason(data: bytes) -> str:
    if data[:4] == PANIC:
        return "arithmetic"
    return str(decode(["string"], data[4:])[0])


def deploy(contracts: dict[str, Any], m: Isolated) -> Deployed:
    """The contract with one market, everybody able to pay any amount."""
    chain = Chain(m.time)
    morpho = chain.deploy(contracts["Morpho"], ["address"], [ADMIN])
    loan, collateral = chain.deploy(contracts["ERC20Mock"]), chain.deploy(contracts["ERC20Mock"])
    oracle, irm = chain.deploy(contracts["OracleMock"]), chain.deploy(contracts["IrmMock"])
    deployed = Deployed(chain=chain, morpho=morpho, oracle=oracle, params=(loan, collateral, oracle, irm, m.lltv))
    chain.call(oracle, "setPrice(uint256)", m.price)
    chain.call(morpho, "enableIrm(address)", irm)
    chain.call(morpho, "enableLltv(uint256)", m.lltv)
    chain.call(morpho, f"createMarket({PARAMS})", deployed.params)
    chain.call(morpho, "setFeeRecipient(address)", address_of(FEE_RECIPIENT))
    if m.fee:
        chain.call(morpho, f"setFee({PARAMS},uint256)", deployed.params, m.fee)
    for holder in (*(address_of(user) for user in USERS), LIQUIDATOR):
        for token in (loan, collateral):
            chain.call(token, "setBalance(address,uint256)", holder, 2**200)
            chain.call(token, "approve(address,uint256)", morpho, 2**256 - 1, sender=holder)
    return deployed
