import stat
from datetime import UTC, datetime
from pathlib import Path

from connectors.runtime import Token
from connectors.tokens import FileTokens

TOKEN = Token("secret-value", datetime(2026, 11, 2, 12, tzinfo=UTC))


def test_a_token_is_seen_by_another_cache_over_the_same_folder(tmp_path: Path) -> None:
    FileTokens(tmp_path / "tokens").put("shop/access", TOKEN)
    assert FileTokens(tmp_path / "tokens").get("shop/access") == TOKEN
    assert FileTokens(tmp_path / "tokens").get("shop/refresh") is None


def test_a_forgotten_token_is_gone_and_forgetting_twice_does_no_harm(tmp_path: Path) -> None:
    tokens = FileTokens(tmp_path)
    tokens.put("shop/access", TOKEN)
    tokens.put("shop/access", None)
    tokens.put("shop/access", None)
    assert tokens.get("shop/access") is None


def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    FileTokens(folder).put("shop/access", TOKEN)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600]


def test_a_damaged_file_counts_as_no_token(tmp_path: Path) -> None:
    tokens = FileTokens(tmp_path)
    tokens.put("shop/access", TOKEN)
    for file in tmp_path.iterdir():
        file.write_bytes(b'{"value": "half')
    assert tokens.get("shop/access") is None


def test_key_and_value_do_not_show_in_names_or_in_repr(tmp_path: Path) -> None:
    FileTokens(tmp_path).put("shop/access", TOKEN)
    assert "shop" not in "".join(file.name for file in tmp_path.iterdir())
    assert "secret-value" not in repr(TOKEN)


def test_with_a_key_no_file_tells_a_token_and_another_key_reads_none(tmp_path: Path) -> None:
    FileTokens(tmp_path, b"k" * 32).put("shop/access", TOKEN)
    assert FileTokens(tmp_path, b"k" * 32).get("shop/access") == TOKEN
    assert not any(TOKEN.value.encode() in file.read_bytes() for file in tmp_path.iterdir())
    assert FileTokens(tmp_path, b"o" * 32).get("shop/access") is None
    (file,) = tmp_path.iterdir()
    FileTokens(tmp_path, b"k" * 32).put("shop/refresh", TOKEN)
    (other,) = (path for path in tmp_path.iterdir() if path != file)
    other.write_bytes(file.read_bytes())
    assert FileTokens(tmp_path, b"k" * 32).get("shop/refresh") is None, "a token stays under its own key"
