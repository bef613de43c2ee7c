// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.11;

import {NodeOutput} from "./Core.sol";

/// A synth that is its own distributor of seized amounts.
contract Synth {
    mapping(address => uint256) public balanceOf;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address, uint256) external pure returns (bool) {
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return transferFrom(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public returns (bool) {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        return true;
    }

    function token() external view returns (address) {
        return address(this);
    }

    function poolId() external pure returns (uint128) {
        return 1;
    }

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id != 0xffffffff;
    }
}

/// Everything around the perps market: prices, costs of keepers, the core system, spot markets. All of it is told.
contract World {
    mapping(bytes32 => uint256) public price;
    uint256 public settlementPrice;
    uint256[4] private costs; // settling, flagging, of which per feed, liquidating
    uint256 public capacity;
    mapping(address => int256) public paid;
    mapping(uint128 => address) public getSynth;
    mapping(uint128 => uint256) public getMarketSkewScale;

    function setPrice(uint128 market, uint256 to) external {
        price[bytes32(uint256(market))] = to;
    }

    function setSettlementPrice(uint256 to) external {
        settlementPrice = to;
    }

    function setCosts(uint256[4] calldata to) external {
        costs = to;
    }

    function setCapacity(uint256 to) external {
        capacity = to;
    }

    function setSynth(uint128 market, address synth, uint256 scale) external {
        (getSynth[market], getMarketSkewScale[market]) = (synth, scale);
    }

    function indexPrice(uint128 market, uint128, uint8) external view returns (uint256) {
        return price[bytes32(uint256(market))];
    }

    function getBenchmarkPrice(bytes32, uint64) external view returns (int256) {
        return int256(settlementPrice);
    }

    function process(bytes32 node) public view returns (NodeOutput.Data memory) {
        return NodeOutput.Data(int256(price[node]), block.timestamp, 0, 0);
    }

    function processWithRuntime(
        bytes32 node,
        bytes32[] memory keys,
        bytes32[] memory values
    ) external view returns (NodeOutput.Data memory found) {
        found = process(node);
        if (node != "costs") return found;
        require(keys[0] == "numberOfUpdatedFeeds" && keys[1] == "executionKind");
        uint256 kind = uint256(values[1]);
        uint256 cost = kind == 1 ? costs[1] + uint256(values[0]) * costs[2] : costs[kind == 0 ? 0 : 3];
        found.price = int256(cost);
    }

    function processManyWithRuntime(
        bytes32[] memory nodes,
        bytes32[] memory,
        bytes32[] memory
    ) external view returns (NodeOutput.Data[] memory) {
        return _many(nodes);
    }

    function processManyWithManyRuntime(
        bytes32[] memory nodes,
        bytes32[][] memory,
        bytes32[][] memory
    ) external view returns (NodeOutput.Data[] memory) {
        return _many(nodes);
    }

    function _many(bytes32[] memory nodes) private view returns (NodeOutput.Data[] memory found) {
        found = new NodeOutput.Data[](nodes.length);
        for (uint256 i = 0; i < nodes.length; i++) found[i] = process(nodes[i]);
    }

    function getAssociatedSystem(bytes32) external view returns (address, bytes32) {
        return (address(this), 0);
    }

    function registerMarket(address) external pure returns (uint128) {
        return 1;
    }

    function getOracleManager() external view returns (address) {
        return address(this);
    }

    function getWithdrawableMarketUsd(uint128) external view returns (uint256) {
        return capacity;
    }

    function depositMarketUsd(uint128, address from, uint256 amount) external returns (uint256) {
        paid[from] -= int256(amount);
        return 0;
    }

    function withdrawMarketUsd(uint128, address to, uint256 amount) external returns (uint256) {
        paid[to] += int256(amount);
        return 0;
    }

    function depositMarketCollateral(uint128, address synth, uint256 amount) external {
        Synth(synth).transferFrom(msg.sender, address(this), amount);
    }

    function withdrawMarketCollateral(uint128, address synth, uint256 amount) external {
        Synth(synth).transfer(msg.sender, amount);
    }

    function getVaultCollateral(uint128, address) external pure returns (uint256, uint256) {
        return (0, 0);
    }
}
