"""Commented books to start from: what `marginbook new RULES` prints, from `starter_books/`.

A file is named like the rule set (`dydx-4.toml`), or like the family where its rule sets share one (`aave.toml`).
"""

import re
from importlib.resources import files

_HEAD = """# A book for marginbook: accounts, and the prices to judge them at.
#   marginbook check FILE          every number, zone and liquidation price
#   marginbook explain FILE {id}   where they come from
# Numbers may be quoted or not; both are read exactly as written.

"""


def starter(rules: str) -> str | None:
    """The starter text of a rule set; None if there is none."""
    for name in (rules.replace("/", "-"), rules.partition("/")[0]):
        path = files("marginbook.connectors").joinpath("starter_books", f"{name}.toml")
        if re.fullmatch(r"[a-z0-9.-]+", name) and path.is_file():
            text = path.read_text().replace("{rules}", rules)
            account = re.search(r'^id = "(.+)"', text, re.MULTILINE)
            return _HEAD.format(id=account[1] if account else "ACCOUNT") + text
    return None


def starters() -> list[str]:
    """Names of the starter books: rule sets with a dash, or families."""
    return sorted(
        path.name.removesuffix(".toml") for path in files("marginbook.connectors").joinpath("starter_books").iterdir()
    )
