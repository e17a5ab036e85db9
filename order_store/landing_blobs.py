"""The payload of a landed record: compressed, then sealed under its own key, bound to its place.

Records of one connection and external id share a key, whatever stream they came in. Where the key was
destroyed the payload stays empty: a person who was erased is never landed again.
"""

import contextlib
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import zstandard

from order_store.cards import without_card_data
from order_store.personal import KeysAbsentError
from order_store.schema.base import to_micros
from order_store.sealing import is_sealed, nonces, place_of, seal, unseal

if TYPE_CHECKING:
    from order_store.keys import Ciphers, KeyStore

log = logging.getLogger(__name__)

ERASED_ORDERS = "orders_erased"
"""The stream of what is left of erased orders."""
NO_PERSON = frozenset({"stock", ERASED_ORDERS})
"""Streams whose records name nobody, so they are not sealed."""
LEVEL = -1
"""Takes half the time of level 1, to write and to read, for a quarter more bytes."""
LARGEST = 256 << 20
"""Bytes of a record: four times the longest answer that any vendor may give."""


class Envelope(msgspec.Struct, array_like=True, gc=False):
    """One record as it stands in a landing file."""

    connection: str
    stream: str
    external_id: str
    sequence: int
    observed_us: Annotated[int, msgspec.Meta(ge=0, le=to_micros(datetime.max.replace(tzinfo=UTC)))]
    blob: bytes


class Blobs:
    """Makes blobs of payloads and payloads of blobs. `keys` of None leaves them in the clear."""

    def __init__(self, keys: "KeyStore | None") -> None:
        self._keys = keys
        self._per_thread = threading.local()

    def made(
        self, connection: str, stream: str, first_sequence: int, records: Sequence[tuple[str, bytes]]
    ) -> Iterator[bytes]:
        """The blob of each (external id, payload), in sequence; the keys are durable before the first.

        Payloads come here without card data: whoever reads them from a vendor blots it out first, so that
        nothing is made of it either (pipelines.services.ingest.without_cards).
        """
        compress = self._compressor().compress
        if stream in NO_PERSON or self._keys is None:
            yield from (compress(payload) for _, payload in records)
            return
        ciphers = self._keys.ciphers(connection, [external_id for external_id, _ in records], make=True)
        fresh = nonces(len(records))
        for number, (external_id, payload) in enumerate(records):
            cipher = ciphers[external_id]
            if cipher is None:
                yield b""
                continue
            place = place_of(connection, stream, external_id, first_sequence + number)
            yield seal(cipher, compress(payload), place, fresh[number])

    def erased(self, connection: str, external_ids: Sequence[str]) -> set[str]:
        """Those whose key was destroyed. The others get keys, if they have none."""
        return self._keys.erased(connection, external_ids) if self._keys else set()

    def seal(self, envelopes: Sequence[Envelope]) -> bool:
        """Seal, in place, those that are in the clear and may hold a person; False if there are none.

        One whose key was destroyed loses its payload.
        """
        clear = [
            one for one in envelopes if one.blob and not is_sealed(one.blob) and one.stream not in NO_PERSON
        ]
        if not clear or self._keys is None:
            return False
        compress = self._compressor().compress
        for one in clear:
            cipher = self._keys.cipher(one.connection, one.external_id, make=True)
            place = place_of(one.connection, one.stream, one.external_id, one.sequence)
            payload = without_card_data(self._unpacked(one.blob))
            one.blob = seal(cipher, compress(payload), place) if cipher else b""
        return True

    def opened(self, envelopes: Sequence[Envelope]) -> Iterator[bytes | None]:
        """The payload of each, or None where the key was destroyed, sealed or not.

        Raises:
            KeysAbsentError: If they are sealed and there are no keys.
            SealBroken: If sealed bytes were changed or moved.
            zstandard.ZstdError: If bytes were changed.
        """
        ciphers = self._ciphers([one for one in envelopes if is_sealed(one.blob)])
        erased = self._erased_in_the_clear(envelopes)
        for one in envelopes:
            blob: bytes | None = one.blob
            if (one.connection, one.external_id) in erased:
                blob = None
            elif is_sealed(one.blob):
                cipher = ciphers[one.connection].get(one.external_id)
                place = place_of(one.connection, one.stream, one.external_id, one.sequence)
                blob = unseal(cipher, one.blob, place) if cipher else None
            yield self._unpacked(blob) if blob else None

    def note(self, why: str, envelopes: Sequence[Envelope]) -> None:
        """Tell the access log that sealed records are about to be opened, and why."""
        if self._keys is not None:
            self._keys.log.note_records(why, sum(is_sealed(one.blob) for one in envelopes))

    def _erased_in_the_clear(self, envelopes: Sequence[Envelope]) -> set[tuple[str, str]]:
        """Whose records an earlier version has left in the clear, though their key was destroyed since."""
        if self._keys is None:
            return set()
        clear: dict[str, list[str]] = defaultdict(list)
        for one in envelopes:
            if one.stream not in NO_PERSON and not is_sealed(one.blob):
                clear[one.connection].append(one.external_id)
        erased: set[tuple[str, str]] = set()
        for name, ids in clear.items():
            known = self._keys.ciphers(name, ids, make=False)
            erased.update((name, one) for one in ids if one in known and known[one] is None)
        return erased

    def _ciphers(self, sealed: Sequence[Envelope]) -> dict[str, "Ciphers"]:
        wanted: dict[str, list[str]] = defaultdict(list)
        for one in sealed:
            wanted[one.connection].append(one.external_id)
        if not wanted:
            return {}
        if self._keys is None:
            raise KeysAbsentError("landed records are sealed, and this landing was opened without keys")
        found: dict[str, Ciphers] = {}
        for connection, external_ids in wanted.items():
            found[connection] = self._keys.ciphers(connection, external_ids, make=False)
            lost = [one for one in external_ids if one not in found[connection]]
            if lost:
                log.error(
                    "%s: the keys of %d landed records are not in the key store (%s, ...); they are lost",
                    connection,
                    len(lost),
                    lost[0],
                )
        return found

    def _unpacked(self, blob: bytes) -> bytes:
        if (size := zstandard.frame_content_size(blob)) > LARGEST:
            raise zstandard.ZstdError(f"a record of {size} bytes, where none has more than {LARGEST}")
        return self._decompressor().decompress(blob)

    def _compressor(self) -> zstandard.ZstdCompressor:
        with contextlib.suppress(AttributeError):
            return self._per_thread.compressor  # type: ignore[no-any-return]
        made = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        self._per_thread.compressor = made
        return made

    def _decompressor(self) -> zstandard.ZstdDecompressor:
        with contextlib.suppress(AttributeError):
            return self._per_thread.decompressor  # type: ignore[no-any-return]
        made = zstandard.ZstdDecompressor()
        self._per_thread.decompressor = made
        return made
