"""Taking units off an order that the merchant will not deliver.

A whole order of which nothing has shipped is cancelled, which Shopify does in the background. Anything less
is an order edit: it is begun, each line gets its new quantity, and all of it is committed at once. No money
goes back, no stock is given back to the shop, and nobody is mailed.

What the hub counts as a line's units (ordered - cancelled) are Shopify's fulfilled and unfulfilled ones
together; `currentQuantity` leaves out units that were shipped and came back. So it is unfulfilled units that
are counted down, to what is to remain less what was fulfilled.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.channels import shopify_queries as texts
from connectors.channels.shopify_fulfilment import MADE, units_of
from connectors.channels.shopify_graphql import ShopGraphQL
from connectors.contract import Json, Outcome, WriteResult
from connectors.errors import AnswerLost, RecordRejected

LONGEST_NOTE = 255
"""Characters of a staff note (recorded: "Staff note is too long. Maximum length is 255 characters.")."""
PATIENCE = (1.0, 2.0, 4.0, 8.0)
"""Seconds to wait between looks at the job that cancels an order."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is still to be done.

    Attributes:
        off: Unfulfilled units to take off, by line id; lines with nothing to do are left out.
        unfulfilled: The line's unfulfilled units now, by line id.
        whole: Whether that is all of the order, and nothing of it was fulfilled.
        unknown: Lines that the order does not have.
    """

    off: Mapping[str, int]
    unfulfilled: Mapping[str, int]
    whole: bool
    unknown: tuple[str, ...]


def cancel_lines(shop: ShopGraphQL, body: Json) -> WriteResult:
    """Bring the lines of an order down to what is to remain of them.

    Args:
        shop: The shop.
        body: {"order_id", "lines": [{"line_id", "remaining"}], "whole", "reason"}.

    Raises:
        AnswerLost: If it is not known whether it was done; it may be sent again.
        PermissionMissing: If the app lacks `write_order_edits`, or `write_orders` for a whole order.
    """
    order_id, note = body["order_id"], body["reason"][:LONGEST_NOTE]
    order = shop.data(shop.query("cancellable", texts.CANCELLABLE, {"id": order_id}))["order"]
    if order is None:
        return _rejected(f"Shopify knows no {order_id}")
    if order["cancelledAt"]:
        return WriteResult(Outcome.APPLIED)
    shop.complete(order)
    due = due_of(order, body)
    if due.unknown:
        return _rejected(f"the order has no {', '.join(due.unknown)}")
    if not due.off:
        return WriteResult(Outcome.APPLIED)
    try:
        return _cancel(shop, order_id, note) if due.whole else _edit(shop, order_id, due, note)
    except RecordRejected as error:
        return _rejected(str(error))


def due_of(order: Json, body: Json) -> Due:
    """What is to be done for a body, given the order's lines and fulfilments as they are now."""
    fulfilled: Counter[str] = Counter()
    for made in order["fulfillments"]:
        if made["status"] in MADE:
            fulfilled += units_of(made)
    lines = {line["id"]: line for line in order["lineItems"]["nodes"]}
    off: dict[str, int] = {}
    for wanted in body["lines"]:
        line_id = wanted["line_id"]
        if line_id in lines:
            left = max(wanted["remaining"] - fulfilled[line_id], 0)
            if lines[line_id]["unfulfilledQuantity"] > left:
                off[line_id] = lines[line_id]["unfulfilledQuantity"] - left
    stays = any(line["currentQuantity"] > off.get(line_id, 0) for line_id, line in lines.items())
    return Due(
        off=off,
        unfulfilled={line_id: lines[line_id]["unfulfilledQuantity"] for line_id in off},
        whole=body["whole"] and not stays and not fulfilled,
        unknown=tuple(wanted["line_id"] for wanted in body["lines"] if wanted["line_id"] not in lines),
    )


def _cancel(shop: ShopGraphQL, order_id: str, note: str) -> WriteResult:
    """Have the whole order cancelled, and wait for it."""
    asked = shop.mutate("cancel", texts.CANCEL, {"id": order_id, "note": note})["orderCancel"]
    if refused := _reasons(asked["orderCancelUserErrors"]):
        return _rejected(refused)
    job = asked["jobResult"]
    for seconds in PATIENCE:
        if job is None or job["done"]:
            break
        shop.clock.sleep(seconds)
        job = shop.data(shop.query("cancelling", texts.CANCELLING, {"id": job["id"]}))["node"]
    if job is None or not job["done"]:
        raise AnswerLost(f"Shopify has not told yet whether {order_id} is cancelled")
    if job["status"] == "FAILED":
        return _rejected(_reasons(job["errors"]) or "Shopify failed to cancel it and gave no reason")
    return WriteResult(Outcome.APPLIED, vendor_ref=str(job["id"]))


def _edit(shop: ShopGraphQL, order_id: str, due: Due, note: str) -> WriteResult:
    """Edit the order. What is not committed changes nothing."""
    begun = shop.mutate("edit_begin", texts.EDIT_BEGIN, {"id": order_id}, repeatable=True)["orderEditBegin"]
    draft = begun["calculatedOrder"]
    if draft is None or begun["userErrors"]:
        return _rejected(_reasons(begun["userErrors"]) or "Shopify began no edit and gave no reason")
    shop.complete(draft)
    # A calculated line has its line's number (recorded), and no other reference to it.
    lines = {_number(line["id"]): line for line in draft["lineItems"]["nodes"]}
    locked = [
        f"only {editable} of {units} unfulfilled units of {line_id} can be edited"
        for line_id, units in due.unfulfilled.items()
        if (editable := lines.get(_number(line_id), {"editableQuantity": 0})["editableQuantity"]) < units
    ]
    if locked:
        return _rejected("; ".join(locked))
    for line_id, units in due.off.items():
        if refused := _set_quantity(shop, draft["id"], lines[_number(line_id)], units):
            return _rejected(refused)
    committed = shop.mutate("edit_commit", texts.EDIT_COMMIT, {"id": draft["id"], "note": note})
    made = committed["orderEditCommit"]
    if made["order"] is None or made["userErrors"]:
        return _rejected(_reasons(made["userErrors"]) or "Shopify kept the order and gave no reason")
    return WriteResult(Outcome.APPLIED, vendor_ref=str(draft["id"]))


def _set_quantity(shop: ShopGraphQL, draft_id: str, line: Json, units: int) -> str:
    """Stage a line's new quantity; Shopify's reason if it does not, or would leave another."""
    variables = {"id": draft_id, "line": line["id"], "quantity": line["quantity"] - units}
    answer = shop.mutate("edit_set", texts.EDIT_SET_QUANTITY, variables, repeatable=True)
    staged = answer["orderEditSetQuantity"]
    if refused := _reasons(staged["userErrors"]):
        return refused
    left, expected = staged["calculatedLineItem"], line["editableQuantity"] - units
    if left is None or left["editableQuantity"] != expected:
        return f"Shopify would not leave {expected} units of {line['id']} to be shipped"
    return ""


def _rejected(reason: str) -> WriteResult:
    return WriteResult(Outcome.REJECTED, reason=reason)


def _reasons(errors: Json) -> str:
    return "; ".join(
        f"{error['message']} ({error['code']})" if error.get("code") else error["message"] for error in errors
    )


def _number(gid: str) -> str:
    return gid.rsplit("/", 1)[-1]
