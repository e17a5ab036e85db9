"""The audit of dependencies: it finds what it is for, and says so where it could not ask."""

from importlib.metadata import PathDistribution, distributions
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

from tools import audit


def test_the_lock_has_no_known_hole_and_no_unfit_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_an_old_version_is_found(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("Jinja2==3.1.5 \\\n    --hash=sha256:00\nurllib3[socks]==2.6.0 ; python_version > '3'\n")
    packages = audit.pinned([lock])
    assert packages == {("jinja2", "3.1.5"), ("urllib3", "2.6.0")}
    _, known = audit.advisories()
    assert audit.holes(packages, known) == ["jinja2 3.1.5 has CVE-2025-27516; take 3.1.6 or newer"]


def test_every_advisory_names_a_version_and_a_cve() -> None:
    reviewed, known = audit.advisories()
    assert reviewed.year >= 2026
    assert all(one.id.startswith("CVE-") and one.below > Version("0") for one in known)
    assert len({(one.package, one.id) for one in known}) == len(known)


def test_what_pip_audit_does_not_know_passes_for_no_answer() -> None:
    unknown = {"name": "a", "skip_reason": "not found"}
    clean = {"name": "b", "version": "1", "vulns": []}
    holed = {"name": "c", "version": "2", "vulns": [{"id": "PYSEC-1"}]}
    assert audit.what_was_found([unknown]) == (
        "pip-audit's service knows none of 1 packages: it was NOT asked",
        False,
    )
    assert audit.what_was_found([unknown, clean]) == (
        "pip-audit knows 1 of 2 packages; no hole in any",
        False,
    )
    assert audit.what_was_found([clean, holed]) == ("pip-audit knows 2 of 2 packages; c 2: PYSEC-1", True)


def package(folder: Path, licence: str) -> PathDistribution:
    home = folder / "shady-1.0.dist-info"
    home.mkdir()
    (home / "METADATA").write_text(f"Metadata-Version: 2.1\nName: shady\nVersion: 1.0\n{licence}\n")
    return PathDistribution(home)


@pytest.mark.parametrize(
    ("licence", "fits"),
    [
        ("License-Expression: MIT", True),
        ("License-Expression: MIT OR GPL-3.0-only", True),
        ("License-Expression: MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("License-Expression: MIT AND GPL-3.0-only", False),
        ("License-Expression: AGPL-3.0-or-later", False),
        ("License-Expression: LGPL-3.0-only", False),
        ("Classifier: License :: OSI Approved :: GNU Affero General Public License v3", False),
        ("Classifier: License :: OSI Approved :: MIT License", True),
        ("License: GPL", False),
        ("Summary: none", False),
    ],
)
def test_a_licence_that_binds_the_merchant_is_found(tmp_path: Path, licence: str, fits: bool) -> None:
    rules = yaml.safe_load(audit.LICENCES.read_text())
    found = audit.unfit_licences({"shady"}, [package(tmp_path, licence)], rules)
    assert found == [] if fits else found


def test_a_licence_of_the_extra_is_allowed_there_only() -> None:
    rules = yaml.safe_load(audit.LICENCES.read_text())
    names = {"psycopg", "psycopg-binary", "psycopg2-binary"}
    assert audit.unfit_licences(names, list(distributions()), rules) == []
    assert len(audit.unfit_licences(names, list(distributions()), rules | {"extras": {}})) == 3
    runtime = {name for name, _ in audit.pinned([audit.LOCKS[0]])}
    assert not names & runtime
