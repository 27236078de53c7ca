"""The `kubernetes` package's client on a `Line`: its calls and models, this operator's connections and limits.

Of its calls, those for custom objects serve every group; what is only read, `Client.get` reads of any. `CoreV1Api`
would bring the models of all that a cluster can have: 23 MiB and a second of every start, for Pods and Secrets
(docs/adr/0013-many-objects.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.client.rest import RESTResponse

from dragonfly_task_operator.kube.connection import LOOKUP_SECONDS, USER_AGENT, Line


class Client(ApiClient):
    """A client whose every request has a limit in time, and whose every answer is the API server's.

    Besides ApiException, which holds a `Status`, its calls raise what `Line.ask` raises.

    Args:
        line: not closed by this.
        seconds: for a request that has no `_request_timeout` of its own.
    """

    def __init__(self, line: Line, *, seconds: float = LOOKUP_SECONDS) -> None:
        super().__init__(configuration=Configuration(host=""))
        self._line, self._seconds = line, seconds
        self.user_agent = USER_AGENT

    async def get(self, path: str, query: Mapping[str, str | int] | None = None, **names: str) -> Any:
        """Read an object or a list, as JSON has it.

        Args:
            path: with {names} in it.
            query: what is asked for besides.
            names: put into the path, quoted.

        Raises:
            ApiException: the answer is a `Status`; and as `Line.ask`.
        """
        response = await self.call_api(
            *await self.param_serialize(
                "GET",
                path,
                path_params=names,
                query_params=dict(query or {}),
                header_params={"Accept": "application/json"},
                auth_settings=[],
            )
        )
        return self.response_deserialize(response, {"200": "object"}).data

    async def call_api(
        self,
        method: str,
        url: str,
        header_params: dict[str, str] | None = None,
        body: Any = None,
        post_params: Any = None,
        _request_timeout: float | None = None,
        _preload_content: bool = True,
    ) -> RESTResponse:
        """Send a request of the generated calls."""
        del post_params, _preload_content  # nothing of the API server's takes a form, or is a stream here
        response, content = await self._line.ask(
            method,
            url,
            seconds=_request_timeout or self._seconds,
            headers={"Content-Type": "application/json"} | (header_params or {}),
            data=None if body is None else json.dumps(body),
        )
        answer = RESTResponse(response)
        answer.data = content  # type: ignore[assignment]
        return answer
