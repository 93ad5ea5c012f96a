"""One GPU, or none, as many devices with hard memory caps: run a program on them, and predict how long it takes.

    import simgpu as sg

    machine = sg.Machine("1 x 4GiB").split({"GPU:0": ["2GiB", "2GiB"]})
    graph = sg.read_onnx("light_resnet50", batch=8, weights="random", seed=7)
    placement = sg.place(graph, machine)
    predicted = sg.simulate(placement)
    outputs, ran = sg.execute(placement, sg.make_feeds(graph, seed=7), follow=predicted)
    assert sg.compare(predicted, ran)

Names are imported when they are first used, so that `import simgpu` is quick and loads nothing that can wait.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from simgpu.errors import (
    AxisError,
    CalibrationError,
    CardsError,
    DeadlockError,
    DeviceFailure,
    DeviceMismatchError,
    DeviceNameError,
    DeviceScopeError,
    ExecutionError,
    ExtrapolationWarning,
    GraphError,
    InvalidValue,
    MachineError,
    MemoryShortage,
    MissingDependency,
    ModelFileError,
    NoEffectWarning,
    OutOfDeviceMemory,
    PlacementError,
    ReserveWarning,
    RuntimeClosedError,
    RuntimeStartedError,
    ScenarioError,
    SimgpuError,
    UnknownOperation,
)

if TYPE_CHECKING:
    from simgpu import config, debugging
    from simgpu.arrays import (
        Array,
        Function,
        Recording,
        Runtime,
        Variable,
        constant,
        current_runtime,
        default_runtime,
        device,
        function,
        record,
        set_default_runtime,
    )
    from simgpu.calibration import calibrate, read_calibration, write_calibration
    from simgpu.costs import Calibration, Cost, CostModel, Measured, MoveCost, Roofline
    from simgpu.environment import visible_machine
    from simgpu.graph import Constant, Data, Graph, GraphBuilder, Normal, Operation, Tensor, TensorSpec, Uniform
    from simgpu.kernels import add_operation
    from simgpu.machine import Machine
    from simgpu.memory import MemoryPool, MemoryStatistics
    from simgpu.metrics import (
        Bubble,
        CriticalPath,
        Explanation,
        Metrics,
        Replications,
        StepFunction,
        bubble,
        critical_path,
        explain,
        memory_use,
        metrics_of,
        queue_lengths,
        replications,
        slack_ps,
    )
    from simgpu.naming import DeviceSpec
    from simgpu.placement import Placement, Rule, place
    from simgpu.readers import (
        Layer,
        PartitioningProblem,
        Profile,
        pipeline,
        read_onnx,
        read_partitioning,
        read_pipedream,
        read_profile,
    )
    from simgpu.report import chrome_trace, read_trace, read_traces, write_chrome_trace
    from simgpu.scenario import Scenario, load_scenario
    from simgpu.session import RunResult, execute, make_feeds, run
    from simgpu.simulation import Fails, Flaky, LinkChange, SimulationOptions, Slow, simulate
    from simgpu.storage import cupy_storage, detect
    from simgpu.trace import Agreement, Trace, compare, time_breakdown
    from simgpu.validation import Validation, Workload, read_validation, standard_workloads, validate

    __version__: str

__all__ = [
    "Agreement",
    "Array",
    "AxisError",
    "Bubble",
    "Calibration",
    "CalibrationError",
    "CardsError",
    "Constant",
    "Cost",
    "CostModel",
    "CriticalPath",
    "Data",
    "DeadlockError",
    "DeviceFailure",
    "DeviceMismatchError",
    "DeviceNameError",
    "DeviceScopeError",
    "DeviceSpec",
    "ExecutionError",
    "Explanation",
    "ExtrapolationWarning",
    "Fails",
    "Flaky",
    "Function",
    "Graph",
    "GraphBuilder",
    "GraphError",
    "InvalidValue",
    "Layer",
    "LinkChange",
    "Machine",
    "MachineError",
    "Measured",
    "MemoryPool",
    "MemoryShortage",
    "MemoryStatistics",
    "Metrics",
    "MissingDependency",
    "ModelFileError",
    "MoveCost",
    "NoEffectWarning",
    "Normal",
    "Operation",
    "OutOfDeviceMemory",
    "PartitioningProblem",
    "Placement",
    "PlacementError",
    "Profile",
    "Recording",
    "Replications",
    "ReserveWarning",
    "Roofline",
    "Rule",
    "RunResult",
    "Runtime",
    "RuntimeClosedError",
    "RuntimeStartedError",
    "Scenario",
    "ScenarioError",
    "SimgpuError",
    "SimulationOptions",
    "Slow",
    "StepFunction",
    "Tensor",
    "TensorSpec",
    "Trace",
    "Uniform",
    "UnknownOperation",
    "Validation",
    "Variable",
    "Workload",
    "__version__",
    "add_operation",
    "bubble",
    "calibrate",
    "chrome_trace",
    "compare",
    "config",
    "constant",
    "critical_path",
    "cupy_storage",
    "current_runtime",
    "debugging",
    "default_runtime",
    "detect",
    "device",
    "execute",
    "explain",
    "function",
    "load_scenario",
    "make_feeds",
    "memory_use",
    "metrics_of",
    "pipeline",
    "place",
    "queue_lengths",
    "read_calibration",
    "read_onnx",
    "read_partitioning",
    "read_pipedream",
    "read_profile",
    "read_trace",
    "read_traces",
    "read_validation",
    "record",
    "replications",
    "run",
    "set_default_runtime",
    "simulate",
    "slack_ps",
    "standard_workloads",
    "time_breakdown",
    "validate",
    "visible_machine",
    "write_calibration",
    "write_chrome_trace",
]

_HOMES = {
    "simgpu": "config debugging",
    "simgpu.arrays": "Array Function Recording Runtime Variable constant current_runtime default_runtime device "
    "function record set_default_runtime",
    "simgpu.calibration": "calibrate read_calibration write_calibration",
    "simgpu.costs": "Calibration Cost CostModel Measured MoveCost Roofline",
    "simgpu.environment": "visible_machine",
    "simgpu.graph": "Constant Data Graph GraphBuilder Normal Operation Tensor TensorSpec Uniform",
    "simgpu.kernels": "add_operation",
    "simgpu.machine": "Machine",
    "simgpu.memory": "MemoryPool MemoryStatistics",
    "simgpu.metrics": "Bubble CriticalPath Explanation Metrics Replications StepFunction bubble critical_path explain "
    "memory_use metrics_of queue_lengths replications slack_ps",
    "simgpu.naming": "DeviceSpec",
    "simgpu.placement": "Placement Rule place",
    "simgpu.readers": "Layer PartitioningProblem Profile pipeline read_onnx read_partitioning read_pipedream "
    "read_profile",
    "simgpu.report": "chrome_trace read_trace read_traces write_chrome_trace",
    "simgpu.scenario": "Scenario load_scenario",
    "simgpu.session": "RunResult execute make_feeds run",
    "simgpu.simulation": "Fails Flaky LinkChange SimulationOptions Slow simulate",
    "simgpu.storage": "cupy_storage detect",
    "simgpu.trace": "Agreement Trace compare time_breakdown",
    "simgpu.validation": "Validation Workload read_validation standard_workloads validate",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use."""
    if name == "__version__":
        from simgpu.cli.version import installed_version

        value: Any = installed_version()
    elif _HOME_OF.get(name) == "simgpu":  # a module
        value = import_module(f"simgpu.{name}")
    elif name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
    else:
        raise AttributeError(f"module 'simgpu' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
