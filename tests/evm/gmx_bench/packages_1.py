"""The vault of GMX v1, compiled from a checkout that the reader brings: it is in no package registry.

    git clone https://github.com/gmx-io/gmx-contracts   (at fe55c4b)

MARGINBOOK_GMX_1 names the folder. Nothing of it is kept in the repository. Around the real `Vault` and `VaultUtils`
stand contracts of ours: a price feed that says what it is told, tokens that anybody mints, and a desk that brings
collateral and trades in one transaction, as the venue's router does, and reads every number in one call.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from tools.packages import Missing, Sources, compiled, installed

SOLC = ("solc-0.6.12@npm:solc@0.6.12",)
NAME = "gmx-contracts"
ENTRY = "marginbook/Desk1.sol"
DESK = """
pragma solidity 0.6.12;

contract Feed {
    mapping (address => uint256[2]) private prices;

    function set(address token, uint256 low, uint256 high) external {
        prices[token] = [low, high];
    }

    function getPrice(address token, bool maximise, bool, bool) external view returns (uint256) {
        return prices[token][maximise ? 1 : 0];
    }
}

contract Coin {
    mapping (address => uint256) public balanceOf;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        require(balanceOf[msg.sender] >= amount, "balance exceeded");
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
        return true;
    }
}

interface V {
    function increasePosition(address, address, address, uint256, bool) external;
    function directPoolDeposit(address) external;
    function updateCumulativeFundingRate(address, address) external;
    function getPosition(address, address, address, bool) external view
        returns (uint256, uint256, uint256, uint256, uint256, uint256, bool, uint256);
    function validateLiquidation(address, address, address, bool, bool) external view returns (uint256, uint256);
    function getPositionDelta(address, address, address, bool) external view returns (bool, uint256);
    function getFundingFee(address, address, address, bool, uint256, uint256) external view returns (uint256);
    function getGlobalShortDelta(address) external view returns (bool, uint256);
    function poolAmounts(address) external view returns (uint256);
    function reservedAmounts(address) external view returns (uint256);
    function feeReserves(address) external view returns (uint256);
    function guaranteedUsd(address) external view returns (uint256);
    function cumulativeFundingRates(address) external view returns (uint256);
    function lastFundingTimes(address) external view returns (uint256);
    function globalShortSizes(address) external view returns (uint256);
    function globalShortAveragePrices(address) external view returns (uint256);
}

contract Desk {
    uint256 constant PER_POSITION = 12;
    uint256[] private found;

    function increase(V vault, address user, Coin token, address index, uint256 amount, uint256 size, bool long)
        external
    {
        token.mint(address(vault), amount);
        vault.increasePosition(user, address(token), index, size, long);
    }

    function deposit(V vault, Coin token, uint256 amount) external {
        token.mint(address(vault), amount);
        vault.directPoolDeposit(address(token));
    }

    function look(V vault, address[] calldata tokens, uint256 indices, address[] calldata users) external {
        for (uint256 i = 0; i < tokens.length; i++) {
            address t = tokens[i];
            found.push(vault.poolAmounts(t));
            found.push(vault.reservedAmounts(t));
            found.push(vault.feeReserves(t));
            found.push(vault.guaranteedUsd(t));
            found.push(Coin(t).balanceOf(address(vault)));
            found.push(vault.cumulativeFundingRates(t));
            found.push(vault.lastFundingTimes(t));
            for (uint256 u = 0; u < users.length; u++) found.push(Coin(t).balanceOf(users[u]));
        }
        for (uint256 i = 0; i < indices; i++) {
            found.push(vault.globalShortSizes(tokens[i]));
            found.push(vault.globalShortAveragePrices(tokens[i]));
            (bool gain, uint256 delta) = vault.getGlobalShortDelta(tokens[i]);
            found.push(gain ? 1 : 0);
            found.push(delta);
        }
        for (uint256 i = 0; i < tokens.length; i++) vault.updateCumulativeFundingRate(tokens[i], tokens[i]);
        for (uint256 u = 0; u + 1 < users.length; u++) {
            for (uint256 i = 0; i < indices; i++) {
                position(vault, users[u], tokens[i], tokens[i], true);
                position(vault, users[u], tokens[indices], tokens[i], false);
            }
        }
        uint256[] memory all = found;
        assembly { revert(add(all, 32), mul(mload(all), 32)) }
    }

    function position(V v, address user, address token, address index, bool long) private {
        uint256 size;
        uint256 entry;
        {
            uint256 collateral;
            uint256 average;
            uint256 reserve;
            uint256 realised;
            bool won;
            uint256 time;
            (size, collateral, average, entry, reserve, realised, won, time) =
                v.getPosition(user, token, index, long);
            if (size == 0) {
                for (uint256 i = 0; i < PER_POSITION; i++) found.push(0);
                return;
            }
            found.push(size);
            found.push(collateral);
            found.push(average);
            found.push(entry);
            found.push(reserve);
            found.push(realised);
            found.push(won ? 1 : 0);
            found.push(time);
        }
        (uint256 state, uint256 fees) = v.validateLiquidation(user, token, index, long, false);
        found.push(state);
        found.push(fees);
        (bool gain, uint256 delta) = v.getPositionDelta(user, token, index, long);
        found.push(gain ? delta * 2 + 1 : delta * 2);
        found.push(v.getFundingFee(user, token, index, long, size, entry));
    }
}
"""
OPTIMIZED = {"optimizer": {"enabled": True, "runs": 10}, "evmVersion": "istanbul"}


def contracts() -> dict[str, Any]:
    """Name -> artifact of the vault and of what stands around it."""
    given = os.environ.get("MARGINBOOK_GMX_1")
    if not given or not (Path(given) / "contracts" / "core").is_dir():
        raise Missing("MARGINBOOK_GMX_1 does not name a checkout of gmx-io/gmx-contracts at fe55c4b")
    modules = installed("gmx-1", SOLC)
    if not (modules / NAME).is_dir():
        shutil.copytree(Path(given) / "contracts", modules / NAME / "contracts")
    entry = modules / ENTRY
    if not entry.is_file() or entry.read_text() != DESK:
        entry.parent.mkdir(exist_ok=True)
        entry.write_text(DESK)
    sources = (*(f"{NAME}/contracts/core/{name}.sol" for name in ("Vault", "VaultUtils")), ENTRY)
    return compiled("gmx-1", modules, Sources(sources, settings=OPTIMIZED, solc="solc-0.6.12"))
