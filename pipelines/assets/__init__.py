"""What Dagster materializes. Each body is short: it calls a service and reports what came of it."""
