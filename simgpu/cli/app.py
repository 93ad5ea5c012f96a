"""The commands and their options. What they do is imported when one of them runs."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    name="simgpu",
    help="One GPU, or none, as many devices with hard memory caps: run a model on them, and predict how long it takes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
Kernels = Annotated[str | None, typer.Option(help="Kernel set: float-only, tensorflow, tensorflow-plugin, all.")]
Machine = Annotated[
    str | None,
    typer.Option(
        help="One line: '2 x h100-80g', '4 x 2GiB', 'hgx-h100-8', 'cpu'; default: the one that a .json workload is for."
    ),
]
Batch = Annotated[int | None, typer.Option(help="First dimension of the inputs; default: the file's own.")]
Weights = Annotated[str | None, typer.Option(help="Weights: given by the file, or random from the seed, the default.")]
Model = Annotated[
    str,
    typer.Argument(
        help="An .onnx file, the name of a light model such as resnet50, a profile of PipeDream (.txt), or a workload "
        "of the DNN partitioning benchmark (.json)."
    ),
]
Stages = Annotated[int | None, typer.Option(help="Of a profile: make a pipeline of so many stages.")]
Microbatches = Annotated[int | None, typer.Option(help="Of a profile: how many go through the pipeline.")]
Schedule = Annotated[str | None, typer.Option(help="Of a profile: forward, gpipe, or 1f1b, the default.")]
Split = Annotated[str | None, typer.Option(help="Of a workload: a split of it over devices (.json).")]
Decisions = Annotated[bool, typer.Option("--placement", help="List every operation with its device and the reason.")]
Seed = Annotated[int | None, typer.Option(help="Seed of weights and inputs.")]
Soft = Annotated[
    bool | None, typer.Option("--soft/--hard", help="Let a device that cannot be had give way to another, or refuse.")
]
TraceFile = Annotated[str | None, typer.Option("--trace", metavar="FILE", help="Write a Chrome trace to this file.")]
Metrics = Annotated[
    bool,
    typer.Option("--metrics", help="Show critical path, waiting, bubble and links; in JSON, every step and slack."),
]
Calibration = Annotated[
    str | None, typer.Option(metavar="FILE", help="Predict with what `simgpu calibrate` has measured.")
]
Links = Annotated[str | None, typer.Option(help="How transfers share links: fair, fifo.")]


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from simgpu.cli.version import installed_version

        print(f"simgpu {installed_version()}")
        raise typer.Exit


@app.callback()
def _simgpu(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    file: Annotated[str, typer.Argument(help="A scenario file.")],
    engine: Annotated[str, typer.Option(help="What runs: execute, simulate, or both and compare.")] = "both",
    soft: Soft = None,
    kernels: Kernels = None,
    seed: Seed = None,
    storage: Annotated[
        str | None, typer.Option(help="Where bytes live: numpy, cupy (a real GPU), or shape (nowhere).")
    ] = None,
    links: Links = None,
    calibration: Calibration = None,
    json: Json = False,
    trace: TraceFile = None,
    placement: Decisions = False,
    metrics: Metrics = False,
) -> None:
    """Run a scenario: place, execute, simulate, compare. Options replace what the file says."""
    from simgpu.cli.commands import Output, run_file

    changes = {"soft": soft, "kernels": kernels, "seed": seed, "storage": storage, "links": links}
    changes |= {"calibration": calibration}
    raise typer.Exit(run_file(file, engine, changes, Output(json, trace, placement, metrics)))


@app.command()
def simulate(
    model: Model,
    machine: Machine = None,
    batch: Batch = None,
    weights: Weights = None,
    stages: Stages = None,
    microbatches: Microbatches = None,
    schedule: Schedule = None,
    split: Split = None,
    soft: Soft = None,
    kernels: Kernels = None,
    seed: Seed = None,
    links: Links = None,
    calibration: Calibration = None,
    json: Json = False,
    trace: TraceFile = None,
    placement: Decisions = False,
    metrics: Metrics = False,
) -> None:
    """Predict how long a model takes on a machine, without a scenario file."""
    from simgpu.cli.commands import Output, simulate_model
    from simgpu.cli.models import ModelChoice

    changes = {"soft": soft, "kernels": kernels, "seed": seed, "links": links, "calibration": calibration}
    options = {"batch": batch, "weights": weights}
    options |= {"stages": stages, "microbatches": microbatches, "schedule": schedule, "split": split}
    choice = ModelChoice(model, machine, options, changes)
    raise typer.Exit(simulate_model(choice, Output(json, trace, placement, metrics)))


@app.command()
def place(
    model: Model,
    machine: Machine = None,
    batch: Batch = None,
    stages: Stages = None,
    microbatches: Microbatches = None,
    schedule: Schedule = None,
    split: Split = None,
    soft: Soft = None,
    kernels: Kernels = None,
    json: Json = False,
    placement: Decisions = False,
) -> None:
    """Show on which device each operation of a model goes, and why."""
    from simgpu.cli.commands import Output, place_model
    from simgpu.cli.models import ModelChoice

    options = {"batch": batch, "stages": stages, "microbatches": microbatches, "schedule": schedule, "split": split}
    choice = ModelChoice(model, machine, options, {"soft": soft, "kernels": kernels})
    place_model(choice, Output(json, None, placement))


@app.command()
def calibrate(
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.")] = (
        "calibration.json"
    ),
    device: Annotated[
        str | None, typer.Option(help="What to measure: gpu, or cpu; default: the GPU if there is one.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Measure roughly, in seconds instead of minutes.")] = False,
    budget: Annotated[float | None, typer.Option(metavar="SECONDS", help="The time it may take.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sizes that are drawn.")] = 0,
) -> None:
    """Measure the device of this computer: operations, copies, launches; predictions can then stand on that."""
    from simgpu.cli.calibration import calibrate_device

    calibrate_device(output, device, quick=quick, budget_s=budget, seed=seed)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(help="A trace that --trace has written.")],
    second: Annotated[
        str | None, typer.Argument(help="Another one; without it, both traces of the first file are compared.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare two traces: do they agree on placement and memory, and what explains the difference in time."""
    from simgpu.cli.comparison import compare_files

    compare_files(first, second, as_json=json)


@app.command()
def machines(
    name: Annotated[
        str | None, typer.Argument(help="A part, a box, or a machine such as '2 x t4'; without it, all parts.")
    ] = None,
) -> None:
    """List the parts and boxes of the catalog, or show one with every figure; or the links of a machine."""
    from simgpu.cli.machines import show_machines

    show_machines(name)


@app.command()
def smi(
    watch: Annotated[bool, typer.Option("--watch", help="Show it again and again, until Ctrl-C.")] = False,
    seconds: Annotated[float | None, typer.Argument(help="Seconds between two views; default 1.")] = None,
    json: Json = False,
) -> None:
    """Show who holds how much memory of which card, as nvidia-smi does: cards, programs, logical devices."""
    from simgpu.cli.smi import show_cards

    show_cards(watch=watch, seconds=seconds, json=json)


@app.command()
def validate(
    calibration: Annotated[str, typer.Argument(help="A calibration, as `simgpu calibrate` writes it.")],
    output: Annotated[str, typer.Option("--output", "-o", metavar="DIR", help="Where results go.")] = "validation",
    quick: Annotated[bool, typer.Option("--quick", help="A few small workloads.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Only workloads with this in their class or name; may be repeated.")
    ] = None,
    storage: Annotated[str | None, typer.Option(help="Where bytes live: numpy, cupy; default: as calibrated.")] = None,
    runs: Annotated[int, typer.Option(help="Measured runs of each workload, after one to warm up.")] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the inputs.")] = 0,
    most_mean_error: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="Fail beyond this mean error.")
    ] = None,
    most_error: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="Fail if any error is beyond this.")
    ] = None,
) -> None:
    """Predict workloads, run them on the device that was calibrated, and show how far the predictions are off."""
    from simgpu.cli.validation import ValidationChoice, validate_calibration

    choice = ValidationChoice(output, quick, only or (), storage, runs, seed, most_mean_error, most_error)
    raise typer.Exit(validate_calibration(calibration, choice))


for _command in app.registered_commands:  # whole in the list of commands; without this they are cut at a width
    _command.short_help = (_command.callback.__doc__ or "").partition("\n")[0] if _command.callback else None
