"""The custom resources as pydantic models: the single source of `crds/`, of validation and of what a status looks like.

This room knows nothing of Dragonfly, Kubernetes clients or how a run goes; it says what users can write and read.
"""
