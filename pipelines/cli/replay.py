"""`orderhub replay`: an empty store filled from landing."""

from typing import Annotated

import typer
from rich.progress import Progress

from order_store.binding import OtherKeyStoreError, bind_keys
from order_store.connections import register_connection
from order_store.engine import open_store
from order_store.migrations import upgrade
from pipelines.cli.output import ConfigOption, JsonOption, err, out, print_json
from pipelines.config_sites import sites_of
from pipelines.hub import open_hub
from pipelines.problems import ProblemError
from pipelines.services.replay import StoreNotEmptyError
from pipelines.services.replay import replay as replay_landing


def replay(
    into: Annotated[str, typer.Option(help="URL of the empty store to fill, such as sqlite:///replayed.db.")],
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Rebuild all that vendors sent, from the landing that hub.yaml names, in an empty store.

    It decides nothing and sends nothing: allocations, picklists and messages come back from a backup.

    Example: orderhub replay --into sqlite:///replayed.db
    """
    with open_hub(config) as hub:
        upgrade(into)
        store = open_store(into, hub.keys)
        try:
            bind_keys(store)
            with store.begin() as tx:
                for one in hub.config.connections:
                    register_connection(tx, one.name, one.connector, one.kind, one.fulfil_from)
            with Progress(console=err, transient=True) as progress:
                task = progress.add_task("replaying", total=None)
                result = replay_landing(
                    store,
                    hub.landing,
                    now=hub.clock.now(),
                    settings={one.name: one.settings for one in hub.config.connections},
                    sites=sites_of(hub.config),
                    progress=lambda done, total: progress.update(task, completed=done, total=total),
                )
        except StoreNotEmptyError as error:
            raise ProblemError(f"{into}: {error}; name an empty one") from error
        except OtherKeyStoreError as error:
            raise ProblemError(f"{into}: {error}") from error
        finally:
            store.close()
    counts = result.counts
    if as_json:
        print_json(
            {
                "files": result.files,
                "records": counts.records,
                "created": counts.created,
                "quarantined": counts.quarantined,
                "erased": result.erased,
                "damaged": result.damaged,
                "unknown": result.unknown,
            }
        )
    else:
        out.print(f"{result.files} files, {counts.records} records: {counts.created} orders made,")
        out.print(f"{counts.updated} updates, {counts.quarantined} in quarantine")
        for path in result.damaged:
            err.print(f"[bold red]damaged:[/] {path}", highlight=False)
    if result.damaged:
        raise typer.Exit(1)
