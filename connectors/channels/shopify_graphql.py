"""Queries and mutations of one Shopify shop, within the cost points that its plan gives."""

from collections.abc import Mapping

import msgspec

from connectors.auth import HeaderAuth
from connectors.channels import shopify_queries as texts
from connectors.channels.shopify_answers import envelope, mutation_error, query_error
from connectors.contract import Json
from connectors.errors import RecordMissing, StreamBroken
from connectors.http import Answer, Request, Transport
from connectors.runtime import Rate, Runtime

API_VERSION = "2026-10"
COST_PER_SECOND = 100
"""The cost points of a standard plan, as recorded answers state them (restoreRate)."""
BURST_SECONDS = 20
"""How many seconds' points the bucket holds (recorded: maximumAvailable 2000 at restoreRate 100)."""
FIRST_COST = 100
"""Points that a query is taken to cost until Shopify has told."""


class ShopGraphQL:
    """One shop's GraphQL endpoint.

    Attributes:
        clock: The hub's time.
    """

    def __init__(
        self, connection: str, settings: Mapping[str, str], secrets: Mapping[str, str], runtime: Runtime
    ) -> None:
        self.clock = runtime.clock
        self._connection = connection
        self._path = f"/admin/api/{settings.get('api_version', API_VERSION)}/graphql.json"
        rate = float(settings.get("cost_per_second", COST_PER_SECOND))
        self._pacer = runtime.pacer_for(connection, {"default": Rate(rate, int(rate * BURST_SECONDS))})
        self._costs: dict[str, int] = {}
        auth = HeaderAuth("X-Shopify-Access-Token", secrets["access_token"])
        base = settings["base_url"]
        self._queries = Transport(
            connection, base, runtime, pacer=self._pacer, auth=auth, classify=query_error
        )
        self._mutations = Transport(
            connection, base, runtime, pacer=self._pacer, auth=auth, classify=mutation_error
        )

    def query(self, name: str, text: str, variables: Json, *, mended: bool = False) -> Answer:
        """Ask something.

        Args:
            name: What its cost is remembered by.
            text: The GraphQL text.
            variables: Its variables.
            mended: Whether to cut out values that no decoder takes.
        """
        answer = self._queries.send(self._request(name, text, variables, repeatable=True))
        answer = answer.mended() if mended else answer
        self._note_cost(name, answer)
        return answer

    def mutate(self, name: str, text: str, variables: Json, *, repeatable: bool = False) -> Json:
        """Change something; the answer's data.

        Args:
            name: What its cost is remembered by.
            text: The GraphQL text.
            variables: Its variables.
            repeatable: Whether it may be sent again where no answer came.
        """
        answer = self._mutations.send(self._request(name, text, variables, repeatable=repeatable))
        self._note_cost(name, answer)
        return self.data(answer)

    def data(self, answer: Answer) -> Json:
        """The decoded data of an answer. Raises StreamBroken if it holds none."""
        data = msgspec.json.decode(envelope(answer).data or b"null")
        if not isinstance(data, dict):
            raise StreamBroken(f"{self._connection}: the answer holds no data")
        return data

    def complete(self, value: Json, order_fragment: str = "Assigned") -> None:
        """Fetch what is missing of every connection inside a record, in place."""
        if isinstance(value, list):
            for entry in value:
                self.complete(entry, order_fragment)
        if not isinstance(value, dict):
            return
        for name, held in value.items():
            if isinstance(held, dict) and held.get("pageInfo", {}).get("hasNextPage"):
                self._fetch_rest(value["id"], name, held, order_fragment)
            self.complete(held, order_fragment)

    def _fetch_rest(self, parent: str, name: str, held: Json, order_fragment: str) -> None:
        text = texts.rest_of(parent.split("/")[3], name, order_fragment)
        while held["pageInfo"]["hasNextPage"]:
            after = held["pageInfo"]["endCursor"]
            variables = {"id": parent, "first": texts.REST_PAGE, "after": after}
            more = self.data(self.query(f"rest/{name}", text, variables))["node"]
            if more is None:
                raise RecordMissing(f"{self._connection}: {parent} vanished while its {name} were read")
            held["nodes"].extend(more[name]["nodes"])
            held["pageInfo"] = more[name]["pageInfo"]
            if held["pageInfo"]["hasNextPage"] and held["pageInfo"]["endCursor"] == after:
                raise StreamBroken(f"{self._connection}: {name} of {parent} repeat a page marker")

    def _request(self, name: str, text: str, variables: Json, *, repeatable: bool) -> Request:
        return Request(
            "POST",
            self._path,
            json={"query": text, "variables": variables},
            repeatable=repeatable,
            cost=self._costs.get(name, FIRST_COST),
        )

    def _note_cost(self, name: str, answer: Answer) -> None:
        cost = envelope(answer).extensions.cost
        if cost is None:
            return
        self._costs[name] = max(int(cost.actual_query_cost or cost.requested_query_cost), 1)
        wait = cost.wait()
        if wait:
            self._pacer.pause("default", wait.total_seconds())
