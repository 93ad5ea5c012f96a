"""Arguments of a wrong type: every public function says which, what it was and what to give, and nothing of its inside.

A row is a line of a program, and the whole message that it ends with.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path

import pytest

import simgpu as sg
from simgpu import simulation
from simgpu.errors import SimgpuError
from simgpu.kernels import OPERATIONS
from tests.unit.readers import test_partitioning

FORMS = "accepted: /job:NAME/replica:N/task:N/device:TYPE:N, any part left out, any order; gpu:N and cpu:N for short"
OF_A_TRACE = "give what `simulate` returns, or what `execute` returns second"
A_RUNTIME = "make one: Runtime('2 x 4GiB'), or leave it out for the current one"
A_MACHINE = "one line such as '2 x t4', or a mapping"
DTYPES = (
    "take one of the namespace, such as xp.float32: bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, "
    "float32, float64, complex64, complex128"
)
A_PLACEMENT = "give what `place` returns"
A_PATH = "give the name of a file"
DURATIONS = "accepted: an int in ps, or text such as '5us', '1.5 ms', '2 min' (units: ps, ns, us, ms, s, min, h)"
RATES = "accepted: an int in B/s, or text such as '25 GB/s', '2 GiB/s', '400 Gbit/s', '100Gbps'"
PERTURBATIONS = "a Slow, LinkChange, Flaky or Fails"
ROWS = {
    "sg.simulate(3)": "placement=3 is not a Placement; give what `place` returns",
    "sg.simulate(PLACED, machine=3)": f"3 is not a machine: {A_MACHINE}",
    "sg.simulate(PLACED, costs=3)": "costs=3 is not a cost model; choose 'roofline', or give an object with `cost`",
    "sg.simulate(PLACED, costs=FIVE)": (
        "operation 'y' costs 5 on /job:localhost/replica:0/task:0/device:GPU:0; a cost model must give a Cost"
    ),
    "sg.simulate(PLACED, links=7)": "links=7 is not a link policy; choose one of fair, fifo",
    "sg.simulate(PLACED, links=[])": "links=[] is not a link policy; choose one of fair, fifo",
    "sg.simulate(PLACED, on_progress=3)": "on_progress=3 is not a function of the tasks done, and those in all",
    "sg.simulate(PLACED, options=3)": "options=3 is not a SimulationOptions; give one, or options one by one",
    "sg.simulate(PLACED, perturbations=3)": f"perturbations=3 is not a tuple; give each as {PERTURBATIONS}",
    "sg.simulate(PLACED, perturbations=(3,))": f"perturbations[0]=3 is not {PERTURBATIONS}",
    'sg.simulate(PLACED, perturbations=sg.Fails(device="GPU:0", at=5))': (
        f"perturbations=Fails(device='GPU:0', at=5, then='raise') is not a tuple; give each as {PERTURBATIONS}"
    ),
    'sg.simulate(PLACED, seed="x")': "seed is 'x'; it must be an int of 0 or more",
    "sg.simulate(PLACED, seed=-1)": "seed is -1; it must be an int of 0 or more",
    "sg.simulate(PLACED, discipline=3)": (
        "discipline=3 is not a discipline; choose one of fifo, priority, shortest, longest"
    ),
    'sg.simulate(PLACED, streams="2")': "streams='2' is not a number of streams; give an int from 1 to 1024",
    "sg.simulate(PLACED, copy_engines=3)": "copy_engines=3 is not True or False; a card's model has their number",
    "sg.simulate(PLACED, on_oom=[])": (
        "on_oom=[] is not a way to treat a lack of memory; choose one of raise, wait, spill"
    ),
    "sg.Slow(device=3)": "device=3 is not the name of a device, such as 'GPU:0'",
    'sg.Slow(device="GPU:0", factor="x")': "factor='x' must be a number from 0 to 1e+09",
    'sg.Slow(device="GPU:0", spread=None)': "spread=None must be a number from 0 to 8",
    'sg.Slow(device="GPU:0", distribution=[])': "distribution=[] is not one of lognormal, exponential, uniform",
    "sg.LinkChange(link=3, at=1, bandwidth=1)": (
        "link=3 is not the name of a link; those of a machine are in its `channels`"
    ),
    'sg.LinkChange(link="x", at="soon", bandwidth=1)': (
        f"at: 'soon' is not a plain decimal number followed by a unit; {DURATIONS}"
    ),
    'sg.LinkChange(link="x", at=1, bandwidth=0.5)': f"bandwidth: 0.5 is a float, which is not exact; {RATES}",
    "sg.Flaky(link=3, well=1, ill=1, until=1)": (
        "link=3 is not the name of a link; those of a machine are in its `channels`"
    ),
    'sg.Flaky(link="x", well=[], ill=1, until=1)': f"well: [] is a list; {DURATIONS}",
    'sg.Flaky(link="x", well=1, ill=[], until=1)': f"ill: [] is a list; {DURATIONS}",
    'sg.Flaky(link="x", well=1, ill=1, until=[])': f"until: [] is a list; {DURATIONS}",
    'sg.Flaky(link="x", well=1, ill=1, until=1, factor="x")': "factor='x' must be a number from 0 to 1e+09",
    "sg.Fails(device=3, at=1)": "device=3 is not the name of a device, such as 'GPU:0'",
    'sg.Fails(device="GPU:0", at=[])': f"at: [] is a list; {DURATIONS}",
    'sg.Fails(device="GPU:0", at=1, then=3)': "then=3 is not 'raise', 'takeover', or the name of a device",
    "sg.Profile(3)": "layers=3 is not a sequence of Layers",
    "sg.Profile((3,))": "layers[0]=3 is not a Layer; make one: Layer('conv1', forward_ps=10**9)",
    "sg.Layer(3)": "name=3 is not the name of a layer; give a text",
    'sg.Layer("a", inputs="b")': "inputs='b' is not a tuple",
    "sg.calibrate(3)": "storage=3 is not a kind of storage; choose one of numpy, cupy, shape",
    "sg.calibrate(quick=3)": "quick=3 is not a bool; give True or False",
    'sg.calibrate(budget_s="x")': "budget_s='x' is no time; give seconds, more than 0",
    "sg.calibrate(seed=-1)": "seed is -1; it must be an int of 0 or more",
    "sg.calibrate(on_progress=3)": "on_progress=3 is not a function of what is done, steps done, and all steps",
    "sg.read_calibration(3)": "a calibration is read from a path, not from 3; give the name of a file",
    'sg.write_calibration(3, "x")': "calibration=3 is not a Calibration; give what `calibrate` returns",
    "sg.validate(3)": "calibration=3 is not a Calibration; give what `read_calibration` returns",
    "sg.standard_workloads(on_gpu=3)": "on_gpu=3 is not a bool; give True or False",
    "sg.standard_workloads(on_gpu=True, quick=3)": "quick=3 is not a bool; give True or False",
    "sg.read_validation(3)": (
        "3 is no validation (expected str, bytes or os.PathLike object, not int); give the `validation.json` of "
        "`simgpu validate`"
    ),
    "sg.Measured(3)": "calibration=3 is not a Calibration; give what `read_calibration` returns",
    "simulation.run(3)": "workload=3 is not a Workload; make one of arrays: Workload(resources=..., ...)",
    "simulation.run(WORKLOAD, on_progress=3)": ("on_progress=3 is not a function of the tasks done, and those in all"),
    "simulation.Resources(queue_slots=[1])": "queue_slots is a list; it must be an array of int64",
    "simulation.Resources(queue_slots=simulation.ints(1).reshape(1, 1))": (
        "queue_slots is an array of 2 dimensions; it must have one"
    ),
    "replace(WORKLOAD, resources=3)": "resources=3 is not a Resources; make one of arrays: Resources(...)",
    "replace(WORKLOAD, kind=[0])": "kind is a list; it must be an array of int64",
    "replace(WORKLOAD, kind=WORKLOAD.kind.reshape(0, 1))": "kind is an array of 2 dimensions; it must have one",
    "sg.place(3, MACHINE)": "graph=3 is not a Graph; give what `read_onnx` or `GraphBuilder.build` returns",
    "sg.place(GRAPH, 3)": f"3 is not a machine: {A_MACHINE}",
    "sg.place(GRAPH, MACHINE, policy=[])": "there is no placement policy []; choose tensorflow",
    "sg.place(GRAPH, MACHINE, kernels=[])": (
        "there is no kernel set []; choose float-only, tensorflow, tensorflow-plugin, all"
    ),
    "sg.place(GRAPH, MACHINE, soft=3)": "soft=3 is not a bool; give True or False",
    "sg.place(GRAPH, MACHINE, rules=3)": "rules are given as a list: got 3; put it in brackets",
    'sg.place(GRAPH, MACHINE, rules=sg.Rule("x", "/cpu"))': (
        "rules are given as a list: got Rule(match='x', device='/cpu'); put it in brackets"
    ),
    "sg.place(GRAPH, MACHINE, rules=[3])": "a rule has the keys 'match' and 'device': got 3",
    'sg.Rule(3, "/gpu:0")': "a rule matches names, such as 'conv*', not 3",
    'sg.Rule("x", 4)': f"a device name is text: got int 4; {FORMS}",
    "PLACED.device_of(7)": "the graph has no operation number 7; it has 2 operations, numbered from 0",
    "PLACED.why([])": "the graph has no operation named []; it has 2 operations",
    "sg.execute(3)": "placement=3 is not a Placement; give what `place` returns",
    "sg.execute(PLACED, 3)": "feeds=3 is not a mapping; give the values of the inputs by their names",
    'sg.execute(PLACED, {"x": "y"})': "input 'x' takes float32[4], but the feed is <U1[]; cast or reshape it first",
    "sg.execute(PLACED, storage=3)": "storage=3 is not a kind of storage; choose one of numpy, cupy, shape",
    "sg.execute(PLACED, FEEDS, follow=3)": f"follow=3 is not a Trace; {OF_A_TRACE}",
    "sg.execute(PLACED, FEEDS, on_progress=3)": "on_progress=3 is not a function of the tasks done, and those in all",
    "sg.Machine(3)": f"3 is not a machine: {A_MACHINE}",
    "sg.Machine.from_inventory(3)": "inventory=3 is not an Inventory; describe the machine instead: Machine('2 x t4')",
    "MACHINE.split(3)": '3 is not a mapping from devices to sizes, such as {"GPU:0": ["2GiB", "2GiB"]}',
    "MACHINE.split({3: 2})": "split[\"3\"]: 3 is not the name of a device, such as 'GPU:0'",
    'MACHINE.split({"GPU:0": None})': (
        "split[\"GPU:0\"]: None is not a list of sizes, a number of equal parts, or a mapping with 'limits' "
        "and 'compute'"
    ),
    "MACHINE.split({}, compute=3)": "compute: 3 is not one of shared, exclusive",
    "MACHINE.visible(3)": "CUDA_VISIBLE_DEVICES is text, such as '0,1', or None if not set; not 3",
    'MACHINE.visible("0", 3)': "CUDA_DEVICE_ORDER is FASTEST_FIRST or PCI_BUS_ID, not 3",
    'MACHINE.visible("0", host=3)': "the machine has no host 3; its hosts are 0 to 0",
    "MACHINE.device(3)": f"a device name is text: got int 3; {FORMS}",
    "MACHINE.index([])": f"a device name is text: got list []; {FORMS}",
    'MACHINE.route("GPU:0", 1)': "there is no route from 'GPU:0' to 1: devices are meant by position, see `index`",
    "sg.visible_machine(3)": f"3 is not a machine: {A_MACHINE}",
    "sg.visible_machine(MACHINE, 3)": (
        "environment=3 is not a mapping of variables; leave it out for those of this process"
    ),
    "sg.read_onnx(3)": "a model is named by a path or by the name of a light model, not by 3",
    'sg.read_onnx("squeezenet", batch="3")': (
        "batch is '3'; it must be an int from 1 to 1048576, or None for the file's own"
    ),
    'sg.read_onnx("squeezenet", weights=3)': "weights is 3; it can be given or random",
    'sg.read_onnx("squeezenet", seed="3")': "seed is '3'; it must be an int of 0 or more",
    'sg.read_onnx("squeezenet", shapes=3)': (
        "shapes=3 is not a mapping; give shapes by the names of inputs, such as {'x': (1, 3)}"
    ),
    'sg.DeviceSpec(replica="x")': "DeviceSpec: replica must be an int, not 'x'",
    "sg.DeviceSpec.parse(3)": f"a device name is text: got int 3; {FORMS}",
    'sg.DeviceSpec().merged("/gpu:0")': (
        "inner='/gpu:0' is not a DeviceSpec; read one from its name: DeviceSpec.parse('/gpu:0')"
    ),
    "sg.Graph(3)": "data=3 is not a GraphData; build a graph with a GraphBuilder",
    "GRAPH.operation(-3)": "the graph has no operation number -3; it has 2 operations, numbered from 0",
    "GRAPH.operation([])": "the graph has no operation named []; it has 2 operations",
    "sg.GraphBuilder().add(3)": "the type of an operation is text, such as 'Relu', not 3",
    'sg.GraphBuilder().add("Relu", 3)': (
        "operation 'Relu': inputs is 3; give a list of tensors, or of texts such as 'name:1'"
    ),
    'sg.GraphBuilder().add("Relu", sg.Tensor("x", 0, SPEC))': (
        "operation 'Relu': inputs is Tensor(operation='x', slot=0, spec=TensorSpec(shape=(4,), dt; give a list "
        "of tensors, or of texts such as 'name:1'"
    ),
    'sg.GraphBuilder().add("Relu", [3])': (
        "operation 'Relu': inputs holds 3; give a list of tensors, or of texts such as 'name:1'"
    ),
    'sg.GraphBuilder().add("Relu", outputs=SPEC)': (
        "operation 'Relu': outputs is TensorSpec(shape=(4,), dtype='float32'); give a list of TensorSpecs"
    ),
    'sg.GraphBuilder().add("Relu", name=3)': (
        "an operation of type Relu is called 3; a name is printable text and not empty"
    ),
    'sg.GraphBuilder().add("Relu", attributes=3)': "operation 'Relu': attributes is 3; give a mapping",
    'sg.GraphBuilder().add("Relu", device=3)': f"a device is a name, a DeviceSpec or None: got int 3; {FORMS}",
    'sg.GraphBuilder().add("Relu", colocate_with="x")': "operation 'Relu': colocate_with is 'x'; give a list of names",
    'sg.GraphBuilder().add("Relu", control_inputs=[3])': (
        "operation 'Relu': control_inputs holds 3; give a list of names"
    ),
    "sg.GraphBuilder().fetch(3)": "a fetch is a tensor, or text such as 'name:1', not 3",
    'sg.add_operation(3, "Relu")': "builder=3 is not a GraphBuilder; make one: GraphBuilder()",
    "sg.add_operation(sg.GraphBuilder(), 3)": (
        f"no operation is called 3; the {len(OPERATIONS)} known are in simgpu.kernels.OPERATIONS"
    ),
    'sg.add_operation(sg.GraphBuilder(), "Relu", ["x"])': (
        "Relu: inputs=['x'] is not a list of tensors; give those of operations"
    ),
    'sg.add_operation(sg.GraphBuilder(), "Relu", 3)': (
        "Relu: inputs=3 is not a list of tensors; give those of operations"
    ),
    'sg.add_operation(sg.GraphBuilder(), "Input", spec=3)': "Input(): spec is 3; it must be a TensorSpec",
    'sg.add_operation(sg.GraphBuilder(), "Variable", spec=SPEC, initializer=3)': (
        "Variable(): initializer is 3; it must be a Constant, Normal, Uniform or Data"
    ),
    'sg.add_operation(sg.GraphBuilder(), "Variable", spec=SPEC, initializer=sg.Constant(None))': (
        "Variable(): initializer is Constant(value=None); its value must be a number or a bool"
    ),
    'sg.add_operation(sg.GraphBuilder(), "Variable", spec=SPEC, initializer=sg.Data(3))': (
        "Variable(): initializer is Data(array=3); its data must be an array, such as NumPy's"
    ),
    'sg.add_operation(sg.GraphBuilder(), "Variable", spec=SPEC, initializer=sg.Normal(0.0, 1.0, None))': (
        "Variable(): initializer is Normal(mean=0.0, std=1.0, seed=None); its seed must be a tuple of ints of 0 or more"
    ),
    'sg.add_operation(sg.GraphBuilder(), "Variable", spec=SPEC, initializer=sg.Uniform("a", 1.0, (0,)))': (
        "Variable(): initializer is Uniform(low='a', high=1.0, seed=(0,)); its figures must be real numbers"
    ),
    'sg.TensorSpec(3, "int8")': "a tensor has shape 3; it must be a tuple of ints of 0 or more",
    "sg.TensorSpec((), [])": (
        "a tensor has dtype []; known dtypes are bool, int8, uint8, int16, uint16, float16, bfloat16, int32, "
        "uint32, float32, int64, uint64, float64, complex64, complex128, string, resource, variant"
    ),
    'sg.cupy_storage("0")': "device_id='0' is not the number of a card; give an int of 0 or more",
    'sg.Cost("3")': (
        "Cost(part_ps='3', parts=1, launch_ps=None, card_share=1.0) is no cost; part_ps must be an int of 0 or more, "
        "and parts one of 1 or more"
    ),
    "sg.Cost(3, launch_ps=-1)": (
        "Cost(part_ps=3, parts=1, launch_ps=-1, card_share=1.0) is no cost; launch_ps must be None or an int of 0 or "
        "more"
    ),
    "sg.MoveCost(None)": (
        "MoveCost(launch_ps=None, time_ps=None) is no cost; launch_ps must be an int of 0 or more, and time_ps "
        "one or None"
    ),
    'sg.Roofline("t4")': "machine='t4' is not a Machine; make one: Machine('2 x t4')",
    'sg.MemoryPool("GPU:0", "3")': "GPU:0: a memory limit must be an int of 0 or more bytes, not '3'",
    'sg.MemoryPool("GPU:0", 512).allocate("3", owner="x")': "GPU:0: x asked for '3' bytes; give an int of 0 or more",
    'sg.MemoryPool("GPU:0", 512).release(3)': "GPU:0: 3 is not a Block; give what `allocate` returned",
    "sg.make_feeds(3, seed=0)": "graph=3 is not a Graph; give what `read_onnx` or `GraphBuilder.build` returns",
    'sg.make_feeds(GRAPH, seed="3")': "seed is '3'; it must be an int of 0 or more",
    "sg.compare(1, PREDICTED)": f"first=1 is not a Trace; {OF_A_TRACE}",
    "sg.compare(PREDICTED, ({}, PREDICTED))": (
        f"second=({{}}, Trace(engine='simulate', clo...finish=True)], card_use=None)) is not a Trace; {OF_A_TRACE}"
    ),
    "sg.time_breakdown(3)": f"trace=3 is not a Trace; {OF_A_TRACE}",
    "sg.bubble(3)": f"trace=3 is not a Trace; {OF_A_TRACE}",
    "sg.bubble(PREDICTED, devices=3)": "devices=3 is not a list of names; give it as ['GPU:0', 'GPU:1']",
    'sg.bubble(PREDICTED, devices="GPU:0")': "devices='GPU:0' is not a list of names; give it as ['GPU:0', 'GPU:1']",
    "sg.bubble(PREDICTED, devices=[[]])": "device=[] is not the name of a device, such as 'GPU:0'",
    "sg.critical_path(3)": f"trace=3 is not a Trace; {OF_A_TRACE}",
    "sg.explain(3, PREDICTED)": f"first=3 is not a Trace; {OF_A_TRACE}",
    "sg.explain(PREDICTED, 3)": f"second=3 is not a Trace; {OF_A_TRACE}",
    'sg.memory_use(3, "GPU:0")': f"trace=3 is not a Trace; {OF_A_TRACE}",
    "sg.memory_use(PREDICTED, 3)": "the trace has no device 3; it has CPU:0, GPU:0, GPU:1",
    "sg.memory_use(PREDICTED, [])": "the trace has no device []; it has CPU:0, GPU:0, GPU:1",
    "sg.metrics_of(3, PLACED)": f"trace=3 is not a Trace; {OF_A_TRACE}",
    "sg.metrics_of(PREDICTED, 3)": f"placement=3 is not a Placement; {A_PLACEMENT}",
    "sg.metrics_of(PREDICTED, PLACED, machine=3)": "machine=3 is not a Machine; make one: Machine('2 x t4')",
    'sg.queue_lengths(3, "GPU:0")': f"trace=3 is not a Trace; {OF_A_TRACE}",
    "sg.queue_lengths(PREDICTED, [])": (
        "resource=[] is not the name of a device or way, such as 'GPU:0' or 'GPU:0 -> GPU:1'"
    ),
    'sg.queue_lengths(PREDICTED, "GPU:0", kind=3)': (
        "kind=3 is not a kind of span; choose one of compute, launch, transfer"
    ),
    "sg.replications(3)": "values=3 is not a list of numbers; give the figure of each replication",
    'sg.replications([1, "2"])': "values[1]='2' is not a number; give the figure of each replication",
    'sg.replications([1, 2], confidence="x")': "confidence='x' is not a number between 0 and 1, such as 0.95",
    "sg.slack_ps(3, PLACED)": f"trace=3 is not a Trace; {OF_A_TRACE}",
    "sg.slack_ps(PREDICTED, 3)": f"placement=3 is not a Placement; {A_PLACEMENT}",
    "sg.slack_ps(PREDICTED, PLACED, machine=3)": "machine=3 is not a Machine; make one: Machine('2 x t4')",
    "sg.pipeline(3, stages=1)": "profile=3 is not a Profile; give what `read_profile` returns",
    'sg.pipeline(PROFILE, stages="1")': "stages is '1'; it must be an int from 1 to 1, the number of layers",
    'sg.pipeline(PROFILE, stages=1, microbatches="1")': "microbatches is '1'; it must be an int from 1 to 65536",
    "sg.pipeline(PROFILE, stages=1, schedule=[])": "schedule=[] is not one of forward, gpipe, 1f1b",
    "sg.read_partitioning(3)": (
        f"a workload such as resnet50_inference.json is read from a path, not from 3; {A_PATH}"
    ),
    "sg.read_partitioning(PARTITIONING, split=3)": (
        f"a split such as resnet50_inference_expert.json is read from a path, not from 3; {A_PATH}"
    ),
    "sg.read_pipedream(3)": f"a profile such as resnet50.graph.txt is read from a path, not from 3; {A_PATH}",
    'sg.read_pipedream("x.graph.txt", training=3)': "training=3 is not a bool; give True or False",
    "sg.read_profile(3)": f"a profile such as resnet50.graph.txt is read from a path, not from 3; {A_PATH}",
    'sg.read_profile("x.graph.txt", inputs=3)': "inputs=3 is not a bool; give True or False",
    "sg.read_trace(3)": f"a trace that simgpu has written is read from a path, not from 3; {A_PATH}",
    'sg.read_trace("x.json", engine=3)': "engine=3 is not an engine; choose one of execute, simulate",
    "sg.read_traces(3)": f"a trace that simgpu has written is read from a path, not from 3; {A_PATH}",
    "sg.chrome_trace(3)": "3 is not a trace; give those of `simulate`, `execute` or `run`",
    "sg.write_chrome_trace(3, PREDICTED)": "a trace is written to a path, not to 3; give the name of a file",
    "sg.load_scenario(3)": "a scenario is read from a path, not from 3; give the name of a file",
    "sg.run(3)": "scenario=3 is not a Scenario; give what `load_scenario` returns",
    "sg.run(SCENARIO, engine=3)": "engine=3 is not an engine; choose one of both, execute, simulate",
    "sg.run(SCENARIO, on_progress=3)": "on_progress=3 is not a function of what is done, steps done, and all steps",
    "sg.Runtime(3)": f"3 is not a machine: {A_MACHINE}",
    "sg.Runtime(storage=3)": "storage=3 is not a kind of storage; choose one of numpy, cupy, shape",
    "sg.Runtime(kernels=[])": "there is no kernel set []; choose float-only, tensorflow, tensorflow-plugin, all",
    "sg.Runtime(mixed=3)": "mixed=3 is not one of copy, raise",
    'sg.Runtime(soft="false")': "soft='false' is not a bool; give True or False",
    'sg.Runtime(share="yes")': "share='yes' is not True, False, or a SharedCards",
    "sg.set_default_runtime(3)": (
        "runtime=3 is not a Runtime; make one: Runtime('2 x 4GiB'), or give None for a new one"
    ),
    "sg.device(3)": f"a device is a name, a DeviceSpec or None: got int 3; {FORMS}",
    "sg.device(len)": (
        f"a function cannot choose the device: got builtin_function_or_method <built-in function len>; {FORMS}"
    ),
    "sg.record(3)": f"runtime=3 is not a Runtime; {A_RUNTIME}",
    "sg.constant(object())": "a constant is made of numbers, bools or strings, not of object",
    "sg.constant(1, dtype=3)": f"3 is no dtype of arrays; {DTYPES}",
    "sg.constant(1, runtime=3)": f"runtime=3 is not a Runtime; {A_RUNTIME}",
    "sg.Variable(object())": "a constant is made of numbers, bools or strings, not of object",
    "sg.Variable(1, dtype=int)": f"<class 'int'> is no dtype of arrays; {DTYPES}",
    'sg.Variable(1, runtime="2 x 4GiB")': f"runtime='2 x 4GiB' is not a Runtime; {A_RUNTIME}",
    "sg.function(3)": "function=3 is not a function; decorate one: @simgpu.function",
    "sg.function(runtime=3)(len)": f"runtime=3 is not a Runtime; {A_RUNTIME}",
    "sg.function(dict.update)": (
        "<method 'update' of 'dict' objects> does not tell its arguments; call it in a function of your own"
    ),
    "RUNTIME.device(3)": f"a device is a name, a DeviceSpec or None: got int 3; {FORMS}",
    "RUNTIME.xp(3)": f"device name '3': the part '3' is not known; {FORMS}",
    "RUNTIME.xp(api_version=3)": "api_version is 3; this namespace is of 2025.12 or 2024.12",
    "RUNTIME.watch(3)": "observer=3 is not an observer; give an object with all methods of an Observer",
    "RUNTIME.memory_statistics(3)": f"a device name is text: got int 3; {FORMS}",
    "RUNTIME.apply(3)": f"no operation is called 3; the {len(OPERATIONS)} known are in simgpu.kernels.OPERATIONS",
    'RUNTIME.apply("Nope")': (
        f"no operation is called 'Nope'; the {len(OPERATIONS)} known are in simgpu.kernels.OPERATIONS"
    ),
    'RUNTIME.apply("Relu", 3)': "Relu takes a list of arrays, not int",
    'RUNTIME.apply("Relu", [3])': "Relu takes arrays of this library, not int; make one first: xp.asarray(...)",
    'RUNTIME.apply("Relu", [], 3)': "Relu: attributes=3 is not a mapping; give their values by their names",
    'RUNTIME.apply("ReduceSum", [], {"axes": [0]})': (
        "ReduceSum: axes=[0] has no hash; give a tuple in place of a list"
    ),
    "PROGRAM.fetch(3)": "fetch=3 is not an array; of a variable, give its `array`",
    "PROGRAM.peak_bytes(3)": f"a device name is text: got int 3; {FORMS}",
}


class FiveCosts:
    """A cost model that gives no costs."""

    def cost(self, operation, device):
        return 5


def no_tasks():
    """Return a workload without any."""
    none, resources = simulation.ints(), simulation.Resources()
    arrays = {it: none for it in simulation.Workload.__dataclass_fields__ if it != "resources"}
    return simulation.Workload(resources=resources, **{**arrays, "follower_starts": simulation.ints(0)})


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the rows use: a small program on a small machine."""
    spec, builder = sg.TensorSpec((4,), "float32"), sg.GraphBuilder()
    x = sg.add_operation(builder, "Input", name="x", spec=spec)
    builder.fetch(*sg.add_operation(builder, "Relu", x, name="y"))
    graph, machine = builder.build(), sg.Machine("2 x 1MiB")
    placed = sg.place(graph, machine)
    partitioning = tmp_path_factory.mktemp("files") / "workload.json"
    partitioning.write_text(test_partitioning.TEXT)
    with sg.Runtime(machine) as runtime, runtime.record() as program:
        yield {
            "sg": sg,
            "SPEC": spec,
            "GRAPH": graph,
            "MACHINE": machine,
            "PLACED": placed,
            "FEEDS": sg.make_feeds(graph, seed=0),
            "PREDICTED": sg.simulate(placed),
            "SCENARIO": sg.load_scenario(Path(__file__).resolve().parents[2] / "scenarios" / "cpu-only-soft.yaml"),
            "RUNTIME": runtime,
            "PROGRAM": program,
            "FIVE": FiveCosts(),
            "PROFILE": sg.Profile((sg.Layer("node1"),)),
            "PARTITIONING": partitioning,
            "WORKLOAD": no_tasks(),
            "simulation": simulation,
            "replace": replace,
        }


@pytest.mark.parametrize("line", ROWS)
def test_a_wrong_argument_is_refused_in_words(line, names):
    with pytest.raises((SimgpuError, TypeError)) as caught:
        eval(line, names)

    assert str(caught.value) == ROWS[line]


def test_every_public_function_with_arguments_has_a_row():
    functions = {name for name in sg.__all__ if inspect.isfunction(getattr(sg, name))}
    with_arguments = {name for name in functions if inspect.signature(getattr(sg, name)).parameters}

    assert sorted(name for name in with_arguments if not any(f"sg.{name}(" in line for line in ROWS)) == []
