"""What runs cost the API server and etcd: requests, bytes and CPU time, by their own metrics and the kernel's."""

from __future__ import annotations

import re
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks.results import Measurement
from hack.controlplane.server import ControlPlane
from hack.kubectl import Kubectl

_LINE = re.compile(r"(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_APPLIED = frozenset({"tasksearches", "taskdeletions"})
"""What the benchmarks themselves make."""
_TOO_MANY = "429"
_TICKS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Counts since the servers started, or between two of these.

    Attributes:
        writes: of our kinds and of Events, by "VERB resource/subresource", without the objects that were applied.
        body_bytes: what the bodies of these were, by resource.
        turned_away: requests answered 429.
        etcd_puts, etcd_bytes: keys put, and bytes written to its log.
        apiserver_cpu, etcd_cpu: in seconds.
    """

    writes: Counter[str]
    body_bytes: Counter[str]
    turned_away: float
    etcd_puts: float
    etcd_bytes: float
    apiserver_cpu: float
    etcd_cpu: float

    @classmethod
    def of(cls, control_plane: ControlPlane) -> Load:
        """Read everything now."""
        told = list(_samples(Kubectl.as_admin(control_plane).must("get", "--raw", "/metrics")))
        with urllib.request.urlopen(f"{control_plane.etcd_url}/metrics") as answer:
            etcd = {name: value for name, _, value in _samples(answer.read().decode())}
        pids = control_plane.pids
        return cls(
            writes=_writes(told),
            body_bytes=_body_bytes(told),
            turned_away=sum(
                value
                for name, labels, value in told
                if name == "apiserver_request_total" and labels["code"] == _TOO_MANY
            ),
            etcd_puts=etcd["etcd_mvcc_put_total"],
            etcd_bytes=etcd["etcd_disk_wal_write_bytes_total"],
            apiserver_cpu=cpu_seconds(pids["kube-apiserver"]),
            etcd_cpu=cpu_seconds(pids["etcd"]),
        )

    def __sub__(self, before: Load) -> Load:
        """Give what came since."""
        return Load(**{each.name: getattr(self, each.name) - getattr(before, each.name) for each in fields(self)})

    def measurements(self, what: str, *, runs: int) -> list[Measurement]:
        """Tell it for one run of so many."""
        return [
            Measurement(
                what=f"{what}: writes to the API server a run",
                value=sum(self.writes.values()) / runs,
                detail={kind: count / runs for kind, count in sorted(self.writes.items())},
            ),
            Measurement(
                what=f"{what}: bytes of these a run",
                value=sum(self.body_bytes.values()) / runs / 1024,
                unit=" KiB",
                detail={kind: count / runs for kind, count in sorted(self.body_bytes.items())},
            ),
            Measurement(
                what=f"{what}: of these in TaskReports a run",
                value=self.body_bytes["taskreports"] / runs / 1024,
                unit=" KiB",
            ),
            Measurement(
                what=f"{what}: bytes in etcd's log a run",
                value=self.etcd_bytes / runs / 1024,
                unit=" KiB",
                detail={"puts": self.etcd_puts / runs},
            ),
            Measurement(
                what=f"{what}: CPU of the API server and etcd a run",
                value=(self.apiserver_cpu + self.etcd_cpu) / runs * 1000,
                unit=" ms",
                detail={"apiserver": self.apiserver_cpu, "etcd": self.etcd_cpu},
            ),
            Measurement(what=f"{what}: requests answered 429", value=self.turned_away),
        ]


def cpu_seconds(pid: int | None) -> float:
    """Give the CPU time that a process has used, in seconds; 0 for none."""
    if pid is None:
        return 0.0
    # proc(5): after the name in brackets, utime and stime are the 12th and 13th field, in ticks of 10 ms.
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / _TICKS


_Sample = tuple[str, Mapping[str, str], float]


def _samples(text: str) -> Iterator[_Sample]:
    """Read metrics in the text format of Prometheus."""
    for line in text.splitlines():
        if (match := _LINE.fullmatch(line)) is not None:
            yield match["name"], dict(_LABEL.findall(match["labels"] or "")), float(match["value"])


def _is_ours(labels: Mapping[str, str]) -> bool:
    return labels["group"] == "tasks.d7y.io" or labels["resource"] == "events"


def _writes(told: Iterable[_Sample]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name, labels, value in told:
        if name != "apiserver_request_total" or labels["verb"] not in _WRITING or not _is_ours(labels):
            continue
        if labels["verb"] == "POST" and labels["resource"] in _APPLIED:
            continue
        kind = "/".join(filter(None, (labels["resource"], labels["subresource"])))
        counts[f"{labels['verb']} {kind}"] += int(value)
    return counts


def _body_bytes(told: Iterable[_Sample]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name, labels, value in told:
        if name != "apiserver_request_body_size_bytes_sum" or not _is_ours(labels):
            continue
        if labels["verb"] == "create" and labels["resource"] in _APPLIED:
            continue
        counts[labels["resource"]] += int(value)
    return counts
