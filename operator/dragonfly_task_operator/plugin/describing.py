"""One run, for people: the verdict, what was asked for, the tasks, failures and what to do about them, earlier runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dragonfly_task_operator.api import loose
from dragonfly_task_operator.client.run import Run
from dragonfly_task_operator.observability.redaction import redact
from dragonfly_task_operator.plugin import showing
from dragonfly_task_operator.plugin.options import Session
from dragonfly_task_operator.plugin.screen import Cell, Screen
from dragonfly_task_operator.plugin.words import age, bytes_of, counted, duration

_TASKS = 10
_SETTINGS = (
    "dryRun",
    "unfinishedDownloads",
    "unreachablePeers",
    "schedulerClusterIDs",
    "refreshIntervalSeconds",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
    "runID",
    "suspend",
)


def describe(session: Session, run: Run, now: datetime) -> None:
    """Say all about a run."""
    screen = session.screen
    screen.say(Cell(f"{run.kind.name} {run.namespace}/{run.name}", "bold"))
    showing.verdict(screen, run)
    screen.say("")
    _facts(screen, run, now)
    _targets(screen, run)
    _images(screen, run)
    _tasks(session, run)
    if run.failure_reasons or (run.is_over and not run.succeeded) or not run.is_current:
        screen.say("")
        showing.advice(screen, run)
    _history(screen, run, now)


def _facts(screen: Screen, run: Run, now: datetime) -> None:
    counts, record = run.counts, run.record
    if record.started is not None:
        ended = record.completed or now
        how = f"for {duration((ended - record.started).total_seconds())}"
        when = f"ended {age(record.completed, now)} ago" if record.completed else "is going"
        _fact(screen, "Run", f"{record.run_key}, {how}, {when}{f', progress {run.progress}' if run.progress else ''}")
    if counts.total:
        told = [f"{counts.total:,} asked", f"{counts.caching:,} had it"]
        if run.is_deletion and not run.is_dry_run:
            told += [f"{counts.deleted:,} cleared", f"{counts.already_absent:,} never had it"]
        told += [f"{counts.failed:,} failed", f"{counts.unreachable:,} unreachable"]
        told += [f"{counts.gone:,} left the cluster"] if counts.gone else []
        _fact(screen, "Peers", ", ".join(told))
    unsaid = {field.alias: field.default for field in run.kind.spec.model_fields.values()}
    said = {name: run.spec.get(name) for name in _SETTINGS}
    settings = [f"{name}: {value}" for name, value in said.items() if value not in (None, unsaid.get(name))]
    if settings:
        _fact(screen, "Spec", ", ".join(settings))
    _fact(screen, "Made", f"{age(run.created, now)} ago")


def _fact(screen: Screen, name: str, text: str) -> None:
    screen.say(f"  {name:9}{redact(text)}")


def _targets(screen: Screen, run: Run) -> None:
    screen.say("")
    screen.say(f"{counted(len(run.targets), 'target')}:")
    for index, target in enumerate(run.targets):
        screen.say(f"  {index}  {target}")


def _images(screen: Screen, run: Run) -> None:
    images = loose.mappings(run.status.get("images"))
    for image in images:
        if image.get("summary"):
            screen.prose(str(image["summary"]), indent="  ")


def _tasks(session: Session, run: Run) -> None:
    if not run.tasks:
        return
    screen = session.screen
    screen.say("")
    omitted = loose.count(loose.mapping(run.status.get("omitted")).get("tasks"))
    screen.say(f"{counted(len(run.tasks) + omitted, 'task')}:")
    rows = [_task(run, task) for task in run.tasks[:_TASKS]]
    screen.table(["TASK", "RULE", "RESULT", "PEERS", "SIZE", "WHAT"], rows, indent="  ", cut=5)
    more = len(run.tasks) + omitted - len(rows)
    if more:
        named = f"{run.kind.short_name}/{run.name}"
        screen.say(f"  … and {counted(more, 'more task')}: {session.command('get', named, '-o', 'yaml')}")


def _task(run: Run, task: Mapping[str, Any]) -> list[str | Cell]:
    size = loose.number(task.get("contentLength"))
    result = loose.word(task.get("result")) or ""
    return [
        showing.short_id(task),
        loose.word(task.get("identity")) or "",
        Cell(result, showing.BAD if result == "Failed" else ""),
        str(loose.count(loose.mapping(task.get("peers")).get("caching"))),
        "" if size is None else bytes_of(size),
        run.what(task),
    ]


def _history(screen: Screen, run: Run, now: datetime) -> None:
    past = [loose.mapping(entry) for entry in run.record.history]
    if len(past) < 2:  # noqa: PLR2004 - the first is the run that is told of above
        return
    screen.say("")
    screen.say("Runs:")
    rows = []
    for entry in past:
        counts = loose.mapping(entry.get("peers"))
        rows.append(
            [
                age(loose.time(entry.get("completionTime")), now),
                loose.word(entry.get("reason")) or "",
                loose.word(entry.get("runKey")) or "",
                loose.word(entry.get("runID")) or "",
                f"{loose.count(counts.get('caching'))}/{loose.count(counts.get('total'))}",
            ]
        )
    screen.table(["ENDED", "REASON", "RUN", "RUN-ID", "HAD IT"], rows, indent="  ")
