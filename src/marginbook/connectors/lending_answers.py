"""Whole accounts of lending protocols, told by the names of their fields."""

from typing import Any

from marginbook.connectors.aave_json import account_from_user_reserves, is_user_reserves
from marginbook.connectors.answers import VenueAccount
from marginbook.connectors.compound_json import (
    account_from_comet,
    account_from_tokens,
    is_comet_user,
    is_compound_account,
)
from marginbook.connectors.maker_json import account_from_vaults, is_vaults
from marginbook.domain.errors import BadInput

_READERS = (
    (is_user_reserves, account_from_user_reserves),
    (is_vaults, account_from_vaults),
    (is_compound_account, account_from_tokens),
    (is_comet_user, account_from_comet),
)


def is_lending_answer(document: Any) -> bool:
    """Whether a parsed document is one of a lending protocol.

    >>> is_lending_answer({"data": {"userReserves": []}}), is_lending_answer({"account": []})
    (True, False)
    """
    return any(recognises(unwrapped(document)) for recognises, _ in _READERS)


def unwrapped(document: Any) -> Any:
    """What stands in the `data` of a subgraph's answer."""
    inner = document.get("data") if isinstance(document, dict) else None
    return inner if isinstance(inner, dict) else document


def lending_account(document: Any, place: str, id: str) -> VenueAccount:
    """The account in the answer of a protocol; `place` is the file's."""
    inner = unwrapped(document)
    inside = place if inner is document else f"{place} data"
    for recognises, read in _READERS:
        if recognises(inner):
            return read(inner, id, inside)
    raise BadInput("unknown_format", place, "an unknown answer", "user reserves, vaults or a Compound account")
