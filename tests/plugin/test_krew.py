"""What `make krew` writes, and that it runs: as krew would install it, on a machine with Python and nothing else."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from dragonfly_task_operator import __version__

URI = "https://dl.example.com/kubectl-dragonfly.tar.gz"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [
        sys.executable,
        "-m",
        "hack.krew",
        "--uri",
        URI,
        "--homepage",
        "https://example.com",
        "--into",
        str(folder),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def archive_of(dist: Path) -> Path:
    return dist / f"kubectl-dragonfly-{__version__}.tar.gz"


@pytest.fixture
def installed(dist: Path, tmp_path: Path) -> Path:
    """Where krew would have unpacked it, and the link that it makes."""
    folder = tmp_path / "store"
    with tarfile.open(archive_of(dist)) as tar:
        tar.extractall(folder, filter="data")
    link = tmp_path / "bin" / "kubectl-dragonfly"
    link.parent.mkdir()
    link.symlink_to(folder / "kubectl-dragonfly")
    return link


def test_manifest_is_that_of_the_archive(dist: Path) -> None:
    manifest: dict[str, Any] = yaml.safe_load((dist / "dragonfly.yaml").read_text())

    spec = manifest["spec"]
    (platform,) = spec["platforms"]
    with tarfile.open(archive_of(dist)) as tar:
        members = {member.name: member for member in tar.getmembers()}
    assert (manifest["kind"], manifest["metadata"], spec["version"]) == (
        "Plugin",
        {"name": "dragonfly"},
        f"v{__version__}",
    )
    assert (spec["homepage"], platform["uri"]) == ("https://example.com", URI)
    assert platform["sha256"] == hashlib.sha256(archive_of(dist).read_bytes()).hexdigest()
    assert members[platform["bin"]].mode == 0o755
    assert sum(name.endswith(".whl") for name in members) == 1
    assert len(spec["shortDescription"]) <= 50  # what krew-index wants


def run(installed: Path, tmp_path: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # What the wheel needs comes from this environment: nothing is to be fetched in a test.
    ours = {
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PYTHONPATH": sysconfig.get_paths()["purelib"],
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    return subprocess.run(
        [installed, *words], env=os.environ | ours | environment, capture_output=True, text=True, check=False
    )


def test_plugin_prepares_itself_once(installed: Path, tmp_path: Path) -> None:
    first = run(installed, tmp_path, "--version")
    second = run(installed, tmp_path, "__complete", "sus")

    assert (first.returncode, first.stdout) == (0, f"kubectl dragonfly, version {__version__}\n"), first.stderr
    assert first.stderr.startswith("preparing kubectl dragonfly in ")
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.startswith("suspend\t")


def test_machine_without_python_is_told(installed: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("dirname", "readlink", "cksum", "tr", "env", "sh"):
        (tools / name).symlink_to(next(Path(f).joinpath(name) for f in ("/usr/bin", "/bin") if Path(f, name).exists()))

    done = run(installed, tmp_path, "--version", PATH=str(tools))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: kubectl dragonfly needs Python 3.11 or newer, with venv")
