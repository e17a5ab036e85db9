"""What the shop's owner does after an order is placed, and what the shop shows of it."""

from collections.abc import Mapping
from typing import Any

from tests.real.shop_api import Session

ORDER_FIELDS = """
  id code state updatedAt total totalWithTax payments { id state refunds { id state total } }
  lines { id quantity orderPlacedQuantity proratedUnitPriceWithTax productVariant { sku } }
  fulfillments { state method trackingCode lines { orderLineId quantity } }
"""
ORDER = f"query($id: ID!) {{ order(id: $id) {{ {ORDER_FIELDS} }} }}"
ORDERS = f"""{{ orders(options: {{take: 100, sort: {{id: ASC}}, filter: {{active: {{eq: false}}}}}}) {{
  items {{ {ORDER_FIELDS} }} }} }}"""
SETTLE = """mutation($id: ID!) {
  settlePayment(id: $id) { __typename ... on Payment { state } ... on ErrorResult { message } } }"""
CANCEL = """mutation($input: CancelOrderInput!) {
  cancelOrder(input: $input) { __typename ... on ErrorResult { message } } }"""
REFUND = """mutation($input: RefundOrderInput!) {
  refundOrder(input: $input) { __typename ... on Refund { id } ... on ErrorResult { message } } }"""
SETTLE_REFUND = """mutation($input: SettleRefundInput!) {
  settleRefund(input: $input) { __typename ... on Refund { state } ... on ErrorResult { message } } }"""


def order(owner: Session, order_id: str) -> Any:  # noqa: ANN401 -- a vendor's JSON
    """An order as the shop has it."""
    return owner.ask(ORDER, id=order_id)["order"]


def orders(owner: Session) -> list[Any]:
    """All placed orders, oldest first."""
    return list(owner.ask(ORDERS)["orders"]["items"])


def units_by_sku(of_shop: Any) -> dict[str, int]:  # noqa: ANN401
    """The units that the buyer still wants."""
    return {line["productVariant"]["sku"]: line["quantity"] for line in of_shop["lines"]}


def fulfilled(of_shop: Any) -> list[tuple[str, str, str, dict[str, int]]]:  # noqa: ANN401
    """The fulfilments: state, carrier, tracking code, units by SKU."""
    skus = {line["id"]: line["productVariant"]["sku"] for line in of_shop["lines"]}
    return [
        (
            one["state"],
            one["method"],
            one["trackingCode"],
            {skus[line["orderLineId"]]: line["quantity"] for line in one["lines"]},
        )
        for one in of_shop["fulfillments"]
    ]


def settle(owner: Session, order_id: str) -> None:
    """Take the money that was authorized at checkout."""
    (payment,) = order(owner, order_id)["payments"]
    _done(owner.ask(SETTLE, id=payment["id"]), "Payment")


def cancel_units(owner: Session, order_id: str, units: Mapping[str, int]) -> None:
    """Take units out of a paid order, and give their money back. Raises RuntimeError if the shop refuses."""
    found = order(owner, order_id)
    lines = {line["productVariant"]["sku"]: line for line in found["lines"]}
    taken = [{"orderLineId": lines[sku]["id"], "quantity": count} for sku, count in units.items()]
    _done(
        owner.ask(CANCEL, input={"orderId": order_id, "lines": taken, "reason": "the buyer asked"}), "Order"
    )
    amount = found["totalWithTax"] - order(owner, order_id)["totalWithTax"]
    (payment,) = found["payments"]
    unused = {"lines": [], "shipping": 0, "adjustment": 0}  # deprecated, yet Vendure 3.7.3 fails without them
    asked = {"paymentId": payment["id"], "amount": amount, "reason": "cancelled", **unused}
    refund = _done(owner.ask(REFUND, input=asked), "Refund")
    _done(owner.ask(SETTLE_REFUND, input={"id": refund["id"], "transactionId": "by-hand"}), "Refund")


def _done(answer: Any, wanted: str) -> Any:  # noqa: ANN401
    (result,) = answer.values()
    if result["__typename"] != wanted:
        raise RuntimeError(f"the shop refuses: {result}")
    return result
