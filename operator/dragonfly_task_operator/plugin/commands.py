"""The commands of `kubectl dragonfly`, put together."""

from __future__ import annotations

import click

from dragonfly_task_operator import __version__
from dragonfly_task_operator.help_pages import Group
from dragonfly_task_operator.plugin.asking import delete, search
from dragonfly_task_operator.plugin.looking import describe, get, report
from dragonfly_task_operator.plugin.options import PROGRAM, Session, kubectl_options
from dragonfly_task_operator.plugin.serving import console
from dragonfly_task_operator.plugin.steering import cancel, rerun, resume, suspend, wait

_EXAMPLES = """
kubectl dragonfly search https://models.example.com/llama.safetensors --tag prod
kubectl dragonfly delete --image nginx:1.27
kubectl dragonfly get --failed
kubectl dragonfly describe purge-llama
"""


@click.group(
    cls=Group, examples=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name=PROGRAM)
@kubectl_options
@click.pass_context
def dragonfly(context: click.Context) -> None:
    """Find and delete cached tasks on every peer of a Dragonfly P2P cluster.

    Commands make and read the objects of dragonfly-task-operator, with the rights of your kubeconfig. They exit with 0
    where a run succeeded, 1 where it failed, 2 where the command line is wrong, 3 where the API server can't be asked,
    4 where a --timeout has come.
    """
    context.ensure_object(Session)


for _command in (search, delete, get, describe, report, wait, rerun, suspend, resume, cancel, console):
    dragonfly.add_command(_command)
