"""Liquity's contracts as deployed, compiled from a checkout that the reader brings: they are in no package registry.

    git clone https://github.com/liquity/dev   (at 87345cc, 1 April 2021)

MARGINBOOK_LIQUITY_1 names the folder. Nothing of it is kept in the repository. All contracts of the system are the
venue's, the price feed is its own for test networks; a probe of ours liquidates, looks, and undoes it.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from tools.packages import Missing, Sources, compiled, installed

SOLC = ("solc-0.6.11@npm:solc@0.6.11",)
NAME = "liquity-dev"
ENTRY = "marginbook/Probe1.sol"
PROBE = """
pragma solidity 0.6.11;

interface T {
    function liquidate(address) external;
}

interface P {
    function getETH() external view returns (uint256);
    function getTotalLUSDDeposits() external view returns (uint256);
    function getCollateral(address) external view returns (uint256);
}

contract Probe {
    T private immutable troves;
    P private immutable stability;
    P private immutable surplus;

    constructor(T troves_, P stability_, P surplus_) public {
        (troves, stability, surplus) = (troves_, stability_, surplus_);
    }

    receive() external payable {}

    function attempt(address user) external {
        uint256[5] memory found;
        (found[1], found[2], found[3], found[4]) = (
            address(this).balance,
            stability.getTotalLUSDDeposits(),
            stability.getETH(),
            surplus.getCollateral(user)
        );
        troves.liquidate(user);
        found[0] = 1;
        found[1] = address(this).balance - found[1];
        found[2] = found[2] - stability.getTotalLUSDDeposits();
        found[3] = stability.getETH() - found[3];
        found[4] = surplus.getCollateral(user) - found[4];
        assembly { revert(found, 160) }
    }

    function attempts(address[] calldata users) external returns (uint256[] memory all) {
        all = new uint256[](users.length * 5);
        for (uint256 i = 0; i < users.length; i++) {
            (, bytes memory data) = address(this).call(abi.encodeWithSelector(this.attempt.selector, users[i]));
            if (data.length != 160) continue;
            for (uint256 n = 0; n < 5; n++) {
                uint256 word;
                assembly { word := mload(add(data, add(32, mul(n, 32)))) }
                all[i * 5 + n] = word;
            }
        }
    }
}
"""
OPTIMIZED = {"optimizer": {"enabled": True, "runs": 100}, "evmVersion": "istanbul"}
CONTRACTS = (
    "ActivePool",
    "BorrowerOperations",
    "CollSurplusPool",
    "DefaultPool",
    "GasPool",
    "LUSDToken",
    "SortedTroves",
    "StabilityPool",
    "TroveManager",
    "LQTY/CommunityIssuance",
    "LQTY/LQTYStaking",
    "LQTY/LQTYToken",
    "LQTY/LockupContractFactory",
    "TestContracts/PriceFeedTestnet",
)


def contracts() -> dict[str, Any]:
    """Name -> artifact of the whole system."""
    given = os.environ.get("MARGINBOOK_LIQUITY_1")
    folder = Path(given or "") / "packages" / "contracts" / "contracts"
    if not given or not folder.is_dir():
        raise Missing("MARGINBOOK_LIQUITY_1 does not name a checkout of liquity/dev at 87345cc")
    modules = installed("liquity", SOLC)
    if not (modules / NAME).is_dir():
        shutil.copytree(folder, modules / NAME)
    entry = modules / ENTRY
    if not entry.is_file() or entry.read_text() != PROBE:
        entry.parent.mkdir(exist_ok=True)
        entry.write_text(PROBE)
    sources = (*(f"{NAME}/{name}.sol" for name in CONTRACTS), ENTRY)
    return compiled("liquity", modules, Sources(sources, settings=OPTIMIZED, solc="solc-0.6.11"))
