"""Which file is meant: a path, or the name of one of the light models that come with the package `onnx`."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from simgpu.errors import InvalidValue, ModelFileError
from simgpu.readers.onnx.file import package

LIGHT_FOLDER = "backend/test/data/light"
LIGHT_PREFIX = "light_"


def light_models() -> dict[str, Path]:
    """Return the models that come with the package `onnx`, by name: `light_resnet50` and eight others."""
    folder = Path(package().__file__).parent / LIGHT_FOLDER
    return {path.stem: path for path in sorted(folder.glob(f"{LIGHT_PREFIX}*.onnx"))}


def locate(source: str | os.PathLike[str]) -> Path:
    """Return the file that `source` means.

    Text without a folder and without a suffix is the name of a light model, with or without `light_`; everything else
    is a path. Raises ModelFileError for a file that is not there and for an unknown name, with the nearest names.
    """
    if not isinstance(source, (str, os.PathLike)) or isinstance(os.fspath(source), bytes):
        raise InvalidValue(f"a model is named by a path or by the name of a light model, not by {source!r}")
    path = Path(source)
    if "\0" in str(path) or not str(source):
        raise ModelFileError(f"{str(source)!r} cannot be a path; name an .onnx file, or a model such as light_resnet50")
    if isinstance(source, str) and is_model_name(source):
        return _light_model(source)
    if not os.path.exists(path):
        near = difflib.get_close_matches(path.name, _neighbours(path), n=3)
        hint = f"; near it are {', '.join(near)}" if near else ""
        raise ModelFileError(
            f"there is no file {path!s:.200}{hint}; name an .onnx file, or a model such as light_resnet50"
        )
    return path


def is_model_name(source: str) -> bool:
    """Return whether text is the name of a light model rather than a path: no folder in front and no suffix."""
    return Path(source).name == source and not Path(source).suffix and source not in (".", "..")


def _light_model(name: str) -> Path:
    models = light_models()
    for known in (name, LIGHT_PREFIX + name):
        if known in models:
            return models[known]
    near = difflib.get_close_matches(LIGHT_PREFIX + name.removeprefix(LIGHT_PREFIX), models, n=3)
    guess = f"did you mean {' or '.join(near)}? " if near else ""
    raise ModelFileError(
        f"there is no model named {name!r}; {guess}known are {', '.join(models) or 'none in this version of onnx'}; "
        f"for a file write its path, such as ./{name} or {name}.onnx"
    )


def _neighbours(path: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(path.parent) if entry.name.endswith(".onnx")]
    except OSError:
        return []
