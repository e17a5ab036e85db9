"""What buyers and channels write, from the channel to paper, terminal and KPI file: words, never orders."""

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from connectors.contract import Page, RawRecord
from pipelines.assets.reporting import records
from pipelines.cli.app import app
from pipelines.config import load_config
from pipelines.config_errors import ConfigError
from pipelines.picklist_pdf import PicklistPaper, Place, render
from pipelines.services.ingest import ingest_page
from pipelines.services.kpis import build_kpis
from pipelines.services.orders import channel_of
from pipelines.words import markdown, one_line, visible
from tests.scenarios.conftest import OpenStage, Stage, open_stage

__all__ = ["open_stage"]

HOSTILE = (
    "'; DROP TABLE orders; --",
    '" OR ""="',
    "Robert'); DELETE FROM orders WHERE ('1'='1",
    "../../../../etc/cron.d/x",
    "..\\..\\x",
    "/etc/passwd",
    "CON",
    '=HYPERLINK("https://elsewhere.test")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "{{ 7 * 7 }}{% raw %}",
    "${HOME}$(id)`id`",
    "%s%n%(x)s{0}{x.__class__}",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    '<b>bold<para>&lt;</b><a href="https://elsewhere.test">x</a>',
    "[link](javascript:alert(1)) ![x](https://elsewhere.test/x.png)",
    "[red]red[/red] [/nothing] [link=https://elsewhere.test]x[/link]",
    "\x1b]0;title\x07\x1b[2J\x1b[31m",
    "line\r\n2026-11-02 00:00:00 ERROR forged",
    "\u202egnp.exe",
    "!!python/object/apply:os.system ['id']",
    "- a: &x [*x]",
    "\U0001f4e6 \u00e9\u0301 \u4e2d\u6587",
    "x" * 3_000,
)
IDS = [f"{text[:200]}#{number}" for number, text in enumerate(HOSTILE)]


def tables(stage: Stage) -> int:
    with stage.hub.store.read() as tx:
        return int(tx.exec_driver_sql("SELECT count(*) FROM sqlite_master WHERE type = 'table'").scalar_one())


def hostile_page(stage: Stage) -> Page:
    """A page of a channel, each order with another hostile word in its id, number, SKU, title and name."""
    order = stage.place("vendure-us")
    payload = stage.fetch(order).records[0].payload
    made = []
    for word, external_id in zip(HOSTILE, IDS, strict=True):
        document = json.loads(payload)
        document |= {"id": external_id, "code": word, "state": document["state"]}
        document["customer"] |= {"firstName": word, "emailAddress": f"{word}@x.test"}
        document["shippingAddress"] |= {"fullName": word, "streetLine1": word, "company": word}
        for line in document["lines"]:
            line["productVariant"]["name"] = word
            line["productVariant"]["sku"] = word
        document["shippingLines"][0]["shippingMethod"] |= {"name": word, "code": word}
        made.append(RawRecord(external_id, json.dumps(document).encode()))
    return Page("orders", made, stage.clock.now())


@pytest.fixture
def attacked(open_stage: OpenStage) -> Stage:
    stage = open_stage("vendure-us", "tryton-lyon", "shipbob-us", "easypost", "ups")
    page = hostile_page(stage)
    channel = channel_of(stage.hub, "vendure-us")
    counts = ingest_page(stage.hub.store, stage.hub.landing, channel, page, now=stage.clock.now())
    assert (counts.created, counts.quarantined) == (len(HOSTILE), 0)
    return stage


def test_words_are_stored_as_they_are_and_break_no_statement(attacked: Stage) -> None:
    before = tables(attacked)
    known = {external_id for _, external_id in attacked.known()}
    assert known >= set(IDS)
    assert attacked.hub.store.engine.dialect.name == "sqlite"
    attacked.cycle()
    assert tables(attacked) == before


def test_no_file_is_made_outside_of_the_hubs_folder(attacked: Stage, tmp_path: Path) -> None:
    attacked.cycle()
    build_kpis(attacked.hub, "attacked")
    root = Path(attacked.environ["ORDERHUB_STATE"]).parent
    outside = {path for path in tmp_path.rglob("*") if not path.is_relative_to(root)} - set(root.parents)
    assert outside == set()
    for path in root.rglob("*"):
        assert path.resolve().is_relative_to(root.resolve())
        assert path.name.isprintable()
        assert not {"<", ">", "'", '"', ";", "$", "|"} & set(path.name)


def test_the_kpi_tables_hold_the_words_and_run_none(attacked: Stage) -> None:
    attacked.cycle()
    published = build_kpis(attacked.hub, "attacked")
    with duckdb.connect(str(published.file), read_only=True) as kpis:
        names = {row[0] for row in kpis.execute("SHOW TABLES").fetchall()}
        assert "snapshot" in names


def test_the_command_line_shows_words_and_obeys_none(attacked: Stage) -> None:
    """Escape sequences would write the terminal's title; an unknown tag of markup would end the command."""
    runner = CliRunner()
    environ = attacked.environ
    for external_id in IDS[::3]:
        asked = ["explain", "--connection", "vendure-us", "--", external_id]
        done = runner.invoke(app, asked, env=environ)
        assert done.exit_code == 0, (external_id, done.output, done.exception)
        assert not {"\x1b", "\x07", "\u202e"} & set(done.output)
    for command in (["status"], ["quarantine", "list"]):
        assert runner.invoke(app, command, env=environ).exit_code == 0


@pytest.mark.parametrize("word", HOSTILE)
def test_paper_is_printed_whatever_stands_on_it(word: str, tmp_path: Path) -> None:
    place = Place(sku=word[:60], title=word, quantity=1, bin=word[:20], lot=word[:20])
    paper = PicklistPaper(
        reference=word[:40],
        order_number=word,
        warehouse=word[:40],
        time_zone="UTC",
        printed_at=datetime(2026, 11, 2, tzinfo=UTC),
        places=[place],
        service=word,
    )
    file = tmp_path / "paper.pdf"
    file.write_bytes(render([paper]))
    reader = PdfReader(file)
    assert reader.pages
    annotations = [note for page in reader.pages for note in page.get("/Annots", [])]
    assert annotations == []
    assert "/OpenAction" not in reader.trailer["/Root"]


@pytest.mark.parametrize("word", HOSTILE)
def test_markdown_of_the_ui_shows_words_only(word: str) -> None:
    shown = records([word], "orderhub explain").value
    line = shown.splitlines()[0]
    assert "<" not in line
    assert "](" not in line.replace("\\]", "")
    assert shown.splitlines()[1:] == ["", "`orderhub explain`"]
    assert markdown(word).isprintable()


def test_control_characters_are_written_out() -> None:
    assert visible("a\x1b[31mb\u202ec\x00") == "a\\x1b[31mb\\u202ec\\x00"
    assert visible("two\nlines\tand a tab") == "two\nlines\tand a tab"
    assert one_line("two\r\nlines") == "two\\r\\nlines"
    assert visible("\ud800") == "\\ud800"
    assert visible("\u4e2d\u6587 \U0001f4e6") == "\u4e2d\u6587 \U0001f4e6"


def test_the_logs_hold_no_forged_line(attacked: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    attacked.cycle()
    for record in caplog.records:
        if record.name.split(".")[0] in ("pipelines", "order_store", "connectors"):
            told = record.getMessage()
            assert "\x1b" not in told
            assert "ERROR forged" not in told.split("\n", 1)[-1] or "\n" not in told


def test_yaml_of_the_hub_builds_no_objects(tmp_path: Path) -> None:
    file = tmp_path / "hub.yaml"
    made = tmp_path / "made"
    path = f"!!python/object/apply:pathlib.Path ['{made}']"
    file.write_text(f"merchant: !!python/object/apply:pathlib.Path.touch [{path}]\n")
    with pytest.raises(ConfigError):
        load_config(file, {})
    assert not made.exists()
