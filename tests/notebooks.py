"""Runs the notebooks as their readers do, each in a fresh kernel, and says what their files should then hold.

The text of a notebook is in its `.py`, in jupytext's percent format; its `.ipynb` has the same text and what comes out.
`make notebooks` runs this module, which writes the `.ipynb` anew.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
LONGEST_CELL_S = 120


def executed(source: Path) -> str:
    """Return what the `.ipynb` of a `.py` should hold."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    with tempfile.TemporaryDirectory() as directory:
        _execute(notebook, Path(directory))
    notebook.metadata.language_info = {"name": "python"}  # not which Python it was
    del notebook.metadata.jupytext["text_representation"]  # is about the `.py`
    return nbformat.writes(notebook) + "\n"


def _execute(notebook: nbformat.NotebookNode, directory: Path) -> None:
    """Run all cells in a directory, with this Python and this simgpu, whatever kernels are installed for the user."""
    specs = KernelSpecManager(kernel_dirs=[])  # finds the kernel that ipykernel brings, with `sys.executable`
    kernel = AsyncKernelManager(
        kernel_spec_manager=specs, transport="ipc", connection_file=str(directory / "kernel.json")
    )
    client = NotebookClient(
        notebook,
        km=kernel,
        timeout=LONGEST_CELL_S,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(directory)}},
    )
    own = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "", "IPYTHONDIR": str(directory / "ipython")}
    client.execute(env=os.environ | own, cleanup_kc=True)


def main() -> None:
    """Write every `.ipynb` anew."""
    for source in SOURCES:
        source.with_suffix(".ipynb").write_text(executed(source))


if __name__ == "__main__":
    main()
