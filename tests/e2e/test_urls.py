"""URLs in odd forms: what the operator calculates must be what dfdaemon calculates, to the byte.

The origin answers for any host, as the HTTP proxy of the dfdaemons.
"""

from __future__ import annotations

import pytest

from tests.e2e.runs import Runs
from tests.real import RealDragonfly

pytestmark = pytest.mark.real

ODD = {
    "upper-case scheme and host": "HTTP://Files.EXAMPLE.com{path}",
    "default port": "http://files.example.com:80{path}",
    "other port": "http://files.example.com:8080{path}",
    "IDN host": "http://bücher.example{path}",
    "IDN host in capitals": "http://BÜCHER.example{path}",
    "dot segments": "http://files.example.com/a/./b/..//..{path}",
    "percent-escaped dot segments": "http://files.example.com/a/%2e%2E{path}",
    "unsorted query": "http://files.example.com{path}?z=1&a=2&m=3&a=1",
    "query with escapes": "http://files.example.com{path}?q=a%20b+c%2Bd&e=%7E~*'()&ä=ö",
    "query with empty pairs": "http://files.example.com{path}?&&a&b=&=c",
    "query with a semicolon": "http://files.example.com{path}?a=1;b=2&c=3",
    "empty query": "http://files.example.com{path}?",
    "only filtered params": "http://files.example.com{path}?Expires=1&Signature=2",
    "fragment": "http://files.example.com{path}?a=1#part",
    "user info": "http://user:pass@files.example.com{path}",
    "escapes of other cases": "http://files.example.com/%c3%A4%2f%41{path}",
    "characters that need escapes": 'http://files.example.com/a b"<ä>{path}',
    "backslashes": "http://files.example.com\\a\\b{path}",
    "IPv4 address in hexadecimal": "http://0x7f.1{path}",
    "IPv6 address": "http://[0:0::0001]{path}",
}


@pytest.fixture(params=ODD.values(), ids=list(ODD))
def url(request: pytest.FixtureRequest, dragonfly: RealDragonfly, path: str) -> str:
    dragonfly.origin.puts(path, b"content of an odd URL")
    form: str = request.param
    return form.format(path=path)


def test_url_that_dfget_downloads_is_found(dragonfly: RealDragonfly, runs: Runs, url: str) -> None:
    task = dragonfly.peers["n0"].downloads(url)

    assert runs.search(url=url).found == {task}


def test_url_that_is_part_of_the_task_in_full_is_found(dragonfly: RealDragonfly, runs: Runs, url: str) -> None:
    task = dragonfly.peers["n0"].downloads(url, "--filtered-query-param=")

    assert runs.search(url=url, filteredQueryParams=[""]).found == {task}


@pytest.mark.parametrize(
    "form",
    [
        "http://files.example.com:80{path}",
        "http://files.example.com{path}?z=1&a=2&Expires=3",
        "http://FILES.example.com/a/../b{path}",
        "http://files.example.com/%c3%A4{path}",
    ],
)
def test_url_that_a_proxy_downloads_as_it_is_written_is_found(
    dragonfly: RealDragonfly, runs: Runs, path: str, form: str
) -> None:
    dragonfly.origin.puts(path, b"content of a relayed URL")
    url = form.format(path=path)

    dragonfly.peers["n0"].relays(url, {"X-Dragonfly-Use-P2P": "true"})

    assert runs.search(url=url).caching == {"n0"}
