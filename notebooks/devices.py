# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: jupytext,kernelspec,-jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Managing devices, without a GPU
#
# A well-known book has a well-known chapter on GPUs: *Training and Deploying TensorFlow Models at Scale* in Aurélien
# Géron's *Hands-On Machine Learning*. It tells who gets the memory of a card, on which device a variable or an
# operation ends up, and what runs at the same time. Whoever wants to try it needs a computer with several GPUs.
#
# This notebook tells the same in its own words, and every claim is followed by a cell that shows it, on **simulated**
# cards: any laptop will do. simgpu has TensorFlow's names for all of this, so read `tf` where it says `sg`.

# %%
import logging
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np

import simgpu as sg
import simgpu.xp as xp

# %% [markdown]
# ## A computer with four GPUs
#
# The variable `SIMGPU_MACHINE` describes the computer: four cards of 4 GiB. Programs that share its cards find each
# other through files in `SIMGPU_RUNTIME_DIR`; a directory of our own keeps us away from whatever else runs here. On
# `shape` storage arrays take part in all accounts of memory but hold no bytes, so that this also runs where there is
# little of it.

# %%
for name in [name for name in os.environ if name.startswith(("CUDA_", "SIMGPU_", "TF_"))]:
    del os.environ[name]

directory = tempfile.TemporaryDirectory()
folder = Path(directory.name)
os.environ |= {
    "SIMGPU_MACHINE": "4 x 4GiB",
    "SIMGPU_STORAGE": "shape",
    "SIMGPU_RUNTIME_DIR": f"{folder}/cards",
}

# %% [markdown]
# The *physical* devices are the processor and the cards. A processor is one device, however many cores it has. To list
# them does not touch the cards yet.

# %%
sg.config.list_physical_devices()

# %%
sg.default_runtime().is_started

# %% [markdown]
# Much of the chapter is about programs that run side by side, so we need some: `write` puts a program into a file,
# `start` starts it as one would in a terminal, and we `listen` to its next line of output, or to the last one of its
# error. A program waits for what we `tell` it, until `end`. Numbers of processes are left out, as they differ from run
# to run.


# %%
def write(name, text):
    """Write a program into a file."""
    (folder / name).write_text(text)


def start(name, **variables):
    """Start a program, with environment variables of its own."""
    return subprocess.Popen(
        [sys.executable, name],
        cwd=folder,
        env=os.environ | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def listen(*programs):
    """Show what each program says next, without the numbers of processes."""
    for program in programs:
        line = program.stdout.readline() or program.stderr.read().splitlines()[-1]
        show(re.sub(r" \(pid \d+\)", "", line))


def tell(program, line):
    """Give a line to a program, and listen."""
    print(line, file=program.stdin, flush=True)
    listen(program)


def end(*programs):
    """Let programs go on to their end."""
    for program in programs:
        program.communicate("\n")


def show(text):
    """Print a long line as a paragraph."""
    print(textwrap.fill(str(text), 110))


# %% [markdown]
# ## Who gets the memory?
#
# ### By default, the first program takes it all
#
# TensorFlow takes the memory of *every* GPU that it sees, when it first uses one: memory that is in one hand does not
# get fragmented. simgpu does as TensorFlow does. Here is a program that makes a single number, and then waits.

# %%
PLAIN = """
import simgpu as sg

x = sg.constant(1.0)
print("made one number, on", x.device, flush=True)
input()
"""
write("program_1.py", PLAIN)
write("program_2.py", PLAIN)

first = start("program_1.py")
listen(first)


# %% [markdown]
# `simgpu smi` shows what `nvidia-smi` would: who holds what of which card. For these 4 bytes (512, as memory is handed
# out in units), all four cards are gone.


# %%
def smi():
    """Run `simgpu smi`, and leave out the column with the numbers of processes."""
    command = [sys.executable, "-m", "simgpu", "smi"]
    plain = os.environ | {"FORCE_COLOR": ""}
    shown = subprocess.run(command, env=plain, capture_output=True, text=True, check=True).stdout
    cards, programs = shown.split("Programs\n")
    print(f"{cards}Programs\n" + re.sub(r"^(.[^|+]*).[^|+]*", r"\1", programs, flags=re.MULTILINE), end="")


smi()

# %% [markdown]
# A second program cannot even make its one number. Its error says who holds the cards, and names the three cures that
# follow.

# %%
second = start("program_2.py")
listen(second)
end(first, second)

# %% [markdown]
# ### First cure: cards of its own for each program
#
# `CUDA_VISIBLE_DEVICES` says which cards a program sees. With two cards each, both run.

# %%
first = start("program_1.py", CUDA_DEVICE_ORDER="PCI_BUS_ID", CUDA_VISIBLE_DEVICES="0,1")
second = start("program_2.py", CUDA_DEVICE_ORDER="PCI_BUS_ID", CUDA_VISIBLE_DEVICES="3,2")
listen(first, second)

# %% [markdown]
# Each of them calls its cards `/gpu:0` and `/gpu:1`, in the order in which the variable names them: card 3 is the
# `/gpu:0` of the second program.

# %%
smi()
end(first, second)

# %% [markdown]
# `CUDA_DEVICE_ORDER=PCI_BUS_ID` makes the numbers those of the slots, as in this table. Without it the fastest card
# comes first, so that with different cards `0` need not be the one in slot 0.

# %%
mixed = sg.Machine("t4 + h100-80g")
for order in ("FASTEST_FIRST", "PCI_BUS_ID"):
    seen = sg.visible_machine(mixed, {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": order})
    with sg.Runtime(seen):
        (gpu,) = sg.config.list_physical_devices("GPU")
        print(f"{order:13}", sg.config.get_device_details(gpu)["device_name"])

# %% [markdown]
# ### Second cure: a limit for each card
#
# A program may take a part of each card only: one logical device of 2 GiB (2048 MiB) on each.

# %%
LIMITED = """
import simgpu as sg

for gpu in sg.config.list_physical_devices("GPU"):
    sg.config.set_logical_device_configuration(gpu, [sg.config.LogicalDeviceConfiguration(memory_limit=2048)])

print("has", *[gpu.name for gpu in sg.config.list_logical_devices("GPU")], flush=True)
input()
"""
for number in (1, 2, 3):
    write(f"limited_{number}.py", LIMITED)

first = start("limited_1.py")
second = start("limited_2.py")
listen(first, second)

# %% [markdown]
# Both have all four cards, 2 GiB of each.

# %%
smi()

# %% [markdown]
# Now the cards are full. A third program of this kind is refused, and told why.

# %%
third = start("limited_3.py")
listen(third)

# %% [markdown]
# When one of the others ends, its part is free at once.

# %%
end(first, third)
third = start("limited_3.py")
listen(third)
end(second, third)

# %% [markdown]
# ### Third cure: memory that grows
#
# A program can also take memory only as it needs it: `set_memory_growth`. This one does what it is told: it makes an
# array of so many MiB in place of the one before.

# %%
GROWING = """
import simgpu as sg
import simgpu.xp as xp

for gpu in sg.config.list_physical_devices("GPU"):
    sg.config.set_memory_growth(gpu, True)

print("has", *[gpu.name for gpu in sg.config.list_logical_devices("GPU")], flush=True)
for size in iter(input, ""):
    x = None
    x = xp.zeros(int(size) * 2**18, dtype=xp.float32)
    print("made", size, "MiB", flush=True)
"""
write("growing_1.py", GROWING)
write("growing_2.py", GROWING)

first = start("growing_1.py", CUDA_VISIBLE_DEVICES="0")
second = start("growing_2.py", CUDA_VISIBLE_DEVICES="0")
listen(first, second)
tell(first, 3)
tell(second, 1000)
tell(second, 1)

# %% [markdown]
# Both run on one card. Each has claimed about as much as it needed: a first region of 2 MiB, and if that does not
# suffice, one that is doubled until it does. What was taken once is not given back before the program ends, again for
# fear of fragments: the second program now uses 1 MiB, and its claim stays at 1 GiB.

# %%
smi()

# %% [markdown]
# So whether a program gets through depends on who else is there, and what they do. On a card of 4 GiB, the first one
# finds no room for 3200 MiB, and it finds out in the middle of its work. That is the price of this cure.

# %%
tell(first, 3200)
end(first, second)

# %% [markdown]
# The variable `TF_FORCE_GPU_ALLOW_GROWTH` does the same without a change of the program. Here are, on one card, the two
# programs from above that would not run side by side.

# %%
first = start("program_1.py", CUDA_VISIBLE_DEVICES="0", TF_FORCE_GPU_ALLOW_GROWTH="true")
second = start("program_2.py", CUDA_VISIBLE_DEVICES="0", TF_FORCE_GPU_ALLOW_GROWTH="true")
listen(first, second)
end(first, second)


# %% [markdown]
# Growth must be set alike for all cards that a program sees. To show it we need no more programs: one Python can have
# any number of simulated computers. `begin` takes a new one, as if the program was started anew there; `sg.config` and
# `sg.device` then speak of that one.


# %%
def begin(machine, **options):
    """Go on with a new computer."""
    before = sg.set_default_runtime(sg.Runtime(machine, **options))
    before.close()


begin("2 x 4GiB")

gpus = sg.config.list_physical_devices("GPU")
sg.config.set_memory_growth(gpus[0], True)
try:
    sg.constant(1.0)
except ValueError as error:
    show(error)

# %% [markdown]
# ### One card as two
#
# Several logical devices on one card are good for tests: whoever has one GPU, or none, can try an algorithm for two.

# %%
begin("1 x 4GiB", storage="shape")

(gpu,) = sg.config.list_physical_devices("GPU")
half = sg.config.LogicalDeviceConfiguration(memory_limit=2048)
sg.config.set_logical_device_configuration(gpu, [half, half])
sg.config.list_logical_devices("GPU")

# %% [markdown]
# Each of the two has an account and a cap of its own, though the card has 4 GiB.

# %%
x = xp.zeros(2**28, dtype=xp.float32, device="gpu:0")  # 1 GiB
y = x.to_device("gpu:1")
for name in ("GPU:0", "GPU:1"):
    print(name, sg.config.get_memory_info(name))

try:
    xp.zeros(2**29, dtype=xp.float32, device="gpu:1")  # 2 GiB
except sg.OutOfDeviceMemory as error:
    show(error)

# %% [markdown]
# The first use settled how the card is cut. To set the same again does no harm, anything else comes too late.

# %%
sg.config.set_logical_device_configuration(gpu, [half, half])
try:
    sg.config.set_logical_device_configuration(gpu, [half])
except RuntimeError as error:
    show(error)

# %% [markdown]
# ## Where do variables and operations go?
#
# ### By default
#
# Everything goes to the first GPU, `/gpu:0`, also where there are more.

# %%
begin("4 x 4GiB")

a = sg.Variable(42.0)
a.device

# %% [markdown]
# Everything but what has no kernel there. The book puts it simply: there are no GPU kernels for integer variables, or
# for operations that involve integer tensors. So these are on the processor.

# %%
b = sg.Variable(42)
b.device

# %%
(b + 1).device

# %% [markdown]
# TensorFlow's real table of kernels is finer: of numbers, only variables of `int32` have to stay on the processor. The
# set of kernels `tensorflow` follows it; the default, `float-only`, follows the book.

# %%
with sg.Runtime("4 x 4GiB", kernels="tensorflow"):
    for dtype in ("int32", "int64", "float32"):
        print(f"{dtype:8}", sg.Variable(42, dtype=dtype).device)

# %% [markdown]
# ### By hand
#
# `sg.device` asks for a device, for all that is made inside. Scopes nest: the inner one wins.

# %%
with sg.device("/cpu:0"):
    c = sg.Variable(42.0)
    with sg.device("/gpu:2"):
        d = sg.Variable(42.0)

print(c.device)
print(d.device)

# %% [markdown]
# What if there is no such device, or no kernel on it? By default placement is *soft*: the request silently gives way to
# the device that would have been chosen without it.

# %%
print(sg.config.get_soft_device_placement())
with sg.device("/gpu:12"):
    print(sg.Variable(42.0).device)
with sg.device("/gpu:0"):
    print(sg.Variable(42).device)

# %% [markdown]
# Whoever would rather know turns that off. Then both are errors, and say what there is instead.

# %%
sg.config.set_soft_device_placement(False)
for name, value in (("/gpu:12", 42.0), ("/gpu:0", 42)):
    try:
        with sg.device(name):
            sg.Variable(value)
    except sg.PlacementError as error:
        show(error)

# %% [markdown]
# That is about requests. An integer variable for which nobody asks anything still goes where its kernel is.

# %%
print(sg.Variable(42).device)
sg.config.set_soft_device_placement(True)

# %% [markdown]
# ### What went where, and why
#
# `set_log_device_placement` has a line logged for each operation, here with the reason. The logger is called
# `simgpu.placement`; we let it write into this notebook.

# %%
logger = logging.getLogger("simgpu.placement")
logger.addHandler(logging.StreamHandler(sys.stdout))
logger.setLevel(logging.INFO)
sg.debugging.set_log_device_placement(True)

total = a * 2.0
with sg.device("/gpu:1"):
    count = b + 1

# %% [markdown]
# ### Inputs on different devices
#
# An operation needs its inputs on its own device. What is elsewhere is copied there, silently; the log shows it. Here
# `c` is on the processor and `d` on a third card.

# %%
total = c + d

# %% [markdown]
# Such copies cost time, so it is good to know them. A recording keeps a trace of what ran, with every copy: how many
# bytes went which way.

# %%
sg.debugging.set_log_device_placement(False)
with sg.device("/cpu:0"):
    image = sg.constant([[1.0] * 1024] * 1024)  # 4 MiB

with sg.record() as recording:
    with sg.device("/gpu:1"):
        half_size = image * 0.5
    total = half_size + 1.0

for copy in recording.transfers:
    print(copy.name, copy.resource, copy.size_bytes, "bytes")

# %% [markdown]
# TensorFlow has policies for this, too: `explicit` makes a forgotten copy an error.

# %%
sg.config.set_device_policy("explicit")
try:
    sg.Variable(42.0) + sg.constant(1.0).to_device("cpu:0")
except sg.DeviceMismatchError as error:
    show(error)
sg.config.set_device_policy("silent")

# %% [markdown]
# ## What runs at the same time?
#
# A graph says what depends on what. TensorFlow counts, for each operation, the inputs that are still missing; at zero
# the operation goes into the queue of its device. A GPU takes its queue one by one, as its kernels use the whole card.
# The processor hands its queue to the *inter-op* threads, so that several operations run at once, and those cut their
# work into parts for the *intra-op* threads.
#
# To see it, here is a graph in which each operation says how long it takes: two files are read, decoded on the
# processor, and each goes through a tower of its own on a GPU, before the results are joined.

# %%
SPEC = sg.TensorSpec((256,), "float32")
MS = 10**9  # picoseconds


def two_towers(left, right):
    """Return a graph with a tower on each of two devices."""
    builder = sg.GraphBuilder()

    def add(name, device, duration_ms, *inputs):
        attributes = {"duration_ps": duration_ms * MS}
        return builder.add("Relu", inputs, name=name, device=device, outputs=[SPEC], attributes=attributes)[0]

    ends = []
    for side, device in (("left", left), ("right", right)):
        x = add(f"read {side}", "/cpu:0", 1)
        x = add(f"decode {side}", "/cpu:0", 2, x)
        x = add(f"tower {side} 1", device, 3, x)
        ends.append(add(f"tower {side} 2", device, 2, x))
    builder.fetch(add("join", left, 1, *ends))
    return builder.build()


def timeline(trace):
    """Show what ran when: a mark for each half millisecond."""
    spans = [span for span in trace.spans if span.kind == "compute"]
    for span in sorted(spans, key=lambda span: span.start_ps):
        start, stop = (round(2 * time_ps / MS) for time_ps in (span.start_ps, span.end_ps))
        print(f"{span.resource[-5:]}  {span.name:14} " + " " * start + "#" * (stop - start))
    print(f"{trace.makespan_ps / MS:.1f} ms")


machine = sg.Machine("2 x 4GiB")
predicted = sg.simulate(sg.place(two_towers("/gpu:0", "/gpu:1"), machine))
timeline(predicted)

# %% [markdown]
# * `read` and `decode` of both sides run side by side, on the two inter-op threads of the processor, one for each core;
# * an operation starts as soon as its last input is there, and not earlier: `join` waits for both towers;
# * the towers run at the same time, as each has a GPU for itself.
#
# With both towers on one GPU, its operations stand in one queue.

# %%
timeline(sg.simulate(sg.place(two_towers("/gpu:0", "/gpu:0"), machine)))

# %% [markdown]
# With a single inter-op thread the processor takes one operation at a time, and the second GPU gets its work later. The
# number of threads is set before the first use, as all that shapes the devices.

# %%
begin("2 x 4GiB")
sg.config.threading.set_inter_op_parallelism_threads(1)
timeline(sg.simulate(sg.place(two_towers("/gpu:0", "/gpu:1"), sg.default_runtime().machine)))

# %% [markdown]
# ## Outlook: the same program on other hardware
#
# These durations were made up. For a program that exists they follow from its operations and the data sheets of the
# hardware. `sg.function` makes a graph of a Python function, as `tf.function` does; here with the two towers again, one
# on each GPU.

# %%
begin("2 x 4GiB")

random = np.random.default_rng(seed=7)
with sg.device("/gpu:0"):
    left = sg.Variable(random.normal(size=(2, 512, 512)).astype(np.float32))
with sg.device("/gpu:1"):
    right = sg.Variable(random.normal(size=(2, 512, 512)).astype(np.float32))


@sg.function
def towers(x):
    """Return the sum of what two towers make of a batch."""
    with sg.device("/gpu:0"):
        y = x @ left[0, ...] @ left[1, ...]
    with sg.device("/gpu:1"):
        z = x @ right[0, ...] @ right[1, ...]
    return y + z


batch = sg.constant(random.normal(size=(256, 512)).astype(np.float32))
result = towers(batch)
result.device

# %% [markdown]
# The graph can be placed on any machine, and simulated there: a lower bound of its time on cards that nobody here has.

# %%
graph = towers.graph(batch)
for line in ("2 x t4", "2 x a100-80g", "2 x h100-80g"):
    trace = sg.simulate(sg.place(graph, line))
    print(f"{line:14} {trace.makespan_ps / 1e6:6.1f} us")

# %% [markdown]
# And it can be run for real, in the simulated order. Then both agree on every event in every memory, and the values are
# those of the function.

# %%
placement = sg.place(graph, "2 x 4GiB")
predicted = sg.simulate(placement)
outputs, ran = sg.execute(placement, towers.feeds(batch), follow=predicted)

print(bool(sg.compare(predicted, ran)))
print([np.allclose(output, result.value()) for output in outputs.values()])

# %% [markdown]
# One thing of the chapter is left out. TensorFlow's functions may change variables, and keep the order of these changes
# as it is in the code. Here they may not, and say so; eager code may, in the order in which it runs.


# %%
@sg.function
def count_up():
    """Try to change a variable."""
    step.assign_add(1.0)


step = sg.Variable(0.0)
try:
    count_up()
except sg.GraphError as error:
    show(error)

# %% [markdown]
# How to test code for several GPUs in this way is told in
# [docs/testing.md](../docs/testing.md), and what else can be asked of a graph in [docs/graphs.md](../docs/graphs.md).

# %%
directory.cleanup()
