"""A small face on pyrevm: deploy, link, transact, view."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from eth_abi import decode, encode
from eth_hash.auto import keccak

ADMIN = "0x00000000000000000000000000000000000000Ad"
GAS = 2_000_000_000


class Reverted(Exception):
    """A transaction was refused; `data` is what the contract returned."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        super().__init__(data.hex()[:200])


@cache
def selector(signature: str) -> bytes:
    """First four bytes of the signature's hash."""
    return keccak(signature.encode())[:4]


def types_of(signature: str) -> list[str]:
    """Argument types of `f(a,(b,c))`, top level only."""
    inner, found, depth, start = signature[signature.index("(") + 1 : -1], [], 0, 0
    for i, character in enumerate(inner):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            found.append(inner[start:i])
            start = i + 1
    return [*found, inner[start:]] if inner else []


def calldata(signature: str, *arguments: Any) -> bytes:
    """Encoded call."""
    return selector(signature) + encode(types_of(signature), arguments)


class Chain:
    """One in-process EVM with a clock that the caller sets."""

    def __init__(self, time: int, spec: str = "SHANGHAI") -> None:
        from pyrevm import EVM, BlockEnv, CfgEnv, Env

        self._block = BlockEnv
        self.time, self.number = time, 1
        block = BlockEnv(number=1, timestamp=time, gas_limit=GAS * 10, basefee=0)
        config = CfgEnv(chain_id=1, limit_contract_code_size=2**24)
        self.evm = EVM(env=Env(cfg=config, block=block), gas_limit=GAS * 10, spec_id=spec)
        self.evm.set_balance(ADMIN, 10**24)

    def set_time(self, time: int) -> None:
        """The time of the next transactions and views."""
        self.time, self.number = time, self.number + 1
        self.evm.set_block_env(self._block(number=self.number, timestamp=time, gas_limit=GAS * 10, basefee=0))

    def deploy(
        self, artifact: dict[str, Any], types: Sequence[str] = (), arguments: Sequence[Any] = (), **libraries: str
    ) -> str:
        """Deploy with constructor arguments, libraries linked by name."""
        code = artifact["bytecode"].removeprefix("0x")
        for file in artifact["linkReferences"].values():
            for name, places in file.items():
                address = libraries[name].removeprefix("0x").lower()
                for place in places:
                    start = place["start"] * 2
                    code = code[:start] + address + code[start + 40 :]
        address: str = self.evm.deploy(ADMIN, bytes.fromhex(code) + encode(types, arguments))
        return address

    def send(self, to: str, data: bytes, sender: str = ADMIN, value: int = 0) -> bytes:
        """A transaction, with ether; `Reverted` if refused."""
        try:
            return bytes(self.evm.message_call(sender, to, calldata=data, gas=GAS, value=value))
        except RuntimeError as error:
            raise Reverted(_revert_data(str(error))) from None

    def call(self, to: str, signature: str, *arguments: Any, sender: str = ADMIN, value: int = 0) -> bytes:
        """A transaction by signature."""
        return self.send(to, calldata(signature, *arguments), sender, value)

    def words(self, to: str, data: bytes) -> list[int]:
        """A view, as 32-byte words."""
        raw = bytes(self.evm.message_call(ADMIN, to, calldata=data, gas=GAS, is_static=True))
        return [int.from_bytes(raw[i : i + 32], "big") for i in range(0, len(raw), 32)]

    def view(self, to: str, signature: str, outputs: Sequence[str], *arguments: Any) -> Any:
        """A view, decoded."""
        raw = bytes(self.evm.message_call(ADMIN, to, calldata=calldata(signature, *arguments), gas=GAS, is_static=True))
        values = decode(outputs, raw)
        return values[0] if len(values) == 1 else values


def _revert_data(text: str) -> bytes:
    import re

    found = re.search(r"output: (0x[0-9a-fA-F]*)", text)
    if found:
        return bytes.fromhex(found.group(1)[2:])
    raise RuntimeError(text)
