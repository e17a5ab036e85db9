"""The environment with which hub.sandbox.yaml can be used: where the sandbox is, and its open secrets."""

from sandbox.access import access


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
