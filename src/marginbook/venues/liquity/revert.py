"""The refusal of a call."""


class Revert(Exception):
    """The contracts would refuse, and why, in their own words."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
