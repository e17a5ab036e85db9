"""What no file of the repository may say: where its author worked, and where packages came from."""

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOSTS = r"(?:pypi|pythonhosted|npmjs|yarnpkg)\.(?:org|com)|--(?:extra-)?index-url[ =]|artifactory|/simple/"
MACHINE = r"(?<![\w.}*:-])/(?:work|tmp|home|root|Users|opt)/\w"
BINARY = (".npz", ".png", ".parquet", ".zst", ".gz")


def files() -> list[Path]:
    """Everything under version control, or about to be; without git, everything but what running makes."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        made = {
            ".venv",
            ".orderhub",
            "__pycache__",
            ".pytest_cache",
            ".mypy_cache",
            ".ruff_cache",
            ".hypothesis",
        }
        paths = [path for path in ROOT.rglob("*") if not made & set(path.relative_to(ROOT).parts)]
    return [path for path in paths if path.is_file() and path.suffix not in BINARY and path != Path(__file__)]


def told_by(pattern: str, text: str) -> list[int]:
    return [number for number, line in enumerate(text.splitlines(), 1) if re.search(pattern, line)]


def test_no_file_names_an_index_host_or_a_path_of_a_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files()
        for number in told_by(f"{HOSTS}|{MACHINE}", path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_search_finds_what_it_looks_for() -> None:
    assert told_by(HOSTS, "fine\nhttps://index.example/simple/requests\n--index-url https://x") == [2, 3]
    assert told_by(MACHINE, "a path of /home/ada\nhttps://shop.example/home/page\n/etc/orderhub") == [1]
