"""A dfdaemon as schedulers list it, in the bytes of `common.v2.Host`.

Real hosts carry cpu, memory, network and disk messages (fields 12 to 15) which the operator skips. They are
here as zeros of a size estimated from those messages' fields (not measured), because they make a list of some ten
thousand hosts larger than the 4 MiB that a gRPC client takes by default.
"""

from __future__ import annotations

from dataclasses import dataclass

from dragonfly_task_operator.protos_gen import common_pb2, scheduler_pb2

NORMAL = 0
SEED = 1

CLIENT_VERSION = "1.5.10"
"""What peers announce, unless they are told otherwise."""

_DETAIL_SIZES = {12: 128, 13: 48, 14: 56, 15: 80}  # cpu, memory, network, disk
_LENGTH_DELIMITED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedHost:
    """What one AnnounceHost said: enough to list the host, by type, without building a message."""

    host_id: str
    type: int
    listed: bytes
    """The host as one element of a serialised ListHostsResponse."""
    shares: bool

    @classmethod
    def of(cls, host: common_pb2.Host) -> AnnouncedHost:
        """Keep what a dfdaemon announced."""
        raw = scheduler_pb2.ListHostsResponse(hosts=[host]).SerializeToString()
        return cls(host_id=host.id, type=host.type, listed=raw, shares=not host.disable_shared)


def host_id(*, ip: str, hostname: str, seed: bool) -> str:
    """Give the id that a dfdaemon makes for itself."""
    return f"{ip}-{hostname}-seed" if seed else f"{ip}-{hostname}"


def host(
    *,
    ip: str,
    hostname: str,
    port: int,
    seed: bool = False,
    disable_shared: bool = False,
    version: str | None = CLIENT_VERSION,
) -> AnnouncedHost:
    """Make the announcement of a dfdaemon that serves DfdaemonUpload at ip:port. With no version it tells none."""
    message = common_pb2.Host(
        id=host_id(ip=ip, hostname=hostname, seed=seed),
        type=SEED if seed else NORMAL,
        hostname=hostname,
        ip=ip,
        port=port,
        download_port=port,
        os="linux",
        platform="debian",
        platform_family="debian",
        platform_version="12.11",
        kernel_version="6.1.0-37-amd64",
        scheduler_cluster_id=1,
        disable_shared=disable_shared,
        proxy_port=4001,
        name=hostname,
        build=None if version is None else common_pb2.Build(git_version=version),
    )
    message.MergeFromString(_MACHINE_DETAILS)
    return AnnouncedHost.of(message)


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


_MACHINE_DETAILS = b"".join(
    _varint(field << 3 | _LENGTH_DELIMITED) + _varint(size) + bytes(size) for field, size in _DETAIL_SIZES.items()
)
