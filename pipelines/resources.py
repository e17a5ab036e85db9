"""The one resource that assets need: the hub, opened for the length of a step."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from pipelines.hub import Hub, open_hub


class HubResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens the hub that hub.yaml describes.

    Attributes:
        config_path: The file; empty for ORDERHUB_CONFIG or ./hub.yaml.
    """

    config_path: str = ""

    @contextmanager
    def open(self) -> Iterator[Hub]:
        """The hub, closed at the end of the `with` block."""
        with open_hub(self.config_path or None) as hub:
            yield hub
