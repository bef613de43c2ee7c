// What stands around the markets of perps v2 on this bench: prices, switches, the stablecoin and the fee pool.
pragma solidity ^0.5.16;
pragma experimental ABIEncoderV2;

contract Surroundings {
    mapping(bytes32 => uint) public price;
    mapping(address => uint) public balanceOf;
    uint public dynamicFee;

    function setPrice(bytes32 asset, uint value) external {
        price[asset] = value;
    }

    function setDynamicFee(uint value) external {
        dynamicFee = value;
    }

    // ExchangeRates
    function rateAndInvalid(bytes32 asset) external view returns (uint, bool) {
        return (price[asset], false);
    }

    function rateWithSafetyChecks(bytes32 asset) external view returns (uint, bool, bool) {
        return (price[asset], false, false);
    }

    function getCurrentRoundId(bytes32) external pure returns (uint) {
        return 1;
    }

    // Exchanger
    function dynamicFeeRateForExchange(bytes32, bytes32) external view returns (uint, bool) {
        return (dynamicFee, false);
    }

    function settle(address, bytes32) external pure returns (uint, uint, uint) {
        return (0, 0, 0);
    }

    // SystemStatus
    function requireFuturesMarketActive(bytes32) external pure {}

    function requireSynthActive(bytes32) external pure {}

    function synthSuspended(bytes32) external pure returns (bool) {
        return false;
    }

    // SynthsUSD and FeePool
    function issue(address account, uint amount) external {
        balanceOf[account] += amount;
    }

    function burn(address account, uint amount) external {
        require(balanceOf[account] >= amount, "sUSD balance");
        balanceOf[account] -= amount;
    }

    function FEE_ADDRESS() external pure returns (address) {
        return address(0xfee);
    }

    function recordFeePaid(uint) external {}

    // Many views in one call: the bench reads a hundred numbers at every step.
    function read(address[] calldata to, bytes[] calldata data) external view returns (bytes[] memory found) {
        found = new bytes[](to.length);
        for (uint i = 0; i < to.length; i++) {
            (bool success, bytes memory answer) = to[i].staticcall(data[i]);
            require(success, "view");
            found[i] = answer;
        }
    }
}
