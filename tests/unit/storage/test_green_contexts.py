"""What cuda-core is asked for where a card is cut into green contexts. Their kernels: `tests/gpu/test_partition.py`."""

from __future__ import annotations

import sys
from collections import namedtuple
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace

import pytest

from simgpu.errors import ExecutionError, MissingDependency
from tests.messages import exactly

cupy = pytest.importorskip("cupy", reason="CuPy is not installed: pip install cupy-cuda13x")
cuda_driver = pytest.importorskip("simgpu.storage.cuda_driver")

SMResourceOptions = namedtuple("SMResourceOptions", "count")
ContextOptions = namedtuple("ContextOptions", "resources")


class Multiprocessors:
    """Those of a card, of which some can be cut off."""

    def __init__(self, total):
        self.total, self.cuts = total, []

    def split(self, options, *, dry_run=False):
        if sum(options.count) > self.total:
            raise ValueError("CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION")
        self.cuts.append(options.count)
        return [f"group of {count}" for count in options.count], "the rest"


class Context:
    """A green context, whose streams are as `__cuda_stream__` tells."""

    def __init__(self, options):
        (self.group,) = options.resources

    def create_stream(self, options=None):
        return SimpleNamespace(group=self.group, __cuda_stream__=lambda: (0, 77))


@pytest.fixture
def multiprocessors(monkeypatch):
    """Let cuda-core be there, and return the multiprocessors of its card 1."""
    found, core = Multiprocessors(132), ModuleType("cuda.core")
    card = SimpleNamespace(resources=SimpleNamespace(sm=found), create_context=Context, set_current=lambda: None)
    core.Device = {1: card}.__getitem__
    core.SMResourceOptions, core.ContextOptions = SMResourceOptions, ContextOptions
    monkeypatch.setitem(sys.modules, "cuda.core", core)
    monkeypatch.setattr(cupy.cuda.Stream, "from_external", lambda stream: stream)
    return found


@pytest.fixture
def driver(monkeypatch):
    """Return a driver of card 1, which need not be there."""
    made = object.__new__(cuda_driver.CudaDriver)
    made.device_id = 1
    monkeypatch.setattr(cuda_driver.CudaDriver, "on_card", lambda self: nullcontext())
    return made


def test_all_groups_are_cut_at_once_and_each_has_streams_of_its_own(driver, multiprocessors):
    first, second = driver.green_streams((32, 64))
    streams = [first(), first(), second()]

    assert multiprocessors.cuts == [[32, 64]]
    assert [stream.group for stream in streams] == ["group of 32", "group of 32", "group of 64"]
    assert streams[0] is not streams[1]


def test_what_the_card_cannot_be_cut_into_is_refused_with_its_words(driver, multiprocessors):
    says = (
        "this card cannot be cut into [100, 64] multiprocessors (CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION); on "
        "Hopper, counts are multiples of 8, and together no more than the card has"
    )
    with pytest.raises(ExecutionError, match=exactly(says)):
        driver.green_streams((100, 64))


def test_without_cuda_core_or_what_it_stands_on_the_package_is_named(driver, monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.core", None)
    says = "partition='green' needs cuda-core 1.0 or newer with its bindings; pip install 'cuda-core[cu13]'"

    with pytest.raises(MissingDependency, match=exactly(says)):
        driver.green_streams((32, 64))


def test_cuda_core_has_what_is_asked_of_it():
    core = pytest.importorskip("cuda.core", reason="cuda-core is not installed: pip install 'cuda-core[cu13]'")

    assert core.SMResourceOptions(count=[32, 64]).count == [32, 64]
    assert core.StreamOptions().nonblocking
    assert "count drives the number of groups" in " ".join(core.SMResourceOptions.__doc__.replace("`", "").split())
    assert {"create_context", "resources", "set_current"} <= set(dir(core.Device))
