"""Packages from wheels that were carried along: what is taken of them, what is left alone, what is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from benchmarks import carried as module
from benchmarks.carried import carried, planned

pytest.importorskip("pip", reason="this Python has no pip: python -m ensurepip")
PLACE = {"thing": "the work"}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "wheels"
    made.mkdir()
    return made


def wheel(folder: Path, name: str, version: str, *needs: str, tag: str = "py3-none-any", files: tuple[str, ...] = ()):
    """Write a wheel with a module of its own name, which tells its version; and what it requires."""
    info = f"{name}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {it}" for it in needs)]
    with ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as file:
        file.writestr(f"{name}.py", f"version = {version!r}\n")
        for path in files:
            file.writestr(path, "")
        file.writestr(f"{info}/METADATA", "\n".join(metadata) + "\n")
        file.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        file.writestr(f"{info}/RECORD", "")


@pytest.fixture
def installed(monkeypatch):
    """Say which packages this Python has itself."""
    versions: dict[str, str] = {}
    monkeypatch.setattr(module, "_installed", versions.get)
    return versions


def taken(plan):
    return sorted(file.name.split("-py3")[0] for file in plan.taken.values())


def test_a_package_that_is_missing_is_taken_with_all_that_it_needs(folder, installed):
    wheel(folder, "thing", "1.0", "inner>=2", 'never; python_version < "3"', 'more; extra == "all"')
    wheel(folder, "inner", "2.5")
    wheel(folder, "unrelated", "1.0")
    plan = planned(folder, PLACE, {"thing": "thing"})

    assert taken(plan) == ["inner-2.5", "thing-1.0"]
    assert plan.told == [
        f"thing 1.0 is taken from {folder}: for the work",
        f"inner 2.5 is taken from {folder}: for the work",
    ]
    assert plan.lacking == []


def test_what_this_python_has_in_a_good_version_stays_with_all_that_it_needs(folder, installed):
    installed["thing"] = "1.4"
    wheel(folder, "thing", "1.9", "inner")
    wheel(folder, "inner", "1.0")
    plan = planned(folder, PLACE, {"thing": "thing>=1.2"})

    assert (plan.taken, plan.told, plan.lacking) == ({}, [], [])


def test_a_version_that_will_not_do_is_replaced(folder, installed):
    installed["thing"] = "1.1"
    wheel(folder, "thing", "1.9")
    plan = planned(folder, PLACE, {"thing": "thing>=1.2"})

    assert plan.told == [f"thing 1.9 is taken from {folder} instead of 1.1: for the work"]


def test_of_several_wheels_the_newest_that_fits_is_taken(folder, installed):
    for version in ("1.9", "1.10", "2.0"):
        wheel(folder, "thing", version)
    wheel(folder, "thing", "1.11", tag="cp27-cp27m-win32")

    assert taken(planned(folder, PLACE, {"thing": "thing<2"})) == ["thing-1.10"]


def test_extras_bring_what_they_need(folder, installed):
    wheel(folder, "thing", "1.0", 'fast; extra == "speed"', 'slow; extra == "other"', "kit[part]")
    wheel(folder, "kit", "1.0", 'bolt; extra == "part"')
    for name in ("fast", "slow", "bolt"):
        wheel(folder, name, "1.0")

    assert taken(planned(folder, PLACE, {"thing": "thing[speed]"})) == ["bolt-1.0", "fast-1.0", "kit-1.0", "thing-1.0"]


def test_what_is_in_neither_place_is_told_with_what_needs_it_and_for_what(folder, installed):
    installed["old"] = "1.0"
    wheel(folder, "thing", "1.0", "inner>=2", "old>=3")
    wheel(folder, "inner", "1.0")
    plan = planned(folder, PLACE, {"thing": "thing"})

    assert plan.lacking == [
        f"thing needs inner>=2, for the work, which is not here, and {folder} has none that fits",
        f"thing needs old>=3, for the work, but there is 1.0, and {folder} has none that fits",
    ]


def test_a_module_that_is_nowhere_is_left_to_those_that_name_all_that_is_missing(folder, installed):
    assert planned(folder, PLACE, {"thing": "thing"}).lacking == []


def test_a_wheel_for_another_python_is_told(folder, installed):
    wheel(folder, "thing", "1.0", tag="cp27-cp27m-win32")

    assert planned(folder, PLACE, {"thing": "thing"}).lacking == [
        f"thing is needed, for the work, which is not here, and {folder} has none that fits this Python, "
        f"{sys.version_info[0]}.{sys.version_info[1]}, and computer, only thing-1.0-cp27-cp27m-win32.whl"
    ]


def test_a_module_that_is_too_old_and_has_no_wheel_is_told(folder, installed):
    installed["thing"] = "1.0"

    assert planned(folder, PLACE, {"thing": "thing>=2"}).lacking == [
        f"thing>=2 is needed, for the work, but there is 1.0, and {folder} has none that fits"
    ]


def test_what_several_need_must_please_all_of_them(folder, installed):
    installed["inner"] = "1.0"
    wheel(folder, "thing", "1.0", "inner", "other", "last")
    wheel(folder, "other", "1.0", "inner>=2")
    wheel(folder, "last", "1.0", "inner>=9")
    wheel(folder, "inner", "2.0")
    plan = planned(folder, PLACE, {"thing": "thing"})

    assert taken(plan) == ["inner-2.0", "last-1.0", "other-1.0", "thing-1.0"]
    assert plan.lacking == [f"last needs inner>=9, for the work, but there is 2.0, and {folder} has none that fits"]


def test_while_it_lasts_packages_are_there_for_this_process_and_its_children(folder, installed, monkeypatch):
    wheel(folder, "thing_for_test", "1.0")
    monkeypatch.setattr(module, "requirements", lambda: {"numpy": "thing_for_test"})
    monkeypatch.delenv("PYTHONPATH", raising=False)
    before, code = [*sys.path], "import thing_for_test as it; print(it.version)"
    with carried(folder) as plan:
        (place,) = (Path(path) for path in os.environ["PYTHONPATH"].split(os.pathsep))
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert module.has("thing_for_test")

    assert (taken(plan), told) == (["thing_for_test-1.0"], "1.0\n")
    assert (sys.path, "PYTHONPATH" in os.environ, place.exists()) == (before, False, False)
    assert not module.has("thing_for_test")


def test_where_all_is_there_nothing_is_unpacked(folder, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/mine")
    monkeypatch.setattr(module, "requirements", lambda: {"pytest": "pytest"})
    with carried(folder) as plan:
        paths = os.environ["PYTHONPATH"].split(os.pathsep)

    assert (plan.taken, paths[1:], os.environ["PYTHONPATH"]) == ({}, ["/mine"], "/mine")


@pytest.mark.parametrize(("named", "told"), [(None, "nvidia/cu13"), ("/opt/cuda", "/opt/cuda")])
def test_libraries_of_cuda_among_the_packages_are_found_unless_others_are_named(
    folder, installed, monkeypatch, named, told
):
    wheel(folder, "thing_for_test", "1.0", files=("nvidia/cu13/lib/libcublas.so.13",))
    monkeypatch.setattr(module, "requirements", lambda: {"cupy": "thing_for_test"})
    monkeypatch.delenv("CUDA_PATH", raising=False)
    if named:
        monkeypatch.setenv("CUDA_PATH", named)
    with carried(folder):
        found = os.environ["CUDA_PATH"]

    assert found.endswith(told)
    assert os.environ.get("CUDA_PATH") == named


def test_without_pip_its_own_wheel_is_used(folder, monkeypatch):
    for version in ("9.0.1", "20.0"):
        wheel(folder, "pip", version)
    monkeypatch.setattr(module, "has", lambda name: False)
    monkeypatch.setattr(module, "requirements", dict)
    with carried(folder):
        path = os.environ["PYTHONPATH"].split(os.pathsep)

    assert path[1] == str(folder / "pip-20.0-py3-none-any.whl")


def test_without_pip_and_its_wheel_it_is_said_what_to_do(folder, monkeypatch):
    monkeypatch.setattr(module, "has", lambda name: False)
    with pytest.raises(SystemExit, match=r"has no pip, and there is no wheel of it in .*; fill that with"):
        carried(folder).__enter__()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SystemExit, match=r"gpu: there is no folder .*/nowhere; fill one with `make wheels`"):
        carried(tmp_path / "nowhere").__enter__()
