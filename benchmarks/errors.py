"""What can go wrong with a measurement."""


class BenchError(Exception):
    """What was to be measured did not happen, so there is no figure."""
