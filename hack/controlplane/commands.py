"""The command lines of the two servers, and why the flags that are not plain addresses are there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_ISSUER = "https://kubernetes.default.svc.cluster.local"


def etcd_command(program: Path, *, data: Path, port: int) -> list[str | Path]:
    """Describe an etcd of one member for clients on `port`."""
    url = f"http://127.0.0.1:{port}"
    return [
        program,
        f"--data-dir={data}",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        # It has no peers; any port will do.
        "--listen-peer-urls=http://127.0.0.1:0",
        # Written data survives kill -9 all the same, only not the machine's own fall.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def apiserver_command(
    program: Path,
    *,
    port: int,
    etcd_port: int,
    certificates: Path,
    tokens: Path,
    signing_key: Path,
    more: Sequence[str],
) -> list[str | Path]:
    """Describe a kube-apiserver on `port`; it makes the serving certificates that `certificates` lacks.

    API Priority and Fairness stays on, as in a cluster: admin is exempt from it, a ServiceAccount is not.
    """
    return [
        program,
        f"--etcd-servers=http://127.0.0.1:{etcd_port}",
        "--bind-address=127.0.0.1",
        # Otherwise the address of the default route is looked for, which a machine without a network lacks.
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={certificates}",
        f"--token-auth-file={tokens}",
        "--authorization-mode=RBAC",
        f"--service-account-issuer={_ISSUER}",
        f"--api-audiences={_ISSUER}",
        f"--service-account-signing-key-file={signing_key}",
        # A private key does here too: its public half is what is used.
        f"--service-account-key-file={signing_key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        # Nobody makes the default ServiceAccounts that this plugin insists on.
        "--disable-admission-plugins=ServiceAccount",
        # It refuses loopback addresses, and nobody dials the Service "kubernetes".
        "--endpoint-reconciler-type=none",
        "--allow-privileged=true",
        "--max-requests-inflight=1200",
        "--max-mutating-requests-inflight=600",
        # Without it a graceful stop waits a minute for the watches to end by themselves.
        "--shutdown-watch-termination-grace-period=1s",
        "--profiling=false",
        *more,
    ]
