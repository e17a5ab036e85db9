"""What people decide of messages and quarantined records, by service and by command."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from order_store.connections import connection_id
from order_store.events import timeline
from order_store.hub_events import list_hub_events
from order_store.outbox import State as Message
from order_store.picklists import State
from order_store.quarantine import Failure, list_quarantine, quarantine_records
from order_store.schema.fulfilment import outbox
from pipelines.cli.app import app
from pipelines.problems import ProblemError
from pipelines.services.dispatch import dispatch
from pipelines.services.people import dismiss_record, leave, mark_done, send_again

OpenDesk = Callable[..., Any]
SPOON = "SPOON-BRASS"
CHANNEL, WMS, SITE = "shopify-eu", "tryton-lyon", "LYS"


def doubtful(open_desk: OpenDesk) -> tuple[Any, Any, int, int]:
    """A push that nobody but a person can tell of: desk, order, picklist, message."""
    desk = open_desk(CHANNEL, WMS)
    order = desk.place(CHANNEL, (SPOON, 2))
    picklist = desk.allocate(order, SITE)
    (row,) = desk.outbox(WMS)
    with desk.hub.store.begin() as tx:
        tx.execute(update(outbox).where(outbox.c.id == row.id).values(state=Message.NEEDS_PERSON))
    return desk, order, picklist, row.id


def told(desk: Any, order: Any) -> tuple[str, str, str | None]:  # noqa: ANN401
    """What a person did last: kind, author, reason."""
    with desk.hub.store.read() as tx:
        events = timeline(tx, desk.order_id(order))
    last = [one for one in events if one.kind.startswith("message_")][-1]
    return last.kind, last.source, last.why


def test_a_message_that_was_done_is_settled_with_all_that_follows(open_desk: OpenDesk) -> None:
    desk, order, picklist, number = doubtful(open_desk)
    mark_done(desk.hub, number, "88120", "ann", "seen at the WMS")
    assert (desk.picklist(picklist).state, desk.picklist(picklist).wms_id) == (State.ACCEPTED, "88120")
    assert told(desk, order) == ("message_done", "ann", "seen at the WMS")
    assert desk.outbox(WMS)[0].state is Message.APPLIED
    with pytest.raises(ProblemError, match=f"message {number} is applied"):
        mark_done(desk.hub, number, "88120", "ann", "again")


def test_a_message_that_is_sent_again_arrives(open_desk: OpenDesk) -> None:
    desk, order, picklist, number = doubtful(open_desk)
    desk.wait(minutes=1)
    assert dispatch(desk.hub, WMS).sent == 0
    send_again(desk.hub, number, "ann", "it is not there")
    assert told(desk, order) == ("message_retried", "ann", "it is not there")
    assert dispatch(desk.hub, WMS).applied == 1
    assert desk.picklist(picklist).wms_id == desk.shipments(WMS)[0].wms_id


def test_a_message_that_is_left_is_never_sent(open_desk: OpenDesk) -> None:
    desk, order, picklist, number = doubtful(open_desk)
    leave(desk.hub, number, "ann", "sent by hand elsewhere")
    assert told(desk, order) == ("message_dismissed", "ann", "sent by hand elsewhere")
    assert desk.picklist(picklist).state is State.EXCEPTION
    desk.wait(days=1)
    assert dispatch(desk.hub, WMS).sent == 0
    assert desk.shipments(WMS) == []


def test_a_message_that_is_not_there_is_named(open_desk: OpenDesk) -> None:
    desk, *_ = doubtful(open_desk)
    with pytest.raises(ProblemError, match="there is no message 99; see `orderhub outbox list`"):
        send_again(desk.hub, 99, "ann", "why not")


def test_a_dismissed_record_says_who_and_why(open_desk: OpenDesk) -> None:
    desk = open_desk(CHANNEL)
    now = desk.hub.clock.now()
    with desk.hub.store.begin() as tx:
        shop = connection_id(tx, CHANNEL)
        failed = Failure("orders", "1", "undecodable", "no JSON", "somewhere", 0, now)
        quarantine_records(tx, shop, [failed], now)
        (row,) = list_quarantine(tx)
    dismiss_record(desk.hub, row.id, "ann", "a test order")
    with desk.hub.store.read() as tx:
        assert list_quarantine(tx) == []
        (closed,) = list_quarantine(tx, resolved=True)
        assert closed.resolution == "dismissed by ann: a test order"
        (event,) = list_hub_events(tx, f"quarantine {row.id}")
    assert (event.kind, event.source, event.why) == ("quarantine_dismissed", "ann", "a test order")
    with pytest.raises(ProblemError, match="there is no record 99"):
        dismiss_record(desk.hub, 99, "ann", "nothing")


def test_the_commands_say_what_they_did(open_desk: OpenDesk) -> None:
    desk, order, _picklist, number = doubtful(open_desk)

    def run(*arguments: str) -> dict[str, Any]:
        result = CliRunner().invoke(app, [*arguments, "--json"], env=desk.environ)
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
        return found

    (row,) = run("outbox", "list", "--state", "needs_person")["messages"]
    assert (row["number"], row["operation"], row["connection"]) == (number, "push_picklist", WMS)
    assert run("outbox", "list", "--connection", CHANNEL)["messages"] == []
    done = run("outbox", "done", str(number), "--reference", "7", "--why", "seen", "--by", "ann")
    assert done["now"] == "is settled as done"
    shown = run("outbox", "show", str(number))
    assert shown["state"] == "applied"
    assert [one["kind"] for one in shown["events"]][-2:] == ["message_done", "picklist_accepted"]
    assert told(desk, order) == ("message_done", "ann", "seen")
    assert run("outbox", "list")["messages"] == []
