"""The real servers, once for all tests that need them."""

from collections.abc import Iterator

import pytest

from tests.real.servers import Servers
from tests.real.servers import servers as start


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    with start() as found:
        yield found
