"""What a run says of images that it did not look at as a whole: parts nobody understood, and parts that are kept.

No deletion claims an image that was not looked at, and no peer is said to have been asked for what is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from dragonfly_task_operator.engine.model import PlannedImage
from dragonfly_task_operator.engine.subject import image_name
from dragonfly_task_operator.errors import ImageUnresolvable
from dragonfly_task_operator.observability.redaction import cut, redact

MAX_PART = 512
"""Characters about one part."""
MAX_NAMED = 3
"""Images that are named; the others are counted."""


def require_known(images: Sequence[PlannedImage]) -> None:
    """Refuse a deletion of images with unknown parts, unless their targets let it go on.

    Raises:
        ImageUnresolvable: naming the first such part.
    """
    for image in images:
        if image.image.unknown and not image.ignores_unknown:
            raise ImageUnresolvable(
                f"{_parts(len(image.image.unknown))} of the image {name(image)} could not be looked at, so nothing was"
                f" deleted: {_first(image)}; mend the image, name what is wanted by digest or by platform, or set"
                " ignoreUnknownParts: true on the target to delete the rest of it"
            )


def unknown_note(images: Sequence[PlannedImage]) -> str:
    """Tell how many parts were not looked at, and the first of them; empty where there are none."""
    unlooked = [image for image in images if image.image.unknown]
    if not unlooked:
        return ""
    count = sum(len(image.image.unknown) for image in unlooked)
    whose = f"the image {name(unlooked[0])}" if len(unlooked) == 1 else f"{len(unlooked)} images"
    first = "namely" if count == 1 else "first"
    return f"{_parts(count)} of {whose} could not be looked at, {first} {_first(unlooked[0])}"


def kept_note(images: Sequence[PlannedImage]) -> str:
    """Name the images of which keepSharedWith leaves nothing; empty where there are none."""
    kept = [image for image in images if image.image.kept and not image.image.parts]
    notes = [
        f"all {_parts(image.image.kept)} of the image {name(image)} {'is' if image.image.kept == 1 else 'are'} kept,"
        " because images of keepSharedWith use them too"
        for image in kept[:MAX_NAMED]
    ]
    if len(kept) > MAX_NAMED:
        notes.append(f"and all of {len(kept) - MAX_NAMED} images more")
    return "; ".join(notes)


def name(image: PlannedImage) -> str:
    """Give the name that people pull an image by."""
    return image_name(image.reference)


def _parts(count: int) -> str:
    return f"{count} part{'' if count == 1 else 's'}"


def _first(image: PlannedImage) -> str:
    return cut(redact(str(image.image.unknown[0])), MAX_PART)
