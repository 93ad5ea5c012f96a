"""Eager programs in the terms of a runtime: operations, views, changes in place and copies."""

import numpy as np

from simgpu.arrays.deciding import CONSTANT
from simgpu.arrays.kind import Site
from simgpu.arrays.views import change as change_in_place
from simgpu.arrays.views import view
from simgpu.graph import Data, TensorSpec


def apply(type, *inputs, **attributes):
    """Run an operation with one output."""
    return inputs[0]._kind.runtime.apply(type, inputs, attributes)[0]


def moved(array, device):
    """Copy an array to a device."""
    runtime = array._kind.runtime
    index = runtime.machine.index(device)
    return runtime.copy(array, Site(index, index))


def reshaped(array, shape):
    return view(array, "reshape", {"shape": shape}, lambda data: data.reshape(shape, copy=False))


def permuted(array, axes):
    return view(array, "permute_dims", {"axes": axes}, lambda data: data.transpose(axes))


def flipped(array):
    return view(array, "flip", {"axis": None}, np.flip)


def part(array, start, stop):
    return view(array, "getitem", {"key": (("slice", start, stop, None),)}, lambda data: data[start:stop])


def change(type, target, *others, **attributes):
    """Change an array in place to what an operation makes of it and others."""
    change_in_place(target, type, (target, *others), attributes)


def write(target, value):
    """Put a value of the caller into an array."""
    runtime = target._kind.runtime
    for observer in runtime.observers:
        observer.changing(target)
    values = np.full(target.shape, value, "float32")
    runtime.storage.write(target._data, values)
    attributes = {"spec": target._kind.spec, "initializer": Data(values)}
    with runtime.device(target.device):
        decision = runtime.place_source(CONSTANT, "float32")
    for observer in runtime.observers:
        observer.computed("Variable", attributes, (), (target,), decision, 0)


def new(runtime, values, rules=None):
    """Make an array that no operation makes, on the device that the scopes ask for."""
    spec = TensorSpec(values.shape, values.dtype.name)
    index = runtime.machine.index(str(runtime.scopes.current()) or "GPU:0")
    made = runtime.make(runtime.kind(spec, Site(index, index), rules or runtime.rules), "new")
    runtime.storage.write(made._data, values)
    return made
