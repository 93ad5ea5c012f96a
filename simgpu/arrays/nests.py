"""Nests: arrays inside tuples, lists and dicts, as functions take and return them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

Visit = Callable[[str, Any], Any]


def mapped(value: Any, visit: Visit, path: str = "") -> Any:
    """Return a nest of the same form, with what `visit` makes of each leaf. It is given the leaf's path: `x.weights.0`.

    Whatever is no tuple, list or dict is a leaf. Dicts keep their order.
    """
    if isinstance(value, dict):
        return {key: mapped(item, visit, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, tuple | list):
        items = [mapped(item, visit, f"{path}.{index}") for index, item in enumerate(value)]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return visit(path, value)


def form_of(value: Any, leaf: Callable[[str, Any], Hashable], path: str = "") -> Hashable:
    """Return what two nests have in common that `leaf` cannot tell apart: the key under which a trace is kept."""
    if isinstance(value, dict):
        return (dict, *((key, form_of(item, leaf, f"{path}.{key}")) for key, item in value.items()))
    if isinstance(value, tuple | list):
        return (type(value), *(form_of(item, leaf, f"{path}.{index}") for index, item in enumerate(value)))
    return leaf(path, value)
