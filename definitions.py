"""What Dagster loads. Everything is made in pipelines/."""

from pipelines.definitions_of import build

defs = build()
