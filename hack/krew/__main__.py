"""Writes `kubectl-dragonfly-VERSION.tar.gz`, and the krew manifest `dragonfly.yaml` for where it is going to be."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import yaml

from dragonfly_task_operator import __version__
from hack.installation import ROOT

HERE = Path(__file__).parent
LAUNCHER = "kubectl-dragonfly"


def archive(folder: Path) -> bytes:
    """Pack the launcher, the licence and a wheel: the same bytes for the same contents."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, ROOT],
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, mode in ((HERE / LAUNCHER, 0o755), (ROOT / "LICENSE", 0o644), (wheel, 0o644)):
            member = tarfile.TarInfo(path.name)
            member.size, member.mode = path.stat().st_size, mode
            with path.open("rb") as file:
                tar.addfile(member, file)
    return gzip.compress(packed.getvalue(), mtime=0)


def manifest(content: bytes, *, uri: str, homepage: str) -> str:
    """Fill the manifest in for an archive."""
    text = (HERE / "dragonfly.yaml").read_text(encoding="utf-8")
    said = {
        "VERSION": f"v{__version__}",
        "HOMEPAGE": homepage,
        "URI": uri,
        "SHA256": hashlib.sha256(content).hexdigest(),
    }
    for word, value in said.items():
        text = text.replace(f": {word}\n", f": {yaml.safe_dump(value).splitlines()[0]}\n")
    return text


def main() -> int:
    """Write both; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hack.krew", description=__doc__)
    parser.add_argument("--uri", required=True, help="where the archive will be had from")
    parser.add_argument("--homepage", required=True, help="of the project")
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="a folder; default: dist")
    given = parser.parse_args()
    given.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        content = archive(Path(folder))
    path = given.into / f"{LAUNCHER}-{__version__}.tar.gz"
    path.write_bytes(content)
    written = given.into / "dragonfly.yaml"
    written.write_text(manifest(content, uri=given.uri, homepage=given.homepage), encoding="utf-8")
    print(f"{path}\n{written}\nTry it: kubectl krew install --manifest={written} --archive={path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
