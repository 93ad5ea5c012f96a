"""How tests hold a message to every character of it."""

from __future__ import annotations

import re


def exactly(message: str) -> str:
    """Return the pattern that this message alone fits, from first to last character: for `pytest.raises(match=…)`."""
    return rf"\A{re.escape(message)}\Z"
