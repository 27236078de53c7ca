"""Find and purge cached tasks in a Dragonfly P2P cluster, declaratively."""

__version__ = "0.2.0"
