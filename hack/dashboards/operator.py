"""The dashboard of the operator: whether it is well, and what it waits for."""

from __future__ import annotations

from hack.dashboards.panels import SELECTOR, Board, Panel, Query, Row, Shape

P = "dragonfly_task_operator"
OURS = f"on (namespace, job, instance) group_left () {P}_build_info{{{SELECTOR}}}"
"""Joined to what is told of every process, so that only this operator's are shown."""


def rate(metric: str, *by: str, where: str = "") -> str:
    """Per second, summed."""
    return f"sum by ({', '.join(by)}) (rate({P}_{metric}{{{SELECTOR}{where}}}[$__rate_interval]))"


def quantile(share: float, metric: str, *by: str, where: str = "") -> str:
    """Of a histogram."""
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', 'le', *by, where=where)})"


OPERATOR = Board(
    uid="dragonfly-task-operator",
    title="Dragonfly / Task operator",
    says="Whether the operator is well, what it is doing, and what it waits for.",
    rows=(
        Row(
            "Is it well?",
            (
                Panel(
                    "Leaders",
                    "Processes that may act. One is right; none, and nothing is done; two may do things twice.",
                    [Query(f"sum({P}_leader{{{SELECTOR}}})")],
                    Shape.NUMBER,
                    width=4,
                    bad_from=2,
                ),
                Panel(
                    "Not watched",
                    "Kinds, times namespaces, whose objects it does not see just now.",
                    [Query(f"sum({P}_blind_scopes{{{SELECTOR}}})")],
                    Shape.NUMBER,
                    width=4,
                    bad_from=1,
                ),
                Panel(
                    "Runs going",
                    "Objects that are being searched for or deleted now.",
                    [Query(f"sum({P}_objects_going{{{SELECTOR}}})")],
                    Shape.NUMBER,
                    width=4,
                ),
                Panel(
                    "Runs in line",
                    "Runs that wait for their turn to ask peers: 64 do at once.",
                    [Query(f"sum({P}_queue_depth{{{SELECTOR}}})")],
                    Shape.NUMBER,
                    width=4,
                    bad_from=64,
                ),
                Panel(
                    "Defects",
                    "Runs that ended with InternalError in the time shown: please report them.",
                    [Query(f'sum(increase({P}_runs_total{{{SELECTOR}, reason="InternalError"}}[$__range]))')],
                    Shape.NUMBER,
                    width=4,
                    bad_from=1,
                ),
                Panel(
                    "Version",
                    "Which version each replica is.",
                    [Query(f"count by (version) ({P}_build_info{{{SELECTOR}}})", "{{version}}")],
                    Shape.NUMBER,
                    width=4,
                ),
            ),
        ),
        Row(
            "Runs",
            (
                Panel(
                    "Runs that ended",
                    "By kind and the reason of the condition Succeeded.",
                    [Query(rate("runs_total", "kind", "reason") + " > 0 or vector(0)", "{{kind}} {{reason}}")],
                    Shape.STACK,
                    unit="ops",
                ),
                Panel(
                    "How long runs take",
                    "From a run's start to its end: half of them, and all but one in twenty, take no longer.",
                    [
                        Query(quantile(0.5, "run_seconds", "kind"), "{{kind}} half"),
                        Query(quantile(0.95, "run_seconds", "kind"), "{{kind}} 95 %"),
                    ],
                    unit="s",
                ),
                Panel(
                    "Waiting in line",
                    "How long runs wait for their turn to ask peers, and how many are in line.",
                    [
                        Query(quantile(0.95, "queue_wait_seconds"), "95 % wait less, s"),
                        Query(f"sum({P}_queue_depth{{{SELECTOR}}})", "in line"),
                    ],
                ),
            ),
        ),
        Row(
            "Peers and schedulers",
            (
                Panel(
                    "Requests",
                    "To peers and schedulers, by method and what came of them. NOT_FOUND from StatLocalTask is a peer"
                    " without a copy.",
                    [Query(rate("rpcs_total", "method", "outcome"), "{{method}} {{outcome}}")],
                    Shape.STACK,
                    unit="reqps",
                ),
                Panel(
                    "How long requests take",
                    "99 of 100 take no longer, by method. Peers that hang take --rpc-timeout.",
                    [Query(quantile(0.99, "rpc_seconds", "method"), "{{method}}")],
                    unit="s",
                ),
                Panel(
                    "Peers being asked",
                    "At once, over all runs, and how many wait for that.",
                    [
                        Query(f"sum({P}_peers_in_flight{{{SELECTOR}}})", "being asked"),
                        Query(f"sum({P}_peers_waiting{{{SELECTOR}}})", "waiting"),
                    ],
                ),
                Panel(
                    "Peers by outcome",
                    "What became of the peers of runs that ended, each once in a run.",
                    [Query(rate("peers_total", "outcome"), "{{outcome}}")],
                    Shape.STACK,
                    unit="ops",
                    width=12,
                ),
                Panel(
                    "Connections",
                    "To peers and schedulers, and how many there may be, by the limit of open files.",
                    [Query(f"sum by (state) ({P}_connections{{{SELECTOR}}})", "{{state}}")],
                    width=12,
                ),
            ),
        ),
        Row(
            "API server",
            (
                Panel(
                    "Statuses written",
                    "And those that were not: conflicts are tried again at once, failures later.",
                    [Query(rate("status_writes_total", "outcome"), "{{outcome}}")],
                    Shape.STACK,
                    unit="wps",
                ),
                Panel(
                    "Age of the watches",
                    "Since the last sign that a kind is watched: under 12 s while all is well.",
                    [Query(f"max by (kind) ({P}_watch_age_seconds{{{SELECTOR}}})", "{{kind}}")],
                    unit="s",
                ),
                Panel(
                    "Watches started over, TaskReports",
                    "Watches that broke; pages of full results that were written and removed; runs that lost theirs.",
                    [
                        Query(rate("watch_restarts_total", "kind"), "watch of {{kind}} started over"),
                        Query(rate("report_pages_total", "outcome"), "pages {{outcome}}"),
                        Query(rate("reports_lost_total"), "runs without pages"),
                    ],
                    unit="ops",
                ),
            ),
        ),
        Row(
            "Image registries",
            (
                Panel(
                    "Requests to registries",
                    "By class of the HTTP status; none: no answer.",
                    [Query(rate("registry_requests_total", "outcome"), "{{outcome}}")],
                    Shape.STACK,
                    unit="reqps",
                    width=12,
                ),
                Panel(
                    "How long registries take",
                    "95 of 100 requests take no longer.",
                    [Query(quantile(0.95, "registry_request_seconds"), "95 %")],
                    unit="s",
                    width=12,
                ),
            ),
        ),
        Row(
            "This process",
            (
                Panel(
                    "Its own trouble",
                    "Requests that could not be made, by what this process or its node was short of. Tried again, and"
                    " nobody's failure.",
                    [Query(rate("own_troubles_total", "kind"), "{{kind}}")],
                    Shape.STACK,
                    unit="ops",
                ),
                Panel(
                    "Open files",
                    "And how many there may be.",
                    [
                        Query(f"process_open_fds * {OURS}", "{{instance}} open"),
                        Query(f"process_max_fds * {OURS}", "{{instance}} limit"),
                    ],
                ),
                Panel(
                    "Memory",
                    "Resident. The container's limit ends it.",
                    [Query(f"process_resident_memory_bytes * {OURS}", "{{instance}}")],
                    unit="bytes",
                ),
                Panel(
                    "CPU",
                    "Cores in use.",
                    [Query(f"rate(process_cpu_seconds_total[$__rate_interval]) * {OURS}", "{{instance}}")],
                    width=12,
                ),
                Panel(
                    "Starts",
                    "How often each replica was started in the time shown.",
                    [Query(f"changes(process_start_time_seconds[$__range]) * {OURS}", "{{instance}}")],
                    width=12,
                ),
            ),
        ),
    ),
)
