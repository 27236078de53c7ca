"""Why an image can't be checked, or is not what it has to be."""

from __future__ import annotations


class ImageError(Exception):
    """For a person, in a line or two."""
