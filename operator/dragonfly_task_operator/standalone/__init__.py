"""`exec`: the operator's engine without Kubernetes, for a CI job, a machine with Docker Compose, or a first try.

What manifests ask for is done as the operator does it, and said in statuses that the operator would write. What needs
an API server is not here: nothing is stored, so nothing is remembered of runs before.
"""

EXIT_INTERRUPTED = 130
"""The exit code where a signal ended it, as of a shell's."""
