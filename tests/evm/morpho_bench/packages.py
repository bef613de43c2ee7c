"""The contract of Morpho Blue and its mocks, compiled once."""

from tools.packages import Artifact, Sources, compiled, installed

PACKAGES = ("@morpho-org/morpho-blue@1.0.0", "solc@0.8.19")
ROOT = "@morpho-org/morpho-blue/src/"
SOURCES = Sources(
    entries=tuple(
        ROOT + name for name in ("Morpho.sol", "mocks/IrmMock.sol", "mocks/OracleMock.sol", "mocks/ERC20Mock.sol")
    ),
    settings={"optimizer": {"enabled": True, "runs": 999_999}, "viaIR": True},
)


def contracts() -> dict[str, Artifact]:
    """Artifacts by contract name."""
    return compiled("morpho", installed("morpho", PACKAGES), SOURCES)
