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

    def __post_init__(self) -> None:
        # What somebody else wrote goes to terminals and pages: never with control characters in it.
        for name in ("place", "value", "expected"):
            text = getattr(self, name)
            if not text.isprintable():
                object.__setattr__(self, name, repr(text)[1:-1])

    def __str__(self) -> str:
        return f"{self.place}: {self.code}: got {self.value}, expected {self.expected}"


class BadInput(ValueError):
    """Raised inside a rule or a loader; the rim turns it into a `Problem` cell and goes on with the rest."""

    def __init__(self, code: str, place: str, value: object, expected: str) -> None:
        self.problem = Problem(code, place, str(value), expected)
        super().__init__(str(self.problem))
