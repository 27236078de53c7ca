"""What is counted as a run's writes."""

from __future__ import annotations

from benchmarks.apiserver import _body_bytes, _samples, _writes

TOTAL = (
    'apiserver_request_total{{code="{code}",group="{group}",resource="{resource}",subresource="{sub}",verb="{verb}"}}'
    " {n}"
)
BODIES = 'apiserver_request_body_size_bytes_sum{{group="{group}",resource="{resource}",verb="{verb}"}} {n}'
OURS = "tasks.d7y.io"


def total(verb: str, resource: str, n: float, *, group: str = OURS, sub: str = "", code: int = 200) -> str:
    return TOTAL.format(code=code, group=group, resource=resource, sub=sub, verb=verb, n=n)


def test_the_writes_of_a_run_are_its_statuses_events_and_reports_and_not_what_was_applied() -> None:
    told = "\n".join(
        [
            "# HELP apiserver_request_total Counter of requests",
            total("POST", "tasksearches", 3000, code=201),
            total("PATCH", "tasksearches", 9000, sub="status"),
            total("PATCH", "tasksearches", 1, sub="status", code=409),
            total("POST", "events", 6e3, group="", code=201),
            total("POST", "taskreports", 2, code=201),
            total("LIST", "tasksearches", 5),
            total("POST", "namespaces", 7, group=""),
        ]
    )

    assert _writes(_samples(told)) == {
        "PATCH tasksearches/status": 9001,
        "POST events": 6000,
        "POST taskreports": 2,
    }


def test_the_bytes_of_a_run_are_those_of_its_writes() -> None:
    told = "\n".join(
        BODIES.format(group=group, resource=resource, verb=verb, n=n)
        for group, resource, verb, n in (
            (OURS, "tasksearches", "create", 100),
            (OURS, "tasksearches", "patch", 2000),
            ("", "events", "create", 300),
            ("", "configmaps", "create", 5000),
        )
    )

    assert _body_bytes(_samples(told)) == {"tasksearches": 2000, "events": 300}
