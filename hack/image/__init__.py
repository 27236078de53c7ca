"""The image without Docker: its Dockerfile's steps done in a file system of their own, and what comes of them tried.

For whoever changes the Dockerfile, or what the operator needs to run, on a machine that can build no images. It says
what it can't do: this machine stands in for the base image, with a Python that is given.
"""
