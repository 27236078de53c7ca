"""Registries to test against: images, a server that can be hostile, and a real registry with a pusher."""
