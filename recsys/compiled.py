"""Where compiled loops stand in for numpy: with the extra `fast` (numba) precomputing is several times faster.

Without it everything works the same way, only slower.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any


@lru_cache(1)
def kernels() -> Any | None:
    """Return `recsys.kernels`, None where numba is not installed. Imported when first needed: it takes a second."""
    try:
        from recsys import kernels as found
    except ImportError:
        return None
    return found
