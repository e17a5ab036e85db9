"""Where a run's steps are executed."""

import os

import dagster as dg

EXECUTORS = ("in_process", "multiprocess")


def executor() -> dg.ExecutorDefinition:
    """The executor that ORDERHUB_EXECUTOR names; in-process by default.

    A step in a process of its own costs about 4 s here, in the run's process 0.1 s. Runs of different
    connections are processes of their own anyway.

    Raises:
        ValueError: If the variable names no executor.
    """
    name = os.environ.get("ORDERHUB_EXECUTOR", "in_process")
    if name == "in_process":
        return dg.in_process_executor
    if name == "multiprocess":
        return dg.multiprocess_executor
    raise ValueError(f"ORDERHUB_EXECUTOR={name!r}: write one of {', '.join(EXECUTORS)}")
