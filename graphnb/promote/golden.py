"""Golden requests: what was sent in the notebook over HTTP, with what came back.

Wherever the graph goes, the same requests must get the same answers.
"""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphnb.errors import ExportError
from graphnb.promote.bundle.secrets import masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import httpx

__all__ = ["Golden", "Mismatch", "mismatches", "record"]

_JSON = "application/json"
_BINARY = "application/octet-stream"
_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Golden:
    """A request and its answer.

    Attributes:
        path: below the graph's address; empty for the graph itself.
        request: what was sent: as JSON, or bytes as they are.
        status: the HTTP status of the answer.
        answer: JSON, or bytes of any other kind.
    """

    path: str
    request: Any
    status: int
    answer: Any

    def to_json(self) -> dict[str, Any]:
        """As `golden.json` holds it."""
        return {
            "path": self.path,
            "request": _plain(self.request),
            "status": self.status,
            "answer": _plain(self.answer),
        }

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Golden:
        """What `to_json` made."""
        request, answer = map(_valued, (said["request"], said["answer"]))
        return cls(said["path"], request, said["status"], answer)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A golden request that got another answer.

    Attributes:
        number: counts the golden requests, from 1.
        found: what came back, or what went wrong.
        expected: what was recorded.
        broken: whether there was no answer, or the graph's own failure.
    """

    number: int
    found: str
    expected: str
    broken: bool

    def __str__(self) -> str:
        return f"golden request {self.number}: got {self.found}, expected {self.expected}"


def record(client: httpx.Client, url: str, requests: Iterable[Any]) -> list[Golden]:
    """Sends requests, and keeps what comes back.

    Args:
        client: with the headers that the graph asks for.
        url: the graph's address.
        requests: each a value to be sent as JSON, bytes, or (path, value).

    Raises:
        ExportError: a request cannot be sent, or fails on the graph's side.
    """
    found = []
    for number, one in enumerate(requests, 1):
        is_routed = isinstance(one, tuple) and len(one) == 2 and str(one[0]).startswith("/")
        path, value = one if is_routed else ("", one)
        status, answer = _send(client, url, path, value, number)
        if status >= 400:
            raise ExportError(
                masked(f"golden request {number} fails: status {status}, {_shown(answer)}"),
                hint="send it with %request NAME EXPR --http to see why",
            )
        found.append(Golden(path, value, status, answer))
    return found


def mismatches(client: httpx.Client, url: str, golden: Iterable[Golden]) -> Iterator[Mismatch]:
    """Sends golden requests, and tells those that get another answer."""
    for number, one in enumerate(golden, 1):
        expected = f"status {one.status}, {_shown(one.answer)}"
        try:
            status, answer = _send(client, url, one.path, one.request, number)
        except ExportError as error:
            yield Mismatch(number, error.message, expected, broken=True)
            continue
        if status != one.status or not same(answer, one.answer):
            said = f"status {status}, {_shown(answer)}"
            yield Mismatch(number, said, expected, broken=status >= 500)


def _send(client: httpx.Client, url: str, path: str, value: Any, number: int) -> tuple[int, Any]:
    import httpx

    is_binary = isinstance(value, bytes)
    try:
        content = value if is_binary else json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ExportError(f"golden request {number} has no JSON form: {error}") from None
    headers = {"content-type": _BINARY if is_binary else _JSON}
    try:
        response = client.post(url.rstrip("/") + path, content=content, headers=headers)
    except httpx.HTTPError as error:
        said = str(error) or type(error).__name__
        raise ExportError(f"golden request {number} got no answer: {said}") from error
    if response.headers.get("content-type", "").startswith(_JSON):
        return response.status_code, response.json()
    return response.status_code, response.content


def same(one: Any, other: Any) -> bool:
    """Whether two answers are equal; numbers to nine digits."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    numbers = {type(one), type(other)}
    if float in numbers and numbers <= {int, float}:
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return type(one) is type(other) and bool(one == other)


def _plain(value: Any) -> Any:
    return {"base64": b64encode(value).decode()} if isinstance(value, bytes) else {"json": value}


def _valued(said: Mapping[str, Any]) -> Any:
    return b64decode(said["base64"]) if "base64" in said else said["json"]


def _shown(value: Any) -> str:
    text = f"{len(value)} bytes" if isinstance(value, bytes) else json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
