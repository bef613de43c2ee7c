"""Many arrays handed to a kernel as one table of addresses.

Handing over an array costs a compiled function some 50 ns, two dozen of them more than the rest of a quiet tick. The
caller keeps the arrays alive and makes the table anew whenever one of them is replaced.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from marginbook.book.layout import Array


def addresses_of(arrays: Iterable[Array]) -> Array:
    """(address, rows) of contiguous arrays, in order."""
    table = []
    for array in arrays:
        assert array.flags.c_contiguous
        table.append((array.__array_interface__["data"][0], len(array)))
    return np.array(table, np.int64)


@intrinsic
def _pointer(typing_context: Any, address: Any) -> Any:

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(address), build


pointer: Any = _pointer
"""An integer address as a pointer, for `carray` inside compiled code."""
