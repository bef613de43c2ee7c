"""Parameters of joined currencies: dated discounts, and those of a book's overlay on them."""

from collections.abc import Callable, Mapping
from typing import Any

from marginbook.exact import in_exact_context
from marginbook.params.records import record_at
from marginbook.venues.contracts.collateral import KEYS, CurrencyTerms, currency_terms
from marginbook.venues.contracts.model import ContractRules


@in_exact_context
def with_currencies(
    record: str | None,
    at: int,
    overlay: Mapping[str, Any] | None,
    contracts_of: Callable[[Mapping[str, Any] | None], ContractRules],
) -> tuple[ContractRules, dict[str, CurrencyTerms], str, int | None]:
    """(contracts, terms by currency, source, as of) at `at` [µs UTC].

    An overlay's rows with `discount` or a borrow rate are currencies; `contracts_of` reads the others.
    """
    given = overlay or {}
    rows = {name: row for name, row in given.items() if isinstance(row, Mapping) and set(row) & set(KEYS)}
    contracts = contracts_of({name: row for name, row in given.items() if name not in rows} or None)
    found = None if record is None else record_at(record, at)
    terms = {} if found is None else {name: currency_terms(row, name) for name, row in found.rows.items()}
    for name, row in rows.items():
        terms[name] = currency_terms(row, f"parameters.{name}", terms.get(name))
    source = contracts.source if found is None else f"{contracts.source}; {found.source}"
    known = [when for when in (contracts.as_of, found.as_of if found else None) if when is not None]
    return contracts, terms, source, min(known, default=None)
