"""URLs with a planted secret, through everything that the operator puts out: nothing of the secret is in any of it."""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime

from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dragonfly_task_operator.api.specs import TaskSearchSpec
from dragonfly_task_operator.cli import main
from dragonfly_task_operator.dragonfly.task_ids import url_candidates
from dragonfly_task_operator.engine import verdict
from dragonfly_task_operator.engine.identity import Identity
from dragonfly_task_operator.engine.ledger import Failed, Ledger
from dragonfly_task_operator.engine.model import Host, HostType, PlannedTask, TaskMetadata
from dragonfly_task_operator.engine.report import results
from dragonfly_task_operator.engine.subject import describe
from dragonfly_task_operator.engine.summary import summarise
from dragonfly_task_operator.errors import InvalidTarget, PeerReason, RunError
from dragonfly_task_operator.observability import logs
from dragonfly_task_operator.observability.logs import fields
from dragonfly_task_operator.observability.metrics import Metrics
from dragonfly_task_operator.oci.urls import ManifestURL

SECRET = "pl4nted5ecret"
TASK = "a1" * 32
NOW = datetime(2026, 11, 25, tzinfo=UTC)
HOST = Host("10.0.0.1-n1", "n1", "10.0.0.1", 4000, HostType.NORMAL, 1, "default")

SIGNS = st.text(alphabet="abAZ09'\"<>\\;:%25&=/?#@ \u00fc\u65e5.,()[]{}|^`", max_size=10)
VALUE = SIGNS.map(lambda signs: signs.replace("&", "+"))  # else what follows is a name, and names stay
USER_INFO = st.text(alphabet="abAZ09'\"<>;:%25&=@ \u00fc.,", max_size=10)
SCHEMES = st.sampled_from(["https", "HTTP", "s3", "hf", "oss", "hdfs"])
HOSTS = st.sampled_from(["h.example.com", "minio", "127.0.0.1:8080", "[2001:db8::1]", "h.example.com:port", ""])
PATHS = st.sampled_from(["", "/", "/m.bin", "/v2/n/manifests/1", "/a b/c", "/v2/n/blobs/sha256:ab", "/https://x/y"])


@st.composite
def urls(draw: st.DrawFn) -> str:
    user = f"{draw(USER_INFO)}:{SECRET}{draw(USER_INFO)}@" if draw(st.booleans()) else ""
    query = "&".join(
        f"{draw(SIGNS)}={draw(VALUE)}{SECRET}{draw(SIGNS)}" if draw(st.booleans()) else f"{draw(SIGNS)}{SECRET}"
        for _ in range(draw(st.integers(0, 3)))
    )
    fragment = f"#{draw(SIGNS)}{SECRET}" if draw(st.booleans()) else ""
    return f"{draw(SCHEMES)}://{user}{draw(HOSTS)}{draw(PATHS)}{'?' if query else ''}{query}{fragment}"


def error_of(url: str) -> list[RunError]:
    found: list[RunError] = []
    for make in (url_candidates, lambda each: ManifestURL.of(each, scheme=lambda host: "https").url):
        try:
            make(url)
        except InvalidTarget as error:
            found.append(error)
    return found


def status_of(url: str) -> str:
    """What a status tells of a search for a URL, where the scheduler and a peer's error quote it as well."""
    task = PlannedTask(id=TASK, target=0, identity=Identity.URL, subject="0", url=url)
    ledger = Ledger((task,))
    ledger.add_hosts([HOST])
    ledger.metadata[TASK] = TaskMetadata(url, "STANDARD", None, None, (), None, None, 1, "Succeeded", None, None)
    said = f"failed to get {url}: 403"
    ledger.record(TASK, HOST.id, Failed(PeerReason.INTERNAL, said, retryable=False, had_copy=False, at=NOW))
    summary = summarise(ledger, is_complete=True)
    spec = TaskSearchSpec.model_validate({"targets": [{"taskID": TASK}]})
    verdicts = (verdict.judge(spec, ledger, summary), verdict.out_of_time(spec, summary, None))
    return json.dumps([results(ledger, summary, deleting=False).to_json(), *(each.message for each in verdicts)])


def logged(text: str) -> str:
    lines = io.StringIO()
    for formatter in (logs._Json(), logs._Text("%(message)s")):
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "run.failed", (), None)
        record.__dict__.update(fields(error=text, object="TaskSearch a/b"))
        lines.write(formatter.format(record))
    return lines.getvalue()


@settings(max_examples=2000, deadline=None)
@given(urls())
def test_no_output_shows_a_planted_secret(url: str) -> None:
    errors = error_of(url)
    stopped = [verdict.stopped_by(error).message for error in errors]
    shown = [status_of(url), *stopped, *(logged(str(error)) for error in errors), *map(str, errors)]
    try:
        shown.append(describe(TaskSearchSpec.model_validate({"targets": [{"url": url}]}).targets))
    except ValueError as error:
        first = error.errors(include_input=False)[0]["msg"]  # type: ignore[attr-defined]  # what InvalidSpec says
        shown.append(first)
    assert [each for each in shown if SECRET in each] == []


@settings(max_examples=200, deadline=None)
@given(urls())
def test_task_id_shows_no_planted_secret(url: str) -> None:
    done = CliRunner().invoke(main, ["task-id", "--url", url])
    by_file = CliRunner().invoke(main, ["task-id", "-f", "-"], input=f"- imageManifestURL: {json.dumps(url)}\n  x: y\n")
    assert SECRET not in done.output + by_file.output


def test_no_metric_has_a_label_for_a_url() -> None:
    metrics = Metrics()
    labels = {name for family in metrics._registry.collect() for sample in family.samples for name in sample.labels}
    assert labels <= {"kind", "reason", "method", "outcome", "state", "le"}
