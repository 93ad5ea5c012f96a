"""Hypothesis strategies: machines, device names, graphs, placements, and arrays on devices.

from simgpu.testing import strategies as sts

@given(sts.placements(machines=sts.machines(min_gpus=2)))
def test_my_policy(placement): ...
"""

from simgpu.errors import MissingDependency

try:
    import hypothesis  # noqa: F401  # whether it is there
except ImportError as error:
    raise MissingDependency(
        f"simgpu.testing.strategies needs Hypothesis ({error}): pip install 'simgpu[testing]'"
    ) from error

from simgpu.testing.strategies.arrays import arrays_on_devices
from simgpu.testing.strategies.graphs import graphs
from simgpu.testing.strategies.machines import machines
from simgpu.testing.strategies.names import device_names, device_specs
from simgpu.testing.strategies.placements import placements

__all__ = ["arrays_on_devices", "device_names", "device_specs", "graphs", "machines", "placements"]
