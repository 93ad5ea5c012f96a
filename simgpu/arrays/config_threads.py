"""How many threads the CPU of a runtime has: `config.threading`, with TensorFlow's names.

They are what a simulation of the recorded program counts with. Eager operations run on the thread that calls them.
"""

from __future__ import annotations

from collections.abc import Callable

from simgpu.errors import InvalidValue, RuntimeStartedError


class ThreadSettings:
    """Threads that take operations (inter-op), and threads that share the work of one (intra-op).

    They may be set before the runtime's first use; afterwards only to the value that they have.
    """

    def __init__(self, is_started: Callable[[], bool]) -> None:
        self._is_started = is_started
        self._chosen: dict[str, int | None] = {"inter": None, "intra": None}

    @property
    def chosen(self) -> tuple[int | None, int | None]:
        """Inter-op and intra-op threads as they were set; None where they were not."""
        return self._chosen["inter"], self._chosen["intra"]

    def get_inter_op_parallelism_threads(self) -> int:
        """Return the threads that take operations; 0 stands for the machine's own number."""
        return self._chosen["inter"] or 0

    def set_inter_op_parallelism_threads(self, num_threads: int | None) -> None:
        """Set the threads that take operations; 0 or None for the machine's own number."""
        self._set("inter", num_threads)

    def get_intra_op_parallelism_threads(self) -> int:
        """Return the threads that share the work of one operation; 0 stands for the machine's own number."""
        return self._chosen["intra"] or 0

    def set_intra_op_parallelism_threads(self, num_threads: int | None) -> None:
        """Set the threads that share the work of one operation; 0 or None for the machine's own number."""
        self._set("intra", num_threads)

    def _set(self, which: str, number: int | None) -> None:
        if number is not None and (type(number) is not int or number < 0):
            raise InvalidValue(
                f"{which}-op threads: {number!r} is no number of threads; give an int, or 0 for the "
                "machine's own number"
            )
        if self._chosen[which] == number:
            return
        if self._is_started():
            raise RuntimeStartedError(
                f"{which}-op threads cannot become {number} (they are {self._chosen[which] or 0}): the runtime is in "
                "use; set them before the first array, variable or device scope"
            )
        self._chosen[which] = number
