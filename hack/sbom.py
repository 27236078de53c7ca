"""`make sbom`: what the operator's image is made of besides its base, as CycloneDX, from the lock file.

Of our own, as it is little: the lock file has names, versions and hashes, and the environment that is installed from it
has licences and who needs whom. The tools that there are for it bring twenty packages, and write down index addresses
in place of the hashes. The same lock file, version and SOURCE_DATE_EPOCH give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dragonfly_task_operator import __version__
from hack.installation import ROOT

NAME = "dragonfly-task-operator"
LOCK = ROOT / "requirements.lock"
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class NotAsLocked(Exception):
    """The environment is not what the lock file says. For a person."""


@dataclass(frozen=True, slots=True)
class Locked:
    """A package of the lock file.

    Attributes:
        hashes: SHA-256 of each file that may be installed.
        marker: where it is needed; None: everywhere.
    """

    name: str
    version: str
    hashes: tuple[str, ...]
    marker: str | None
    is_needed_here: bool

    @property
    def purl(self) -> str:
        """Give its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def read_lock(text: str) -> Iterator[Locked]:
    """Read a lock file. Raises ValueError where a package has no one version, or no hash."""
    for entry in re.sub(r"\\\n", " ", text).splitlines():
        line = entry.partition(" --hash=")[0].strip()
        if not line or line.startswith("#"):
            continue
        requirement = Requirement(line)
        hashes = tuple(sorted(_HASH.findall(entry)))
        versions = [each.version for each in requirement.specifier if each.operator == "=="]
        if len(versions) != 1 or not hashes:
            raise ValueError(f"{line} is not locked to a version and its hashes")
        yield Locked(
            canonicalize_name(requirement.name),
            versions[0],
            hashes,
            str(requirement.marker) if requirement.marker else None,
            requirement.marker is None or requirement.marker.evaluate(),
        )


def bill(packages: Sequence[Locked], *, at: datetime) -> dict[str, Any]:
    """Make the bill of materials.

    Args:
        packages: of the lock file, whose environment this is.
        at: the time to write into it.

    Raises:
        NotAsLocked: this environment has another version, or none.
    """
    purls = {package.name: package.purl for package in packages}
    root = f"pkg:pypi/{NAME}@{__version__}"
    needs = {package.purl: needs_of(_distribution(package)) for package in packages if package.is_needed_here}
    needs[root] = needs_of(metadata.distribution(NAME))
    made: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "lifecycles": [{"phase": "build"}],
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": NAME,
                "version": __version__,
                "purl": root,
                "licenses": [{"expression": "Apache-2.0"}],
            },
        },
        "components": [_component(package) for package in packages],
        "dependencies": [
            {"ref": ref, "dependsOn": sorted({purls[name] for name in needs[ref] if name in purls})}
            for ref in sorted(needs)
        ],
    }
    content = json.dumps(made, sort_keys=True)
    return {**made, "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, content)}"}


def _component(package: Locked) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "scope": "required" if package.marker is None else "optional",
        "externalReferences": [
            {
                "type": "distribution",
                "url": package.purl,
                "comment": "any one of the files with these hashes, as the platform has it",
                "hashes": [{"alg": "SHA-256", "content": each} for each in package.hashes],
            }
        ],
    }
    if package.is_needed_here:
        made["licenses"] = _licenses(_distribution(package).metadata)
    if package.marker is not None:
        made["properties"] = [{"name": f"{NAME}:marker", "value": package.marker}]
    return {name: value for name, value in made.items() if value != []}


def _distribution(package: Locked) -> metadata.Distribution:
    try:
        found = metadata.distribution(package.name)
    except metadata.PackageNotFoundError:
        raise NotAsLocked(f"{package.name} {package.version} is not installed: make venv") from None
    if found.version != package.version:
        raise NotAsLocked(f"{package.name} {found.version} is installed, and {package.version} is locked: make venv")
    return found


def _licenses(about: metadata.PackageMetadata) -> list[Mapping[str, Any]]:
    """Give what a package says of its licence: an expression, or the classifiers, or the first line of a text."""
    expressions = about.get_all("License-Expression")
    if expressions:
        return [{"expression": expressions[0]}]
    classified = [
        each.rpartition(" :: ")[2] for each in about.get_all("Classifier") or () if each.startswith("License")
    ]
    text = "".join(about.get_all("License") or ()).strip().splitlines()
    return [{"license": {"name": name}} for name in classified or text[:1]]


def needs_of(distribution: metadata.Distribution) -> set[str]:
    """Give the names of what a package needs here, without its extras."""
    requirements = map(Requirement, distribution.requires or ())
    return {
        canonicalize_name(each.name)
        for each in requirements
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }


def _now() -> datetime:
    """Give SOURCE_DATE_EPOCH, or the time of the commit."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        log = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True)
        epoch = log.stdout
    return datetime.fromtimestamp(int(epoch), UTC)


def main() -> int:
    """Write it; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hack.sbom", description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="a folder; default: dist")
    given = parser.parse_args()
    try:
        made = bill(list(read_lock(LOCK.read_text(encoding="utf-8"))), at=_now())
    except NotAsLocked as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    given.into.mkdir(parents=True, exist_ok=True)
    path = given.into / f"{NAME}-{__version__}.cdx.json"
    path.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
