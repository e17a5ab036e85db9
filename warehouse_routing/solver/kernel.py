"""How the solver's inner loops are compiled: once, cached on disk where a folder for it is writable."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` to machine code that releases the interpreter's lock.

    The code is kept beside the module or in the user's cache; where neither can be written, it is compiled
    afresh in each process (`NUMBA_CACHE_DIR` names another folder).
    """
    try:
        kernel: Callable[P, R] = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba found no folder to cache in
        kernel = numba.njit(nogil=True)(function)
    return kernel
