"""What vendors sent, kept as it came: complete, durable files of envelopes, any fsspec URL.

A file holds one answer's records. It begins with a mark, then one frame a record (length, then the
envelope in msgpack), then a frame of length zero with the count: a file without it is half-written. The
payload of each record is a blob of its own, compressed and sealed under the record's key, so that one record
can be erased alone (order_store.landing_blobs).

Files are named `connection/stream/day/sequence-token.land`, by the UTC day on which they were landed.
Sequences grow, so names in order are the order in which things were received. A file is written under a
temporary name, synced, and renamed before the transaction that records it in `landing_files`.
"""

import contextlib
import secrets
import struct
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import fsspec
import msgspec
import zstandard
from fsspec.implementations.local import LocalFileSystem

from order_store.landing_blobs import ERASED_ORDERS, Blobs, Envelope
from order_store.private_files import make_private_folder, sync, write_private
from order_store.schema.base import from_micros, to_micros
from order_store.sealing import SealBroken

if TYPE_CHECKING:
    from order_store.keys import KeyStore

__all__ = [
    "ERASED_ORDERS",
    "Landed",
    "LandedFile",
    "Landing",
    "LandingDamaged",
    "RecordErased",
    "connection_and_stream",
]

MARK = b"OHLAND1\n"
SUFFIX = ".land"
PARTIAL = ".part"
READING = "reading landing"
"""The purpose of a read that gives no other."""
_LENGTH = struct.Struct("<I")
_END = struct.Struct("<II")


class LandingDamaged(ValueError):
    """A landing file is cut off or its bytes are not what was written."""


class RecordErased(LandingDamaged):
    """A record's key was destroyed: nobody can read it any more."""


class Landed(msgspec.Struct, frozen=True, gc=False):
    """One record as it was received, with its place.

    Attributes:
        sequence: Grows with every record that is landed.
        observed_at: When the request that brought it was sent.
        payload: The vendor's bytes.
        path: The file, below the landing's root.
        offset: Where its frame begins there.
        erased: The key was destroyed; the payload is empty.
    """

    connection: str
    stream: str
    external_id: str
    sequence: int
    observed_at: datetime
    payload: bytes
    path: str
    offset: int
    erased: bool = False


@dataclass(frozen=True, slots=True)
class LandedFile:
    """One landed answer.

    Attributes:
        offsets: Where each record's frame begins, in the records' order.
    """

    connection: str
    stream: str
    path: str
    first_sequence: int
    observed_at: datetime
    size: int
    offsets: tuple[int, ...]


class Landing:
    """A landing folder. One instance serves one process; its methods may be called from many threads.

    Args:
        url: A folder, or a URL that fsspec knows.
        keys: What records are sealed with; None leaves them in the clear, as tests and benchmarks do.
    """

    def __init__(self, url: str | Path, keys: "KeyStore | None" = None) -> None:
        # Others write too: a listing that was remembered would hide their files.
        filesystem, root = fsspec.core.url_to_fs(str(url), use_listings_cache=False, skip_instance_cache=True)
        self._files: Any = filesystem
        self._root: str = root.rstrip("/")
        self._local = isinstance(filesystem, LocalFileSystem)
        self._lock = threading.Lock()
        self._last = 0
        self._blobs = Blobs(keys)

    def land(
        self, connection: str, stream: str, observed_at: datetime, records: Sequence[tuple[str, bytes]]
    ) -> LandedFile:
        """Write (external id, payload) records as one durable file, before anything is made of them.

        A record whose key was destroyed is written without its payload.
        """
        observed_us = to_micros(observed_at)
        sequence = self._next_sequences(len(records))
        blobs = self._blobs.made(connection, stream, sequence, records)
        content, offsets = _frames(
            Envelope(connection, stream, external_id, number, observed_us, blob)
            for number, ((external_id, _), blob) in enumerate(zip(records, blobs, strict=True), sequence)
        )
        day = from_micros(sequence).date().isoformat()
        path = f"{quote(connection, safe='')}/{stream}/{day}/{_file_name(sequence)}"
        self._write(path, content)
        return LandedFile(connection, stream, path, sequence, observed_at, len(content), tuple(offsets))

    def erased(self, connection: str, external_ids: Sequence[str]) -> set[str]:
        """Those of a connection's records whose key was destroyed. The others get keys, if they have none."""
        return self._blobs.erased(connection, external_ids)

    def read(self, path: str, why: str = READING) -> Iterator[Landed]:
        """All records of a file, in sequence; of erased ones, only that they were there.

        Args:
            path: The file.
            why: The purpose, for the access log: one note a file, with the number of its sealed records.

        Raises:
            LandingDamaged: If the file is cut off or damaged; records before the damage were given.
        """
        content: bytes = self._files.cat_file(f"{self._root}/{path}")
        if not content.startswith(MARK):
            raise LandingDamaged(f"{path} is no landing file")
        envelopes, offsets, damage = _envelopes(content)
        observed_us, observed_at = None, None
        self._blobs.note(why, envelopes)
        payloads = self._blobs.opened(envelopes)
        for count, (envelope, offset) in enumerate(zip(envelopes, offsets, strict=True)):
            try:
                payload = next(payloads)
            except (SealBroken, zstandard.ZstdError) as error:
                raise LandingDamaged(f"{path} is damaged after {count} records") from error
            if envelope.observed_us != observed_us:
                observed_us = envelope.observed_us
                observed_at = from_micros(observed_us)
            assert observed_at is not None  # noqa: S101 -- set with observed_us
            yield Landed(
                envelope.connection,
                envelope.stream,
                envelope.external_id,
                envelope.sequence,
                observed_at,
                payload or b"",
                path,
                offset,
                payload is None,
            )
        if damage:
            raise LandingDamaged(f"{path} {damage}")

    def salvage(self, path: str, why: str = READING) -> tuple[list[Landed], bool]:
        """What can be read of a file, for a purpose (see `read`), and whether that is all of it."""
        records: list[Landed] = []
        try:
            records.extend(self.read(path, why))
        except LandingDamaged:
            return records, False
        return records, True

    def described(self, path: str, records: Sequence[Landed]) -> LandedFile:
        """What `land` returned when it wrote the file that these records were read from."""
        first = records[0]
        offsets = tuple(record.offset for record in records)
        size = int(self._files.size(f"{self._root}/{path}"))
        return LandedFile(
            first.connection, first.stream, path, first.sequence, first.observed_at, size, offsets
        )

    def read_one(self, path: str, offset: int, why: str = READING) -> Landed:
        """The record at a place, read for a purpose that the access log gets.

        Raises:
            RecordErased: If its key was destroyed.
            LandingDamaged: If it is damaged.
            FileNotFoundError: If the file is gone.
        """
        name = f"{self._root}/{path}"
        head: bytes = self._files.cat_file(name, start=offset, end=offset + _LENGTH.size)
        try:
            (length,) = _LENGTH.unpack(head)
            start = offset + _LENGTH.size
            body = self._files.cat_file(name, start=start, end=start + length)
            envelope = _DECODER.decode(body)
            self._blobs.note(why, [envelope])
            payload = next(self._blobs.opened([envelope]))
        except (struct.error, *_UNREADABLE, zstandard.ZstdError, SealBroken) as error:
            raise LandingDamaged(f"{path} holds no record at {offset}") from error
        if payload is None:
            raise RecordErased(f"the record at {offset} of {path} was erased: its key is destroyed")
        return Landed(
            envelope.connection,
            envelope.stream,
            envelope.external_id,
            envelope.sequence,
            from_micros(envelope.observed_us),
            payload,
            path,
            offset,
        )

    def sealed_copy(self, path: str) -> tuple[LandedFile, dict[int, int]] | None:
        """A file in which records are in the clear, written again with all of them sealed.

        Returns:
            The new file, which keeps the sequences, and where each record's frame begins in it, by where it
            began; None if all that can be is sealed already, or if the file is damaged.
        """
        content: bytes = self._files.cat_file(f"{self._root}/{path}")
        envelopes, offsets, damage = _envelopes(content)
        if damage or not self._blobs.seal(envelopes):
            return None
        first = envelopes[0]
        body, placed = _frames(envelopes)
        new = f"{path.rsplit('/', 1)[0]}/{_file_name(first.sequence)}"
        self._write(new, body)
        observed_at = from_micros(first.observed_us)
        file = LandedFile(
            first.connection, first.stream, new, first.sequence, observed_at, len(body), tuple(placed)
        )
        return file, dict(zip(offsets, placed, strict=True))

    def remove(self, path: str) -> None:
        """Delete a file whose records stand in another one."""
        self._files.rm_file(f"{self._root}/{path}")

    def paths(
        self, connection: str | None = None, stream: str | None = None, since: date | None = None
    ) -> list[str]:
        """Complete files, in the order in which they were received over all streams.

        Args:
            connection: Only this connection's.
            stream: Only this stream's.
            since: Only those landed on this UTC day or later; earlier days are not even listed.
        """
        folders = [self._root]
        for wanted in (quote(connection, safe="") if connection else None, stream):
            folders = [name for name in self._below(folders) if wanted in (None, _last(name))]
        days = [name for name in self._below(folders) if since is None or _last(name) >= since.isoformat()]
        found = [name for name in self._below(days) if name.endswith(SUFFIX)]
        return [name[len(self._root) + 1 :] for name in sorted(found, key=_last)]

    def _below(self, folders: Iterable[str]) -> list[str]:
        """What lies directly in folders; a folder that is not there holds nothing."""
        found: list[str] = []
        for folder in folders:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                found.extend(self._files.ls(folder, detail=False))
        return found

    def remove_partial(self, before: datetime | None = None) -> int:
        """Delete what writers left that were killed before the rename.

        Args:
            before: Only what was written before then; without it, call this while nobody writes.
        """
        found = self._files.find(self._root) if self._files.exists(self._root) else []
        partial = [name for name in found if name.endswith(PARTIAL)]
        if before is not None:
            partial = [name for name in partial if self._files.modified(name) < before]
        for name in partial:
            self._files.rm_file(name)
        return len(partial)

    def _next_sequences(self, count: int) -> int:
        """The first of `count` sequence numbers: the machine's microseconds, made to grow always."""
        with self._lock:
            first = max(time.time_ns() // 1000, self._last + 1)
            self._last = first + max(count, 1) - 1
            return first

    def _write(self, path: str, content: bytes) -> None:
        name = f"{self._root}/{path}"
        if not self._local:
            self._files.pipe_file(name, content)  # object stores show an object only when it is complete
            return
        target = Path(name)
        new_folder = not target.parent.is_dir()
        make_private_folder(target.parent)
        partial = target.with_suffix(PARTIAL)
        write_private(partial, content)
        partial.rename(target)
        sync(target.parent)
        for folder in target.parents[1:4] if new_folder else ():
            sync(folder)


def connection_and_stream(path: str) -> tuple[str, str]:
    """What a landing file's name says it holds."""
    connection, stream, _day, _name = path.split("/")
    return unquote(connection), stream


def _last(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[1]


def _file_name(sequence: int) -> str:
    return f"{sequence:017d}-{secrets.token_hex(4)}{SUFFIX}"


def _frames(envelopes: Iterable[Envelope]) -> tuple[bytes, list[int]]:
    """A whole file, and where each record's frame begins in it."""
    encode = msgspec.msgpack.Encoder().encode
    parts = [MARK]
    offsets: list[int] = []
    position = len(MARK)
    for envelope in envelopes:
        body = encode(envelope)
        offsets.append(position)
        parts += (_LENGTH.pack(len(body)), body)
        position += _LENGTH.size + len(body)
    parts.append(_END.pack(0, len(offsets)))
    return b"".join(parts), offsets


def _envelopes(content: bytes) -> tuple[list[Envelope], list[int], str]:
    """A file's envelopes, where each begins, and what is wrong with the file, if anything is."""
    envelopes: list[Envelope] = []
    offsets: list[int] = []
    decode, unpack = _DECODER.decode, _LENGTH.unpack_from
    view = memoryview(content)
    position = len(MARK)
    try:
        while length := unpack(content, position)[0]:
            start = position + _LENGTH.size
            if start + length > len(content):
                return envelopes, offsets, f"is cut off after {len(envelopes)} records"
            envelopes.append(decode(view[start : start + length]))
            offsets.append(position)
            position = start + length
        said = _END.unpack_from(content, position)[1]
    except (struct.error, *_UNREADABLE):
        return envelopes, offsets, f"is cut off or damaged after {len(envelopes)} records"
    wrong = said != len(envelopes)
    told = f"says another number of records than the {len(envelopes)} it holds"
    return envelopes, offsets, told if wrong else ""


_DECODER = msgspec.msgpack.Decoder(Envelope)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no envelope."""
