"""The bill of materials: all that is locked, and nothing that is not so."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from dragonfly_task_operator import __version__
from hack.sbom import LOCK, Locked, NotAsLocked, bill, needs_of, read_lock

AT = datetime(2026, 11, 26, tzinfo=UTC)
ROOT_REF = f"pkg:pypi/dragonfly-task-operator@{__version__}"


@pytest.fixture(scope="module")
def packages() -> list[Locked]:
    return list(read_lock(LOCK.read_text()))


@pytest.fixture(scope="module")
def made(packages: list[Locked]) -> dict[str, Any]:
    return bill(packages, at=AT)


def test_every_line_of_the_lock_file_is_a_component_with_all_its_hashes(made: dict[str, Any]) -> None:
    lock = LOCK.read_text()
    names = [line.split("==")[0] for line in lock.splitlines() if "==" in line and not line.startswith(" ")]
    told = [each["content"] for part in made["components"] for each in part["externalReferences"][0]["hashes"]]

    assert [part["name"] for part in made["components"]] == [canonicalize_name(name) for name in names]
    assert sorted(told) == sorted(
        line.strip(" \\").partition("sha256:")[2] for line in lock.splitlines() if "--hash" in line
    )


def test_component_says_what_it_is(made: dict[str, Any]) -> None:
    kopf = next(part for part in made["components"] if part["name"] == "kopf")
    assert kopf["purl"] == kopf["bom-ref"] == f"pkg:pypi/kopf@{kopf['version']}"
    assert (kopf["scope"], kopf["licenses"][0]) == ("required", {"expression": "MIT"})


def test_whatever_is_needed_here_says_its_licence(made: dict[str, Any], packages: list[Locked]) -> None:
    needed = {package.name for package in packages if package.is_needed_here}
    assert [part["name"] for part in made["components"] if part["name"] in needed and not part.get("licenses")] == []


def test_every_component_that_is_needed_here_is_reached_from_the_operator(
    made: dict[str, Any], packages: list[Locked]
) -> None:
    needs = {each["ref"]: each["dependsOn"] for each in made["dependencies"]}
    reached, left = set(), [ROOT_REF]
    while left:
        ref = left.pop()
        if ref not in reached:
            reached.add(ref)
            left.extend(needs[ref])
    assert reached == {ROOT_REF, *(package.purl for package in packages if package.is_needed_here)}


def test_same_lock_file_gives_the_same_bill(made: dict[str, Any], packages: list[Locked]) -> None:
    assert bill(packages, at=AT) == made
    assert bill(packages[1:], at=AT)["serialNumber"] != made["serialNumber"]


def test_no_address_of_an_index_is_in_it(made: dict[str, Any]) -> None:
    assert "://" not in str(made)


def test_package_of_one_platform_says_of_which() -> None:
    hashes = f"--hash=sha256:{'a' * 64}"
    (package,) = read_lock(f"colorama==0.4.6 ; sys_platform == 'win32' \\\n    {hashes}\n")

    (part,) = bill([package], at=AT)["components"]

    assert part["scope"] == "optional"
    assert part["properties"] == [{"name": "dragonfly-task-operator:marker", "value": 'sys_platform == "win32"'}]
    assert "licenses" not in part


@pytest.mark.parametrize("line", ["kopf>=1.45 --hash=sha256:" + "a" * 64, "kopf==1.45.2"])
def test_package_that_is_not_locked_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="is not locked"):
        list(read_lock(line))


@pytest.mark.parametrize(("name", "version"), [("kopf", "0.0.1"), ("no-such-package", "1.0")])
def test_environment_that_is_not_as_locked_is_refused(name: str, version: str) -> None:
    with pytest.raises(NotAsLocked, match="make venv"):
        bill([Locked(name, version, ("a" * 64,), None, is_needed_here=True)], at=AT)


def test_requirements_of_the_project_are_all_locked(packages: list[Locked]) -> None:
    direct = needs_of(metadata.distribution("dragonfly-task-operator"))
    assert direct - {package.name for package in packages} == set()
    assert "kopf" in direct
