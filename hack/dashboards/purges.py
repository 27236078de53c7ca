"""The dashboard of purges: what was purged, where it failed, how long it took."""

from __future__ import annotations

from hack.dashboards.operator import P, quantile, rate
from hack.dashboards.panels import SELECTOR, Board, Panel, Query, Row, Shape

DELETIONS = ', kind="TaskDeletion"'
SEARCHES = ', kind="TaskSearch"'
FAILED = ', reason!~"Deleted|NothingToDelete|DryRun"'


def during(metric: str, *by: str, where: str = "") -> str:
    """In the time shown, summed."""
    return f"sum by ({', '.join(by)}) (increase({P}_{metric}{{{SELECTOR}{where}}}[$__range]))"


PURGES = Board(
    uid="dragonfly-purges",
    title="Dragonfly / Purges",
    says="What was deleted from the peers' caches, where that failed, and how long it took. Searches are below.",
    rows=(
        Row(
            "In the time shown",
            (
                Panel(
                    "Purges",
                    "TaskDeletions that ended with the task gone from every peer, or with nothing to delete.",
                    [Query(during("runs_total", where=DELETIONS + ', reason=~"Deleted|NothingToDelete"'))],
                    Shape.NUMBER,
                    width=4,
                ),
                Panel(
                    "Failed purges",
                    "TaskDeletions that ended False: a task may still be cached somewhere.",
                    [Query(during("runs_total", where=DELETIONS + FAILED))],
                    Shape.NUMBER,
                    width=4,
                    bad_from=1,
                ),
                Panel(
                    "Dry runs",
                    "TaskDeletions that only said what they would delete.",
                    [Query(during("runs_total", where=DELETIONS + ', reason="DryRun"'))],
                    Shape.NUMBER,
                    width=4,
                ),
                Panel(
                    "Peers cleared",
                    "Peers that had a copy, and, asked again, had none. A peer counts once in each purge.",
                    [Query(during("peers_total", where=DELETIONS + ', outcome="deleted"'))],
                    Shape.NUMBER,
                    width=4,
                ),
                Panel(
                    "Peers that failed",
                    "In purges: they answered with an error, kept their copy, or could not be reached.",
                    [Query(during("peers_total", where=DELETIONS + ', outcome=~"failed|unreachable"'))],
                    Shape.NUMBER,
                    width=4,
                    bad_from=1,
                ),
                Panel(
                    "Purges going",
                    "Runs of both kinds that are going now.",
                    [Query(f"sum({P}_objects_going{{{SELECTOR}}})")],
                    Shape.NUMBER,
                    width=4,
                ),
            ),
        ),
        Row(
            "What was purged",
            (
                Panel(
                    "Purges by reason",
                    "How TaskDeletions ended.",
                    [Query(rate("runs_total", "reason", where=DELETIONS) + " > 0 or vector(0)", "{{reason}}")],
                    Shape.STACK,
                    unit="ops",
                ),
                Panel(
                    "Peers of purges",
                    "What became of them.",
                    [Query(rate("peers_total", "outcome", where=DELETIONS), "{{outcome}}")],
                    Shape.STACK,
                    unit="ops",
                ),
                Panel(
                    "Which ones?",
                    "No metric has the name of an object or a URL. How to list them.",
                    shape=Shape.WORDS,
                    words=(
                        "Metrics hold no names or URLs. These do:\n\n"
                        "- `kubectl get tdel -A --sort-by=.status.completionTime` lists purges, the latest last\n"
                        "- `kubectl get tdel -A --field-selector status.reason=PeersFailed` those that peers failed\n"
                        "- `kubectl dragonfly describe NAME` tells of one,\n"
                        "  `kubectl dragonfly report NAME --failed` of its peers\n"
                    ),
                ),
            ),
        ),
        Row(
            "Where it failed",
            (
                Panel(
                    "Failed purges by reason",
                    "PeersFailed: mend the peers. NoSchedulerReachable and NoPeersKnown: look at the schedulers."
                    " The others are about the object itself.",
                    [Query(during("runs_total", "reason", where=DELETIONS + FAILED))],
                    Shape.TABLE,
                ),
                Panel(
                    "Failing peers by reason",
                    "Of purges, in the words of status.failures.",
                    [Query(during("peers_total", "reason", where=DELETIONS + ', outcome=~"failed|unreachable"'))],
                    Shape.TABLE,
                ),
                Panel(
                    "Answers to DeleteTask",
                    "An error proves nothing: the peer is asked again whether it still has its copy.",
                    [Query(rate("rpcs_total", "outcome", where=', method="DeleteTask"'), "{{outcome}}")],
                    Shape.STACK,
                    unit="reqps",
                ),
            ),
        ),
        Row(
            "How long it took",
            (
                Panel(
                    "Purges",
                    "From the start of a TaskDeletion's run to its end: half of them, and all but one in twenty,"
                    " take no longer.",
                    [
                        Query(quantile(0.5, "run_seconds", where=DELETIONS), "half"),
                        Query(quantile(0.95, "run_seconds", where=DELETIONS), "95 %"),
                    ],
                    unit="s",
                ),
                Panel(
                    "DeleteTask",
                    "How long peers take to delete: 99 of 100 take no longer.",
                    [Query(quantile(0.99, "rpc_seconds", where=', method="DeleteTask"'), "99 %")],
                    unit="s",
                ),
                Panel(
                    "Held up",
                    "Requests that the operator could not make, and runs that wait in line.",
                    [
                        Query(rate("own_troubles_total", "kind"), "for want of {{kind}}, per second"),
                        Query(f"sum({P}_queue_depth{{{SELECTOR}}})", "runs in line"),
                    ],
                ),
            ),
        ),
        Row(
            "Searches",
            (
                Panel(
                    "Searches by reason",
                    "How TaskSearches ended.",
                    [
                        Query(
                            rate("runs_total", "reason", where=SEARCHES) + " > 0 or vector(0)",
                            "{{reason}}",
                        )
                    ],
                    Shape.STACK,
                    unit="ops",
                    width=12,
                ),
                Panel(
                    "How long searches take",
                    "Half of them, and all but one in twenty, take no longer.",
                    [
                        Query(quantile(0.5, "run_seconds", where=SEARCHES), "half"),
                        Query(quantile(0.95, "run_seconds", where=SEARCHES), "95 %"),
                    ],
                    unit="s",
                    width=12,
                ),
            ),
        ),
    ),
)
