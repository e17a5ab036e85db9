"""The command line: `orderhub`."""

from pipelines.cli.app import main

__all__ = ["main"]
