"""Order edits and cancellations, as Shopify carries them out.

Recorded: the numbers of calculated lines, "Order updated", and the sentences of errors about orders and
sessions that are not there, negative quantities, long notes, and orders that are cancelled or fulfilled. Not
recorded, so in words of our own: the refusal to edit what is cancelled or fulfilled, and of lines unknown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.faults import Faults
from sandbox.selection import Connection
from sandbox.vendor import quoting
from sandbox.vendors.shopify_records import Record, order_record
from sandbox.vendors.shopify_work import Work
from sandbox.world import ShopOrder, SoldLine, World

Found = Callable[[str], ShopOrder | None]


@dataclass(frozen=True, slots=True)
class Taken:
    """One edit or cancellation that was carried out: what the merchant's staff and the buyer saw of it."""

    order_id: str
    staff_note: str | None
    reason: str | None
    notified: bool
    restocked: bool


@dataclass(slots=True)
class Session:
    """An order edit that is not committed: new quantities by line id."""

    order: ShopOrder
    quantities: dict[str, int] = field(default_factory=dict)
    restocks: bool = False


@dataclass(slots=True)
class Job:
    """A cancellation in the background. `requests` are those that the shop still gets while it is at work."""

    id: str
    order: ShopOrder
    taken: Taken
    requests: int
    error: str | None = None
    done: bool = False

    def record(self) -> Record:
        """The job as Shopify shows it."""
        errors = [{"field": None, "message": self.error, "code": "INTERNAL_ERROR"}] if self.error else []
        status = ("FAILED" if self.error else "SUCCEEDED") if self.done else "STARTED"
        return {
            "__typename": "OrderCancelJobResult",
            "id": self.id,
            "done": self.done,
            "status": status,
            "errors": errors if self.done else [],
        }


class Cancelling:
    """The edits and cancellations of one shop.

    Attributes:
        taken: What was carried out, oldest first.
        unrefunded: The lines of paid orders as they were when they were cancelled, by order id: Shopify
            leaves them so until they are refunded.
        reasons: Why orders were cancelled by call, by order id.
        slow_jobs: During how many requests each coming cancellation is at work.
        failing: Why coming cancellations fail in the background, if they do.
        locked: Lines of which Shopify lets nothing be edited.
        counts_open_only: Whether a new quantity is taken to be of the unfulfilled units alone; Shopify's
            reference leaves it open, its field's name speaks against it.
    """

    def __init__(self, world: World, find: Found, faults: Faults) -> None:
        self.taken: list[Taken] = []
        self.unrefunded: dict[str, list[SoldLine]] = {}
        self.reasons: dict[str, str] = {}
        self.slow_jobs = 0
        self.failing: str | None = None
        self.locked: set[str] = set()
        self.counts_open_only = False
        self._world = world
        self._find = find
        self._faults = faults
        self._sessions: dict[str, Session] = {}
        self._jobs: dict[str, Job] = {}

    def go_on(self) -> None:
        """Another request comes: the background is a step further."""
        for job in self._jobs.values():
            if job.requests:
                job.requests -= 1
                if not job.requests:
                    self._run(job)

    def node(self, gid: str) -> Record | None:
        """A draft or a job by its id."""
        if gid in self._jobs:
            return self._jobs[gid].record()
        session = self._sessions.get(_number(gid))
        return self._draft(_number(gid), session) if session and "/CalculatedOrder/" in gid else None

    def order(self, order: ShopOrder, works: list[Work]) -> Record:
        """An order, with what its cancellation by call made of it."""
        record = order_record(order, works)
        reason = self.reasons.get(order.external_id)
        if reason is None:
            return record
        kept = self.unrefunded.get(order.external_id)
        if kept is None:
            return record | {"cancelReason": reason, "closed": True}
        as_it_was = order_record(replace(order, lines=kept, cancelled_at=None), works)
        return as_it_was | {"cancelReason": reason, "cancelledAt": record["cancelledAt"]}

    def begin(self, arguments: Mapping[str, Any]) -> Record:
        """`orderEditBegin`."""
        order = self._find(arguments["id"])
        if order is None:
            return _refused("id", "The order does not exist.")
        if order.cancelled_at:
            return _refused("id", "The order is canceled and can't be edited.")
        if self._faults.strikes("quoting_refusal"):
            return _refused("id", quoting(order.ship_to))
        number = str(self._world.serial(f"{order.channel}/edit"))
        self._sessions[number] = session = Session(order)
        return self._staged(number, session)

    def set_quantity(self, arguments: Mapping[str, Any]) -> Record:
        """`orderEditSetQuantity`."""
        number, quantity = _number(arguments["id"]), arguments["quantity"]
        session = self._sessions.get(number)
        if session is None:
            return _refused("id", "The calculated order does not exist.")
        if quantity < 0:
            return _refused("quantity", "must be greater than or equal to 0")
        line = _line(session.order, arguments["lineItemId"])
        if line is None:
            return _refused("lineItemId", "The line item does not exist.")
        fulfilled = _current(line) - _unfulfilled(session.order, line)
        if self.counts_open_only:
            quantity += fulfilled
        if quantity < fulfilled:
            return _refused("quantity", "must not be less than what is fulfilled")
        session.quantities[line.line_id] = quantity
        session.restocks = session.restocks or bool(arguments.get("restock"))
        return self._staged(number, session) | {"calculatedLineItem": self._calculated(session, line)}

    def commit(self, arguments: Mapping[str, Any]) -> Record:
        """`orderEditCommit`. The answer names the order; to show it is the vendor's."""
        session = self._sessions.pop(_number(arguments["id"]), None)
        if session is None:
            return _refused("id", "The calculated order does not exist.")
        order = session.order
        for line_id, quantity in session.quantities.items():
            self._world.remove_units(order, line_id, _current(order.line(line_id)) - quantity)
        note, notified = arguments.get("staffNote"), bool(arguments.get("notifyCustomer"))
        self.taken.append(Taken(order.external_id, note, None, notified, session.restocks))
        return {"order": order.external_id, "successMessages": ["Order updated"], "userErrors": []}

    def cancel(self, arguments: Mapping[str, Any]) -> Record:
        """`orderCancel`. The answer says that the job is at work; only then is it begun."""
        order = self._find(arguments["orderId"])
        note = arguments.get("staffNote")
        method = arguments.get("refundMethod") or {}
        if order is None:
            return _not_cancelled("orderId", "The order does not exist.", "NOT_FOUND")
        if len(note or "") > 255:
            return _not_cancelled("staffNote", "Staff note is too long. Maximum length is 255 characters.")
        if order.cancelled_at:
            return _not_cancelled("orderId", "Cannot cancel an order that has already been canceled")
        if order.told:
            return _not_cancelled("orderId", "Cannot cancel an order that has outstanding fulfillments")
        if self._faults.strikes("quoting_refusal"):
            return _not_cancelled("orderId", quoting(order.ship_to))
        if arguments.get("refund") or any(method.values()):
            return _not_cancelled("refundMethod", "The sandbox cancels without a refund only.")
        taken = Taken(
            order.external_id,
            note,
            arguments["reason"],
            bool(arguments.get("notifyCustomer")),
            bool(arguments["restock"]),
        )
        number = self._world.serial(f"{order.channel}/cancellation")
        job = Job(f"gid://shopify/OrderCancelJobResult/{number}", order, taken, self.slow_jobs, self.failing)
        self._jobs[job.id] = job
        shown = job.record()
        if not job.requests:
            self._run(job)
        return {
            "job": {"id": f"gid://shopify/Job/{number}", "done": False},
            "jobResult": shown,
            "orderCancelUserErrors": [],
            "userErrors": [],
        }

    def _calculated(self, session: Session, line: SoldLine) -> Record:
        quantity = session.quantities.get(line.line_id, _current(line))
        unfulfilled = 0 if line.line_id in self.locked else _unfulfilled(session.order, line)
        return {
            "id": f"gid://shopify/CalculatedLineItem/{_number(line.line_id)}",
            "quantity": quantity,
            "editableQuantity": max(unfulfilled - (_current(line) - quantity), 0),
        }

    def _draft(self, number: str, session: Session) -> Record:
        return {
            "__typename": "CalculatedOrder",
            "id": f"gid://shopify/CalculatedOrder/{number}",
            "lineItems": Connection(self._calculated(session, line) for line in session.order.lines),
        }

    def _staged(self, number: str, session: Session) -> Record:
        return {
            "calculatedOrder": self._draft(number, session),
            "orderEditSession": {"id": f"gid://shopify/OrderEditSession/{number}"},
            "userErrors": [],
        }

    def _run(self, job: Job) -> None:
        job.done = True
        if job.error:
            return
        order = job.order
        if order.payment == "captured":
            self.unrefunded[order.external_id] = [replace(line) for line in order.lines]
        self.reasons[order.external_id] = job.taken.reason or ""
        self._world.cancel(order)
        self.taken.append(job.taken)


def _current(line: SoldLine) -> int:
    """Units of a line that Shopify counts as current."""
    return line.quantity - min(line.removed + line.refunded, line.quantity)


def _unfulfilled(order: ShopOrder, line: SoldLine) -> int:
    return max(line.current - order.told_units(line.line_id), 0)


def _line(order: ShopOrder, gid: str) -> SoldLine | None:
    return next((line for line in order.lines if _number(line.line_id) == _number(gid)), None)


def _refused(name: str, message: str) -> Record:
    nothing = dict.fromkeys(
        ("calculatedOrder", "calculatedLineItem", "orderEditSession", "order", "successMessages")
    )
    return {**nothing, "userErrors": [{"field": [name], "message": message}]}


def _not_cancelled(name: str, message: str, code: str = "INVALID") -> Record:
    error = {"field": [name], "message": message}
    return {
        "job": None,
        "jobResult": None,
        "orderCancelUserErrors": [error | {"code": code}],
        "userErrors": [error],
    }


def _number(gid: str) -> str:
    return gid.rsplit("/", 1)[-1]
