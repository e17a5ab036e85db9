import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.exc import OperationalError

from order_store.engine import open_store
from order_store.keys import KeyMissingError, KeyStore, open_keys
from order_store.masters import GivenMasters, MasterFile, MasterKeyError, new_masters, parse_masters
from order_store.sealing import SealBroken, place_of, seal, unseal

PLACE = place_of("somewhere", 1)


@pytest.fixture
def master(tmp_path: Path) -> MasterFile:
    return MasterFile(tmp_path / "keys" / "master.key", make=True)


@pytest.fixture
def keys(empty_url: str, master: MasterFile) -> Iterator[KeyStore]:
    opened = open_keys(empty_url, master)
    yield opened
    opened.close()


def key_of(keys: KeyStore, name: str) -> AESGCM:
    cipher = keys.cipher("shop", name, make=True)
    assert cipher is not None
    return cipher


def test_a_key_is_made_once_and_found_by_another_process(
    keys: KeyStore, empty_url: str, master: MasterFile
) -> None:
    sealed = seal(key_of(keys, "1"), b"Ada", PLACE)
    other = open_keys(empty_url, master)
    assert unseal(key_of(other, "1"), sealed, PLACE) == b"Ada"
    other.close()


def test_each_name_has_a_key_of_its_own(keys: KeyStore) -> None:
    sealed = seal(key_of(keys, "1"), b"Ada", PLACE)
    with pytest.raises(SealBroken):
        unseal(key_of(keys, "2"), sealed, PLACE)


def test_sealed_bytes_open_at_their_place_only(keys: KeyStore) -> None:
    sealed = seal(key_of(keys, "1"), b"Ada", PLACE)
    with pytest.raises(SealBroken):
        unseal(key_of(keys, "1"), sealed, place_of("somewhere", 2))


def test_two_writers_that_make_the_same_keys_at_once_get_the_same(
    keys: KeyStore, empty_url: str, master: MasterFile
) -> None:
    other = open_keys(empty_url, master)
    names = [str(number) for number in range(50)]
    mine, theirs = keys.ciphers("shop", names, make=True), other.ciphers("shop", names, make=True)
    for name in names:
        cipher, same = mine[name], theirs[name]
        assert cipher and same
        assert unseal(same, seal(cipher, b"x", PLACE), PLACE) == b"x"
    other.close()


def test_a_destroyed_key_never_comes_back(keys: KeyStore, empty_url: str, master: MasterFile) -> None:
    key_of(keys, "1")
    assert keys.destroy([("shop", "1"), ("shop", "never-seen")]) == 1
    assert keys.cipher("shop", "1", make=True) is None
    assert keys.erased("shop", ["1", "2", "never-seen"]) == {"1", "never-seen"}
    assert keys.destroy([("shop", "1")]) == 0
    other = open_keys(empty_url, master)
    assert other.cipher("shop", "1", make=True) is None
    assert set(other.destroyed()) == {("shop", "1"), ("shop", "never-seen")}
    other.close()


def test_a_name_that_has_no_key_is_told_from_one_whose_key_was_destroyed(keys: KeyStore) -> None:
    with pytest.raises(KeyMissingError):
        keys.cipher("shop", "1")


def test_the_hubs_own_secrets_stay_and_are_not_destroyed(
    keys: KeyStore, empty_url: str, master: MasterFile
) -> None:
    other = open_keys(empty_url, master)
    assert keys.secret("tokens") == other.secret("tokens") != keys.secret("people")
    other.close()
    with pytest.raises(ValueError, match="own secrets"):
        keys.destroy([("", "tokens")])


def test_rotation_wraps_every_key_anew_and_opens_what_they_sealed(keys: KeyStore, master: MasterFile) -> None:
    sealed = {name: seal(key_of(keys, name), name.encode(), PLACE) for name in ("1", "2", "3")}
    keys.destroy([("shop", "3")])
    before = keys.counts()
    assert set(before) == {0, 1}
    assert keys.rotate() == before[1]
    assert keys.counts() == {0: 1, 2: before[1]}
    assert master.load().versions == (2, 1)
    keys.rotate()
    assert master.load().versions == (3, 2), "a version that wraps nothing is kept once, for slow processes"
    assert unseal(key_of(keys, "2"), sealed["2"], PLACE) == b"2"
    assert keys.cipher("shop", "3", make=True) is None


def test_a_process_that_knows_the_old_version_only_reads_on_after_a_rotation(
    keys: KeyStore, empty_url: str, master: MasterFile
) -> None:
    slow = open_keys(empty_url, master)
    sealed = seal(key_of(keys, "1"), b"Ada", PLACE)
    keys.rotate()
    assert unseal(key_of(slow, "1"), sealed, PLACE) == b"Ada"
    late = seal(key_of(slow, "made-by-the-slow-one"), b"late", PLACE)
    assert unseal(key_of(keys, "made-by-the-slow-one"), late, PLACE) == b"late"
    slow.close()


def test_a_half_done_rotation_is_finished_by_the_next(keys: KeyStore, master: MasterFile) -> None:
    key_of(keys, "1")
    master.save(master.load().with_new())  # killed before it wrapped anything
    wrapped = keys.rotate()
    assert wrapped == sum(keys.counts().values()) == keys.counts()[2]
    assert master.load().versions == (2, 1)


def test_a_master_key_of_the_environment_gets_its_new_version_there(empty_url: str) -> None:
    first = new_masters()
    keys = open_keys(empty_url, GivenMasters(first.text(), "MASTER"))
    sealed = seal(key_of(keys, "1"), b"Ada", PLACE)
    with pytest.raises(MasterKeyError, match="MASTER"):
        keys.rotate()
    keys.close()
    both = GivenMasters(first.with_new().text().replace("\n", ","), "MASTER")
    keys = open_keys(empty_url, both)
    assert keys.rotate() > 0
    assert set(keys.counts()) == {0, 2}
    assert unseal(key_of(keys, "1"), sealed, PLACE) == b"Ada"
    keys.close()


def test_another_deployments_master_key_is_refused_at_once(keys: KeyStore, empty_url: str) -> None:
    with pytest.raises(MasterKeyError, match="another deployment's"):
        open_keys(empty_url, GivenMasters(new_masters().text(), "MASTER"))


@pytest.mark.parametrize(
    "text", ["", "1: abc", "x: " + "A" * 43 + "=", "1: ", "1: %%%", "0: " + "A" * 43 + "="]
)
def test_a_bad_master_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(MasterKeyError) as error:
        parse_masters(text, "MASTER")
    assert "abc" not in str(error.value)
    assert "AAAA" not in str(error.value)


def test_a_master_file_that_others_may_read_is_refused(tmp_path: Path, master: MasterFile) -> None:
    master.load()
    path = tmp_path / "keys" / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(MasterKeyError, match="chmod 600"):
        master.load()


def test_keys_and_their_folder_are_the_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = tmp_path / "made" / "keys"
        keys = open_keys(f"sqlite:///{folder / 'keys.db'}", MasterFile(folder / "master.key", make=True))
        keys.cipher("shop", "1", make=True)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        keys.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(modes, 0o600)
    assert {"keys.db", "keys.db-wal", "master.key"} <= set(modes)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_destroyed_key_leaves_no_trace_in_the_files_of_the_key_store(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    keys = open_keys(url, MasterFile(tmp_path / "master.key", make=True))
    keys.ciphers("shop", [str(number) for number in range(200)], make=True)
    with keys.connect().read() as tx:
        wrapped = bytes(
            tx.exec_driver_sql("SELECT wrapped FROM data_keys WHERE external_id = '77'").scalar_one()
        )
    assert any(wrapped in path.read_bytes() for path in tmp_path.iterdir())
    keys.destroy([("shop", "77")])
    assert not any(wrapped in path.read_bytes() for path in tmp_path.iterdir())
    keys.close()


def test_no_key_stands_in_the_clear(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    keys = open_keys(url, MasterFile(tmp_path / "master.key", make=True))
    secret = keys.secret("people")
    keys.close()
    assert not any(secret in path.read_bytes() for path in tmp_path.iterdir())


MAKES_KEYS = """
import os, signal, sys
from order_store.keys import open_keys
from order_store.masters import MasterFile
keys = open_keys(sys.argv[1], MasterFile(__import__("pathlib").Path(sys.argv[2]), make=True))
cipher = keys.cipher("shop", "1", make=True)
from order_store.sealing import seal
sys.stdout.buffer.write(seal(cipher, b"Ada", b"place"))
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writers_key_is_durable_before_what_it_sealed(tmp_path: Path) -> None:
    url, master = f"sqlite:///{tmp_path / 'keys.db'}", tmp_path / "master.key"
    done = subprocess.run(
        [sys.executable, "-c", MAKES_KEYS, url, str(master)], stdout=subprocess.PIPE, check=False, timeout=60
    )
    assert done.returncode == -9
    keys = open_keys(url, MasterFile(master))
    assert unseal(key_of(keys, "1"), done.stdout, b"place") == b"Ada"
    keys.close()


def test_reads_are_logged_with_purpose_and_without_personal_data(keys: KeyStore) -> None:
    keys.log.note("routing", [7, 9])
    keys.log.note("routing", [8])
    keys.log.note("sending", list(range(1, 500)))
    keys.log.note_now("export for the person", [3])
    told = {row.purpose: row for row in keys.log.newest()}
    assert (told["routing"].calls, told["routing"].orders, told["routing"].order_ids) == (2, 3, "7,8,9")
    assert told["sending"].order_ids == "1-499"
    assert told["export for the person"].actor.endswith(f":{os.getpid()}")


def test_reads_that_could_not_be_written_down_are_kept_for_the_next_time(tmp_path: Path) -> None:
    keys = open_keys(f"sqlite:///{tmp_path / 'keys.db'}", MasterFile(tmp_path / "master.key", make=True))
    with closing(sqlite3.connect(tmp_path / "keys.db", isolation_level=None)) as other:
        other.execute("ALTER TABLE access_log RENAME TO away")
        keys.log.note("routing", [7])
        with pytest.raises(OperationalError):
            keys.log.flush()
        keys.log.note("routing", [5])
        with pytest.raises(OperationalError):
            keys.log.flush()
        other.execute("ALTER TABLE away RENAME TO access_log")
    (row,) = keys.log.newest()
    assert (row.purpose, row.calls, row.orders, row.order_ids) == ("routing", 2, 2, "5,7")
    keys.close()


def test_the_order_store_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = open_store(f"sqlite:///{tmp_path / 'orders.db'}")
        store.create_all()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        store.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(modes, 0o600)
