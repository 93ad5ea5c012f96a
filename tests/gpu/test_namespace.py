"""The array API namespace on a real card: results, dtypes, devices, and where the bytes lie."""

from __future__ import annotations

import numpy as np
import pytest

from simgpu.arrays import Runtime
from simgpu.arrays.array import Array
from simgpu.machine import Machine

pytestmark = pytest.mark.gpu

MACHINE = Machine("1 x 1GiB").split({"GPU:0": ["64MiB", "64MiB"]})
CALLS = {
    "arithmetic": lambda xp, x, y, n: (x + y, x - 1.5, 2.0 * x, x / y, -x, abs(x), x**2, n // 2, n % 3),
    "comparison": lambda xp, x, y, n: (x < y, x == y, n >= 2, xp.maximum(x, y), xp.where(x > 0, x, y)),
    "bits": lambda xp, x, y, n: (n & 3, n | 8, n ^ 5, ~n, n << 1, n >> 1),
    "elementwise": lambda xp, x, y, n: (xp.exp(x), xp.log(y), xp.sqrt(y), xp.tanh(x), xp.floor(x), xp.sign(n)),
    "making": lambda xp, x, y, n: (
        *(xp.arange(5), xp.linspace(0, 1, 5), xp.eye(3), xp.zeros((2, 3)), xp.ones_like(x)),
        *(xp.full((2, 2), 7), xp.asarray([[1, 2], [3, 4]]), xp.asarray(3.5), xp.tril(x), xp.empty((0, 3))),
    ),
    "keys": lambda xp, x, y, n: (x[0], x[1:, ::-2], x[..., None], x[-1, -1], x[x > 0], x[n[:, 0] % 3, :]),
    "setting": lambda xp, x, y, n: (put(xp, x, 0, 7.0), put(xp, x, (slice(None), 1), x[:, 2]), put(xp, x, x > 0, 0.0)),
    "overlap": lambda xp, x, y, n: (put(xp, x, slice(1, None), x[:-1]), put(xp, x, ..., x[::-1]), mirrored(xp, x)),
    "views": lambda xp, x, y, n: (
        x.T,
        xp.reshape(x, (2, 6)),
        xp.permute_dims(x, (1, 0)),
        xp.broadcast_to(x[0], (5, 4)),
    ),
    "joining": lambda xp, x, y, n: (xp.concat([x, y]), xp.stack([x, y], axis=1), *xp.unstack(x), xp.tile(x, (2, 1))),
    "moving": lambda xp, x, y, n: (xp.flip(x), xp.roll(x, 1, axis=1), xp.repeat(x, 2), xp.squeeze(x[:, :1], axis=1)),
    "products": lambda xp, x, y, n: (x @ y.T, xp.tensordot(x, y, axes=2), xp.vecdot(x, y), n @ n.T, x[0] @ y[0]),
    "sums": lambda xp, x, y, n: (
        xp.sum(x),
        xp.mean(x, axis=0),
        xp.std(x),
        xp.max(n),
        xp.prod(y, axis=1),
        xp.any(x > 1),
    ),
    "cumulative": lambda xp, x, y, n: (xp.cumulative_sum(x, axis=1), xp.diff(x), xp.count_nonzero(n)),
    "order": lambda xp, x, y, n: (
        xp.sort(x),
        xp.argsort(x, axis=0),
        xp.argmax(x),
        xp.searchsorted(xp.sort(x[0]), y[0]),
    ),
    "sets": lambda xp, x, y, n: (*xp.unique_all(n), *xp.nonzero(n > 2), xp.isin(n, xp.asarray([1, 2]))),
    "solving": lambda xp, x, y, n: (
        *(xp.linalg.inv(square(xp, x)), xp.linalg.solve(square(xp, x), x[:, 0]), xp.linalg.det(square(xp, x))),
        *(xp.linalg.cholesky(square(xp, x)), xp.linalg.svdvals(x), xp.linalg.vector_norm(x), xp.linalg.trace(x)),
    ),
    "transforms": lambda xp, x, y, n: (xp.fft.fft(xp.astype(x, xp.complex64)), xp.fft.rfft(x), xp.fft.fftshift(x)),
    "types": lambda xp, x, y, n: (xp.astype(x, xp.float64), xp.astype(n, xp.float32), xp.astype(x, xp.bool)),
    "other devices": lambda xp, x, y, n: (
        *(x.to_device("cpu"), x.T.to_device("gpu:1") + 1, x[::2].to_device("gpu:1")),
        *(x.to_device("cpu").T.to_device("gpu:1"), x.to_device("gpu:1").to_device("gpu:0") * 2),
    ),
    "scalars": lambda xp, x, y, n: (float(x[0, 0]), int(n[0, 0]), bool(x[0, 0] > 0), n[1, 1].__index__(), x.shape),
    "in place": lambda xp, x, y, n: in_place(xp, x, y),
}


def put(xp, x, key, value):
    made = xp.asarray(x, copy=True)
    same = xp.asarray(value, copy=True) if isinstance(value, Array) and value.shape != made[key].shape else value
    made[key] = same
    return made


def mirrored(xp, x):
    """Return an array to which its own mirror image was added in place."""
    made = xp.asarray(x, copy=True)
    made += made[::-1, ::-1]
    made[1:] = made[:-1]
    return made


def in_place(xp, x, y):
    made = xp.asarray(x, copy=True)
    made += y
    made *= 0.5
    made[0] -= made[1]
    made **= 2
    return made


def square(xp, x):
    return x @ x.T + 3.0 * xp.eye(3, dtype=xp.float32)


def results(call, storage):
    """Return what a call gives in plain terms: values, and dtype and device of arrays."""
    generator = np.random.default_rng(5)
    x, y = generator.standard_normal((3, 4), np.float32), generator.random((3, 4), np.float32) + 0.5
    with Runtime(MACHINE, storage=storage) as runtime:
        xp = runtime.xp()
        given = (xp.asarray(x), xp.asarray(y), xp.asarray(np.arange(12).reshape(3, 4) % 5))
        made = call(xp, *given)
        found = []
        for it in made if isinstance(made, tuple) else (made,):
            if not isinstance(it, Array):
                found.append((it, None, None))
                continue
            assert in_own_memory(runtime, it)
            found.append((it.value(), it.dtype, it.device))
    return found


def in_own_memory(runtime, array):
    """Tell whether all bytes of an array lie in the memory of the device that it is on, and in no other."""
    holders = [
        memory.device.name
        for memory in runtime.memories
        if type(array._data).__module__ == "numpy" or memory.device.kind == "GPU"
        if memory.region.holds(array._data)
    ]
    return array.size == 0 or holders == [array.device]


@pytest.mark.parametrize("name", sorted(CALLS))
def test_results_dtypes_and_devices_are_those_on_numpy_storage(card, name):
    expected, found = results(CALLS[name], "numpy"), results(CALLS[name], card())

    assert [it[1:] for it in found] == [it[1:] for it in expected]
    for (value, dtype, _), (answer, *_) in zip(found, expected, strict=True):
        tolerance = 1e-4 if dtype is not None and answer.dtype.kind in "fc" else 0
        np.testing.assert_allclose(value, answer, rtol=tolerance, atol=tolerance, strict=dtype is not None)
