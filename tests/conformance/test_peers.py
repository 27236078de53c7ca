"""What a peer answers, and what it then really has: "Answers" in docs/dragonfly-behaviour.md."""

from __future__ import annotations

from collections.abc import Callable

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]  # grpcio-health-checking ships no types

from dragonfly_task_operator.protos_gen import dfdaemon_pb2
from tests import calls
from tests.conformance.stage import Stage

NO_TASK = "a1" * 32


def refusal(call: Callable[[], object]) -> grpc.Call:
    with pytest.raises(grpc.RpcError) as refused:
        call()
    error = refused.value
    assert isinstance(error, grpc.Call)
    return error


def ends(stage: Stage, peer: str, task_id: str) -> tuple[bool, bool]:
    """Whether the peer says of the task that it finished, and that it failed."""
    answer = calls.stat(stage.peers[peer], task_id)
    return answer.HasField("finished_at"), answer.HasField("failed_at")


def asks_about_no_task(method: str, target: str) -> None:
    request = dfdaemon_pb2.StatLocalTaskRequest(task_id=NO_TASK)  # the others begin with the same field
    calls.ask(target, calls.DFDAEMON + method, request, Empty)


# StatLocalTask


def test_stat_of_an_absent_task_is_not_found(stage: Stage) -> None:
    refused = refusal(lambda: calls.stat(stage.peers["n0"], NO_TASK))

    assert (refused.code(), refused.details()) == (grpc.StatusCode.NOT_FOUND, f"local task not found: {NO_TASK}")


def test_stat_of_a_cached_task_says_when_it_finished(stage: Stage) -> None:
    task = stage.caches("n0")

    assert ends(stage, "n0", task) == (True, False)


def test_stat_tells_the_lengths(stage: Stage) -> None:
    task = stage.caches("n0", content_length=12345)

    answer = calls.stat(stage.peers["n0"], task)

    assert (answer.task_id, answer.content_length, answer.piece_length) == (task, 12345, 4 * 1024 * 1024)


@pytest.mark.parametrize("going_on", ["begins", "downloads"])
def test_stat_of_a_download_that_goes_on_tells_no_end(stage: Stage, going_on: str) -> None:
    task: str = getattr(stage, going_on)("n0")

    assert ends(stage, "n0", task) == (False, False)


def test_stat_tells_the_end_once_a_download_has_ended(stage: Stage) -> None:
    task = stage.downloads("n0")

    stage.finishes(task)

    assert ends(stage, "n0", task) == (True, False)


def test_stat_of_a_download_that_was_cut_off_tells_no_end(stage: Stage) -> None:
    task = stage.abandons("n0")

    assert ends(stage, "n0", task) == (False, False)


def test_stat_of_a_failed_start_says_when_it_failed(stage: Stage) -> None:
    task = stage.fails_to_start("n0")

    assert ends(stage, "n0", task) == (False, True)


def test_each_peer_answers_for_itself_alone(stage: Stage) -> None:
    task = stage.caches("n0")

    assert refusal(lambda: calls.stat(stage.peers["n1"], task)).code() is grpc.StatusCode.NOT_FOUND


# DeleteTask


def test_deletion_removes_a_cached_task_from_the_disk(stage: Stage) -> None:
    task = stage.caches("n0", "n1")
    before = stage.holders(task)

    calls.delete(stage.peers["n0"], task)

    assert (before, stage.holders(task)) == ({"n0", "n1"}, {"n1"})


def test_stat_after_a_deletion_is_not_found(stage: Stage) -> None:
    task = stage.caches("n0")

    calls.delete(stage.peers["n0"], task)

    assert refusal(lambda: calls.stat(stage.peers["n0"], task)).code() is grpc.StatusCode.NOT_FOUND


def test_deletion_of_an_absent_task_is_internal(stage: Stage) -> None:
    refused = refusal(lambda: calls.delete(stage.peers["n0"], NO_TASK))

    assert (refused.code(), refused.details()) == (grpc.StatusCode.INTERNAL, f"task {NO_TASK} not found")


@pytest.mark.parametrize("begin", ["fails_to_start", "abandons"])
def test_deletion_removes_what_is_left_of_a_download(stage: Stage, begin: str) -> None:
    task: str = getattr(stage, begin)("n0")

    calls.delete(stage.peers["n0"], task)

    assert refusal(lambda: calls.stat(stage.peers["n0"], task)).code() is grpc.StatusCode.NOT_FOUND


def test_deletion_leaves_other_tasks(stage: Stage) -> None:
    task, other = stage.caches("n0"), stage.caches("n0")

    calls.delete(stage.peers["n0"], task)

    assert stage.holders(other) == {"n0"}


def test_deletion_with_the_scheduler_down_clears_the_disk_and_answers_internal(stage: Stage) -> None:
    task = stage.caches("n0")
    stage.scheduler_goes_down()

    refused = refusal(lambda: calls.delete(stage.peers["n0"], task))

    assert (refused.code(), stage.holders(task)) == (grpc.StatusCode.INTERNAL, set())


def test_deletion_on_a_host_that_the_scheduler_does_not_know_clears_the_disk_and_answers_internal(stage: Stage) -> None:
    task = stage.caches("n0")
    stage.scheduler_restarts()

    refused = refusal(lambda: calls.delete(stage.peers["n0"], task))

    assert (refused.code(), stage.holders(task)) == (grpc.StatusCode.INTERNAL, set())


def test_deletion_under_a_running_download_answers_ok_and_forgets_the_task(stage: Stage) -> None:
    task = stage.downloads("n0")

    calls.delete(stage.peers["n0"], task)

    assert refusal(lambda: calls.stat(stage.peers["n0"], task)).code() is grpc.StatusCode.NOT_FOUND


def test_download_under_which_its_task_was_deleted_comes_to_nothing(stage: Stage) -> None:
    task = stage.downloads("n0")
    calls.delete(stage.peers["n0"], task)

    stage.finishes(task)

    assert stage.holders(task) == set()


def test_download_that_had_only_begun_when_its_task_was_deleted_is_cached_all_the_same(stage: Stage) -> None:
    task = stage.begins("n0")
    calls.delete(stage.peers["n0"], task)
    gone = refusal(lambda: calls.stat(stage.peers["n0"], task)).code()

    stage.finishes(task)

    assert (gone, stage.holders(task)) == (grpc.StatusCode.NOT_FOUND, {"n0"})


# What becomes of peers


def test_task_outlives_its_peer_where_storage_is_kept(stage: Stage) -> None:
    task = stage.caches("n0")
    stage.kills("n0")

    stage.revives("n0")

    assert ends(stage, "n0", task) == (True, False)


def test_deleted_task_stays_deleted_after_a_restart(stage: Stage) -> None:
    task = stage.caches("n0")
    calls.delete(stage.peers["n0"], task)
    stage.kills("n0")

    stage.revives("n0")

    assert refusal(lambda: calls.stat(stage.peers["n0"], task)).code() is grpc.StatusCode.NOT_FOUND


def test_killed_peer_is_unavailable(stage: Stage) -> None:
    stage.kills("n1")

    assert refusal(lambda: calls.stat(stage.peers["n1"], NO_TASK)).code() is grpc.StatusCode.UNAVAILABLE


# Other calls


def test_requests_over_the_rate_of_a_peer_are_turned_away(stage: Stage) -> None:
    request = dfdaemon_pb2.StatLocalTaskRequest(task_id=NO_TASK)

    codes = calls.codes_at_once(stage.peers["n2"], calls.DFDAEMON + "StatLocalTask", request, times=1000)

    assert set(codes) == {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_health_checks_are_not_counted_against_the_rate(stage: Stage) -> None:
    request = health_pb2.HealthCheckRequest()

    codes = calls.codes_at_once(stage.peers["n2"], "/grpc.health.v1.Health/Check", request, times=1000)

    assert codes == {grpc.StatusCode.OK: 1000}


def test_stat_task_on_a_peer_is_internal_when_missing(stage: Stage) -> None:
    refused = refusal(lambda: asks_about_no_task("StatTask", stage.peers["n0"]))

    assert refused.code() is grpc.StatusCode.INTERNAL


@pytest.mark.parametrize("method", ["DeleteLocalTask", "ListLocalTasks"])
def test_calls_of_the_unix_socket_are_unimplemented_on_the_upload_port(stage: Stage, method: str) -> None:
    refused = refusal(lambda: asks_about_no_task(method, stage.peers["n0"]))

    assert refused.code() is grpc.StatusCode.UNIMPLEMENTED
