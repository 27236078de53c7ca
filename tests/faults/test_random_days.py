"""What users do and what goes wrong, in random order: the same things hold. `make test-faults-long` tries far more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, precondition, rule, run_state_machine_as_test

from dragonfly_task_operator.kube.connection import REQUEST_SECONDS
from tests.apiserver_proxy import HTML, ApiServerProxy
from tests.faults.invariants import SLACK_SECONDS
from tests.faults.stage import Stage, task_of
from tests.objects import PLURALS

pytestmark = pytest.mark.controlplane

DEADLINE_SECONDS = 8
MANY = 2
"""Requests that get no answer before one gets one; each may hold up a run until the operator gives it up."""

WHO = st.sampled_from(["n1", "n1,n2,n3", "all"])
FAULTS = st.sampled_from(
    [
        {"kind": "fails", "call": "stat", "code": "UNAVAILABLE", "times": 2},
        {"kind": "fails", "call": "delete", "code": "INTERNAL"},
        {"kind": "fails", "call": "delete", "code": "INTERNAL", "after": True},
        {"kind": "hangs", "call": "delete", "after": True},
        {"kind": "resets", "call": "delete", "after": True},
        {"kind": "slow", "call": "stat", "seconds": 0.3},
        {"kind": "garbles", "call": "stat", "times": 3},
        {"kind": "keeps", "call": "delete"},
        {"kind": "recaches", "call": "delete", "times": 1},
        {"kind": "dies", "call": "delete", "times": 1, "seconds": 0.5},
    ]
)


REQUESTS = st.sampled_from(["PATCH .*/status", "GET .*/taskdeletions/", "GET .*watch=true", "POST .*/events", ""])
"""To the API server, by pattern; the last stands for all."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The operator's token, in a file, and whom the API server lets in by it."""

    proxy: ApiServerProxy
    file: Path

    def renew(self) -> None:
        token = f"token-{self.proxy.requests()}"
        self.proxy.accepts_only(token)
        self.file.write_text(f"{token}\n")


@pytest.fixture(scope="module")
def tokens(proxy: ApiServerProxy, tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    tokens = Tokens(proxy, tmp_path_factory.mktemp("tokens") / "token")
    tokens.renew()
    return tokens


@pytest.fixture(scope="module")
def kubeconfig(tokens: Tokens, tmp_path_factory: pytest.TempPathFactory) -> Path:
    account = tmp_path_factory.mktemp("account") / "kubeconfig"
    return tokens.proxy.kubeconfig(account, user={"tokenFile": str(tokens.file)})


class RandomDays(RuleBasedStateMachine):
    """Objects are known by what was applied; what they are now is asked of the API server in the end."""

    bodies = Bundle("bodies")

    def __init__(self, stage: Stage, tokens: Tokens) -> None:
        super().__init__()
        self.stage, self.tokens, self.proxy = stage, tokens, tokens.proxy
        self.there: dict[str, dict[str, Any]] = {}
        self.edits = 0
        self.kills = 0
        self.began = datetime.now(UTC)
        self.frozen = 0

    @rule(target=bodies, on=WHO, dry_run=st.booleans(), unreachable=st.sampled_from(["Fail", "Ignore"]))
    def deletion(self, *, on: str, dry_run: bool, unreachable: str) -> dict[str, Any]:
        return self._create(
            self.stage.new("TaskDeletion", backoffLimit=1, dryRun=dry_run, unreachablePeers=unreachable), on
        )

    @rule(target=bodies, on=WHO)
    def search(self, on: str) -> dict[str, Any]:
        return self._create(self.stage.new("TaskSearch"), on)

    @rule(body=bodies)
    def new_run(self, body: dict[str, Any]) -> None:
        self.edits += 1
        self._patch(body, runID=f"run-{self.edits}")

    @rule(body=bodies, on=WHO)
    def other_targets(self, body: dict[str, Any], on: str) -> None:
        other = self.stage.new(body["kind"], dryRun=body["spec"].get("dryRun", False))
        self.stage.world.caches(task_of(other), on=on)
        self._patch(body, targets=other["spec"]["targets"])

    @rule(body=bodies, parallelism=st.integers(1, 9), suspend=st.booleans())
    def other_fields(self, body: dict[str, Any], *, parallelism: int, suspend: bool) -> None:
        self._patch(body, parallelism=parallelism, suspend=suspend)

    @rule(body=consumes(bodies))
    def deleted(self, body: dict[str, Any]) -> None:
        if self.there.pop(body["metadata"]["name"], None):
            self.stage.delete(body["kind"], body["metadata"]["name"])

    @rule(on=WHO, fault=FAULTS)
    def peers_fail(self, on: str, fault: dict[str, Any]) -> None:
        self.stage.world.fails(on=on, **fault)

    @rule(on=WHO, link=st.sampled_from(["refused", "mute", "resetting"]))
    def peers_become(self, on: str, link: str) -> None:
        self.stage.world.becomes(link, on=on)

    @rule()
    def peers_recover(self) -> None:
        self.stage.world.recovers()
        self.stage.world.comes_back("all")

    @rule(on=st.sampled_from(["scheduler0", "schedulers"]))
    def schedulers_go_down(self, on: str) -> None:
        self.stage.world.goes_down(on)

    @rule()
    def schedulers_restart(self) -> None:
        self.stage.world.restarts()
        self.stage.world.announce()

    @rule(requests=REQUESTS, code=st.sampled_from([200, 400, 404, 409, 422, 502]), after=st.booleans())
    def something_else_answers(self, requests: str, *, code: int, after: bool) -> None:
        self.proxy.answers(requests, code, HTML, times=3, after=after)

    @rule(requests=REQUESTS, after=st.booleans(), deed=st.sampled_from(["freezes", "cuts"]))
    def requests_get_no_answer(self, requests: str, *, after: bool, deed: str) -> None:
        getattr(self.proxy, deed)(requests, times=MANY, after=after)
        self.frozen += MANY

    @rule(deed=st.sampled_from(["freezes_connections", "closes_connections"]))
    def connections_end(self, deed: str) -> None:
        getattr(self.proxy, deed)()

    @rule(code=st.sampled_from([410, 500, 504]))
    def watches_fail(self, code: int) -> None:
        self.proxy.fails_watches(code, "InternalError", "etcdserver: no leader")

    @rule(line=st.sampled_from([b"garbage", b"{}", b'{"type": "ADDED", "object": {}}']))
    def watches_bring_what_is_none(self, line: bytes) -> None:
        self.proxy.tells_watches(line)

    @rule()
    def token_is_renewed(self) -> None:
        self.tokens.renew()

    @precondition(lambda self: self.kills < len(self.there))
    @rule()
    def operator_is_killed(self) -> None:
        self.kills += 1
        self.stage.kill_operator()
        self.stage.start_operator()

    @precondition(lambda self: self.kills < len(self.there))
    @rule(limit=st.sampled_from([40, 64, 256]))
    def operator_has_few_files(self, limit: int) -> None:
        self.kills += 1
        self.stage.kill_operator()
        self.stage.start_operator(files=(limit, limit))

    def teardown(self) -> None:
        """All is well again, and nobody touches anything any more: now it must come out right."""
        world, bodies = self.stage.world, self.there.values()
        self.proxy.behaves()
        world.is_put_right()
        for field in ({"suspend": False}, {"parallelism": 10}):  # the second must not have anything run again
            for body in bodies:
                self._patch(body, **field)
            self.stage.finish(bodies, seconds=DEADLINE_SECONDS + 60)
        waited = self.frozen * REQUEST_SECONDS + self.stage.seconds_without_operator(self.began)
        found = self.stage.violations(bodies, slack=SLACK_SECONDS + waited) + self.stage.wrong_deletions()
        for body in bodies:
            self.stage.delete(body["kind"], body["metadata"]["name"])
        note(f"{len(self.there)} objects were left")
        assert found == []

    def _create(self, body: dict[str, Any], on: str) -> dict[str, Any]:
        body["spec"]["activeDeadlineSeconds"] = DEADLINE_SECONDS
        self.stage.world.caches(task_of(body), on=on)
        self.stage.create([body])
        self.there[body["metadata"]["name"]] = body
        return body

    def _patch(self, body: dict[str, Any], **spec: Any) -> None:
        if body["metadata"]["name"] in self.there:
            self.stage.patch(body["kind"], body["metadata"]["name"], **spec)


def test_invariants_hold_after_random_days(stage: Stage, tokens: Tokens) -> None:
    class OnThisStage(RandomDays):
        def __init__(self) -> None:
            super().__init__(stage, tokens)

    run_state_machine_as_test(OnThisStage)
    assert not [body for kind in PLURALS for body in stage.objects.all(kind)]
