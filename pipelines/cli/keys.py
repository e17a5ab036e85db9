"""`orderhub keys`: the keys of personal data."""

import os
from typing import Annotated, Any

import typer

from order_store.binding import adopt_keys
from order_store.encrypting import encrypt, is_in_the_clear
from order_store.engine import open_store
from order_store.masters import MasterKeyError
from pipelines.cli.output import ConfigOption, JsonOption, err, out, print_json, print_table
from pipelines.config import ConfigError, load_config
from pipelines.hub import open_hub, state_of
from pipelines.key_ring import erasure_lists_of, open_key_ring
from pipelines.problems import ProblemError

app = typer.Typer(help="The keys that names and addresses are encrypted with.", no_args_is_help=True)


@app.command("status")
def status(config: ConfigOption = "hub.yaml", as_json: JsonOption = False) -> None:
    """Tell how many keys there are, by version of the master key, and whether anything is in the clear.

    The exit status is 1 if something is.
    """
    with open_hub(config) as hub:
        counts = dict(hub.keys.counts())
        told: dict[str, Any] = {
            "key_store": hub.keys.identity,
            "master_versions": list(hub.keys.masters.versions),
            "keys_by_master_version": {str(version): counts[version] for version in counts if version},
            "destroyed": counts.get(0, 0),
            "erasure_lists": len(erasure_lists_of(hub.config, hub.state).names()),
            "in_the_clear": is_in_the_clear(hub.store),
        }
    if as_json:
        print_json(told)
    else:
        print_table("Keys", ("", ""), list(told.items()))
    if told["in_the_clear"]:
        err.print("An earlier version left data in the clear: run `orderhub keys encrypt`.", highlight=False)
        raise typer.Exit(1)


@app.command("rotate")
def rotate(config: ConfigOption = "hub.yaml", as_json: JsonOption = False) -> None:
    """Begin a new version of the master key and wrap every key with it; the data stays as it is.

    A master key from the environment gets its new version there first: `2: ...,1: ...`.
    """
    with open_hub(config) as hub:
        try:
            done = hub.keys.rotate()
        except MasterKeyError as error:
            raise ProblemError(str(error)) from error
        versions = list(hub.keys.masters.versions)
    if as_json:
        print_json({"wrapped": done, "master_versions": versions})
    else:
        out.print(f"{done} keys are wrapped by version {versions[0]}; versions that can be read: {versions}")


@app.command("encrypt")
def encrypt_all(config: ConfigOption = "hub.yaml", as_json: JsonOption = False) -> None:
    """Encrypt what an earlier version of the hub left in the clear. It can be stopped and run again."""
    with open_hub(config) as hub:
        done = encrypt(hub.store, hub.landing, lambda count: err.print(f"{count} done", highlight=False))
    if as_json:
        print_json({"orders": done.orders, "files": done.files})
    else:
        out.print(f"{done.orders} orders and {done.files} landing files encrypted")


@app.command("log")
def log(
    limit: Annotated[int, typer.Option(help="How many rows, the newest first.")] = 50,
    config: ConfigOption = "hub.yaml",
    as_json: JsonOption = False,
) -> None:
    """Tell who read personal data, when, and why."""
    with open_hub(config) as hub:
        rows = hub.keys.log.newest(limit)
    told = [{name: getattr(row, name) for name in row.__slots__} for row in rows]
    if as_json:
        print_json({"reads": told})
    else:
        columns = tuple(rows[0].__slots__) if rows else ("actor", "purpose")
        print_table("Reads of personal data", columns, [tuple(one.values()) for one in told])


@app.command("adopt")
def adopt(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, config: ConfigOption = "hub.yaml"
) -> None:
    """Go on with a new key store because the old one is lost, and with it all that it sealed."""
    if not yes:
        typer.confirm("Is the old key store lost for good?", abort=True)
    try:
        settings = load_config(config, os.environ)
    except ConfigError as error:
        raise ProblemError(str(error)) from error
    keys = open_key_ring(settings, state_of(os.environ))
    store = open_store(settings.store.url, keys)
    try:
        adopt_keys(store)
    finally:
        keys.close()
        store.close()
    out.print(f"the store goes on with key store {keys.identity}")
