"""Which server is asked through the proxy that the environment names: as programs written in Go do it."""

from __future__ import annotations

import pytest
from yarl import URL

from dragonfly_task_operator.oci.proxies import Proxies


@pytest.mark.parametrize(
    ("server", "no_proxy", "is_used"),
    [
        ("https://10.1.2.3:6443", "", True),
        ("https://10.1.2.3:6443", "10.0.0.0/8", False),
        ("https://10.1.2.3:6443", " 192.168.0.0/16 , 10.1.2.3", False),
        ("https://10.1.2.3:6443", "10.1.2.3:443", True),
        ("https://10.1.2.3:6443", "10.1.2.3:6443", False),
        ("https://10.1.2.3:6443", "11.0.0.0/8,rubbish/8", True),
        ("https://10.1.2.3:6443", "*", False),
        ("https://[fd00::7]:6443", "fd00::/8", False),
        ("https://[fd00::7]:6443", "fd00::7", False),
        ("https://[fd00::7]:6443", "[fd00::7]:6443", False),
        ("https://api.example.com", "example.com", False),
        ("https://API.example.com.", "API.EXAMPLE.COM", False),
        ("https://api.example.com", ".example.com", False),
        ("https://example.com", ".example.com", True),
        ("https://api.example.com", "*.example.com", False),
        ("https://api.badexample.com", "example.com", True),
        ("https://api.example.com", "example.com:443", False),
        ("https://api.example.com", "example.com:6443", True),
        ("https://api.example.com", "10.0.0.0/8", True),
        ("https://127.0.0.2:6443", "", False),
        ("https://localhost:6443", "", False),
        ("http://10.1.2.3:8080", "", False),  # for http there is HTTP_PROXY
    ],
)
def test_no_proxy_is_read_as_go_reads_it(server: str, no_proxy: str, *, is_used: bool) -> None:
    proxies = Proxies.from_environment({"https_proxy": "proxy.example.com:3128", "NO_PROXY": no_proxy})

    assert proxies.for_(URL(server)) == (URL("http://proxy.example.com:3128") if is_used else None)
