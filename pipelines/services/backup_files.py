"""The files of a backup: rows of a table, the list of landing files, the manifest. Each has its checksum."""

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import msgspec
import zstandard

from order_store.private_files import sync, touch_private
from pipelines.problems import ProblemError

FORMAT = 1
MANIFEST = "manifest.json"
ROWS = 1_000
"""Rows of one block."""
_LENGTH = struct.Struct("<I")
_PIECE = 1 << 20
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not what was written."""

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class TableFile:
    """One table in a backup.

    Attributes:
        columns: The rows' columns, in their sequence.
        sha256: Of the file.
    """

    columns: tuple[str, ...]
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class LandingCopy:
    """One landing file in a backup, by its path below the landing's root."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds. It is written last: a folder without it is no backup.

    Attributes:
        hub_version: Of the hub that made it.
        revision: The schema's, at that time.
        taken_at: The hub's time of the snapshot.
        landing_sha256: Of the list of landing files.
        missing: Landing files that the store knew and that were not there.
    """

    hub_version: str
    revision: str
    taken_at: datetime
    tables: Mapping[str, TableFile]
    landing_files: int
    landing_bytes: int
    landing_sha256: str
    missing: tuple[str, ...] = ()
    format: int = FORMAT


def table_path(folder: Path, table: str) -> Path:
    """Where a table's rows lie."""
    return folder / "store" / f"{table}.rows"


def landing_path(folder: Path, path: str) -> Path:
    """Where a landing file lies."""
    return folder / "landing" / path


def landing_list(folder: Path) -> Path:
    """Where the list of landing files lies."""
    return folder / "landing.jsonl"


def write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write rows, in blocks of msgpack within one zstd stream; returns how many there were."""
    encode = msgspec.msgpack.Encoder().encode
    count = 0
    touch_private(path)
    with path.open("wb") as file, zstandard.ZstdCompressor(level=3).stream_writer(file) as packed:
        block: list[list[Any]] = []
        for row in rows:
            block.append(list(row))
            if len(block) == ROWS:
                count += _write_block(packed, encode(block), len(block))
                block = []
        if block:
            count += _write_block(packed, encode(block), len(block))
    return count


def _write_block(packed: Any, body: bytes, rows: int) -> int:  # noqa: ANN401 -- zstandard's writer
    packed.write(_LENGTH.pack(len(body)))
    packed.write(body)
    return rows


def read_rows(path: Path) -> Iterator[list[Row]]:
    """The rows that `write_rows` wrote, block by block.

    Raises:
        ProblemError: If the file is damaged.
    """
    decode = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as packed:
        try:
            while head := _exactly(packed, _LENGTH.size):
                yield list(decode(_exactly(packed, *_LENGTH.unpack(head))))
        except (*_UNREADABLE, struct.error, zstandard.ZstdError) as error:
            raise ProblemError(f"{path} is damaged: {error}") from error


def _exactly(packed: Any, size: int) -> bytes:  # noqa: ANN401 -- zstandard's reader
    """So many bytes, or all that are left. What is asked for is made room for, so it is asked in pieces."""
    parts: list[bytes] = []
    while size > 0 and (part := packed.read(min(size, _PIECE))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def write_landing_list(folder: Path, copies: Iterable[LandingCopy]) -> str:
    """Write the list of landing files; returns its checksum."""
    touch_private(landing_list(folder))
    with landing_list(folder).open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(one)) + "\n" for one in copies)
    return checksum(landing_list(folder))


def read_landing_list(folder: Path) -> Iterator[LandingCopy]:
    """The landing files of a backup.

    Raises:
        ProblemError: If a line is damaged, or names a file that would not lie in landing.
    """
    decode = msgspec.json.Decoder(LandingCopy).decode
    with landing_list(folder).open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                copy = decode(line)
            except _UNREADABLE as error:
                raise ProblemError(f"{landing_list(folder)}, line {number}, is damaged: {error}") from error
            if not _lies_below(copy.path):
                raise ProblemError(
                    f"{landing_list(folder)}, line {number}, names {copy.path!r}, which is no place within"
                    " landing: the backup has been tampered with, take another one"
                )
            yield copy


def _lies_below(path: str) -> bool:
    """Whether a path stays below the root that it is put after, on a disk and in an object store."""
    parts = PurePosixPath(path).parts
    return "/".join(parts) == path != "" and not {"..", "/"} & {*parts} and not {"\\", "\0"} & {*path}


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make the folder a backup: whole or not at all. All that it holds is on the disk before."""
    draft = folder / f"{MANIFEST}.part"
    touch_private(draft)
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    for path in (*folder.rglob("*"), folder):
        sync(path)
    draft.replace(folder / MANIFEST)
    sync(folder)


def read_manifest(folder: Path) -> Manifest:
    """What a backup holds.

    Raises:
        ProblemError: If the folder holds no backup, or one of a later form.
    """
    try:
        content = (folder / MANIFEST).read_bytes()
        found = msgspec.json.decode(content, type=Manifest)
    except FileNotFoundError as error:
        raise ProblemError(
            f"{folder} holds no {MANIFEST}: it is no backup, or one that was cut off"
        ) from error
    except _UNREADABLE as error:
        raise ProblemError(f"{folder / MANIFEST} is damaged: {error}") from error
    if found.format != FORMAT:
        raise ProblemError(f"{folder} is a backup of form {found.format}; this hub reads form {FORMAT}")
    return found


def checksum(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return checksum_of(file)


def checksum_of(file: BinaryIO) -> str:
    """SHA-256 of what is left in an open file."""
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()
