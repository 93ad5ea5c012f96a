"""Guards around CuPy: whose memory a raw call of CuPy uses, and what it must not do.

While a runtime on CuPy storage is open, CuPy asks `allocate` for each piece of memory. Inside an operation of the
library, or a device scope, it comes from the scratch memory of that device, which has a limit; elsewhere it is refused,
or left to CuPy's own pool if every open storage was made with `raw="allow"`. Who is inside what is kept for each thread
and asyncio task.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import RLock
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from simgpu.errors import DeviceScopeError, InvalidValue, MemoryShortage, OutOfDeviceMemory
from simgpu.naming import short_name
from simgpu.storage.driver import Driver
from simgpu.units import short_size

if TYPE_CHECKING:
    from simgpu.storage.cupy_region import CupyRegion

Raw = Literal["refuse", "allow"]
_inside: ContextVar[CupyRegion | None] = ContextVar("simgpu CuPy region", default=None)
_refused_bytes: ContextVar[int] = ContextVar("simgpu CuPy refusal", default=0)


class Guards:
    """The guards of one storage. They stand as long as a region is open.

    CuPy has one allocator in a process, so all guards that stand share it.
    """

    _lock = RLock()
    _standing: ClassVar[list[Guards]] = []
    _installer: ClassVar[Driver]

    def __init__(self, driver: Driver, raw: Raw) -> None:
        if raw not in ("refuse", "allow"):
            raise InvalidValue(f"raw={raw!r} is not one of refuse, allow")
        self._driver = driver
        self._raw = raw

    def open(self) -> None:
        """Stand guard, once for each region. Raises DeviceScopeError inside CuPy's `using_allocator`."""
        with Guards._lock:
            if not Guards._standing and not self._driver.is_installed(allocate):
                self._install()
            Guards._standing.append(self)
            try:
                self._driver.route_random(_random_state)  # each card has its own generator
            except BaseException:
                self.close()
                raise

    def _install(self) -> None:
        try:
            self._driver.install(allocate)
        except ValueError as error:
            raise DeviceScopeError(
                "a runtime starts inside cupy.cuda.using_allocator, where its limits would not hold; start it outside"
            ) from error
        Guards._installer = self._driver

    def close(self) -> None:
        """Stand guard no longer, once for each region. The last one leaves alone what others put there meanwhile."""
        with Guards._lock:
            Guards._standing.remove(self)
            if not Guards._standing and Guards._installer.is_installed(allocate):
                Guards._installer.uninstall()

    @contextmanager
    def inside(self, region: CupyRegion) -> Iterator[None]:
        """Let what is launched go to a device's stream, and its memory come from the device's scratch.

        A sort of CuPy's says only that it had no memory: then the refusal behind it is raised.
        """
        token = _inside.set(region)
        _refused_bytes.set(0)
        try:
            with self._driver.using(region.stream):
                yield
        except MemoryError as error:
            size_bytes = _refused_bytes.get()
            if not size_bytes or isinstance(error, OutOfDeviceMemory):
                raise
            raise _out_of_scratch(region, size_bytes) from error
        finally:
            _inside.reset(token)

    @contextmanager
    def scope(self, region: CupyRegion | None) -> Iterator[None]:
        """Be inside a device scope of the user's; None: one of a CPU. Raises DeviceScopeError for changed allocators.

        They are looked at when the scope is entered, and when it is left.
        """
        self.check()
        if region is None:
            token = _inside.set(None)
            try:
                yield
            finally:
                _inside.reset(token)
        else:
            with self.inside(region):
                yield
        self.check()

    def check(self) -> None:
        """Raise DeviceScopeError if CuPy asks somebody else for memory: then no limit holds."""
        if not self._driver.is_installed(allocate):
            raise DeviceScopeError(
                "CuPy's allocator was changed while a runtime is open (cupy.cuda.set_allocator or using_allocator), so "
                "the limits of devices do not hold for what it allocates; leave CuPy's allocator as it is, or close "
                "the runtime first"
            )

    def is_on_stream(self, region: CupyRegion) -> bool:
        """Tell whether this thread's kernels are launched on a device's stream."""
        return self._driver.current_stream_id() == self._driver.stream_id(region.stream)

    @staticmethod
    def outside(size_bytes: int) -> Any:
        """Return memory of CuPy's own pool, if every storage that is open allows it. Raises DeviceScopeError."""
        if all(guards._raw == "allow" for guards in Guards._standing):
            return Guards._installer.module.get_default_memory_pool().malloc(size_bytes)
        raise DeviceScopeError(
            f"CuPy allocates {short_size(size_bytes)} outside of any device, where no limit would hold; call it inside "
            '`with runtime.device("/gpu:0"):`, close the runtime first, or allow it: CupyStorage(raw="allow")'
        )


def allocate(size_bytes: int) -> Any:
    """Return memory for CuPy, which asks here as long as any guard stands. Raises DeviceScopeError, OutOfDeviceMemory.

    One function, so that CuPy can be asked whether it is still there.
    """
    region = _inside.get()
    if region is None:
        return Guards.outside(size_bytes)
    if not region.guards.is_on_stream(region):
        raise DeviceScopeError(
            f"CuPy allocates {short_size(size_bytes)} inside a scope of {short_name(region.device)}, but on a "
            "stream that is not this device's; leave its current stream as it is inside device scopes"
        )
    try:
        return region.scratch.allocate(size_bytes)
    except MemoryError as error:
        _refused_bytes.set(size_bytes)
        raise _out_of_scratch(region, size_bytes) from error


def _out_of_scratch(region: CupyRegion, size_bytes: int) -> OutOfDeviceMemory:
    used, limit = region.scratch.used_bytes(), region.scratch_bytes
    shortage = MemoryShortage(
        device=f"{region.device} (scratch)",
        owner="CuPy",
        requested_bytes=size_bytes,
        needed_bytes=size_bytes,
        used_bytes=used,
        limit_bytes=limit,
        largest_hole_bytes=max(0, limit - used),
    )
    return OutOfDeviceMemory(
        f"{region.device}: out of scratch memory: a kernel asked for {short_size(size_bytes)} ({size_bytes} B) beside "
        f"its operands; {short_size(used)} of {short_size(limit)} are used; "
        "use smaller operands, or give devices more: CupyStorage(scratch_bytes=...)",
        shortage,
    )


def _random_state() -> Any:
    """Return the random generator of the device that is entered; None outside of any."""
    region = _inside.get()
    return None if region is None else region.random_state()
