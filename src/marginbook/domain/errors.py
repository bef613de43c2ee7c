"""Errors as values: what was wrong, where, what stood there and what was expected."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input, as it appears in an answer's `error` cell.

    `code` is a stable kebab-free identifier such as `missing_price` or `unknown_market`; `place` names file and path
    inside it, for example `book.toml: account[0].position[1].quantity`.
    """

    code: str
    place: str
    value: str
    expected: str

    def __str__(self) -> str:
        return f"{self.place}: {self.code}: got {self.value}, expected {self.expected}"


class BadInput(ValueError):
    """Raised inside a rule or a loader; the rim turns it into a `Problem` cell and goes on with the rest."""

    def __init__(self, code: str, place: str, value: object, expected: str) -> None:
        self.problem = Problem(code, place, str(value), expected)
        super().__init__(str(self.problem))
