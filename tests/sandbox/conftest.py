"""A vendor of no particular kind, to test what all imitations share."""

from datetime import timedelta

import pytest

from sandbox.faults import Faults
from sandbox.merchant import build_world
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest, json_answer
from sandbox.world import World


class EchoVendor(Vendor):
    """Answers with what it was asked, and counts the writes that it did."""

    def __init__(self, world: World, connection: str, faults: Faults | None = None) -> None:
        super().__init__(world, connection, faults)
        self.written: list[bytes] = []

    def respond(self, request: VendorRequest) -> VendorAnswer:
        if request.method == "DELETE":
            return VendorAnswer(204)
        if request.method != "GET":
            self.written.append(request.body)
        seen = {"method": request.method, "path": request.path, "query": request.query_string}
        return json_answer(seen | {"body": request.body.decode()}, 200, X_Seen="yes")


@pytest.fixture
def world() -> World:
    return build_world(7)


@pytest.fixture
def echo(world: World) -> EchoVendor:
    return EchoVendor(world, "echo")


HOUR = timedelta(hours=1)
