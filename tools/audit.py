"""Looks for packages that should not be installed: with a known hole, or under a licence that does not fit.

    python -m tools.audit            # the lock beside tools/advisories.yaml, installed packages' licences
    python -m tools.audit --online   # and pip-audit, where it is installed and the network allows it

The exit status is 1 if anything was found. That an advisory service could not be asked is said, and is no
failure: a build must not hang on somebody else's server.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import Distribution, distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LOCKS = tuple(ROOT / "requirements" / name for name in ("runtime.txt", "dev.txt", "sbom.txt"))
ADVISORIES = Path(__file__).parent / "advisories.yaml"
LICENCES = Path(__file__).parent / "licences.yaml"
STALE_AFTER = 90
"""Days after which somebody should look through the list of advisories again."""
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True)
class Advisory:
    """A hole, and the first version without it."""

    package: str
    below: Version
    id: str


def pinned(locks: Sequence[Path] = LOCKS) -> set[tuple[str, str]]:
    """Every package of the lock files with its version, names in their canonical form."""
    found = (_PINNED.findall(lock.read_text(encoding="utf-8")) for lock in locks)
    return {(canonicalize_name(name), version) for pairs in found for name, version in pairs}


def advisories(path: Path = ADVISORIES) -> tuple[date, list[Advisory]]:
    """When the list was last looked through, and what it says."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    rows = [
        Advisory(canonicalize_name(row["package"]), Version(row["below"]), row["id"])
        for row in document["advisories"]
    ]
    return document["reviewed"], rows


def holes(packages: set[tuple[str, str]], known: Sequence[Advisory]) -> list[str]:
    """A sentence for each package that has a known hole."""
    return [
        f"{name} {version} has {one.id}; take {one.below} or newer"
        for name, version in sorted(packages)
        for one in known
        if one.package == name and Version(version) < one.below
    ]


def unfit_licences(
    packages: set[str], installed: Iterator[Distribution] | Sequence[Distribution], rules: Mapping[str, Any]
) -> list[str]:
    """A sentence for each installed package of the lock whose licence is none of those that fit."""
    allowed = set(rules["allowed"])
    problems = []
    for one in installed:
        name = canonicalize_name(one.metadata["Name"])
        if name in packages and name not in rules["extras"] and not _fits(licence_of(one), allowed):
            problems.append(
                f"{name}: its licence is {licence_of(one) or 'not stated'!r}, which is not allowed"
            )
    return sorted(problems)


def licence_of(one: Distribution) -> str:
    """What a package says of its licence: an SPDX expression, its classifiers, or its own words."""
    if "License-Expression" in one.metadata:
        return one.metadata["License-Expression"]
    classified = [
        text.rpartition(" :: ")[2]
        for text in one.metadata.get_all("Classifier") or []
        if text.startswith("License :: ") and text.count(" :: ") > 1
    ]
    if classified:
        return " OR ".join(classified)
    words = next(iter(one.metadata.get_all("License") or ()), "")
    return words.strip().partition("\n")[0]


def _fits(licence: str, allowed: set[str]) -> bool:
    bare = licence.strip()
    if bare in allowed:
        return True
    plain = bare.replace("(", " ").replace(")", " ")
    if " AND " in plain:
        return all(_fits(part, allowed) for part in plain.split(" AND "))
    return " OR " in bare and any(_fits(part, allowed) for part in bare.split(" OR "))


def ask_online(locks: Sequence[Path] = LOCKS) -> tuple[str, bool]:
    """What pip-audit says of the lock, and whether it found a hole; a sentence if it could not be asked."""
    if find_spec("pip_audit") is None:
        return "pip-audit is not installed: it was NOT asked", False
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    command += ["--format", "json", *(argument for lock in locks for argument in ("-r", str(lock)))]
    try:
        done = subprocess.run(  # noqa: S603 -- our own interpreter and arguments
            command, capture_output=True, text=True, timeout=300, check=False
        )
        asked = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return "pip-audit did not end: it was NOT asked", False
    except (ValueError, KeyError):
        return "pip-audit reached no advisory service: it was NOT asked", False
    return what_was_found(asked)


def what_was_found(asked: Sequence[Mapping[str, Any]]) -> tuple[str, bool]:
    """A sentence of pip-audit's answer.

    Of packages that its service does not know (an index of one's own) pip-audit itself says nothing but that
    there is no hole: that must not pass for an answer.
    """
    known = [one for one in asked if "skip_reason" not in one]
    if not known:
        return f"pip-audit's service knows none of {len(asked)} packages: it was NOT asked", False
    holed = [f"{one['name']} {one['version']}: {hole['id']}" for one in known for hole in one["vulns"]]
    told = f"pip-audit knows {len(known)} of {len(asked)} packages"
    return "; ".join([told, *(holed or ["no hole in any"])]), bool(holed)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--online", action="store_true", help="ask pip-audit too")
    chosen = options.parse_args(arguments)
    packages = pinned()
    reviewed, known = advisories()
    rules = yaml.safe_load(LICENCES.read_text(encoding="utf-8"))
    installed = list(distributions())
    problems = holes(packages, known)
    problems += unfit_licences({name for name, _ in packages}, installed, rules)
    age = (datetime.now(UTC).date() - reviewed).days
    print(
        f"{len(packages)} packages in the lock, {len(known)} advisories (list of {reviewed}, {age} days old)"
    )
    if age > STALE_AFTER:
        print(
            f"the list is older than {STALE_AFTER} days: look through the advisories again", file=sys.stderr
        )
    failed = bool(problems)
    for problem in problems:
        print(problem, file=sys.stderr)
    if chosen.online:
        told, found = ask_online()
        print(told)
        failed = failed or found
    if not failed:
        print("nothing found")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
