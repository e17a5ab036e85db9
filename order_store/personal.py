"""The only way to personal data: one body per order, apart from everything else.

It holds the buyer, both addresses, the notes, and the words in which buyers gave reasons, sealed under the
order's own key where the store has keys. Whoever reads it says why, and order_store.access keeps that.
Beside the body stand keyed digests of e-mail and phones, by which a person's orders are found.
"""

import hashlib
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection, bindparam, exists, or_, select, update

from normalization.records import Address, Buyer, CanonicalOrder
from order_store.dialects import IN_LIST, Row, insert_rows
from order_store.schema.orders import orders, personal_data
from order_store.schema.privacy import erasures
from order_store.schema.reading import connections
from order_store.sealing import SealBroken, is_sealed, place_of, seal, unseal

if TYPE_CHECKING:
    from order_store.keys import Ciphers, KeyStore

log = logging.getLogger(__name__)

COLUMNS = ("order_id", "body", "email_token", "phone_token", "ship_phone_token", "bill_phone_token")
DATASETS = frozenset({"buyer", "ship_to", "bill_to", "notes", "refunds", "returns"})
"""The datasets of an order whose change touches the body."""
SUBSCRIBER_DIGITS = 9
"""Phones are compared by their last digits: with or without country code they are the same."""
SHORTEST_WORD, SHORTEST_PHONE = 3, 6
UNMISTAKABLE = 5
"""Words of so many letters are found within other words too; shorter ones only where they stand alone."""
PLAIN_WORD = re.compile(
    "street|road|avenue|lane|drive|court|place|square|close|way|hill|park|house|building|floor|flat|suite|unit"
    "|apartment|apt|box|north|south|east|west|new|old|the|and|for|not|rue|boulevard|chemin|des|les|strasse|straße"
    "|weg|allee|platz|ring|hof|haus|von|der|die|das|und|via|viale|piazza|calle|avenida|plaza|ltd|limited|inc|llc"
    "|gmbh|sarl|company|shop|order|address",
    re.IGNORECASE,
)
"""Words of streets and companies that name nobody: without them a vendor's sentence could not be read."""
BLOT = "[...]"
_NO_TOKENS = (None,) * len(COLUMNS[2:])
_WORD = re.compile(r"[^\W\d_]{3,}")
_BETWEEN_DIGITS = r"[ ()./-]*"


class KeysAbsentError(RuntimeError):
    """Personal data is sealed, and the store was opened without keys."""


class PersonalData(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of an order names or describes a person.

    Attributes:
        reasons: The buyer's words, by "refund:<id>" or "return:<id>".
    """

    buyer: Buyer | UnsetType | None = UNSET
    ship_to: Address | UnsetType | None = UNSET
    bill_to: Address | UnsetType | None = UNSET
    notes: str | UnsetType | None = UNSET
    reasons: Mapping[str, str] = {}


ERASED = PersonalData(None, None, None, None)
"""What is left where a key was destroyed."""
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(PersonalData).decode
decode_personal_data = _DECODE
"""Reads a body that is in the clear."""
_MARKED = exists().where(erasures.c.order_id == personal_data.c.order_id)
_SEALED_PLACES = (
    select(personal_data.c.order_id, personal_data.c.body, connections.c.name, orders.c.external_id)
    .join(orders, orders.c.id == personal_data.c.order_id)
    .join(connections, connections.c.id == orders.c.connection_id)
    .where(personal_data.c.order_id.in_(bindparam("wanted", expanding=True)))
)


def keys_of(tx: Connection) -> "KeyStore | None":
    """What the store of a transaction was opened with."""
    found: KeyStore | None = tx.get_execution_options().get("orderhub_keys")
    return found


def digest_key(tx: Connection) -> bytes:
    """The key of digests of personal data that stand outside the body; empty for a store without keys."""
    keys = keys_of(tx)
    return b"" if keys is None else keys.secret("digests")


def personal_data_of(order: CanonicalOrder) -> PersonalData:
    """The personal part of an order."""
    reasons: dict[str, str] = {}
    if order.refunds:
        reasons |= {f"refund:{one.refund_id}": one.reason_text for one in order.refunds if one.reason_text}
    if order.returns:
        reasons |= {f"return:{one.return_id}": one.reason_text for one in order.returns if one.reason_text}
    return PersonalData(order.buyer, order.ship_to, order.bill_to, order.notes, reasons)


def without_person(personal: PersonalData) -> PersonalData:
    """What may stay when a person is erased: the place, as far as routing and KPIs knew it."""
    place = personal.ship_to
    if place:
        place = Address(
            city=place.city,
            region=place.region,
            postal_code=place.postal_code,
            country_code=place.country_code,
        )
    return PersonalData(personal.buyer and None, place, personal.bill_to and None, personal.notes and None)


def order_without_person(order: CanonicalOrder) -> CanonicalOrder:
    """An order with nobody in it; datasets that were read stay read."""
    left = without_person(personal_data_of(order))
    changes: dict[str, object] = {
        "buyer": left.buyer,
        "ship_to": left.ship_to,
        "bill_to": left.bill_to,
        "notes": left.notes,
    }
    for dataset in ("refunds", "returns"):
        if found := getattr(order, dataset):
            changes[dataset] = tuple(msgspec.structs.replace(one, reason_text=None) for one in found)
    return msgspec.structs.replace(order, **changes)


def add_personal_data(tx: Connection, connection: str, created: Iterable[tuple[int, CanonicalOrder]]) -> None:
    """Store the personal data of new orders of one connection."""
    insert_rows(tx, personal_data, COLUMNS, _rows(tx, connection, created))


def replace_personal_data(
    tx: Connection, connection: str, changed: Iterable[tuple[int, CanonicalOrder]]
) -> None:
    """Store the personal data of known orders of one connection anew; of erased ones nothing is stored."""
    rows = _rows(tx, connection, changed)
    if rows:
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in COLUMNS[1:]}
        tx.execute(
            update(personal_data)
            .where(personal_data.c.order_id == bindparam("key"), ~_MARKED)
            .values(values),
            [
                {"key": row[0]}
                | {f"new_{name}": value for name, value in zip(COLUMNS[1:], row[1:], strict=True)}
                for row in rows
            ],
        )


def erase_personal_data(tx: Connection, order_ids: Sequence[int]) -> None:
    """Leave nothing of a person in the rows of orders, whether their keys are still there or not."""
    if order_ids:
        tx.execute(
            update(personal_data)
            .where(personal_data.c.order_id == bindparam("key"))
            .values(dict.fromkeys(COLUMNS[2:]) | {"body": _ENCODE(ERASED)}),
            [{"key": order_id} for order_id in order_ids],
        )


def personal_data_by_order(
    tx: Connection, order_ids: Sequence[int], purpose: str = "merging"
) -> dict[int, PersonalData]:
    """The personal data of orders; of erased ones, what is left.

    Args:
        tx: A transaction.
        order_ids: Of which orders.
        purpose: Why, in a word or two: it stands in the access log.

    Raises:
        KeysAbsentError: If bodies are sealed and the store has no keys.
    """
    found: dict[int, PersonalData] = {}
    sealed: dict[str, list[tuple[int, str, bytes]]] = defaultdict(list)
    for start in range(0, len(order_ids), IN_LIST):
        for row in tx.execute(_SEALED_PLACES, {"wanted": list(order_ids[start : start + IN_LIST])}):
            body = bytes(row.body)
            if is_sealed(body):
                sealed[row.name].append((row.order_id, row.external_id, body))
            else:
                found[row.order_id] = _DECODE(body)
    keys = keys_of(tx)
    if keys is None:
        if sealed:
            raise KeysAbsentError("personal data is sealed, and this store was opened without keys")
        return found
    keys.log.note(purpose, order_ids)
    for connection, bodies in sealed.items():
        ciphers = keys.ciphers(connection, [external_id for _, external_id, _ in bodies], make=False)
        for order_id, external_id, body in bodies:
            found[order_id] = _opened(ciphers, connection, external_id, body)
    return found


def orders_of_person(tx: Connection, *, email: str | None = None, phone: str | None = None) -> list[int]:
    """Ids of the orders that bear an e-mail address or a phone number. It scans the digests of all orders."""
    tokens = [token for token in (_email_token(tx, email), _phone_token(tx, phone)) if token is not None]
    row = personal_data.c
    columns = (row.email_token, row.phone_token, row.ship_phone_token, row.bill_phone_token)
    if not tokens:
        return []
    found: Sequence[int] = tx.scalars(
        select(row.order_id).where(or_(*(column.in_(tokens) for column in columns))).order_by(row.order_id)
    ).all()
    return list(found)


def words_of(personal: PersonalData) -> tuple[str, ...]:
    """What of a person's data would tell who it is if it stood in a text, the longest first.

    Lines stand whole and word by word; of streets and companies without words that tell nobody. A phone
    stands also as its last digits.
    """
    found: set[str] = set()
    for one in (personal.buyer, personal.ship_to, personal.bill_to):
        if not one:
            continue
        if one.name:
            found.update((one.name, *one.name.split(), *_WORD.findall(one.name)))
        if isinstance(one, Address):
            for line in filter(_WORD.search, (one.company or "", *one.street)):
                words = (line, *_WORD.findall(line))
                found.update(word for word in words if not PLAIN_WORD.fullmatch(word))
        elif one.email:
            found.add(one.email)
        if one.phone and len(digits := _plain_phone(one.phone)) >= SHORTEST_PHONE:
            found.update((one.phone, digits))
    if personal.notes:
        found.add(personal.notes)
    return tuple(sorted((word for word in found if len(word) >= SHORTEST_WORD), key=len, reverse=True))


def without_words(text: str, words: Sequence[str]) -> str:
    """A text in which a person's data is blotted out: vendors quote it when they refuse something."""
    for word in words:
        text = _without_beginning(text, word)
    for word in words:
        text = re.sub(_pattern(word), BLOT, text, flags=re.IGNORECASE)
    return text


def _pattern(word: str) -> str:
    if word.isdecimal():
        return _BETWEEN_DIGITS.join(word) + r"(?!\d)"
    found = re.escape(word)
    return found if len(word) >= UNMISTAKABLE else rf"(?<![^\W_]){found}(?![^\W_])"


def _without_beginning(text: str, word: str) -> str:
    """A text that does not end amid a word: connectors cut what is long before it comes here."""
    shortest = SHORTEST_PHONE if word.isdecimal() else SHORTEST_WORD
    for length in range(min(len(word) - 1, len(text)), shortest - 1, -1):
        start = len(text) - length
        if text[start:].lower() == word[:length].lower() and not text[start - 1 : start].isalnum():
            return text[:start] + BLOT
    return text


def _rows(tx: Connection, connection: str, pairs: Iterable[tuple[int, CanonicalOrder]]) -> list[Row]:
    keys = keys_of(tx)
    if keys is None:
        return [(order_id, _ENCODE(personal_data_of(order)), *_NO_TOKENS) for order_id, order in pairs]
    pairs = list(pairs)
    ciphers = keys.ciphers(connection, [order.external_id for _, order in pairs], make=True)
    secret = keys.secret("people")
    return [
        sealed_row(
            order_id,
            personal_data_of(order),
            ciphers[order.external_id],
            secret,
            connection,
            order.external_id,
        )
        for order_id, order in pairs
    ]


def sealed_row(
    order_id: int,
    personal: PersonalData,
    cipher: AESGCM | None,
    secret: bytes,
    connection: str,
    external_id: str,
) -> Row:
    """The row of COLUMNS; without a person where the key was destroyed (None)."""
    if cipher is None:
        return (order_id, _ENCODE(without_person(personal)), *_NO_TOKENS)
    buyer = personal.buyer
    email = _token(secret, _plain_email(buyer.email)) if buyer and buyer.email else None
    phones = [one.phone if one else None for one in (buyer, personal.ship_to, personal.bill_to)]
    tokens = [
        _token(secret, _plain_phone(phone)) if phone and phone not in phones[:number] else None
        for number, phone in enumerate(phones)
    ]
    body = seal(cipher, _ENCODE(personal), place_of("personal_data", connection, external_id))
    return (order_id, body, email, *tokens)


def _opened(ciphers: "Ciphers", connection: str, external_id: str, body: bytes) -> PersonalData:
    cipher = ciphers.get(external_id)
    if cipher is None:
        if external_id not in ciphers:
            log.error(
                "%s %s: its key is not in the key store; its personal data is lost", connection, external_id
            )
        return ERASED
    try:
        return _DECODE(unseal(cipher, body, place_of("personal_data", connection, external_id)))
    except (SealBroken, msgspec.DecodeError):
        log.error("%s %s: its personal data does not open", connection, external_id)  # noqa: TRY400 -- no trace of it
        return ERASED


def _email_token(tx: Connection, email: str | None) -> int | None:
    keys = keys_of(tx)
    return _token(keys.secret("people"), _plain_email(email)) if keys and email else None


def _phone_token(tx: Connection, phone: str | None) -> int | None:
    keys = keys_of(tx)
    return _token(keys.secret("people"), _plain_phone(phone)) if keys and phone else None


def _token(secret: bytes, text: str) -> int | None:
    """A keyed digest that a 64-bit column holds; it can be compared, and not reversed without the key."""
    if not text:
        return None
    return int.from_bytes(
        hashlib.blake2b(text.encode(), key=secret, digest_size=8).digest(), "big", signed=True
    )


def _plain_email(email: str) -> str:
    return email.strip().casefold()


def _plain_phone(phone: str) -> str:
    return "".join(filter(str.isdecimal, phone))[-SUBSCRIBER_DIGITS:]
