"""The shop from outside: what its owner and its buyers do, through Vendure's own APIs."""

from collections.abc import Mapping, Sequence
from typing import Any

import requests

PRODUCT = "mutation($input: CreateProductInput!) { createProduct(input: $input) { id } }"
VARIANTS = """
mutation($input: [CreateProductVariantInput!]!) { createProductVariants(input: $input) { id sku } }
"""
STEPS = {
    "add": """mutation($variant: ID!, $units: Int!) {
      addItemToOrder(productVariantId: $variant, quantity: $units) { __typename } }""",
    "customer": """mutation($input: CreateCustomerInput!) {
      setCustomerForOrder(input: $input) { __typename } }""",
    "address": """mutation($input: CreateAddressInput!) {
      setOrderShippingAddress(input: $input) { __typename } }""",
    "methods": "{ eligibleShippingMethods { id } }",
    "method": """mutation($ids: [ID!]!) {
      setOrderShippingMethod(shippingMethodId: $ids) { __typename } }""",
    "arrange": """mutation { transitionOrderToState(state: "ArrangingPayment") { __typename } }""",
    "pay": """mutation($input: PaymentInput!) {
      addPaymentToOrder(input: $input) { __typename ... on Order { id code state } } }""",
}
LOGIN = """mutation($user: String!, $password: String!) {
  login(username: $user, password: $password) { __typename } }"""
CATALOGUE = "{ productVariants(options: {take: 100}) { items { id sku } } }"


class Session:
    """One visitor of one API: a buyer with a basket, or the owner after `login`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = requests.Session()

    def ask(self, document: str, **variables: object) -> Any:  # noqa: ANN401 -- a vendor's JSON
        """The data of an answer. Raises RuntimeError if it holds errors."""
        answer = self._http.post(self._url, json={"query": document, "variables": variables}, timeout=30)
        if token := answer.headers.get("vendure-auth-token"):
            self._http.headers["Authorization"] = f"Bearer {token}"
        body = answer.json()
        if body.get("errors"):
            raise RuntimeError(f"{self._url}: {body['errors']}")
        return body["data"]


class Shop:
    """A running shop."""

    def __init__(self, url: str) -> None:
        self._url = url

    def owner(self, user: str, password: str) -> Session:
        """A session of the shop's owner."""
        session = Session(f"{self._url}/admin-api")
        session.ask(LOGIN, user=user, password=password)
        return session

    def stock_up(self, goods: Sequence[Mapping[str, Any]], user: str, password: str) -> None:
        """Put goods on sale."""
        owner = self.owner(user, password)
        for ware in goods:
            named = {"languageCode": "en", "name": ware["title"]}
            described = {**named, "slug": ware["sku"].lower(), "description": ""}
            product = owner.ask(PRODUCT, input={"enabled": True, "translations": [described]})[
                "createProduct"
            ]
            variant = {
                "productId": product["id"],
                "sku": ware["sku"],
                "price": ware["price"],
                "stockOnHand": ware["units"],
                "trackInventory": "TRUE",
                "translations": [named],
            }
            owner.ask(VARIANTS, input=[variant])

    def check_out(self, wishes: Mapping[str, int], owner: Session) -> str:
        """Buy units of SKUs as a new buyer; the order's id, its payment authorized."""
        variants = {item["sku"]: item["id"] for item in owner.ask(CATALOGUE)["productVariants"]["items"]}
        buyer = Session(f"{self._url}/shop-api")
        for sku, units in wishes.items():
            buyer.ask(STEPS["add"], variant=variants[sku], units=units)
        person = {"firstName": "Ada", "lastName": "Nakamura", "emailAddress": "ada@example.org"}
        buyer.ask(STEPS["customer"], input=person)
        address = {
            "fullName": "Ada Nakamura",
            "streetLine1": "12 Beacon Street",
            "streetLine2": "Floor 3",
            "city": "Boston",
            "province": "MA",
            "postalCode": "02108",
            "countryCode": "US",
            "phoneNumber": "+1 617 555 0134",
        }
        buyer.ask(STEPS["address"], input=address)
        methods = buyer.ask(STEPS["methods"])["eligibleShippingMethods"]
        buyer.ask(STEPS["method"], ids=[methods[0]["id"]])
        buyer.ask(STEPS["arrange"])
        paid = buyer.ask(STEPS["pay"], input={"method": "card", "metadata": {}})["addPaymentToOrder"]
        return str(paid["id"])
