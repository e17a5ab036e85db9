"""Puts what was just read together with what is known, dataset by dataset.

The result depends on which versions were seen, never on the order in which they arrived: the newest
version of each dataset counts, and a line's `ordered` is the most that any version has said. So a line
cut from 5 to 3 is 5 ordered, 2 cancelled, also for a vendor that only tells the 3; a line that the
newest version no longer has is wholly cancelled.

A ship-to without name, company and street tells nothing beside one that has them and lies in the same place:
Amazon leaves them out where the application may not see them, or not any more. So the newest that has them
counts. One in another place does replace it. (Of a move there and back of which nothing but the places was
ever read, arriving out of sequence, either place may be left, and no street but that of the place.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from normalization.money import Money
from normalization.records import Address, CanonicalOrder, OrderLine, Version
from order_store.versions import DATASETS, HEADER, Versions


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order as the store has it.

    Attributes:
        order: Its datasets merged; `order.version` is the version of the header.
        versions: The version of each dataset.
        gone: Lines that the newest version no longer has -> the version that last had them.
    """

    order: CanonicalOrder
    versions: Versions
    gone: Mapping[str, Version] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome of a merge.

    Attributes:
        changed: The datasets whose content changed; "order" stands for the header's fields.
        moved: Whether any version moved on, though the content may be the same.
    """

    known: KnownOrder
    changed: frozenset[str]
    moved: bool


def merge(known: KnownOrder, incoming: CanonicalOrder) -> Merged:
    """What is known after `incoming` was read too."""
    stored, version, key = known.order, incoming.version, incoming.version.key()
    values: dict[str, Any] = {}
    versions = dict(known.versions)
    gone = known.gone
    changed = set()
    moved = False
    if key > stored.version.key():
        moved = True
        values["version"] = version
        for name in HEADER:
            new = getattr(incoming, name)
            if new != getattr(stored, name):
                values[name] = new
                changed.add("order")
    for name in DATASETS:
        new = getattr(incoming, name)
        if new is UNSET:
            continue
        own = versions[name]
        newer = own is None or key > own.key()
        if name == "ship_to" and own is not None and _is_one_fuller(stored.ship_to, new):
            newer = _has_person(new)
        if newer:
            versions[name] = version
            moved = True
        if name == "lines":
            new, gone = _merge_lines(known, incoming, newer=newer)
        elif not newer:
            continue
        if new != getattr(stored, name):
            values[name] = new
            changed.add(name)
    if gone != known.gone:
        moved = True
    order = msgspec.structs.replace(stored, **values) if values else stored
    return Merged(KnownOrder(order, versions, gone), frozenset(changed), moved)


def _is_one_fuller(known: Address | UnsetType | None, new: Address | None) -> bool:
    """Whether both are the same place, and only one says who lives where in it."""
    if not known or not new:
        return False
    here, there = ((one.city, one.postal_code, one.country_code) for one in (known, new))
    return here == there and _has_person(known) != _has_person(new)


def _has_person(address: Address) -> bool:
    return bool(address.name or address.company or address.street)


def _merge_lines(
    known: KnownOrder, incoming: CanonicalOrder, *, newer: bool
) -> tuple[tuple[OrderLine, ...], Mapping[str, Version]]:
    stored = {line.line_id: line for line in known.order.lines or ()}
    given = {line.line_id: line for line in incoming.lines or ()}
    gone = dict(known.gone)
    if newer:
        last = known.versions["lines"]
        for line_id, line in stored.items():
            if line_id not in given and line_id not in gone and last is not None:
                stored[line_id] = _cancelled(line)
                gone[line_id] = last
        for line_id, line in given.items():
            stored[line_id] = _at_least(line, stored[line_id].ordered) if line_id in stored else line
            gone.pop(line_id, None)
        return tuple(stored.values()), gone
    for line_id, line in given.items():
        present = stored.get(line_id)
        if present is None:
            stored[line_id] = _cancelled(line)
            gone[line_id] = incoming.version
        elif line_id in gone and incoming.version.key() > gone[line_id].key():
            stored[line_id] = _cancelled(_at_least(line, present.ordered))
            gone[line_id] = incoming.version
        else:
            stored[line_id] = _at_least(present, line.ordered)
    return tuple(stored.values()), gone


def _at_least(line: OrderLine, ordered: int) -> OrderLine:
    """The line with at least so many ordered; what is added was taken away again."""
    if line.ordered >= ordered:
        return line
    cancelled = line.cancelled + ordered - line.ordered
    return msgspec.structs.replace(line, ordered=ordered, cancelled=cancelled)


def _cancelled(line: OrderLine) -> OrderLine:
    """The line with nothing left of it."""
    nothing = Money(0, line.total.currency)
    return msgspec.structs.replace(
        line,
        cancelled=line.ordered,
        gross=nothing,
        discount=nothing,
        net=nothing,
        tax=nothing,
        total=nothing,
        taxes=(),
        discounts=(),
        buyer_total=None,
    )
