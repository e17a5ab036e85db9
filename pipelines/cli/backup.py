"""`orderhub backup` and `orderhub restore`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from order_store.encrypting import encrypt
from pipelines.cli.output import ConfigOption, JsonOption, err, out, print_json
from pipelines.config import ConfigError, load_config
from pipelines.hub import clock_of, open_hub, state_of
from pipelines.problems import ProblemError
from pipelines.services.backup import Progress, age, make_backup
from pipelines.services.backup_files import read_manifest
from pipelines.services.erase import reapply_erasures
from pipelines.services.erase_again import erase_again
from pipelines.services.restore import restore_backup, verify_backup


def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder; it will be readable by its owner alone.")],
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Write a consistent backup of store, landing and cursors. The hub may go on working meanwhile.

    The keys of personal data are not in it: back them up apart, see docs/recovery.md. The exit status is 1
    if landing files that the store knows were not there.

    Example: orderhub backup backups/2026-11-22
    """
    with open_hub(config) as hub, _telling() as progress:
        made = make_backup(hub, folder, progress)
    rows = sum(table.rows for table in made.tables.values())
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "taken_at": made.taken_at,
                "revision": made.revision,
                "rows": rows,
                "landing_files": made.landing_files,
                "landing_bytes": made.landing_bytes,
                "missing": list(made.missing),
            }
        )
    else:
        size = f"{made.landing_bytes / 1_000_000:.1f} MB"
        out.print(f"{folder}: {rows} rows, {made.landing_files} landing files ({size})", highlight=False)
        for path in made.missing[:20]:
            err.print(f"[bold red]not there:[/] {path}", highlight=False)
    if made.missing:
        raise typer.Exit(1)


def restore(
    folder: Annotated[Path, typer.Argument(help="The backup's folder.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace what the store and the landing hold.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only compare the backup's files with their checksums.")
    ] = False,
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Put a backup into the store and the landing that hub.yaml names. Stop the hub before.

    Checksums are verified first; older backups are migrated; erasures since then are done again. Messages
    that waited are looked up before they are sent. Then run `orderhub sync`: it reads what came after the
    backup and takes over what was sent after it; nothing is routed or sent before.

    Example: orderhub restore backups/2026-11-22
    """
    try:
        loaded = load_config(config, os.environ)
    except ConfigError as error:
        raise ProblemError(str(error)) from error
    now = clock_of(os.environ).now()
    with _telling() as progress:
        if verify:
            verify_backup(folder, read_manifest(folder), progress)
            _verified(folder, now, as_json)
            return
        state = state_of(os.environ)
        done = restore_backup(
            loaded, folder, state, now, force=force, also=erase_again(loaded, state, now), progress=progress
        )
    with open_hub(config) as hub:
        reapply_erasures(hub)  # lands again what is left of them, which the restored landing may lack
        encrypt(hub.store, hub.landing)  # what a backup from before encryption brought back in the clear
    if as_json:
        print_json(
            {
                "taken_at": done.manifest.taken_at,
                "rows": done.rows,
                "landing_files": done.landing_files,
                "in_doubt": done.in_doubt,
            }
        )
        return
    old = age(done.manifest, now)
    out.print(f"restored: {done.rows} rows, {done.landing_files} landing files copied", highlight=False)
    out.print(f"the backup is {old} old; {done.in_doubt} messages will be looked up before they are sent")
    out.print("now run `orderhub sync`, then `orderhub doctor`")


def _verified(folder: Path, now: datetime, as_json: bool) -> None:
    manifest = read_manifest(folder)
    if as_json:
        print_json({"folder": str(folder), "whole": True, "taken_at": manifest.taken_at})
    else:
        out.print(f"{folder} is whole, and {age(manifest, now)} old", highlight=False)


@contextmanager
def _telling() -> Iterator[Progress]:
    """Shows how far it is, on standard error."""
    with err.status("") as spinner:
        yield lambda what, done, total: spinner.update(f"{what}: {done} of {total}")
