"""`python -m dragonfly_task_operator`."""

from dragonfly_task_operator.cli import main

main()
