"""einops through its layer for the array API: on every device what einops makes of NumPy's arrays."""

from __future__ import annotations

import einops
import numpy as np
import pytest
from array_api_compat import array_namespace
from einops import array_api

import simgpu as sg

IMAGES = np.random.default_rng(7).standard_normal((4, 6, 8, 3)).astype(np.float32)
DEVICES = ["gpu:0", "gpu:1", "cpu:0"]
REARRANGED = {
    "b h w c -> b c h w": {},
    "b (h h1) (w w1) c -> (b h1 w1) h w c": {"h1": 2, "w1": 4},
    "b h w c -> (b h w c)": {},
    "b h w c -> b (c h w)": {},
    "(b1 b2) ... -> b1 b2 ...": {"b1": 2},
    "b h w c -> b 1 h w 1 c": {},
}
REDUCED = {
    "b h w c -> b c": {},
    "b (h h1) (w w1) c -> b h w c": {"h1": 2, "w1": 2},
    "b h w c -> b () () c": {},
    "b h w c -> ": {},
    "... c -> c": {},
}
REPEATED = {"b h w c -> b (h 2) (w 2) c": {}, "b h w c -> b h w c r": {"r": 3}, "b h w c -> (r b) h w c": {"r": 2}}


@pytest.fixture(params=DEVICES)
def device(request, simgpu_runtime):
    return simgpu_runtime().machine.device(request.param).name


@pytest.fixture
def images(xp, device):
    return xp.asarray(IMAGES, device=device)


@pytest.fixture(autouse=True)
def _nothing_moves(images, assert_no_transfers):
    with assert_no_transfers():
        yield


def assert_same(found, expected, device):
    assert (found.device, found.shape, found.dtype) == (device, expected.shape, expected.dtype)
    np.testing.assert_allclose(found.value(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("pattern", "lengths"), REARRANGED.items())
def test_rearrange(images, device, pattern, lengths):
    found = array_api.rearrange(images, pattern, **lengths)

    assert_same(found, einops.rearrange(IMAGES, pattern, **lengths), device)


def test_rearrange_of_a_list_stacks_it(images, device):
    found = array_api.rearrange(list(images), "b h w c -> h w (b c)")

    assert_same(found, einops.rearrange(list(IMAGES), "b h w c -> h w (b c)"), device)


@pytest.mark.parametrize("operation", ["mean", "sum", "max", "min", "prod"])
@pytest.mark.parametrize(("pattern", "lengths"), REDUCED.items())
def test_reduce(images, device, pattern, lengths, operation):
    found = array_api.reduce(images, pattern, operation, **lengths)

    assert_same(found, einops.reduce(IMAGES, pattern, operation, **lengths), device)


@pytest.mark.parametrize("operation", ["any", "all"])
def test_reduce_of_bools(images, device, operation):
    found = array_api.reduce(images > 0, "b h w c -> b c", operation)

    assert_same(found, einops.reduce(IMAGES > 0, "b h w c -> b c", operation), device)


def test_reduce_by_a_function_of_ones_own(images, device):
    def norm(x, axes):
        xp = array_namespace(x)
        return xp.sqrt(xp.sum(x**2, axis=axes))

    found = array_api.reduce(images, "b h w c -> b c", norm)

    assert_same(found, einops.reduce(IMAGES, "b h w c -> b c", norm), device)


@pytest.mark.parametrize(("pattern", "lengths"), REPEATED.items())
def test_repeat(images, device, pattern, lengths):
    found = array_api.repeat(images, pattern, **lengths)

    assert_same(found, einops.repeat(IMAGES, pattern, **lengths), device)


def test_pack_and_unpack(images, device):
    packed, shapes = array_api.pack([images, images[:, 0, :, :], images[:, 0, 0, :]], "b * c")

    expected = einops.pack([IMAGES, IMAGES[:, 0], IMAGES[:, 0, 0]], "b * c")
    assert shapes == expected[1]
    assert_same(packed, expected[0], device)
    for found, part in zip(array_api.unpack(packed, shapes, "b * c"), einops.unpack(*expected, "b * c"), strict=True):
        assert_same(found, part, device)


def test_asnumpy_shares_the_memory_of_the_host(images):
    shared = array_api.asnumpy(images)
    images[0, 0, 0, 0] = 7.0

    np.testing.assert_array_equal(shared, images.value())
    assert shared[0, 0, 0, 0] == 7.0


def test_a_pattern_that_does_not_fit_is_refused_by_einops(images):
    with pytest.raises(einops.EinopsError, match="Error while processing rearrange-reduction"):
        array_api.rearrange(images, "b h w -> b (h w)")


@pytest.mark.multi_gpu(memory="64KiB")
def test_a_view_costs_nothing_and_a_repetition_must_fit(images, device, simgpu_runtime):
    before = simgpu_runtime().memory_statistics(device).current_bytes

    shown = array_api.rearrange(images, "b h w c -> c b h w")

    assert simgpu_runtime().memory_statistics(device).current_bytes == before
    assert shown.shape == (3, 4, 6, 8)
    if "GPU" in device:
        with pytest.raises(sg.OutOfDeviceMemory):
            array_api.repeat(images, "b h w c -> (r b) h w c", r=30)
