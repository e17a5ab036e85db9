"""Keeps Python's cycle collector out of bulk work."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collection() -> Iterator[None]:
    """No cycle collection inside; reference counting goes on.

    Orders and rows hold no cycles, yet a batch of them makes the collector walk all of them again and
    again: a third of the time of a replay. Keep what is inside bounded (one page, one batch).
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
