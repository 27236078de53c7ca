"""Whoever is not the person whom the console is for: tried with the browser of the person, who is logged in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser

from hack.controlplane.server import ControlPlane
from tests.console.browsing import Console, Person, console
from tests.objects import Objects

pytestmark = pytest.mark.controlplane

FORM = """<!doctype html><form method="post" action="{action}"><input name="way" value="taskID">
<input name="taskID" value="{task}"></form><script>document.forms[0].submit()</script>"""
FETCH = """<!doctype html><title>waiting</title><script>
const body = new URLSearchParams({{way: "taskID", taskID: "{task}"}});
fetch("{action}", {{method: "POST", body, mode: "no-cors", credentials: "include"}})
  .then(() => {{ document.title = "sent"; }}, () => {{ document.title = "not sent"; }});
</script>"""
READ = """<!doctype html><title>waiting</title><script>
fetch("{action}", {{credentials: "include"}})
  .then((answer) => answer.text())
  .then((text) => {{ document.title = text; }}, () => {{ document.title = "not read"; }});
</script>"""
FRAME = """<!doctype html><iframe src="{action}"></iframe>"""
TASK = "e1" * 32


@pytest.fixture(scope="module")
def served(
    control_plane: ControlPlane, objects: Objects, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Console]:
    del objects, browser
    log = tmp_path_factory.mktemp("console") / "console.log"
    with console(control_plane.admin_kubeconfig, log=log) as running:
        yield running


class Attacker(ThreadingHTTPServer):
    """Serves one page to whomever comes, and notes the cookies that they bring."""

    def __init__(self, page: str) -> None:
        self.page = page.encode()
        self.cookies: list[str | None] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Attacker

    def do_GET(self) -> None:
        self.server.cookies.append(self.headers.get("Cookie"))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.page)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


@contextmanager
def attacker(page: str, person: Person, path: str) -> Iterator[Attacker]:
    """Serve an evil page, which knows even the secret path of the console."""
    server = Attacker(page.format(action=f"{person.root}{path}", task=TASK))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def elsewhere(host: str, server: Attacker) -> str:
    return f"http://{host}:{server.server_port}/"


HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.example.com"])
"""127.0.0.1 at another port is the same site as ours, to a browser: cookies are sent there."""


@HOSTS
def test_form_of_another_origin_makes_nothing(person: Person, objects: Objects, host: str) -> None:
    page = person.context.new_page()
    with (
        attacker(FORM, person, "/searches") as server,
        page.expect_response(lambda response: response.request.method == "POST") as posted,
    ):
        page.goto(elsewhere(host, server))

    assert posted.value.status in {401, 403}
    assert objects.all("TaskSearch") == []


@HOSTS
def test_script_of_another_origin_makes_nothing(person: Person, objects: Objects, host: str) -> None:
    page = person.context.new_page()
    with attacker(FETCH, person, "/searches") as server:
        page.goto(elsewhere(host, server))
        page.wait_for_function("() => document.title !== 'waiting'")

    assert objects.all("TaskSearch") == []


@HOSTS
def test_script_of_another_origin_reads_nothing(person: Person, host: str) -> None:
    page = person.context.new_page()
    with attacker(READ, person, "/executions") as server:
        page.goto(elsewhere(host, server))
        page.wait_for_function("() => document.title !== 'waiting'")

        assert page.title() == "not read"


def test_page_of_another_origin_shows_no_frame_of_ours(person: Person) -> None:
    page = person.context.new_page()
    with (
        attacker(FRAME, person, "/executions") as server,
        page.expect_console_message(lambda message: message.type == "error") as refusal,
    ):
        page.goto(elsewhere("127.0.0.1", server))

    assert person.console.origin in refusal.value.text
    assert "Executions" not in page.frames[-1].content()


def test_another_server_on_this_machine_is_sent_no_cookie(person: Person) -> None:
    with attacker("<!doctype html>", person, "/") as server:
        person.context.new_page().goto(elsewhere("127.0.0.1", server))

        assert [cookie for cookie in server.cookies if cookie] == []


def test_foreign_name_for_this_machine_is_refused(person: Person, served: Console) -> None:
    """As where a page on the web has its own name lead here (DNS rebinding)."""
    token = served.first_url.partition("?")[2]
    for path in ("/", f"/?{token}"):
        answer = person.context.new_page().goto(f"http://evil.example.com:{served.port}{path}")

        assert answer is not None
        assert answer.status == 403


def test_wrong_token_is_told_what_to_do(browser: Browser, served: Console) -> None:
    context = browser.new_context()
    page = context.new_page()
    try:
        answer = page.goto(f"{served.origin}/?token=guessed")

        assert answer is not None
        assert answer.status == 401
        assert "open the URL that `kubectl dragonfly console` has printed" in page.inner_text("body")
    finally:
        context.close()
