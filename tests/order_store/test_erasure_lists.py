"""What is on an erasure list is destroyed in every copy of the key store, and counts only when it is gone."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from order_store.erasure_lists import ErasureLists, ListsAbsentError
from order_store.keys import KeysInUseError, open_keys
from order_store.masters import MasterFile


def test_an_erasure_is_done_again_in_an_older_copy_of_the_key_store(tmp_path: Path) -> None:
    master = MasterFile(tmp_path / "master.key", make=True)
    url = f"sqlite:///{tmp_path / 'keys.db'}"
    lists = ErasureLists(tmp_path / "erasures")
    keys = open_keys(url, master)
    keys.ciphers("shop", ["1", "2"], make=True)
    keys.close()
    older = (tmp_path / "keys.db").read_bytes()
    keys = open_keys(url, master)
    lists.add([("shop", "1")], "request")
    assert lists.apply(keys) == 1
    assert lists.apply(keys) == 0
    keys.close()
    (tmp_path / "keys.db").write_bytes(older)
    keys = open_keys(url, master)
    assert keys.cipher("shop", "1") is not None
    assert lists.apply(keys) == 1
    assert keys.cipher("shop", "1") is None
    assert keys.cipher("shop", "2") is not None
    keys.close()


def test_lists_that_were_applied_and_are_gone_are_missed(tmp_path: Path) -> None:
    keys = open_keys(f"sqlite:///{tmp_path / 'keys.db'}", MasterFile(tmp_path / "master.key", make=True))
    lists = ErasureLists(tmp_path / "erasures")
    assert lists.apply(keys) == 0, "a new deployment has none"
    lists.add([("shop", "1")], "request")
    lists.apply(keys)
    (tmp_path / "erasures").rename(tmp_path / "elsewhere")
    with pytest.raises(ListsAbsentError, match=r"1 erasure lists .*keys\.erasures"):
        lists.apply(keys)
    assert ErasureLists(tmp_path / "elsewhere").apply(keys) == 0
    keys.close()


def test_an_erasure_counts_only_when_the_log_of_the_keys_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("order_store.engine.BUSY_TIMEOUT_MS", 50)
    keys = open_keys(f"sqlite:///{tmp_path / 'keys.db'}", MasterFile(tmp_path / "master.key", make=True))
    keys.ciphers("shop", ["1", "2"], make=True)
    lists = ErasureLists(tmp_path / "erasures")
    with closing(sqlite3.connect(tmp_path / "keys.db", isolation_level=None)) as reader:
        (wrapped,) = reader.execute("SELECT wrapped FROM data_keys WHERE external_id = '1'").fetchone()
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM data_keys").fetchone()
        lists.add([("shop", "1")], "request")
        lists.add([("shop", "2")], "request")
        with pytest.raises(KeysInUseError, match=r"keys\.db-wal.*erase --due"):
            lists.apply(keys)
        assert keys.cipher("shop", "1") is None
        assert keys.cipher("shop", "2") is None, "whom the next list names cannot be read either"
        assert wrapped in (tmp_path / "keys.db-wal").read_bytes()
        reader.execute("ROLLBACK")
    lists.apply(keys)
    for file in tmp_path.glob("keys.db*"):
        assert wrapped not in file.read_bytes()
    with closing(sqlite3.connect(tmp_path / "keys.db")) as reader:
        assert reader.execute("SELECT count(*) FROM erasure_lists").fetchone() == (2,)
    keys.close()
