from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import zstandard

from order_store.landing import Landing, LandingDamaged, connection_and_stream
from order_store.landing_blobs import Blobs, Envelope
from order_store.schema.base import from_micros

AT = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)
RECORDS = [(str(number), b'{"id": %d, "name": "%s"}' % (number, b"x" * number)) for number in range(50)]


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "landing")


def test_records_come_back_in_sequence_with_their_envelope(landing: Landing) -> None:
    file = landing.land("shop/eu", "orders", AT, RECORDS)
    found = list(landing.read(file.path))
    assert [(one.external_id, one.payload) for one in found] == RECORDS
    assert {(one.connection, one.stream, one.observed_at) for one in found} == {("shop/eu", "orders", AT)}
    assert [one.sequence for one in found] == list(range(file.first_sequence, file.first_sequence + 50))
    assert [one.offset for one in found] == list(file.offsets)
    assert landing.described(file.path, found) == file
    assert connection_and_stream(file.path) == ("shop/eu", "orders")


def test_one_record_is_read_by_its_place(landing: Landing) -> None:
    file = landing.land("shop", "orders", AT, RECORDS)
    assert landing.read_one(file.path, file.offsets[17]).payload == RECORDS[17][1]
    with pytest.raises(LandingDamaged):
        landing.read_one(file.path, file.offsets[17] + 3)


def test_files_stand_in_the_order_in_which_they_were_landed(landing: Landing) -> None:
    landed = [
        landing.land(connection, stream, AT, RECORDS[:3]).path
        for connection, stream in (("b", "orders"), ("a", "stock"), ("b", "orders"), ("a", "orders"))
    ]
    assert landing.paths() == landed
    assert landing.paths("a") == [landed[1], landed[3]]
    assert landing.paths(stream="orders") == [landed[0], landed[2], landed[3]]
    sequences = [one.sequence for path in landed for one in landing.read(path)]
    assert sequences == sorted(set(sequences))


def test_only_the_days_asked_for_are_listed(landing: Landing, tmp_path: Path) -> None:
    path = landing.land("shop", "orders", AT, RECORDS[:1]).path
    today = from_micros(next(landing.read(path)).sequence).date()
    old = tmp_path / "landing" / "shop" / "orders" / "2020-02-29"
    old.mkdir()
    (old / "01582934400000000-x.land").write_bytes(b"")
    assert landing.paths("shop", "orders", today) == [path]
    assert landing.paths("shop", "orders", today + timedelta(days=1)) == []
    assert len(landing.paths("shop", "orders")) == 2


def test_two_writers_never_share_a_file(tmp_path: Path) -> None:
    writers = [Landing(tmp_path) for _ in range(2)]
    paths = [writer.land("shop", "orders", AT, RECORDS[:1]).path for writer in writers * 20]
    assert len(set(paths)) == 40


def test_an_empty_answer_is_a_file_too(landing: Landing) -> None:
    assert list(landing.read(landing.land("shop", "orders", AT, []).path)) == []


@pytest.mark.parametrize("missing", [1, 8, 9, 40, 400])
def test_a_file_that_is_cut_off_is_recognised(landing: Landing, tmp_path: Path, missing: int) -> None:
    file = landing.land("shop", "orders", AT, RECORDS)
    path = tmp_path / "landing" / file.path
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(LandingDamaged):
        list(landing.read(file.path))
    records, whole = landing.salvage(file.path)
    assert not whole
    assert [one.payload for one in records] == [payload for _id, payload in RECORDS[: len(records)]]


def test_a_flipped_bit_is_recognised(landing: Landing, tmp_path: Path) -> None:
    file = landing.land("shop", "orders", AT, [("1", b"the vendor's words, long enough to flip one" * 9)])
    path = tmp_path / "landing" / file.path
    content = bytearray(path.read_bytes())
    content[-12] ^= 1
    path.write_bytes(content)
    with pytest.raises(LandingDamaged):
        list(landing.read(file.path))


def test_a_record_that_says_it_is_a_petabyte_long_is_damage_and_takes_no_memory() -> None:
    size_in_eight_bytes, empty_last_block = b"\xe0", b"\x01\x00\x00"
    blob = zstandard.FRAME_HEADER + size_in_eight_bytes + (1 << 50).to_bytes(8, "little") + empty_last_block
    with pytest.raises(zstandard.ZstdError, match="1125899906842624 bytes"):
        list(Blobs(None).opened([Envelope("shop", "stock", "1", 1, 1, blob)]))


def test_a_foreign_file_is_no_landing_file(landing: Landing, tmp_path: Path) -> None:
    folder = tmp_path / "landing" / "shop" / "orders" / "2026-11-01"
    folder.mkdir(parents=True)
    (folder / "1-x.land").write_bytes(b"hello")
    with pytest.raises(LandingDamaged):
        list(landing.read("shop/orders/2026-11-01/1-x.land"))


def test_what_a_killed_writer_left_is_no_file_and_can_be_removed(landing: Landing, tmp_path: Path) -> None:
    file = landing.land("shop", "orders", AT, RECORDS)
    partial = (tmp_path / "landing" / file.path).with_name("9-x.part")
    partial.write_bytes(b"OHLAND1\nhalf")
    assert landing.paths() == [file.path]
    assert landing.remove_partial() == 1
    assert not partial.exists()


def test_object_stores_hold_landing_too() -> None:
    landing = Landing("memory://landing-test")
    file = landing.land("shop", "orders", AT, RECORDS)
    assert landing.paths("shop", "orders") == [file.path]
    assert [one.payload for one in landing.read(file.path)] == [payload for _id, payload in RECORDS]
    assert landing.read_one(file.path, file.offsets[3]).external_id == "3"


def test_there_is_nothing_in_a_new_landing(landing: Landing) -> None:
    assert landing.paths() == []
    assert landing.remove_partial() == 0
