import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TaskType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STANDARD: _ClassVar[TaskType]
    PERSISTENT: _ClassVar[TaskType]
    PERSISTENT_CACHE: _ClassVar[TaskType]
    CACHE: _ClassVar[TaskType]

class SizeScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NORMAL: _ClassVar[SizeScope]
    SMALL: _ClassVar[SizeScope]
    TINY: _ClassVar[SizeScope]
    EMPTY: _ClassVar[SizeScope]
STANDARD: TaskType
PERSISTENT: TaskType
PERSISTENT_CACHE: TaskType
CACHE: TaskType
NORMAL: SizeScope
SMALL: SizeScope
TINY: SizeScope
EMPTY: SizeScope

class Build(_message.Message):
    __slots__ = ("git_version",)
    GIT_VERSION_FIELD_NUMBER: _ClassVar[int]
    git_version: str
    def __init__(self, git_version: _Optional[str] = ...) -> None: ...

class Host(_message.Message):
    __slots__ = ("id", "type", "hostname", "ip", "port", "download_port", "os", "platform", "platform_family", "platform_version", "kernel_version", "build", "scheduler_cluster_id", "disable_shared", "proxy_port", "name")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    HOSTNAME_FIELD_NUMBER: _ClassVar[int]
    IP_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    DOWNLOAD_PORT_FIELD_NUMBER: _ClassVar[int]
    OS_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FAMILY_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_VERSION_FIELD_NUMBER: _ClassVar[int]
    KERNEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    BUILD_FIELD_NUMBER: _ClassVar[int]
    SCHEDULER_CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    DISABLE_SHARED_FIELD_NUMBER: _ClassVar[int]
    PROXY_PORT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: int
    hostname: str
    ip: str
    port: int
    download_port: int
    os: str
    platform: str
    platform_family: str
    platform_version: str
    kernel_version: str
    build: Build
    scheduler_cluster_id: int
    disable_shared: bool
    proxy_port: int
    name: str
    def __init__(self, id: _Optional[str] = ..., type: _Optional[int] = ..., hostname: _Optional[str] = ..., ip: _Optional[str] = ..., port: _Optional[int] = ..., download_port: _Optional[int] = ..., os: _Optional[str] = ..., platform: _Optional[str] = ..., platform_family: _Optional[str] = ..., platform_version: _Optional[str] = ..., kernel_version: _Optional[str] = ..., build: _Optional[_Union[Build, _Mapping]] = ..., scheduler_cluster_id: _Optional[int] = ..., disable_shared: _Optional[bool] = ..., proxy_port: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("id", "type", "url", "digest", "tag", "application", "filtered_query_params", "request_header", "content_length", "piece_count", "size_scope", "state", "peer_count", "has_available_peer", "created_at", "updated_at")
    class RequestHeaderEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    APPLICATION_FIELD_NUMBER: _ClassVar[int]
    FILTERED_QUERY_PARAMS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_HEADER_FIELD_NUMBER: _ClassVar[int]
    CONTENT_LENGTH_FIELD_NUMBER: _ClassVar[int]
    PIECE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SIZE_SCOPE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PEER_COUNT_FIELD_NUMBER: _ClassVar[int]
    HAS_AVAILABLE_PEER_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: TaskType
    url: str
    digest: str
    tag: str
    application: str
    filtered_query_params: _containers.RepeatedScalarFieldContainer[str]
    request_header: _containers.ScalarMap[str, str]
    content_length: int
    piece_count: int
    size_scope: SizeScope
    state: str
    peer_count: int
    has_available_peer: bool
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., type: _Optional[_Union[TaskType, str]] = ..., url: _Optional[str] = ..., digest: _Optional[str] = ..., tag: _Optional[str] = ..., application: _Optional[str] = ..., filtered_query_params: _Optional[_Iterable[str]] = ..., request_header: _Optional[_Mapping[str, str]] = ..., content_length: _Optional[int] = ..., piece_count: _Optional[int] = ..., size_scope: _Optional[_Union[SizeScope, str]] = ..., state: _Optional[str] = ..., peer_count: _Optional[int] = ..., has_available_peer: _Optional[bool] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
