"""Where a run's steps are executed."""

import os
from importlib import import_module
from importlib.util import find_spec

import dagster as dg

EXECUTORS = ("in_process", "multiprocess", "celery")
BROKER, BACKEND = "ORDERHUB_CELERY_BROKER", "ORDERHUB_CELERY_BACKEND"


def executor() -> dg.ExecutorDefinition:
    """The executor that ORDERHUB_EXECUTOR names; in-process by default.

    A step in a process of its own costs about 4 s here, in the run's process 0.1 s. Runs of different
    connections are processes of their own anyway. `celery` gives steps to workers on other machines; they
    find each other over ORDERHUB_CELERY_BROKER and ORDERHUB_CELERY_BACKEND (deploy/celery).

    Raises:
        ValueError: If the variable names no executor, or one whose library is not installed.
    """
    name = os.environ.get("ORDERHUB_EXECUTOR", "in_process")
    if name == "in_process":
        return dg.in_process_executor
    if name == "multiprocess":
        return dg.multiprocess_executor
    if name == "celery":
        return _celery()
    raise ValueError(f"ORDERHUB_EXECUTOR={name!r}: write one of {', '.join(EXECUTORS)}")


def _celery() -> dg.ExecutorDefinition:
    if find_spec("dagster_celery") is None:
        raise ValueError("ORDERHUB_EXECUTOR='celery': install the extra first, pip install -e '.[celery]'")
    made = import_module("dagster_celery").celery_executor
    found: dg.ExecutorDefinition = made.configured(
        {"broker": {"env": BROKER}, "backend": {"env": BACKEND}}, "celery"
    )
    return found
