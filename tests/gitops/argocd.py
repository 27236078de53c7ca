"""Scripts for Argo CD, evaluated as Argo CD does it (its util/lua): Lua 5.1, of whose libraries hardly any are there.

It opens `package`, the basics, and `table`; `require("os")` gives a table with `time` and `date` alone. What a script
returns goes through JSON, where an empty table is an empty list; what an action returns is compared with the object as
it is, and the difference is sent as a merge patch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import lupa.lua51 as lua

_HEALTH = {"Unknown", "Progressing", "Suspended", "Healthy", "Degraded", "Missing"}
_ABSENT = ("string", "math", "io", "debug", "coroutine", "python", "jit", "bit", "os")


class ScriptError(Exception):
    """Argo CD would show this in place of a result."""


def health(script: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the health of an object: `status` and, if there is one, `message`. Raises ScriptError."""
    result = _run(script, body)
    if not isinstance(result, dict) or result.get("status") not in _HEALTH:
        raise ScriptError(f"an invalid health status: {result!r}")
    return result


def discover(script: str, body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Give what can be done with an object, by name. Raises ScriptError."""
    result = _run(script, body)
    if result == []:
        return {}
    if not isinstance(result, dict):
        raise ScriptError(f"no table of actions: {result!r}")
    return {
        name: {"name": name, "disabled": False, **(action if isinstance(action, dict) else {})}
        for name, action in result.items()
    }


def act(script: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the object as an action makes it. Raises ScriptError."""
    result = _run(script, body)
    if not isinstance(result, dict):
        raise ScriptError(f"an action of a list of objects, or of none: {result!r}")
    return dict(_cleaned(result, body))


def merge_patch(before: Any, after: Any) -> Any:
    """Give the JSON merge patch from one object to the other; an empty one says that nothing differs."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return after
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        if name not in before:
            patch[name] = value
        elif before[name] != value:
            patch[name] = merge_patch(before[name], value)
    return patch


def _run(script: str, body: Mapping[str, Any]) -> Any:
    runtime = lua.LuaRuntime(register_eval=False, register_builtins=False, unpack_returned_tuples=True)
    runtime.execute("""
        local date, time = os.date, os.time
        debug.setmetatable("", nil)  -- a string has no methods where its library is not opened
        for name in pairs(package.loaded) do
            if name ~= "_G" and name ~= "table" and name ~= "package" then package.loaded[name] = nil end
        end
        package.preload["os"] = function() return {date = date, time = time} end
        -- It is registered under this name, by mistake or not.
        table.date, table.time = date, time
    """)
    for name in _ABSENT:
        runtime.globals()[name] = None
    runtime.globals().actionParams = runtime.table()
    runtime.globals().obj = _decoded(runtime, body)
    try:
        result = runtime.execute(script)
    except lua.LuaError as error:
        raise ScriptError(str(error)) from error
    # Through JSON: what no JSON can say is an error there, too.
    return json.loads(json.dumps(_encoded(result), allow_nan=False))


def _decoded(runtime: Any, value: Any) -> Any:
    """Give a value as a script sees it. A null is not there at all."""
    match value:
        case dict():
            table = runtime.table()
            for name, each in value.items():
                table[name] = _decoded(runtime, each)
            return table
        case list():
            table = runtime.table()
            for each in value:
                table[len(table) + 1] = _decoded(runtime, each)
            return table
        case int() if not isinstance(value, bool):
            return float(value)
        case _:
            return value


def _encoded(value: Any) -> Any:
    if lua.lua_type(value) != "table":
        if value is not None and not isinstance(value, str | int | float | bool):
            raise ScriptError(f"no value that JSON has: {value!r}")
        return int(value) if isinstance(value, float) and value.is_integer() else value
    keys = list(value.keys())
    if not keys:
        return []
    if all(isinstance(key, str) for key in keys):
        return {key: _encoded(each) for key, each in value.items()}
    if sorted(keys) != list(range(1, len(keys) + 1)):
        raise ScriptError(f"a table of mixed or missing keys: {keys}")
    return [_encoded(value[key]) for key in range(1, len(keys) + 1)]


def _cleaned(new: Any, old: Any) -> Any:
    """Take an empty list for the empty object that it was."""
    match new, old:
        case dict(), dict():
            return {name: _cleaned(value, old[name]) if name in old else value for name, value in new.items()}
        case [], dict():
            return {}
        case list(), list():
            return [_cleaned(value, old[index]) if index < len(old) else value for index, value in enumerate(new)]
        case _:
            return new
