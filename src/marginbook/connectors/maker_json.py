"""Maker vaults as the `vat` prints them, in its integers.

Source: `urns` (ink, art) and `ilks` (Art, rate, spot, line, dust) of the Vat, `jug.ilks` (duty, rho) and `jug.base`,
`spot.ilks` (mat), by the public ABI of makerdao/dss at fa4f663. One vault, or several with their types beside them:

    {"ilk": "ETH-A", "ink": "10…", "art": "9…", "rate": "1…", "spot": "…", "mat": "…"}
    {"urns": [{"ilk": "ETH-A", "vault": "31039", "ink": …, "art": …}], "ilks": {"ETH-A": {"rate": …, "spot": …}}}

`ilk` is text or the contract's 32 bytes in hex. ink and art are wad, rate, spot, mat and duty ray: amounts with a point
are refused, since explorers print human units without saying so. `rate` shows the unit and is needed. With `duty` (and
`base`, default 0) and `rho` the rate is dripped to the moment asked about. With `mat` the oracle price follows from
`spot` exactly (target price 1); without it prices come from elsewhere.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from marginbook.connectors.accounts import check_account
from marginbook.connectors.answers import VenueAccount, needed_table, tables
from marginbook.connectors.values import join, read_integer, read_text, shown
from marginbook.domain.account import Account, Collateral, Debt
from marginbook.domain.errors import BadInput
from marginbook.domain.market import Index, IndexKey, Quote, QuoteKey
from marginbook.exact import RAY, div_ceil, div_floor, from_raw
from marginbook.units import MICROSECONDS

RULES = "maker/dss"
VENUE = "maker"
DEBT = "DAI"
WAD_DECIMALS = 18
PRICE_SCALE = 10**9 * RAY
"""spot · mat / this is the oracle price [wad] at a target price of 1."""
_URN = ("ilk", "ink", "art", "vault", "urn", "cdp")
_ILK = ("Art", "rate", "spot", "line", "dust", "mat", "duty", "base", "rho", "pip")
_KNOWN = ("urns", "vaults", "ilks", "id")


def is_vaults(document: Any) -> bool:
    """Whether a parsed document is a vault, or several.

    >>> is_vaults({"ilk": "ETH-A", "ink": "1", "art": "0"}), is_vaults({"urns": [], "ilks": {}})
    (True, True)
    """
    if not isinstance(document, dict):
        return False
    several = isinstance(document.get("urns", document.get("vaults")), list)
    return {"ilk", "ink", "art"} <= document.keys() or (several and isinstance(document.get("ilks"), dict))


def account_from_vaults(document: Any, id: str, place: str = "vaults:") -> VenueAccount:
    """The account of all vaults in a document, with rates and prices; BadInput names what is missing."""
    collateral, debt = list[Collateral](), list[Debt]()
    indices: dict[IndexKey, Index] = {}
    quotes: dict[QuoteKey, Quote] = {}
    warnings: list[str] = []
    names = set()
    times = set()
    for urn, ilk, here, inside in _vaults(needed_table(document, place), place):
        kind = ilk_name(urn.get("ilk"), join(here, "ilk"))
        number = next((urn[key] for key in ("vault", "cdp") if urn.get(key) is not None), None)
        name = kind if number is None else f"{kind}:{read_text(str(number), join(here, 'vault'))}"
        if name in names:
            raise BadInput("duplicate_key", join(here, "ilk"), name, "a vault number where a type stands twice")
        names.add(name)
        asset = kind.rpartition("-")[0] or kind
        collateral.append(Collateral(asset=asset, pool=name, scaled_raw=_raw(urn, "ink", here)))
        debt.append(Debt(asset=DEBT, pool=name, scaled_raw=_raw(urn, "art", here)))
        rate = _raw(ilk, "rate", inside)
        if rate < RAY:
            raise BadInput("out_of_range", join(inside, "rate"), rate, "a ray of at least 10^27")
        per_second, at = _growth(ilk, inside)
        times |= {at} if at else set()
        _once(indices, (VENUE, kind, "borrow"), Index(rate, per_second, at), inside)
        if (price := _price(ilk, inside)) is None:
            warnings.append(f"{inside}: the price of {asset} comes from elsewhere: spot and mat would tell it")
        else:
            _once(quotes, (VENUE, asset, "oracle"), Quote(price, None, None, place.removesuffix(":")), inside)
    account = Account(
        id=read_text(document["id"], join(place, "id")) if "id" in document else id,
        rules=RULES,
        collateral=tuple(collateral),
        debt=tuple(debt),
    )
    check_account(account, place)
    as_of = max(times) * MICROSECONDS if times else None
    return VenueAccount(account, quotes, as_of, tuple(warnings), indices=indices)


def _vaults(document: dict[str, Any], place: str) -> Iterator[tuple[dict[str, Any], dict[str, Any], str, str]]:
    """(vault, its type, their places)."""
    if "ilk" in document:
        _check(document, (*_URN, *_ILK, "id"), place)
        yield document, document, place, place
        return
    _check(document, _KNOWN, place)
    key = "urns" if "urns" in document else "vaults"
    kinds = {ilk_name(name, join(place, "ilks")): (name, row) for name, row in document["ilks"].items()}
    for urn, here in tables(document[key], join(place, key)):
        _check(urn, _URN, here)
        kind = ilk_name(urn.get("ilk"), join(here, "ilk"))
        if kind not in kinds:
            raise BadInput("missing_key", join(here, "ilk"), kind, f"its rate in {join(place, 'ilks')}")
        name, row = kinds[kind]
        inside = join(join(place, "ilks"), name)
        _check(needed_table(row, inside), _ILK, inside)
        yield urn, row, here, inside


def _check(row: dict[str, Any], known: tuple[str, ...], place: str) -> None:
    for key in row:
        if key not in known:
            raise BadInput("unknown_key", join(place, key), shown(key), "one of " + ", ".join(known))


def ilk_name(value: Any, place: str) -> str:
    """A vault type as text.

    >>> ilk_name("0x4554482d41" + "0" * 54, "")
    'ETH-A'
    """
    text = read_text(value, place)
    if not text.startswith("0x"):
        return text
    try:
        return read_text(bytes.fromhex(text[2:]).rstrip(b"\0").decode("ascii"), place)
    except ValueError:
        raise BadInput("bad_text", place, shown(text), "a vault type such as ETH-A, or its 32 bytes in hex") from None


def _raw(row: dict[str, Any], name: str, place: str) -> int:
    if row.get(name) is None:
        raise BadInput("missing_key", join(place, name), "nothing", "the contract's integer")
    return read_integer(row[name], join(place, name))


def _growth(ilk: dict[str, Any], place: str) -> tuple[int, int]:
    """(fee per second [ray], time of the last drip [s]); (0, 0) where the stored rate is meant."""
    if ilk.get("duty") is None:
        return 0, 0
    base = _raw(ilk, "base", place) if ilk.get("base") is not None else 0
    return base + _raw(ilk, "duty", place), _raw(ilk, "rho", place)


def _price(ilk: dict[str, Any], place: str) -> Decimal | None:
    """The oracle price of which `spot` is the floor of price / mat; None without both."""
    if ilk.get("spot") is None or ilk.get("mat") is None:
        return None
    spot, mat = _raw(ilk, "spot", place), _raw(ilk, "mat", place)
    price = div_ceil(spot * mat, PRICE_SCALE)
    if not spot or mat < RAY or div_floor(price * PRICE_SCALE, mat) != spot:
        expected = "spot = price / mat, rounded down, of a price with 18 decimals, at a target price of 1"
        raise BadInput("inconsistent", join(place, "spot"), spot, expected)
    return from_raw(price, WAD_DECIMALS)


def _once(known: dict[Any, Any], key: Any, value: Any, place: str) -> None:
    if known.setdefault(key, value) != value:
        raise BadInput("inconsistent", place, f"another value of {key[1]}", "one rate per type and one price per asset")
