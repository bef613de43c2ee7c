"""A deployment that takes the walk's actions and shows every number that the rule set has."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eth_abi import decode
from tools.chain import Reverted, calldata

from perp_bench.deploy import MOST, Addresses, set_price, view_of
from perp_bench.figures import Action, Given
from perp_bench.scene import COLLATERALS, MAKERS

OPEN = "openPosition((address,bool,bool,uint256,uint256,uint256,uint160,bytes32))"
CLOSE = "closePosition((address,uint160,uint256,uint256,bytes32))"
ADD = "addLiquidity((address,uint256,uint256,int24,int24,uint256,uint256,bool,uint256))"
NO_CODE = b"\0" * 32
PLENTY = 10**16


@dataclass
class Deployed:
    """A chain with everything on it."""

    at: Addresses

    def do(self, action: Action) -> str | None:
        """Why it was refused, or None."""
        at, name = self.at, action.name
        match action.kind:
            case "time":
                at.chain.set_time(at.chain.time + action.amount)
                return None
            case "index":
                set_price(at, name, action.amount, action.other)
                return None
            case "price":
                set_price(at, name, action.amount, action.amount)
                return None
        try:
            self._call(action)
        except Reverted as refused:
            return _reason(refused.data)
        return None

    def _call(self, action: Action) -> None:
        at, kind, amount = self.at, action.kind, action.amount
        house, vault, sender = at.of["ClearingHouse"], at.of["Vault"], at.users.get(action.user)
        if kind in ("deposit", "withdraw"):
            at.chain.call(vault, f"{kind}(address,uint256)", at.tokens[action.name], amount, sender=sender)
        elif kind == "fund":
            signature, fund = "depositFor(address,address,uint256)", at.of["InsuranceFund"]
            at.chain.call(vault, signature, fund, at.tokens["USDC"], amount, sender=sender)
        elif kind == "sell":
            sold = (at.users[action.user], at.tokens[action.name], amount, bool(action.other))
            signature = "liquidateCollateral(address,address,uint256,bool)"
            at.chain.call(vault, signature, *sold, sender=at.users[action.by])
        elif kind == "liquidate":
            arguments: tuple[Any, ...] = (at.users[action.user], at.bases[action.name])
            signature = "liquidate(address,address)"
            if amount:
                signature, arguments = "liquidate(address,address,int256)", (*arguments, amount)
            at.chain.call(house, signature, *arguments, sender=at.users[action.by])
        elif kind == "close":
            at.chain.call(house, CLOSE, (at.bases[action.name], 0, 0, MOST, NO_CODE), sender=sender)
        else:
            at.chain.call(house, OPEN, self._order(action), sender=sender)

    def _order(self, action: Action) -> tuple[Any, ...]:
        """Sold base and spent quote are exact inputs, the others exact outputs."""
        sells = action.amount < 0
        exact_input = sells != bool(action.other)
        return (self.at.bases[action.name], sells, exact_input, abs(action.amount), 0, MOST, 0, NO_CODE)

    @contextmanager
    def passing(self) -> Iterator[None]:
        """What happens inside is undone; of views, only the chain's memory of having looked."""
        evm = self.at.chain.evm
        before = evm.snapshot()
        try:
            yield
        finally:
            evm.revert(before)

    def given(self, action: Action) -> Given:
        """How the swap would end, tried by the account with enough money and then undone."""
        if action.kind != "trade" and not (action.kind == "close" and action.amount):
            return Given()
        with self.passing():
            return self._tried(action)

    def _tried(self, action: Action) -> Given:
        plenty = (self.at.users[action.user], self.at.tokens["USDC"], PLENTY)
        self.at.chain.call(
            self.at.of["Vault"], "depositFor(address,address,uint256)", *plenty, sender=self.at.users["whale"]
        )
        try:
            self._call(action)
        except Reverted as refused:
            return Given(refused=_reason(refused.data))
        logs = [(log.address.lower(), *log.data) for log in self.at.chain.evm.result.logs]
        root, tick = view_words(self.at, self.at.pools[action.name])[:2]
        house, accounts = self.at.of["ClearingHouse"].lower(), self.at.of["AccountBalance"].lower()
        size, notional, fee, *_ = next(
            decode(["int256"] * 6, data) for where, topics, data in logs if where == house and len(data) == 192
        )
        fund = bytes.fromhex(self.at.of["InsuranceFund"][2:])
        fund_fee = sum(
            int.from_bytes(data, "big")
            for where, topics, data in logs
            if where == accounts and len(topics) == 2 and topics[1][12:] == fund and len(data) == 32
        )
        return Given(size, notional, fee, fund_fee, root, tick)

    def provide(self, user: str, name: str, base: int, quote: int, low: int, high: int) -> None:
        """A range order."""
        order = (self.at.bases[name], base, quote, low, high, 0, 0, False, MOST)
        self.at.chain.call(self.at.of["ClearingHouse"], ADD, order, sender=self.at.users[user])

    def pending_fee(self, user: str) -> int:
        """What an account's range orders have earned."""
        return self._view("AccountBalance", "getPnlAndPendingFee(address)", self.at.users[user])[2]

    def pooled(self, user: str, growth: dict[str, tuple[int, int]]) -> dict[str, dict[str, int]]:
        """Per market, what the range orders of an account hold and owe."""
        found = {}
        for name, base in self.at.bases.items():
            who = (self.at.users[user], base)
            tokens = "getTotalTokenAmountInPoolAndPendingFee(address,address,bool)"
            debt = "getTotalOrderDebt(address,address,bool)"
            coefficient = "getLiquidityCoefficientInFundingPayment(address,address,(int256,int256))"
            found[name] = {
                "order_base": self._view("OrderBook", tokens, *who, True)[0],
                "order_quote": self._view("OrderBook", tokens, *who, False)[0],
                "order_base_debt": self._view("OrderBook", debt, *who, True)[0],
                "order_quote_debt": self._view("OrderBook", debt, *who, False)[0],
                "order_funding": self._view("OrderBook", coefficient, *who, growth[name])[0],
            }
        return found

    def numbers(self, user: str) -> list[int]:
        """As `figures.numbers`, from the contracts."""
        view, who, tokens = self._view, self.at.users[user], self.at.tokens
        value = view("ClearingHouse", "getAccountValue(address)", who)[0]
        found: list[int] = []
        for base in self.at.bases.values():
            known = view("AccountBalance", "getAccountInfo(address,address)", who, base)
            found += known
            active = any(known) or user in MAKERS
            found.append(self._liquidatable(who, base, value) if active else 0)
            found += view("Exchange", "getPendingFundingPayment(address,address)", who, base) if active else [0]
        found += view("AccountBalance", "getPnlAndPendingFee(address)", who)
        found += view("Vault", "getBalance(address)", who)
        amounts = {n: view("Vault", "getBalanceByToken(address,address)", who, tokens[n])[0] for n in COLLATERALS}
        found += [*amounts.values(), value // 10**12]
        found += view("Vault", "getSettlementTokenValue(address)", who)
        found += view("Vault", "getFreeCollateral(address)", who)
        found += view("Vault", "getFreeCollateralByRatio(address,uint24)", who, 62_500)
        found += view("AccountBalance", "getMarginRequirementForLiquidation(address)", who)
        found += view("AccountBalance", "getTotalAbsPositionValue(address)", who)
        found += view("AccountBalance", "getTotalDebtValue(address)", who)
        free = "getFreeCollateralByToken(address,address)"
        found += view("Vault", free, who, tokens["USDC"])
        found += [view("Vault", free, who, tokens[n])[0] if amount else 0 for n, amount in amounts.items()]
        found += view("Vault", "isLiquidatable(address)", who)
        most = "getMaxRepaidSettlementAndLiquidatableCollateral(address,address)"
        for name, amount in amounts.items():
            found += view("Vault", most, who, tokens[name]) if amount else [0, 0]
        return found

    def _liquidatable(self, who: str, base: str, value: int) -> int:
        """What of a position may be taken; 0 where the contract cannot say."""
        try:
            signature = "getLiquidatablePositionSize(address,address,int256)"
            return self._view("AccountBalance", signature, who, base, value)[0]
        except RuntimeError:
            return 0

    def common(self) -> list[int]:
        """Per market the mark price, and the fund's capacity."""
        found = []
        for base in self.at.bases.values():
            found += self._view("AccountBalance", "getMarkPrice(address)", base)
        return found + self._view("InsuranceFund", "getInsuranceFundCapacity()")

    def _view(self, contract: str, signature: str, *arguments: Any) -> list[int]:
        return view_of(self.at, contract, signature, *arguments)


def view_words(at: Addresses, pool: str) -> list[int]:
    """(√price · 2^96, tick, …) of a pool."""
    words = at.chain.words(pool, calldata("slot0()"))
    return [word - 2**256 if word >> 255 else word for word in words]


def _reason(data: bytes) -> str:
    return str(decode(["string"], data[4:])[0]) if data[:4] == bytes.fromhex("08c379a0") else data.hex()[:80]
