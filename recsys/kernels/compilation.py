"""How a loop is compiled, and kept on disk for the next process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Any:
    """Return the function compiled by numba, without Python's lock while it runs."""
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # no folder that could be written to: compiled anew by every process
        return numba.njit(nogil=True, error_model="numpy")(function)
