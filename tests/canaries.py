"""Searches files for what tells who somebody is, also where they are packed."""

import base64
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import zstandard
from pypdf import PdfReader

from sandbox.world import ShopOrder


def words_of(placed: Iterable[ShopOrder], *canaries: str) -> set[bytes]:
    """What of the buyers may stand nowhere: names, e-mail addresses, phone numbers, and words in them."""
    people = [person for order in placed for person in (order.buyer, order.ship_to)]
    words = {*canaries} | {word for person in people for word in (person.name, person.email)}
    words |= {person.phone for person in people if person.phone}
    words |= {re.sub(r"\D", "", person.phone)[-9:] for person in people if person.phone}
    return {form.encode() for word in words for form in (word, word.lower(), word.upper())}


def readings(path: Path) -> Iterator[bytes]:
    """A file's bytes, and whatever can be unpacked of them."""
    content = path.read_bytes()
    yield content
    if path.suffix == ".pdf":
        yield "".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages).encode()
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as database:
            for schema, name in database.execute(
                "SELECT table_schema, table_name FROM information_schema.tables"
            ).fetchall():
                yield repr(database.execute(f'SELECT * FROM "{schema}"."{name}"').fetchall()).encode()
    if path.suffix == ".parquet":
        yield repr(duckdb.sql(f"SELECT * FROM '{path}'").fetchall()).encode()
    for match in re.finditer(re.escape(zstandard.FRAME_HEADER), content):
        try:
            yield zstandard.ZstdDecompressor().decompressobj().decompress(content[match.start() :])
        except zstandard.ZstdError:
            continue
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", content):
        try:
            yield zlib.decompressobj().decompress(content[match.start() :])
        except zlib.error:
            continue
    for match in re.finditer(rb"[A-Za-z0-9+/]{40,}={0,2}", content):
        try:
            yield base64.b64decode(match[0])
        except ValueError:
            continue


def found_in(folder: Path, words: set[bytes]) -> dict[str, bytes]:
    """Files in which one of the words is found: their paths in the folder, and the word."""
    return {
        str(path.relative_to(folder)): word
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for text in readings(path)
        for word in words
        if word in text
    }
