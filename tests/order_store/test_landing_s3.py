"""Landing in an object store: the same promises as in a folder. The object store is moto's, on loopback."""

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest

from order_store.erasure_lists import ErasureLists
from order_store.landing import Landing, LandingDamaged
from tests.object_store import BUCKET, running_s3

SEEN = datetime(2026, 11, 2, 9, tzinfo=UTC)
RECORDS = [(str(number), b'{"id": %d}' % number) for number in range(1, 4)]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator["boto3.client"]:
    """A client of an empty bucket; the environment lets s3fs find it."""
    with running_s3() as (client, environ):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield client


@pytest.fixture
def landing(s3: "boto3.client") -> Landing:
    return another()


def another() -> Landing:
    """What another process opens: with no memory of what this one has listed."""
    return Landing(f"s3://{BUCKET}/shop/landing")


def objects(s3: "boto3.client") -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_a_landed_answer_is_one_whole_object(landing: Landing, s3: "boto3.client") -> None:
    file = landing.land("woo-de", "orders", SEEN, RECORDS)
    assert objects(s3) == [f"shop/landing/{file.path}"]
    assert s3.head_object(Bucket=BUCKET, Key=f"shop/landing/{file.path}")["ContentLength"] == file.size
    assert [(one.external_id, one.payload) for one in another().read(file.path)] == RECORDS
    assert another().read_one(file.path, file.offsets[1]).payload == RECORDS[1][1]


def test_files_are_listed_by_connection_stream_and_day_in_the_order_of_their_arrival(
    landing: Landing,
) -> None:
    landed = [
        landing.land(connection, stream, SEEN, RECORDS[:1]).path
        for connection, stream in (("b", "orders"), ("a", "stock"), ("a", "orders"), ("b/c d", "orders"))
    ]
    assert landing.paths() == landed
    assert landing.paths("a") == landed[1:3]
    assert landing.paths("b/c d") == landed[3:]
    assert landing.paths(stream="stock") == landed[1:2]
    today = datetime.fromisoformat(landed[0].split("/")[2]).date()
    assert landing.paths("a", "orders", since=today) == landed[2:3]
    assert landing.paths("a", "orders", since=today.replace(year=today.year + 1)) == []
    assert landing.paths("nobody") == []


def test_what_another_process_lands_is_seen_though_the_folder_was_listed_before(landing: Landing) -> None:
    first = landing.land("a", "orders", SEEN, RECORDS).path
    assert landing.paths() == [first]
    second = another().land("a", "orders", SEEN, RECORDS).path
    assert landing.paths() == [first, second]


def test_an_erasure_that_another_process_lists_is_seen_though_the_lists_were_listed_before(
    s3: "boto3.client",
) -> None:
    mine = ErasureLists(f"s3://{BUCKET}/shop/erasures")
    assert mine.names() == []
    first = mine.add([("woo-de", "1")], "request")
    assert mine.names() == [first]
    body = s3.get_object(Bucket=BUCKET, Key=f"shop/erasures/{first}")["Body"].read()
    s3.put_object(Bucket=BUCKET, Key="shop/erasures/99991231T000000000000-0.json", Body=body)
    assert mine.names() == [first, "99991231T000000000000-0.json"]


def test_a_cut_object_is_found_out_and_what_is_whole_of_it_is_saved(
    landing: Landing, s3: "boto3.client"
) -> None:
    file = landing.land("a", "orders", SEEN, RECORDS)
    key = f"shop/landing/{file.path}"
    content = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    s3.put_object(Bucket=BUCKET, Key=key, Body=content[: file.offsets[2] + 6])
    with pytest.raises(LandingDamaged):
        list(another().read(file.path))
    saved, whole = another().salvage(file.path)
    assert ([one.external_id for one in saved], whole) == (["1", "2"], False)


def test_what_other_tools_left_half_written_is_removed_and_nothing_else(
    landing: Landing, s3: "boto3.client"
) -> None:
    file = landing.land("a", "orders", SEEN, RECORDS)
    s3.put_object(Bucket=BUCKET, Key="shop/landing/a/orders/2026-11-02/1-x.part", Body=b"half")
    assert landing.paths() == [file.path]
    assert landing.remove_partial() == 1
    assert objects(s3) == [f"shop/landing/{file.path}"]
    assert landing.remove_partial() == 0


def test_a_landing_of_which_nothing_is_there_yet_is_empty(landing: Landing) -> None:
    assert landing.paths() == []
    assert landing.remove_partial() == 0
