"""A file system of its own for a command: the machine's programs, read-only, and folders that are given, where asked.

A mount namespace, so that nothing of it is seen, or left, outside. The process is the command's own, for signals.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("bin", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr")
"""Of the machine's file system."""


@dataclass(slots=True)
class Room:
    """What a command finds.

    Attributes:
        python: the prefix of the Python that is in /usr/local, where an image of Python has it.
        shown: folders and files of the machine, by where they are in the room; read-only.
        writable: the same, writable.
    """

    python: Path
    shown: dict[str, Path] = field(default_factory=dict)
    writable: dict[str, Path] = field(default_factory=dict)

    def command(
        self, command: Sequence[str], *, environment: Mapping[str, str], user: str = "0:0", folder: str = "/"
    ) -> list[str]:
        """Give the command that runs a command in there.

        Args:
            command: what to run.
            environment: all of it.
            user: uid:gid, without any capability if it is not root.
            folder: to run it in.
        """
        uid, _, gid = user.partition(":")
        become = ["setpriv", f"--reuid={uid}", f"--regid={gid or uid}", "--clear-groups"]
        if uid != "0":
            become += ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        given = [f"{name}={value}" for name, value in environment.items()]
        inside = shlex.join([*become, "env", "-i", f"--chdir={folder}", *given, *command])
        return [
            shutil.which("unshare") or "unshare",
            "--mount",
            "sh",
            "-euc",
            f"{self._mounts()}\nexec chroot . {inside}",
        ]

    def _mounts(self) -> str:
        lines = ["mount --make-rprivate /", "mount -t tmpfs -o mode=755 tmpfs /mnt", "cd /mnt", "mkdir dev proc"]
        lines += ["mount --rbind /dev dev", "mount -t proc proc proc"]
        for name in PROGRAMS:
            path = Path("/", name)
            if path.is_symlink():
                lines.append(f"ln -s {shlex.quote(os.readlink(path))} {name}")
            elif path.is_dir():
                lines += _bound(path, name)
        if not self.python.is_relative_to("/usr"):
            # Over what the machine has there; and where it was made for, as it may look for its libraries there.
            lower = shlex.quote(f"lowerdir={self.python}:/usr/local")
            lines.append(f"mount -t overlay -o ro,{lower} overlay usr/local")
            lines += _bound(self.python, str(self.python).strip("/"))
        for where, path in self.writable.items():
            lines += _bound(path, where.strip("/"), mode="rw")
        for where, path in self.shown.items():  # later, as it may be inside of these
            lines += _bound(path, where.strip("/"))
        return "\n".join([*lines, "mount -o remount,ro /mnt"])


def _bound(path: Path, where: str, *, mode: str = "ro") -> list[str]:
    target = shlex.quote(where)
    make = f"mkdir -p {target}" if path.is_dir() else f"mkdir -p {shlex.quote(str(Path(where).parent))}; : > {target}"
    return [make, *_mounted(path, where, mode=mode)]


def _mounted(path: Path, where: str, *, mode: str = "ro") -> list[str]:
    target = shlex.quote(where)
    return [f"mount --bind {shlex.quote(str(path))} {target}", f"mount -o remount,bind,{mode} {target}"]
