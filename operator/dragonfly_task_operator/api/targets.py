"""`spec.targets`: how a user names tasks.

The same type in every kind, so that changing `kind:` turns a search into a deletion.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from dragonfly_task_operator.api.base import Model, validations
from dragonfly_task_operator.api.image_names import ImageName, name_rules
from dragonfly_task_operator.api.quantity import parse_bytes
from dragonfly_task_operator.api.room import text_rule

WAYS = ("url", "image", "imageManifestURL", "taskID", "contentForCalculatingTaskID")
"""The five ways to name a task."""
_IMAGES = ("image", "imageManifestURL")
_DOWNLOADS = ("url", *_IMAGES)

BELONGS_TO = {
    "pieceLength": _DOWNLOADS,
    "tag": _DOWNLOADS,
    "application": _DOWNLOADS,
    "filteredQueryParams": _DOWNLOADS,
    "revision": ("url",),
    "platform": _IMAGES,
    "keepSharedWith": _IMAGES,
    "includeReferrers": _IMAGES,
    "ignoreUnknownParts": _IMAGES,
    "pullSecretRef": _IMAGES,
    "caSecretRef": _IMAGES,
    "insecureSkipTLSVerify": _IMAGES,
}
"""The ways to name a task beside which a field makes sense."""

_EXACTLY_ONE = f"a target names a task in exactly one way: {', '.join(WAYS[:-1])} or {WAYS[-1]}"
_PIECE_LENGTH = (
    "pieceLength must be at least 4Mi and fit into 64 bits, as a quantity (16Mi) or a whole number of bytes (16777216)"
)

MIN_PIECE_LENGTH = 4 << 20
MAX_PIECE_LENGTH = (1 << 63) - 1
"""Of the API: Dragonfly has none of its own."""


def _out_of_place(field: str) -> str:
    *others, last = BELONGS_TO[field]
    return f"{field} goes only with {' or '.join(filter(None, (', '.join(others), last)))}"


def _piece_length(value: object) -> int:
    """Read a quantity or a number of bytes. Raises ValueError with the message that the API server gives."""
    try:
        length = parse_bytes(value)
    except ValueError:
        raise ValueError(_PIECE_LENGTH) from None
    if not MIN_PIECE_LENGTH <= length <= MAX_PIECE_LENGTH:
        raise ValueError(_PIECE_LENGTH)
    return length


PieceLength = Annotated[
    int,
    BeforeValidator(_piece_length),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "maxLength": 20,
            **validations(
                (
                    (
                        "type(self) == int"
                        f" ? self >= {MIN_PIECE_LENGTH}"
                        " : isQuantity(self) && quantity(self).isInteger()"
                        " && quantity(self).compareTo(quantity('4Mi')) >= 0"
                    ),
                    _PIECE_LENGTH,
                )
            ),
        }
    ),
]


def _matching(pattern: str, message: str) -> tuple[AfterValidator, dict[str, object]]:
    """Hold one regular expression in both places: here, and in a CEL rule of the schema (RE2 and `re` agree on it)."""
    here = re.compile(pattern.replace("$", r"\Z"))  # Python's `$` would let a final newline pass

    def check(value: str) -> str:
        if here.search(value) is None:
            raise ValueError(message)
        return value

    return AfterValidator(check), validations((_matches(pattern), message))


def _matches(pattern: str) -> str:
    """Write the CEL expression that asks for a match."""
    literal = pattern.replace("\\", "\\\\")
    return f"self.matches('{literal}')"


def _absolute(field: str, example: str) -> tuple[AfterValidator, dict[str, object]]:
    # The two-slash form only: what the URL standard would repair (`https:h`) is more likely a slip than a wish.
    # Surrounding white space is legal there and cut off, so it is here.
    return _matching(
        r"^\s*[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]",
        f"{field} must be absolute, with a scheme and a host, as in {example}",
    )


_CHECK_URL, _URL_RULE = _absolute("url", "https://example.com/model.bin")
# No longer than need be: the API server weighs a rule by the length of its expression.
IMAGE_MANIFEST_URL = (
    r"^(https?://[^/?#\s@]+(?:/[^?#\s]*?)??/v2/([a-z0-9][a-z0-9._/-]*))/manifests/([^/?#\s]+)(\?[^#\s]*)?$"
)
"""Groups: the URL of the repository, the repository's name, the tag or digest, and the query."""
_MANIFEST_URL = re.compile(IMAGE_MANIFEST_URL.strip("^$"))
MAX_VERSIONS = 64
"""Of `/v2/` in the URL of a manifest: Python tries the expression from each of them, the API server does not."""

_NO_MANIFEST_URL = (
    "must be the URL of an image's manifest, by tag or by digest and without user info, as in"
    " https://registry.example.com/v2/library/nginx/manifests/1.27"
)
_IMAGE_RULE = validations((_matches(IMAGE_MANIFEST_URL), _NO_MANIFEST_URL))


def match_manifest_url(text: str) -> re.Match[str] | None:
    """Take the URL of a manifest apart, in the groups of `IMAGE_MANIFEST_URL`; None where it is none."""
    return _MANIFEST_URL.fullmatch(text) if text.count("/v2/") <= MAX_VERSIONS else None


def _manifest_url(text: str) -> str:
    if match_manifest_url(text) is None:
        raise ValueError(_NO_MANIFEST_URL)
    return text


def _image_name(name: str) -> str:
    try:
        ImageName.parse(name)
    except ValueError as error:
        raise ValueError(f"image {error}") from None
    return name


def _image(image: str) -> str:
    """Take a name or the URL of a manifest. Which of both was meant is told by the scheme."""
    return _manifest_url(image) if "://" in image else _image_name(image)


_CHECK_TASK_ID, _TASK_ID_RULE = _matching("^[0-9a-f]{64}$", "taskID must be 64 lowercase hex digits")
_CHECK_PLATFORM, _PLATFORM_RULE = _matching(
    "^[a-z0-9_]+/[a-z0-9_]+(/[a-z0-9._-]+)?$",
    "platform must be os/architecture or os/architecture/variant, as in linux/amd64",
)


_KEEP_RULES = (
    (f"!self.contains('://') || {_matches(IMAGE_MANIFEST_URL)}", _NO_MANIFEST_URL),
    # With the whole grammar the API server would weigh a thousand of them too heavy: the operator looks closer.
    (
        "self.contains('://') || "
        + _matches(r"^([\w.:\[\]-]+/)?[a-z0-9]+([._-]+[a-z0-9]+|/[a-z0-9]+)*(:\w[\w.-]*)?(@sha(256|512):[0-9a-f]+)?$"),
        "must be the name of an image, its repository in lower case, as in nginx:1.27, or the URL of a manifest",
    ),
)


class SecretRef(Model):
    """A Secret in the object's own namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """The name of the Secret."""


class Target(Model):
    """One task, or the tasks of one image, named in exactly one of five ways."""

    url: Annotated[
        Annotated[str, _CHECK_URL] | None, Field(min_length=1, max_length=8192, json_schema_extra=_URL_RULE)
    ] = None
    """The URL that was downloaded."""

    image: Annotated[
        Annotated[str, AfterValidator(_image_name)] | None,
        Field(min_length=1, max_length=512, json_schema_extra=validations(*name_rules("image"))),
    ] = None
    """An image by its name, as docker pull and a Pod take it: nginx:1.27, ghcr.io/org/app@sha256:<64 hex digits>."""

    image_manifest_url: Annotated[
        Annotated[str, AfterValidator(_manifest_url)] | None,
        Field(min_length=1, max_length=8192, json_schema_extra=_IMAGE_RULE),
    ] = None
    """The URL of an image's manifest, as in https://registry.example.com/v2/library/nginx/manifests/1.27."""

    task_id: Annotated[
        Annotated[str, _CHECK_TASK_ID] | None, Field(max_length=256, json_schema_extra=_TASK_ID_RULE)
    ] = None
    """The id of a task: 64 lowercase hex digits."""

    content_for_calculating_task_id: Annotated[str | None, Field(min_length=1, max_length=65536)] = None
    """The content that dfget was given to calculate the task id (--content-for-calculating-task-id)."""

    piece_length: PieceLength | None = None
    """The piece length that was asked for explicitly, at least 4Mi: then it is part of the task's identity."""

    tag: Annotated[str | None, Field(max_length=1024)] = None
    """The tag that the download was given (dfget --tag)."""

    application: Annotated[str | None, Field(max_length=1024)] = None
    """The application that the download was given (dfget --application)."""

    revision: Annotated[str | None, Field(max_length=1024)] = None
    """The revision of a Hugging Face, ModelScope, OpenCSG or git artifact. Absent or empty for hf://, modelscope:// and
    opencsg://: the default that dfget gives it, and none."""

    filtered_query_params: Annotated[list[Annotated[str, Field(max_length=256)]] | None, Field(max_length=100)] = None
    """Query parameters that are no part of the task's identity. Absent: Dragonfly's default list; []: none."""

    platform: Annotated[
        Annotated[str, _CHECK_PLATFORM] | None, Field(max_length=128, json_schema_extra=_PLATFORM_RULE)
    ] = None
    """Only this platform of an image index, as in linux/amd64. Absent: every platform."""

    keep_shared_with: Annotated[
        list[
            Annotated[
                Annotated[str, AfterValidator(_image)],
                Field(min_length=1, max_length=768, json_schema_extra=validations(*_KEEP_RULES)),
            ]
        ]
        | None,
        Field(max_length=10),
    ] = None
    """Leave out what these images, given by their names or the URLs of their manifests, also use: their blobs and
    manifests stay."""

    include_referrers: bool | None = None
    """Whether what refers to the image (signatures, SBOMs, attestations) belongs to it."""

    ignore_unknown_parts: bool | None = None
    """Whether to delete what is known of the image where its registry lists parts that could not be looked at."""

    pull_secret_ref: SecretRef | None = None
    """The Secret to log in at the registry with: kubernetes.io/dockerconfigjson or kubernetes.io/basic-auth."""

    ca_secret_ref: SecretRef | None = None
    """The Secret whose key ca.crt signs the registry's certificate."""

    insecure_skip_tls_verify: bool | None = None
    """Whether to accept any certificate from the registry."""

    @property
    def image_reference(self) -> str | None:
        """What names an image, in whichever way it is named."""
        return self.image or self.image_manifest_url

    @model_validator(mode="after")
    def _names_one_task(self) -> Target:
        """Hold what the CEL rules hold, for manifests that no API server has seen (`task-id -f`)."""
        given = {camel_name for camel_name, field in _FIELDS.items() if getattr(self, field) is not None}
        ways = [way for way in WAYS if way in given]
        if len(ways) != 1:
            raise ValueError(_EXACTLY_ONE)
        for field, belongs_to in BELONGS_TO.items():
            if field in given and ways[0] not in belongs_to:
                raise ValueError(_out_of_place(field))
        return self


_FIELDS = {str(info.alias): name for name, info in Target.model_fields.items()}

TARGET_RULES = validations(
    (f"[{', '.join(f'has(self.{way})' for way in WAYS)}].exists_one(given, given)", _EXACTLY_ONE),
    *(
        (
            f"!has(self.{field}) || {' || '.join(f'has(self.{way})' for way in belongs_to)}",
            _out_of_place(field),
        )
        for field, belongs_to in BELONGS_TO.items()
    ),
)
"""What a schema can't say of a target, as CEL rules for its schema."""

TARGETS_RULE = text_rule(Target)
"""What a schema can't say of all targets together."""
