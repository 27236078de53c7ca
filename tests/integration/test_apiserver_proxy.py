"""The proxy between operator and API server does what it is told: what other tests show rests on it."""

from __future__ import annotations

import contextlib
import gc
import http.client
import json
import ssl
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hack.controlplane.server import ControlPlane
from tests.apiserver_proxy import HTML, ApiServerProxy
from tests.objects import wait_for
from tests.simulator.tls.authority import Authority

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("kubectl")]

PODS = "/api/v1/namespaces/default/pods"
CONFIGMAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def proxy(control_plane: ControlPlane) -> Iterator[ApiServerProxy]:
    with ApiServerProxy(control_plane.admin_kubeconfig).running() as proxy:
        yield proxy


def ask(
    proxy: ApiServerProxy, path: str = PODS, *, token: str = "", ca: bytes = b"", body: Any = None
) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{proxy.url}{path}", data, headers)
    context = ssl.create_default_context(cadata=ca.decode()) if ca else None
    try:
        with urllib.request.urlopen(request, timeout=3, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_requests_go_through_and_are_counted(proxy: ApiServerProxy) -> None:
    code, body = ask(proxy)

    assert (code, json.loads(body)["kind"]) == (200, "PodList")
    assert (proxy.requests("GET .*/pods$"), proxy.requests("PATCH")) == (1, 0)


def test_requests_that_match_are_answered_as_often_as_it_was_said(proxy: ApiServerProxy) -> None:
    proxy.answers("GET .*/pods", 404, HTML, times=2)

    assert [ask(proxy)[0] for _ in range(3)] == [404, 404, 200]
    assert ask(proxy)[1] != HTML


def test_answer_afterwards_hides_what_was_done(proxy: ApiServerProxy, control_plane: ControlPlane) -> None:
    proxy.answers("POST .*/configmaps", 500, HTML, times=1, after=True)
    body = {"metadata": {"name": "hidden"}}

    assert ask(proxy, CONFIGMAPS, body=body) == (500, HTML)
    assert control_plane.request("GET", f"{CONFIGMAPS}/hidden")["metadata"]["name"] == "hidden"


def test_frozen_request_gets_no_answer_and_the_next_one_does(proxy: ApiServerProxy) -> None:
    proxy.freezes("GET .*/pods", times=1)

    with pytest.raises(TimeoutError):
        ask(proxy)
    assert ask(proxy)[0] == 200


def test_cut_request_gets_no_answer_and_a_closed_connection(proxy: ApiServerProxy) -> None:
    proxy.cuts("GET .*/pods", times=1)

    with pytest.raises((ConnectionError, http.client.HTTPException)):
        ask(proxy)


def test_frozen_connections_are_silent_and_new_ones_are_not(proxy: ApiServerProxy) -> None:
    with contextlib.closing(http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=2)) as connection:
        connection.request("GET", PODS)
        connection.getresponse().read()

        proxy.freezes_connections()

        connection.request("GET", PODS)
        with pytest.raises(TimeoutError):
            connection.getresponse()
    assert ask(proxy)[0] == 200


def test_new_connections_are_silent_too_until_the_proxy_behaves(proxy: ApiServerProxy) -> None:
    proxy.freezes_connections(new_ones=True)

    with pytest.raises(TimeoutError):
        ask(proxy)
    proxy.behaves()
    assert ask(proxy)[0] == 200


def test_token_that_is_not_accepted_is_answered_401_in_the_api_servers_words(proxy: ApiServerProxy) -> None:
    proxy.accepts_only("new")

    code, body = ask(proxy, token="old")
    assert (code, json.loads(body)["reason"]) == (401, "Unauthorized")
    assert ask(proxy, token="new")[0] == 200


def test_watch_tells_what_is_inserted_and_ends(proxy: ApiServerProxy) -> None:
    with urllib.request.urlopen(f"{proxy.url}{PODS}?watch=1", timeout=10) as watch:
        wait_for(lambda: proxy.open_watches("/pods") == 1, "the watch")
        proxy.tells_watches(b"garbage")
        proxy.fails_watches(500, "InternalError", "etcdserver: no leader")
        lines = watch.read().splitlines()

    assert lines[0] == b"garbage"
    assert json.loads(lines[1])["object"]["message"] == "etcdserver: no leader"
    wait_for(lambda: proxy.open_watches() == 0, "its end")


def test_proxy_leaves_no_connection_though_the_api_server_answers_nothing(control_plane: ControlPlane) -> None:
    """Those that it leaves are found in the garbage, whatever test runs by then."""
    try:
        with ApiServerProxy(control_plane.admin_kubeconfig).running() as proxy:
            assert ask(proxy)[0] == 200
            control_plane.pause_apiserver()
            with pytest.raises(TimeoutError):
                ask(proxy)
    finally:
        control_plane.resume_apiserver()
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        gc.collect()

    assert [str(each.message) for each in found] == []


def test_certificate_is_replaced(control_plane: ControlPlane, tmp_path: Path) -> None:
    old, new = Authority("old"), Authority("new")
    proxy = ApiServerProxy(control_plane.admin_kubeconfig, certificate=old.signs("127.0.0.1"), folder=tmp_path)
    with proxy.running():
        assert ask(proxy, ca=old.cert)[0] == 200

        proxy.shows(new.signs("127.0.0.1"))

        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            ask(proxy, ca=old.cert)
        assert ask(proxy, ca=new.cert)[0] == 200
