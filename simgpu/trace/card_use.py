"""What of a real card is used: the record that storage makes, and that the trace of an execution keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CardUse:
    """What of a card is used, in bytes.

    `regions` and `scratch` are of the open devices of one storage; `held` is what else this process has under limits:
    devices of other storages, and closed ones while arrays live on or their memory is kept. `outside` is what no limit
    holds: CUDA's context, modules and libraries, what is taken around the library, other programs. Of that, `before`
    lay there when the first device of the storage opened; it is less if some of it has gone since.
    """

    total_bytes: int
    free_bytes: int
    regions_bytes: int
    scratch_bytes: int
    outside_bytes: int
    held_bytes: int = 0
    before_bytes: int = 0

    @property
    def grown_bytes(self) -> int:
        """What has come outside of all limits since the first device opened."""
        return self.outside_bytes - self.before_bytes
