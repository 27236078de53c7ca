"""What the manual says of each command of `dragonfly-task-operator` besides its options. `--help` prints it."""

from __future__ import annotations

from typing import Final

from dragonfly_task_operator.help_pages import Sections

ALL_EXAMPLES: Final = """
dragonfly-task-operator exec -f examples/find-model.yaml --scheduler dragonfly-scheduler:8002 -o table
dragonfly-task-operator run --scheduler dragonfly-scheduler.dragonfly-system:8002
dragonfly-task-operator task-id --url https://models.example.com/llama.safetensors --tag prod
dragonfly-task-operator crds | kubectl apply -f -
"""

_SETTINGS = (
    "DRAGONFLY_TASK_OPERATOR_*",
    "Each setting, in capitals: DRAGONFLY_TASK_OPERATOR_SCHEDULER, commas between. Over --config, under an option.",
)
_PROXIES = (
    "HTTPS_PROXY, HTTP_PROXY, NO_PROXY",
    "The proxies on the way to registries.",
)

RUN: Final[Sections] = {
    "Environment": [
        _SETTINGS,
        ("KUBECONFIG", "Where the API server is, unless --kubeconfig says it."),
        _PROXIES,
    ],
    "Signals": [("SIGTERM, SIGINT", "Writes down what is known, and ends. Runs go on where an operator runs next.")],
    "Exit codes": [
        ("0", "It was told to stop."),
        ("1", "It could not start, or another operator acts now: the last line on stderr says why."),
        ("2", "An option or a setting is wrong."),
    ],
}
RUN_EXAMPLES: Final = """
dragonfly-task-operator run --scheduler dragonfly-scheduler.dragonfly-system:8002
dragonfly-task-operator run --config /etc/dragonfly-task-operator/config.yaml --log-format json
dragonfly-task-operator run --scheduler 127.0.0.1:8002 --namespace models --kubeconfig ~/.kube/config
"""

EXEC: Final[Sections] = {
    "Output": [
        ("stdout", "The finished objects, and nothing else."),
        ("stderr", "How far it is: a bar on a terminal, else a line every 5 s."),
    ],
    "Environment": [
        _SETTINGS,
        ("DOCKER_CONFIG", "The folder of config.json, unless --docker-config names a file."),
        ("SSL_CERT_FILE", "The CAs that registries are trusted by. Default: those of the machine."),
        _PROXIES,
    ],
    "Exit codes": [
        ("0", "Succeeded is True of all objects."),
        ("1", "It is not of some."),
        ("2", "A manifest, an option or a setting is wrong. Nobody has been asked anything."),
        ("130", "Interrupted by SIGINT or SIGTERM. What was done is printed."),
    ],
}
EXEC_EXAMPLES: Final = """
dragonfly-task-operator exec -f examples/find-model.yaml --scheduler dragonfly-scheduler:8002 -o table
kubectl get tdel purge-model -o yaml | dragonfly-task-operator exec -f - --scheduler dragonfly-scheduler:8002
dragonfly-task-operator exec -f examples/purge-model.yaml --config config.yaml -o json > purged.json
"""

TASK_ID: Final[Sections] = {
    "Exit codes": [("0", "The ids were printed."), ("2", "A target names no task, or only its registry knows which.")],
}
TASK_ID_EXAMPLES: Final = """
dragonfly-task-operator task-id --url https://models.example.com/llama.safetensors --tag prod
dragonfly-task-operator task-id --url 'https://example.com/f?version=2' --filtered-query-param Signature
dragonfly-task-operator task-id --content nightly-dataset-2026-11
dragonfly-task-operator task-id -f examples/find-model.yaml -o json
"""

CRDS_EXAMPLES: Final = """
dragonfly-task-operator crds | kubectl apply -f -
dragonfly-task-operator crds > crds.yaml
"""
