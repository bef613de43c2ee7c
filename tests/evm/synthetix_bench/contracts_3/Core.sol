// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.11;

import {IERC165} from "@synthetixio/core-contracts/contracts/interfaces/IERC165.sol";

// What the perps market calls of the core system, of oracles, of spot markets and of distributors; accounts are open to everybody.

library Account {
    function exists(uint128) internal pure {}

    function loadAccountAndValidatePermission(uint128, bytes32) internal pure {}
}

library AccountRBAC {
    bytes32 internal constant _PERPS_MODIFY_COLLATERAL_PERMISSION = "modify";
    bytes32 internal constant _PERPS_COMMIT_ASYNC_ORDER_PERMISSION = "commit";
}

library Price {
    enum Tolerance {
        DEFAULT,
        STRICT,
        ONE_MONTH
    }
}

library NodeOutput {
    struct Data {
        int256 price;
        uint256 timestamp;
        uint256 unused1;
        uint256 unused2;
    }
}

interface INodeModule {
    function process(bytes32) external view returns (NodeOutput.Data memory);

    function processWithRuntime(
        bytes32,
        bytes32[] memory,
        bytes32[] memory
    ) external view returns (NodeOutput.Data memory);

    function processManyWithRuntime(
        bytes32[] memory,
        bytes32[] memory,
        bytes32[] memory
    ) external view returns (NodeOutput.Data[] memory);

    function processManyWithManyRuntime(
        bytes32[] memory,
        bytes32[][] memory,
        bytes32[][] memory
    ) external view returns (NodeOutput.Data[] memory);
}

interface IMarket is IERC165 {
    function name(uint128) external view returns (string memory);

    function reportedDebt(uint128) external view returns (uint256);

    function minimumCredit(uint128) external view returns (uint256);
}

interface IMarketManagerModule {
    function registerMarket(address) external returns (uint128);

    function depositMarketUsd(uint128, address, uint256) external returns (uint256);

    function withdrawMarketUsd(uint128, address, uint256) external returns (uint256);

    function getWithdrawableMarketUsd(uint128) external view returns (uint256);
}

interface IMarketCollateralModule {
    function depositMarketCollateral(uint128, address, uint256) external;

    function withdrawMarketCollateral(uint128, address, uint256) external;
}

interface IUtilsModule {
    function getOracleManager() external view returns (INodeModule);
}

interface ICollateralConfigurationModule {}

interface IVaultModule {
    function getVaultCollateral(uint128, address) external view returns (uint256 amount, uint256 value);
}

interface IAtomicOrderModule {}

interface ISpotMarketFactoryModule {
    function getSynth(uint128) external view returns (address);

    function indexPrice(uint128, uint128, Price.Tolerance) external view returns (uint256);
}

interface IMarketConfigurationModule {
    function getMarketSkewScale(uint128) external view returns (uint256);
}

interface IRewardDistributor is IERC165 {}

interface RewardsDistributor is IRewardDistributor {
    function token() external view returns (address);

    function poolId() external view returns (uint128);

    function distributeRewards(uint128, address, uint256, uint64, uint32) external;
}
