"""How Sphinx builds the documentation: Markdown through MyST, dressed by furo."""

import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"

project = "simgpu"
author = "The simgpu developers"
release = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["version"]
version = release

extensions = ["myst_parser"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"simgpu {release}"
