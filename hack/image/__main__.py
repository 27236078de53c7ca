"""`make image-check`: build the image's layers without Docker, look them over, and run the result as its pod would."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from hack.image import trying
from hack.image.building import Built, build
from hack.image.dockerfile import read
from hack.image.errors import ImageError
from hack.installation import ROOT

BASE_PATH = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin"
UID = "65532"


def say(line: str) -> None:
    """Tell the person waiting."""
    print(line, flush=True)


def main() -> int:
    """Check it; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hack.image", description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="a Python, in place of the base image's")
    given = parser.parse_args()
    try:
        check(given.python)
    except ImageError as error:
        print(f"\nTHE IMAGE IS NOT AS IT HAS TO BE, OR COULD NOT BE CHECKED: {error}", file=sys.stderr)
        return 1
    return 0


def check(python: str) -> None:
    """Check the image. Raises ImageError."""
    missing = [program for program in ("unshare", "setpriv", "chroot") if shutil.which(program) is None]
    if os.geteuid() != 0 or missing:
        what = (
            f"there is no {', '.join(missing)} here"
            if missing
            else "it takes root to mount, and to become another user"
        )
        raise ImageError(f"{what}: run it on Linux, as root")
    prefix, version = prefix_of(python)
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    stages = read(dockerfile, arguments={}, base_environment={"PATH": BASE_PATH})
    say(f"NOT CHECKED: Docker, and the base image {stages[-1].base}. In its place: this machine, Python {version}.")
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        os.chmod(folder, 0o755)  # noqa: S103 - for the image's user to see
        image = build(stages, checkout=ROOT, into=Path(folder), python=prefix, say=say)
        if image.stage.user.split(":")[0] != UID:
            raise ImageError(f"it runs as {image.stage.user}, and deploy/ as {UID}")
        _look_over(image)
        trying.try_out(image, python=prefix, say=say)
    say("The image's layers are as they have to be.")


def prefix_of(python: str) -> tuple[Path, str]:
    """Give the prefix and the version of a Python. Raises ImageError."""
    tell = "import sys; print(sys.base_prefix, sys.version.split()[0], sep='\\n')"
    try:
        done = subprocess.run([python, "-c", tell], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ImageError(f"{python} is no Python that runs: {error}") from None
    prefix, version = done.stdout.split()
    if not Path(prefix, "bin", "python").exists():
        raise ImageError(f"{prefix} has no bin/python, as the base image has: name another Python with PYTHON=")
    return Path(prefix), version


def _look_over(image: Built) -> None:
    """Look at the files that the image adds. Raises ImageError."""
    files = [path for path in image.path("opt").rglob("*") if not path.is_dir() or path.is_symlink()]
    size = sum(path.lstat().st_size for path in files)
    say(f"layer: {len(files)} files, {size / (1 << 20):.0f} MiB under /opt")
    for path in files:
        mode, inside = path.lstat().st_mode, path.relative_to(image.folder)
        if not path.is_symlink() and (mode & 0o6022 or not mode & 0o004):
            raise ImageError(f"/{inside} has the mode {mode & 0o7777:o}")
    for tool in ("pip", "hatchling"):
        if list(image.path("opt").glob(f"**/site-packages/{tool}")):
            raise ImageError(f"it has {tool}, which only the build needs")


if __name__ == "__main__":
    sys.exit(main())
