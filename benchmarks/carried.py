"""Packages from a folder of wheels, for a Python that lacks them: nothing of that Python is changed.

Of each package that is needed, this Python's own is taken where its version will do; else the newest wheel of the
folder that fits; and what such a wheel needs, likewise. They go into a folder of their own, which is put in front of
the module path of this process and of those that it starts. No index is asked.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.parser import HeaderParser
from importlib import import_module, invalidate_caches
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from benchmarks.needs import NEEDED, OPTIONAL, has, requirements


@dataclass
class Plan:
    """What to take of a folder, by the name of the package; what to say of it, and of what is in neither place."""

    taken: dict[str, Path] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)


@contextmanager
def carried(wheels: Path) -> Iterator[Plan]:
    """Have what this Python lacks from a folder of wheels, while the context lasts.

    Raises SystemExit where the folder is not there, or where there is neither pip nor its wheel: pip unpacks the
    others, and knows how versions compare.
    """
    if not wheels.is_dir():
        raise SystemExit(f"gpu: there is no folder {wheels}; fill one with `make wheels` where there is a network")
    with ExitStack() as stack:
        if not has("pip"):
            stack.enter_context(_in_front(_pip_of(wheels)))
        # CuPy and its helpers look for CUDA's libraries below a folder of this name.
        target = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="simgpu-wheels-"))) / "site-packages"
        plan = planned(wheels, {**NEEDED, **OPTIONAL}, requirements())
        _install(plan.taken.values(), target)
        stack.enter_context(_in_front(target))
        stack.enter_context(_cuda_of(target))
        yield plan


def planned(wheels: Path, purposes: Mapping[str, str], required: Mapping[str, str]) -> Plan:
    """Return what to take of a folder for modules, of which it is said what they are for and what is required."""
    planner = _Planner(wheels)
    for module, purpose in purposes.items():
        if module in required:
            planner.need(required[module], purpose)
    return planner.plan


class _Planner:
    """Goes from packages to those that they need.

    By name, `_chosen` holds the versions decided on, and `_for_others` wheels for another Python or computer.
    """

    def __init__(self, wheels: Path) -> None:
        self._wheels = wheels
        self._for_others: dict[str, Path] = {}
        self._found = self._wheels_by_name()
        self._chosen: dict[str, str] = {}
        self.plan = Plan()

    def need(self, requirement: str, purpose: str, user: str = "", extras: Iterable[str] = ("",)) -> None:
        """Decide where a package comes from, and what it needs where it comes from the folder.

        `user` is the package that requires it, with these extras; none: the work itself.
        """
        wanted = _packaging("requirements").Requirement(requirement)
        if wanted.marker and not any(wanted.marker.evaluate({"extra": extra}) for extra in extras):
            return
        name = _packaging("utils").canonicalize_name(wanted.name)
        there = self._chosen.get(name) or _installed(wanted.name)
        if there is not None and wanted.specifier.contains(there, prereleases=True):
            self._chosen[name] = there
            return
        fitting = [it for it in self._found.get(name, ()) if wanted.specifier.contains(it[0], prereleases=True)]
        if name in self.plan.taken or not fitting:
            self._lack(wanted, purpose, user, there)
            return
        number, file = max(fitting)
        self._take(name, str(number), file)
        instead = "" if there is None else f" instead of {there}"
        self.plan.told.append(f"{name} {number} is taken from {self._wheels}{instead}: for {purpose}")
        for other in _needs(file):
            self.need(other, purpose, name, ("", *wanted.extras))

    def _take(self, name: str, number: str, file: Path) -> None:
        self._chosen[name] = number
        self.plan.taken[name] = file

    def _lack(self, wanted: Any, purpose: str, user: str, there: str | None) -> None:
        """Say what is missing; of what the work itself needs, only what is here, or in the folder, and does not fit."""
        other = self._for_others.get(_packaging("utils").canonicalize_name(wanted.name))
        if user or there or other:
            whose = f"{user} needs {wanted}" if user else f"{wanted} is needed"
            found = f"but there is {there}" if there else "which is not here"
            none = f"and {self._wheels} has none that fits"
            if other:
                none += f" this Python, {'.'.join(map(str, sys.version_info[:2]))}, and computer, only {other.name}"
            self.plan.lacking.append(f"{whose}, for {purpose}, {found}, {none}")

    def _wheels_by_name(self) -> dict[str, list[tuple[Any, Path]]]:
        utils, tags = _packaging("utils"), set(_packaging("tags").sys_tags())
        found: dict[str, list[tuple[Any, Path]]] = {}
        for file in sorted(self._wheels.glob("*.whl")):
            name, number, _, its_tags = utils.parse_wheel_filename(file.name)
            if tags & its_tags:
                found.setdefault(name, []).append((number, file))
            else:
                self._for_others[name] = file
        return found


def _packaging(part: str) -> Any:
    """Return a module of `packaging`, which pip has within itself."""
    return import_module(f"pip._vendor.packaging.{part}")


def _pip_of(wheels: Path) -> Path:
    """Return the newest wheel of pip in a folder: Python runs it as it is."""
    found = sorted(wheels.glob("pip-*.whl"), key=lambda file: [int(it) for it in re.findall(r"\d+", file.name)])
    if not found:
        raise SystemExit(
            f"gpu: {sys.executable} has no pip, and there is no wheel of it in {wheels}; fill that with `make wheels`"
        )
    return found[-1]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _needs(wheel: Path) -> Sequence[str]:
    """Return what a wheel says that it requires."""
    with ZipFile(wheel) as file:
        (inside,) = (name for name in file.namelist() if name.count("/") == 1 and name.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(file.read(inside).decode()).get_all("Requires-Dist", [])


def _install(wheels: Iterable[Path], target: Path) -> None:
    """Unpack wheels into a folder. Raises CalledProcessError if pip cannot."""
    target.mkdir()
    files = [str(wheel) for wheel in wheels]
    if files:
        options = ("--quiet", "--no-index", "--no-deps", "--no-compile", "--disable-pip-version-check")
        command = (sys.executable, "-m", "pip", "--isolated", "install", *options, "--target", str(target), *files)
        subprocess.run(command, check=True)


@contextmanager
def _in_front(place: Path) -> Iterator[None]:
    """Put a folder, or a wheel, in front of the module path of this process and of those that it starts."""
    path = os.pathsep.join(filter(None, (str(place), os.environ.get("PYTHONPATH"))))
    sys.path.insert(0, str(place))
    invalidate_caches()
    try:
        with _variable("PYTHONPATH", path):
            yield
    finally:
        sys.path.remove(str(place))


@contextmanager
def _cuda_of(target: Path) -> Iterator[None]:
    """Tell CuPy of CUDA's libraries among the packages in a folder, if there are any and no others are named."""
    places = [] if "CUDA_PATH" in os.environ else sorted(target.glob("nvidia/cu[0-9]*"))
    with _variable("CUDA_PATH", str(places[-1])) if places else ExitStack():
        yield


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """Give an environment variable a value for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
