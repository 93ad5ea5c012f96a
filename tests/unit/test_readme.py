"""The README tells the truth: its program runs, and what it shows is what comes out."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def block(title):
    (text,) = re.findall(rf"<!-- {title} -->\n```\w*\n(.*?)```", README, re.DOTALL)
    return text


def output_of(*command):
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def without_wall_clock(text):
    return re.sub(r"Executed in \S+ \S+ of", "Executed in ... of", text)


def test_the_demo_prints_what_the_readme_shows():
    printed = output_of("-m", "simgpu", "run", "scenarios/resnet50-two-slices.yaml")

    assert without_wall_clock(printed) == without_wall_clock(block("demo"))


def test_the_program_is_short_and_prints_what_the_readme_shows():
    program = block("program")

    assert len([line for line in program.splitlines() if line.strip()]) <= 12
    assert output_of("-c", program) == block("program output")


def test_the_eager_program_prints_what_the_readme_shows():
    assert output_of("-c", block("eager")) == block("eager output")


def test_the_readme_names_every_scenario_it_counts():
    assert len(list((ROOT / "scenarios").glob("*.yaml"))) == 8


def test_the_readme_names_the_two_commands_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()

    for target in ("demo", "test"):
        assert f"make {target}" in README
        assert f"\n{target}:" in makefile
