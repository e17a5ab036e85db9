"""What hub.yaml may say of keys and of how long people are kept."""

import base64
import os
from pathlib import Path

import pytest

from order_store.masters import GivenMasters, MasterFile, MasterKeyError
from pipelines.config import load_config
from pipelines.config_errors import ConfigError
from pipelines.sandbox_secrets import SANDBOX_CONFIG, sandbox_environ

KEY = base64.b64encode(b"k" * 32).decode()


def load(tmp_path: Path, more: str, **environ: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
    path = tmp_path / "hub.yaml"
    path.write_text(Path(SANDBOX_CONFIG).read_text(encoding="utf-8") + more, encoding="utf-8")
    return load_config(path, sandbox_environ("http://127.0.0.1:1") | environ)


def test_amazon_keeps_nobody_longer_than_its_policy_whatever_is_said(tmp_path: Path) -> None:
    config = load(tmp_path, "privacy:\n  erase_after_delivery_days: 400\n  connections:\n    woo-de: 60\n")
    days = {one.name: config.privacy.days(one) for one in config.connections if one.kind == "channel"}
    assert days == {"amazon-uk": 28, "woo-de": 60, "shopify-eu": 400, "vendure-us": 400}
    forever = load(tmp_path, "privacy:\n  erase_after_delivery_days: null\n")
    days = {one.name: forever.privacy.days(one) for one in forever.connections if one.kind == "channel"}
    assert days == {"amazon-uk": 28, "woo-de": None, "shopify-eu": None, "vendure-us": None}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            "privacy:\n  connections:\n    amazon-uk: 29\n",
            r"connections\.amazon-uk: .*Write 28 or less",
        ),
        ("privacy:\n  connections:\n    nobody: 3\n", "there is no connection 'nobody'"),
        ("keys:\n  master_key: NOT_SET\n", "NOT_SET is not set"),
        ("keys:\n  url: mysql://x\n", "keys.url"),
    ],
)
def test_what_cannot_be_is_told_with_its_remedy(tmp_path: Path, more: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load(tmp_path, more)


def test_the_master_key_comes_from_the_environment_or_a_private_file(tmp_path: Path) -> None:
    assert load(tmp_path, "").masters is None
    given = load(tmp_path, "", ORDERHUB_MASTER_KEY=KEY).masters
    assert isinstance(given, GivenMasters) and given.load().versions == (1,)
    named = load(tmp_path, "keys:\n  master_key: MY_KEY\n", MY_KEY=f"2: {KEY}").masters
    assert isinstance(named, GivenMasters) and named.load().versions == (2,)
    source = load(tmp_path, "keys:\n  master_key: { file: master.key }\n").masters
    assert isinstance(source, MasterFile)
    with pytest.raises(MasterKeyError, match="Put it back"):
        source.load()
    handle = os.open(tmp_path / "master.key", os.O_CREAT | os.O_WRONLY, 0o600)
    os.write(handle, KEY.encode())
    os.close(handle)
    assert source.load().versions == (1,)
