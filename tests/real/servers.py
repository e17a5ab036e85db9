"""A real shop (Vendure) and a real WMS (Tryton) on loopback, between a PostgreSQL of their own.

What is installed and what is seeded is kept under `.orderhub/real` between runs; every run begins with
the same databases. `python -m tests.real.try_out` starts them to be looked at, until Ctrl-C.
"""

import hashlib
import json
import os
import shutil
import tempfile
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.real.postgres import Postgres, postgres
from tests.real.processes import finished, free_port, running, until
from tests.real.shop_api import Shop

HERE = Path(__file__).parent
KEPT = Path(os.environ.get("ORDERHUB_REAL", HERE.parents[1] / ".orderhub" / "real")).resolve()
GOODS = HERE / "goods.json"
SHOP_USER = SHOP_PASSWORD = "superadmin"
WMS_USER, WMS_PASSWORD = "admin", "superadmin"
DATABASE = "wms"
MODULES = ("stock", "stock_lot", "stock_package", "stock_package_shipping", "carrier")


@dataclass(frozen=True)
class Servers:
    """Where the two are, in the words of the connectors' settings and secrets."""

    shop_url: str
    shop_user: str
    shop_password: str
    wms_url: str
    wms_database: str
    wms_company: str
    wms_key: str
    hub_database: str
    """The URL of an empty database beside theirs, for the order store."""
    logs: Path

    def shop_connection(self) -> tuple[dict[str, str], dict[str, str]]:
        """Settings and secrets of the connector `vendure`."""
        secrets = {"username": self.shop_user, "password": self.shop_password}
        return {"base_url": f"{self.shop_url}/admin-api"}, secrets

    def wms_connection(self) -> tuple[dict[str, str], dict[str, str]]:
        """Settings and secrets of the connector `tryton`."""
        settings = {"base_url": self.wms_url, "database": self.wms_database, "company": self.wms_company}
        return settings, {"key": self.wms_key}


def goods() -> list[dict[str, Any]]:
    """What both know: sku, title, price in cents, units, bin, lots."""
    return list(json.loads(GOODS.read_text()))


@contextmanager
def servers() -> Iterator[Servers]:
    """Install what is missing, start everything, and end it again.

    Raises:
        ExceptionGroup: With what npm, pip or a server said, for each of the two that failed.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        run = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="run-", dir=KEPT)))
        cluster = stack.enter_context(postgres(run / "postgres.log"))
        cluster.sql("CREATE DATABASE hub")
        with ThreadPoolExecutor(2) as pool:
            shop = pool.submit(_ready_shop, cluster, run, stack)
            wms = pool.submit(_ready_wms, cluster, run, stack)
        if errors := [error for one in (shop, wms) if (error := one.exception())]:
            raise BaseExceptionGroup("the real servers cannot be had", errors)
        wms_url, key = wms.result()
        hub = f"postgresql+psycopg://postgres@127.0.0.1:{cluster.port}/hub"
        yield Servers(shop.result(), SHOP_USER, SHOP_PASSWORD, wms_url, DATABASE, "1", key, hub, run)


def _ready_shop(cluster: Postgres, run: Path, stack: ExitStack) -> str:
    """Install, fill and start the shop; its URL. It ends with the stack."""
    _install_shop()
    _seed_shop(cluster, run)
    return stack.enter_context(_shop(cluster, run))


def _ready_wms(cluster: Postgres, run: Path, stack: ExitStack) -> tuple[str, str]:
    """Install, fill and start the WMS; its URL and the hub's key. It ends with the stack."""
    _install_wms()
    key = _seed_wms(cluster, run)
    return stack.enter_context(_wms(cluster, run)), key


def _install_shop() -> None:
    place, source = KEPT / "shop", HERE / "shop"
    place.mkdir(parents=True, exist_ok=True)
    stamp = place / "node_modules" / f".{_digest(source / 'package-lock.json')}"
    for file in source.iterdir():
        shutil.copy(file, place)
    if stamp.exists():
        return
    if shutil.which("npm") is None:
        raise RuntimeError("the real shop needs Node.js 20 or later with npm on PATH")
    finished(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=place)
    stamp.touch()


def _install_wms() -> None:
    place, wanted = KEPT / "wms", HERE / "wms" / "requirements.txt"
    stamp = place / f".{_digest(wanted)}"
    if stamp.exists():
        return
    venv.create(place / "venv", with_pip=True, clear=True)
    pip = [str(place / "venv" / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    finished([*pip, "install", "-q", "--require-hashes", "-r", wanted])
    stamp.touch()


def _seeded(cluster: Postgres, database: str, dump: Path, seed: Callable[[], None]) -> None:
    """The database as seeded once, from its dump if there is one."""
    cluster.sql(f"CREATE DATABASE {database}")
    if dump.exists():
        cluster.run("pg_restore", "-d", database, "--no-owner", str(dump))
        return
    seed()
    half = dump.with_suffix(f".{os.getpid()}")
    cluster.run("pg_dump", "-d", database, "-Fc", "-f", str(half))
    half.replace(dump)


def _shop_environment(cluster: Postgres, port: int) -> dict[str, str]:
    return {
        "VENDURE_DISABLE_TELEMETRY": "true",
        "SHOP_PORT": str(port),
        "SHOP_USER": SHOP_USER,
        "SHOP_PASSWORD": SHOP_PASSWORD,
        "PGPORT": str(cluster.port),
        "PGDATABASE": "shop",
    }


def _seed_shop(cluster: Postgres, run: Path) -> None:
    def seed() -> None:
        finished(["node", "populate.js"], cwd=KEPT / "shop", **_shop_environment(cluster, free_port()))
        with _shop(cluster, run) as url:
            Shop(url).stock_up(goods(), SHOP_USER, SHOP_PASSWORD)

    sources = [*(HERE / "shop").iterdir(), HERE / "shop_api.py", GOODS]
    _seeded(cluster, "shop", KEPT / f"shop-{_digest(*sources)}.dump", seed)


@contextmanager
def _shop(cluster: Postgres, run: Path) -> Iterator[str]:
    port, log = free_port(), run / "shop.log"
    url = f"http://127.0.0.1:{port}"
    environment = _shop_environment(cluster, port)
    with running(["node", "server.js"], log, cwd=KEPT / "shop", environment=environment) as process:
        until(lambda: _answers(f"{url}/health"), "Vendure", process, log)
        yield url


def _wms_config(cluster: Postgres, run: Path, port: int) -> Path:
    file = run / f"trytond-{port}.conf"
    file.write_text(
        f"[database]\nuri = postgresql://postgres@127.0.0.1:{cluster.port}/\n"
        f"[web]\nlisten = 127.0.0.1:{port}\n"
    )
    return file


def _seed_wms(cluster: Postgres, run: Path) -> str:
    """Fill the WMS's database; the key that its seed made for the hub."""
    digest = _digest(HERE / "wms" / "requirements.txt", HERE / "wms" / "seed.py", GOODS)
    key = KEPT / f"{DATABASE}-{digest}.key"

    def seed() -> None:
        programs, configured = KEPT / "wms" / "venv" / "bin", _wms_config(cluster, run, free_port())
        password = run / "password"
        password.write_text(WMS_PASSWORD)
        modules = ["-u", *MODULES, "--activate-dependencies", "-p", "--email", "admin@example.org"]
        steps: list[list[str | Path]] = [
            [programs / "trytond-admin", "-c", configured, "-d", DATABASE, *modules],
            [programs / "python", HERE / "wms" / "seed.py", DATABASE, configured, GOODS, key],
        ]
        for step in steps:
            finished(step, TRYTONPASSFILE=str(password))

    _seeded(cluster, DATABASE, KEPT / f"{DATABASE}-{digest}.dump", seed)
    return key.read_text()


@contextmanager
def _wms(cluster: Postgres, run: Path) -> Iterator[str]:
    port, log = free_port(), run / "wms.log"
    program, configured = KEPT / "wms" / "venv" / "bin" / "trytond", _wms_config(cluster, run, port)
    with running([str(program), "-c", str(configured), "-d", DATABASE], log) as process:
        url = f"http://127.0.0.1:{port}"
        until(lambda: _answers(f"{url}/{DATABASE}/rest/model/party.party", 401), "Tryton", process, log)
        yield url


def _answers(url: str, status: int = 200) -> bool:
    with suppress(requests.RequestException):
        return requests.get(url, timeout=5).status_code == status
    return False


def _digest(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
