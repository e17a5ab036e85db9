"""The environment with which hub.sandbox.yaml can be used: where the sandbox is, and its open secrets."""

from pathlib import Path

from sandbox.access import access

SANDBOX_CONFIG = Path(__file__).resolve().parents[1] / "hub.sandbox.yaml"


def sandbox_environ(url: str) -> dict[str, str]:
    """Variables for `load_config` of hub.sandbox.yaml.

    Args:
        url: Where the sandbox listens.
    """
    environ = {"ORDERHUB_SANDBOX": url.rstrip("/")}
    for connection, reached in access(url).items():
        for secret, value in reached.secrets.items():
            environ[f"SANDBOX_{connection}_{secret}".replace("-", "_").upper()] = value
    return environ


def hub_environ(url: str, home: Path) -> dict[str, str]:
    """The environment of a hub that plays against the sandbox at `url` and keeps everything in `home`."""
    return {
        **sandbox_environ(url),
        "ORDERHUB_CONFIG": str(SANDBOX_CONFIG),
        "ORDERHUB_STORE": f"sqlite:///{home}/orders.db",
        "ORDERHUB_LANDING": str(home / "landing"),
        "ORDERHUB_CATALOGUE": str(home / "catalogue"),
        "ORDERHUB_STATE": str(home / "state"),
    }
