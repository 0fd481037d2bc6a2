"""ASGI: who acts, taken from the request, for everything that the application does while it answers it.

::

    app = ActorMiddleware(app, actor=lambda scope: scope.get("user"))
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

import uuid_utils

from signalpy.operation import acting_as

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Actor: TypeAlias = Callable[[Scope], "str | Awaitable[str | None] | None"]

LONGEST: Final = 128
"""Characters that are taken from a header; it comes from outside."""


class ActorMiddleware:
    """Runs every request and websocket under ``acting_as``: actor, client and correlation id of the request.

    The client is ``{"ip", "request_id", "user_agent"}``, as far as known. The correlation id is the header
    ``x-correlation-id``, else ``x-request-id``, else the trace id of ``traceparent`` (W3C Trace Context), else new.

    :param app: an ASGI 3 application.
    :param actor: tells who acts from the connection's scope; sync or async; ``None`` for nobody.
    """

    def __init__(self, app: App, *, actor: Actor) -> None:
        self.app = app
        self.actor = actor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one connection; ``lifespan`` passes as it is."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        found = self.actor(scope)
        actor = await found if inspect.isawaitable(found) else found
        headers = _headers(scope)
        with acting_as(actor, client=_client(scope, headers), correlation_id=_correlation(headers)):
            await self.app(scope, receive, send)


def _headers(scope: Scope) -> Mapping[str, str]:
    wanted = (b"x-correlation-id", b"x-request-id", b"traceparent", b"user-agent")
    return {
        bytes(name).decode("latin-1").lower(): bytes(value).decode("latin-1").strip()[:LONGEST]
        for name, value in scope.get("headers", ())
        if bytes(name).lower() in wanted and value
    }


def _client(scope: Scope, headers: Mapping[str, str]) -> dict[str, str]:
    address = scope.get("client")
    known = {
        "ip": address[0] if address else None,
        "request_id": headers.get("x-request-id"),
        "user_agent": headers.get("user-agent"),
    }
    return {key: value for key, value in known.items() if value}


def _correlation(headers: Mapping[str, str]) -> str:
    parts = headers.get("traceparent", "").split("-")
    trace = parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else None
    return headers.get("x-correlation-id") or headers.get("x-request-id") or trace or str(uuid_utils.uuid7())
