"""How functions are compiled, and how they reach arrays: the only file that imports Numba.

Compiled functions hand each other one small record, and find arrays by the addresses in it. Numba would pass dozens of
arrays as hundreds of numbers, which takes minutes to compile, and count who holds them, which takes half of the time.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

Function = TypeVar("Function", bound=Callable[..., Any])


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


class _Cells(types.Type):
    """The type of an array by its address: no length, and no index below 0, for which Numba's arrays look each time."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(f"Cells({dtype})")


@register_model(_Cells)
class _CellsModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: _Cells) -> None:
        super().__init__(manager, kind, manager.lookup(types.intp).get_value_type())


@infer_global(operator.getitem)
class _Get(AbstractTemplate):  # type: ignore[misc]
    def generic(self, arguments: Any, keywords: Any) -> Any:
        if isinstance(arguments[0], _Cells) and isinstance(arguments[1], types.Integer):
            return signature(arguments[0].dtype, arguments[0], types.intp)
        return None


@infer_global(operator.setitem)
class _Set(AbstractTemplate):  # type: ignore[misc]
    def generic(self, arguments: Any, keywords: Any) -> Any:
        if isinstance(arguments[0], _Cells) and isinstance(arguments[1], types.Integer):
            return signature(types.none, arguments[0], types.intp, arguments[0].dtype)
        return None


@lower_builtin(operator.getitem, _Cells, types.Integer)  # type: ignore[untyped-decorator]
def _get(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    dtype = signature.args[0].dtype
    return context.unpack_value(builder, dtype, _cell(context, builder, dtype, *arguments))


@lower_builtin(operator.setitem, _Cells, types.Integer, types.Any)  # type: ignore[untyped-decorator]
def _set(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    dtype = signature.args[0].dtype
    context.pack_value(builder, dtype, arguments[2], _cell(context, builder, dtype, *arguments[:2]))
    return context.get_dummy_value()


def _cell(context: Any, builder: Any, dtype: Any, address: Any, index: Any) -> Any:
    kind = context.get_data_type(dtype)
    return builder.gep(builder.inttoptr(address, kind.as_pointer()), [index])


def array_at(name: str, dtype: Any) -> Callable[[Any], Any]:
    """Return a function for compiled code that gives the array whose address a record has under a name."""

    @intrinsic  # type: ignore[untyped-decorator]
    def array(_: Any, record: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            place = cgutils.get_record_member(
                builder, arguments[0], record.offset(name), context.get_data_type(types.int64)
            )
            return builder.load(place)

        return _Cells(numba.from_dtype(np.dtype(dtype)))(record), generate

    return array  # type: ignore[no-any-return]


def _widest(kind: Any) -> Any:
    kind = getattr(kind, "literal_type", kind)
    return types.int64 if isinstance(kind, types.Integer) else kind
