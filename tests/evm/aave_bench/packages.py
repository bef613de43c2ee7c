"""The contracts of Aave: 2 and 3.0 come with bytecode, 3.6 is compiled once."""

from tools.packages import Artifact, Sources, artifacts_below, compiled, installed

PACKAGES = (
    "@aave/core-v3@1.19.3",
    "@aave-dao/aave-v3-origin@3.6.0",
    "@bgd-labs/solidity-utils@1.1.2",
    "@openzeppelin/contracts@5.7.0",
    "@openzeppelin/contracts-upgradeable@5.7.0",
    "solc@0.8.27",
)
PACKAGES_2 = ("@aave/protocol-v2@1.0.1",)
ORIGIN = "@aave-dao/aave-v3-origin/src/contracts/"
SOURCES_3_6 = Sources(
    entries=tuple(
        ORIGIN + entry
        for entry in (
            "protocol/configuration/PoolAddressesProvider.sol",
            "protocol/configuration/ACLManager.sol",
            "misc/AaveOracle.sol",
            "helpers/AaveProtocolDataProvider.sol",
            "misc/DefaultReserveInterestRateStrategyV2.sol",
            "instances/PoolInstance.sol",
            "instances/PoolConfiguratorInstance.sol",
            "instances/ATokenInstance.sol",
            "instances/VariableDebtTokenInstance.sol",
            "mocks/tokens/MintableERC20.sol",
            "mocks/oracle/CLAggregators/MockAggregator.sol",
        )
    ),
    remappings={
        "openzeppelin-contracts/contracts/": "@openzeppelin/contracts/",
        "openzeppelin-contracts-upgradeable/contracts/": "@openzeppelin/contracts-upgradeable/",
        "solidity-utils/": "@bgd-labs/solidity-utils/src/",
    },
    settings={"optimizer": {"enabled": True, "runs": 200}, "evmVersion": "shanghai"},
)


def protocol_2() -> dict[str, Artifact]:
    """Artifacts of 2."""
    return artifacts_below(installed("aave-v2", PACKAGES_2) / "@aave" / "protocol-v2" / "artifacts" / "contracts")


def core_3_0() -> dict[str, Artifact]:
    """Artifacts of 3.0."""
    return artifacts_below(installed("aave", PACKAGES) / "@aave" / "core-v3" / "artifacts" / "contracts")


def compiled_3_6() -> dict[str, Artifact]:
    """Contracts of 3.6."""
    return compiled("aave", installed("aave", PACKAGES), SOURCES_3_6)
