"""The vault kit and its connector, compiled from checkouts that the reader brings: they are in no package registry.

    git clone https://github.com/euler-xyz/euler-vault-kit            (at 5b98b42)
    git clone https://github.com/euler-xyz/ethereum-vault-connector   (at 084b322, as its submodule says)

MARGINBOOK_EULER names the first folder, with the second as its lib/ethereum-vault-connector. Nothing of them is kept
in the repository. Oracle and tokens are those of its own tests, the fixed interest rate is ours.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from tools.packages import Missing, Sources, compiled, installed

SOLC = ("solc-0.8.24@npm:solc@0.8.24",)
KIT, CONNECTOR = "euler-vault-kit", "ethereum-vault-connector"
ENTRY = "marginbook/EulerRate.sol"
RATE = """
pragma solidity 0.8.24;

contract FixedRate {
    uint256 private immutable rate;

    constructor(uint256 rate_) {
        rate = rate_;
    }

    function computeInterestRate(address, uint256, uint256) external view returns (uint256) {
        return rate;
    }

    function computeInterestRateView(address, uint256, uint256) external view returns (uint256) {
        return rate;
    }
}
"""
OPTIMIZED = {"optimizer": {"enabled": True, "runs": 200}, "evmVersion": "shanghai"}
MODULES = ("Initialize", "Token", "Vault", "Borrowing", "Liquidation", "RiskManager", "BalanceForwarder", "Governance")
FILES = (
    "src/EVault/EVault",
    *(f"src/EVault/modules/{name}" for name in MODULES),
    "src/GenericFactory/GenericFactory",
    "src/ProtocolConfig/ProtocolConfig",
    "src/SequenceRegistry/SequenceRegistry",
    "test/mocks/MockPriceOracle",
    "test/mocks/TestERC20",
)


def contracts() -> dict[str, Any]:
    """Name -> artifact of the whole system."""
    given = os.environ.get("MARGINBOOK_EULER")
    kit = Path(given or "")
    connector = kit / "lib" / CONNECTOR
    if not given or not (kit / "src").is_dir() or not (connector / "src").is_dir():
        raise Missing(f"MARGINBOOK_EULER does not name a checkout of euler-xyz/{KIT} at 5b98b42 with its connector")
    modules = installed("euler", SOLC)
    for source, target in ((kit / "src", "src"), (kit / "test" / "mocks", "test/mocks")):
        if not (modules / KIT / target).is_dir():
            shutil.copytree(source, modules / KIT / target)
    if not (modules / CONNECTOR).is_dir():
        shutil.copytree(connector / "src", modules / CONNECTOR)
    entry = modules / ENTRY
    if not entry.is_file() or entry.read_text() != RATE:
        entry.parent.mkdir(exist_ok=True)
        entry.write_text(RATE)
    entries = (*(f"{KIT}/{name}.sol" for name in FILES), f"{CONNECTOR}/EthereumVaultConnector.sol", ENTRY)
    return compiled("euler", modules, Sources(entries, settings=OPTIMIZED, solc="solc-0.8.24"))
