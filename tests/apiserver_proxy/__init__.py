"""Between the operator and the API server: a proxy of the tests' own that does to requests what networks,
load balancers and API servers do, by pattern.

A pattern is a regular expression that is searched for in `METHOD PATH?QUERY`, as in `PATCH /apis/.*/status`. What was
said last comes first; each rule serves so many requests and is forgotten then.
"""

from tests.apiserver_proxy.answers import HTML, json_of, status
from tests.apiserver_proxy.proxy import ApiServerProxy

__all__ = ["HTML", "ApiServerProxy", "json_of", "status"]
