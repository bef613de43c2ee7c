"""What differs between Compound v2 and Venus, a fork of it, as data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """Switches of one protocol; `replace` one to see what depends on it."""

    name: str
    own_threshold: bool  # shortfall is judged by a liquidation threshold, borrowing by the collateral factor
    capped_repay: bool  # a repayment beyond the debt pays the debt; else it is refused
    seize_share: int  # [mantissa] the protocol's share of seized cTokens, a constant of the contract
    seizes_entered_only: bool  # supplies of a market that was not entered cannot be seized
    strict_cap: bool  # borrows must stay below the cap, not at it
    kinked_multiplier: bool  # the yearly multiplier is that at the kink


COMPOUND = Version(
    name="2",
    own_threshold=False,
    capped_repay=False,
    seize_share=28 * 10**15,
    seizes_entered_only=False,
    strict_cap=True,
    kinked_multiplier=True,
)
VENUS = Version(
    name="venus",
    own_threshold=True,
    capped_repay=True,
    seize_share=0,
    seizes_entered_only=True,
    strict_cap=False,
    kinked_multiplier=False,
)
VERSIONS = {version.name: version for version in (COMPOUND, VENUS)}
