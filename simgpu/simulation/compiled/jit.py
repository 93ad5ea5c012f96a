"""How functions are compiled, and how they reach arrays: the only file that imports Numba.

Compiled functions hand each other one small record, and find arrays by the addresses in it. Numba would pass dozens of
arrays as hundreds of numbers, which takes minutes to compile, and count who holds them, which takes half of the time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

Function = TypeVar("Function", bound=Callable[..., Any])

_NO_LENGTH = 0
"""Nothing looks at the length of an array but Numba, which adds it to an index below 0, and so has nothing to add."""


def compiled(function: Function) -> Function:
    """Have a function compiled when compiled code first calls it, once: whatever the width of integers in the call.

    Neither overflow nor division by zero is looked for.
    """
    dispatcher = numba.njit(error_model="numpy")(function)
    choose = dispatcher.get_call_template
    dispatcher.get_call_template = lambda arguments, keywords: choose(tuple(map(_widest, arguments)), keywords)
    return dispatcher  # type: ignore[no-any-return]


def kept(function: Function) -> Function:
    """Have a function compiled that Python calls, and its machine code kept on disk, where that can be written to.

    Numba tells by the time of the function's file whether the code still fits, which says nothing of what it calls. So
    the function must close over `sources()`: what it closes over belongs to the key under which the code is kept.
    """
    try:
        return numba.njit(cache=True, error_model="numpy")(function)  # type: ignore[no-any-return]
    except RuntimeError:  # there is no directory for it
        return numba.njit(error_model="numpy")(function)  # type: ignore[no-any-return]


def sources() -> int:
    """Return a number that stands for the source of all that is compiled."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:6])


def array_at(name: str, dtype: Any) -> Callable[[Any], Any]:
    """Return a function for compiled code that gives the array whose address a record has under a name."""

    @intrinsic  # type: ignore[untyped-decorator]
    def array(_: Any, record: Any) -> Any:
        kind = types.Array(numba.from_dtype(np.dtype(dtype)), 1, "C")

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            address = cgutils.get_record_member(
                builder, arguments[0], record.offset(name), context.get_data_type(types.int64)
            )
            view = context.make_array(kind)(context, builder)
            item_bytes = context.get_constant(types.intp, np.dtype(dtype).itemsize)
            populate_array(
                view,
                data=builder.inttoptr(_load_once(builder, address), view.data.type),
                shape=[context.get_constant(types.intp, _NO_LENGTH)],
                strides=[item_bytes],
                itemsize=item_bytes,
                meminfo=None,
            )
            return view._getvalue()

        return kind(record), generate

    return array  # type: ignore[no-any-return]


def _load_once(builder: Any, address: Any) -> Any:
    """Load what never changes while compiled code runs, so that LLVM need not load it again after each store."""
    value = builder.load(address)
    value.set_metadata("invariant.load", builder.module.add_metadata([]))
    return value


def _widest(kind: Any) -> Any:
    kind = getattr(kind, "literal_type", kind)
    return types.int64 if isinstance(kind, types.Integer) else kind
