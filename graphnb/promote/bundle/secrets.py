"""Nothing secret leaves the notebook: what looks like a token is found, and never shown.

The forms of tokens are those that detect-secrets knows, and some that it does not; beside them,
values of this process's own environment whose names say that they are secret, in whatever form
they are written.
"""

from __future__ import annotations

import json
import os
import re
import threading
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["ALLOWED", "Secret", "SecretFinder", "masked"]

ALLOWED = "pragma: allowlist secret"
"""A comment in a line with which its author says that it holds no secret."""

_SECRET_NAME = re.compile(
    r"token|secret|pass|pwd|credential|_?key$|api_?key|access_?key|auth|_dsn$|database_url",
    re.IGNORECASE,
)
# Names that say so, and are not.
_HARMLESS_NAME = re.compile(
    r"ssh_auth_sock|_mode$|xauthority|path$|_file$|keyboard|compass", re.IGNORECASE
)
_SHORTEST = 8
_MOST_SCANNED = 2_000_000  # bytes of text; in more than that only known values are looked for
_SHORTEST_SHOWN = 4  # what is shorter says nothing, and stands everywhere
_MASK = "***"

# All of detect-secrets but those that guess by entropy: hashes and names of models are not secret.
_DETECTORS = (
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector",
    "CloudantDetector", "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector",
    "JwtTokenDetector", "KeywordDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector",
    "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector",
    "SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip

_MORE = {
    "Hugging Face Token": re.compile(r"\bhf_[A-Za-z0-9]{20,}"),
    "Anthropic Key": re.compile(r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    "Google Key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}"),
    "Bearer Token": re.compile(r"\bBearer\s+[A-Za-z0-9._~+/-]{16,}=*"),
    "Connection String": re.compile(
        r"\b(?:password|pwd|accountkey)=[^;\s\"'{}$]{6,}", re.IGNORECASE
    ),
}
# As settings are written: `DB_PASSWORD: word`, "api_key": "word".
_SETTING = re.compile(
    r"(?:password|passwd|secret|token|api_?key|access_?key)[\"']?\s*[:=]\s*[\"']?"
    r"(?P<value>[^\s\"',{}$<>()\[\]]{8,})",
    re.IGNORECASE,
)
_SETTINGS = (".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".env", ".txt")

_READABLE = re.compile(rb"[\x20-\x7e]{8,}")

_detecting = threading.RLock()  # held while settings are ours: a process has one set of them


@dataclass(frozen=True, slots=True)
class Secret:
    """A place that seems to hold one.

    Attributes:
        line: counted from 1; 0 where there are no lines.
        kind: what it looks like, for people.
    """

    line: int
    kind: str


class SecretFinder:
    """Looks through files; what one of them says to be none is none in the others.

    Args:
        environment: where values are that must not leave; this process's by default.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._known = dict(_forms(os.environ if environment is None else environment))
        self._allowed: set[str] = set()

    def find(self, path: str, data: bytes) -> Secret | None:
        """The first that a file seems to hold."""
        for name, forms in self._known.items():
            found = next((one for one in forms if one in data), None)
            if found is not None:
                line = data[: data.index(found)].count(b"\n") + 1
                return Secret(line, f"the value of the environment variable {name}")
        try:
            text = data.decode("utf-8") if len(data) <= _MOST_SCANNED else ""
        except UnicodeDecodeError:  # what can be read in it, such as the texts in a pickle
            text = b"\n".join(_READABLE.findall(data)).decode("ascii")
            found_in = next(self._in_text(text, settings=False), None)
            return None if found_in is None else Secret(0, found_in.kind)
        return next(self._in_text(text, settings=path.endswith(_SETTINGS)), None)

    def _in_text(self, text: str, *, settings: bool) -> Iterator[Secret]:
        with _detectors():
            for number, line in enumerate(text.splitlines(), 1):
                found = list(_in_line(line, settings=settings))
                if ALLOWED in line:
                    self._allowed |= {value for _, value in found}
                    continue
                for kind, value in found:
                    if value not in self._allowed:
                        yield Secret(number, kind)


def masked(text: str, more: Iterable[str] = ()) -> str:
    """A text for people, with stars in place of what must not be shown.

    Args:
        text: what others have said, such as a traceback.
        more: values that are not shown either, beside those that are known as secrets.
    """
    for value in more:
        if len(value) >= _SHORTEST_SHOWN:
            text = text.replace(value, _MASK)
    for forms in dict(_forms(os.environ)).values():
        for one in forms:
            text = text.replace(one.decode("utf-8", "ignore") or _MASK, _MASK)
    with _detectors():
        for line in text.splitlines():
            for _, value in _in_line(line, settings=False):
                text = text.replace(value, _MASK)
    return text


@contextmanager
def _detectors() -> Iterator[None]:
    from detect_secrets.settings import transient_settings

    with _detecting, transient_settings({"plugins_used": [{"name": one} for one in _DETECTORS]}):
        yield


def _in_line(line: str, *, settings: bool) -> Iterator[tuple[str, str]]:
    """What looks like secrets in a line: the kind, and the value."""
    from detect_secrets.core.scan import scan_line

    # Its own filters leave out lines with that comment; whether it counts is decided here.
    line = line.replace(ALLOWED, "")
    for one in scan_line(line):
        # Of some tokens it tells the beginning alone.
        whole = re.search(re.escape(one.secret_value or line.strip()) + r"[\w./+=-]*", line)
        yield one.type, whole[0] if whole else line.strip()
    for kind, pattern in _MORE.items():
        for match in pattern.finditer(line):
            yield kind, match[0]
    for match in _SETTING.finditer(line) if settings else ():
        yield "Secret Keyword", match["value"]


def _forms(environment: Mapping[str, str]) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    """The secret values, by name, as they may stand in a file."""
    for name, value in environment.items():
        if not _SECRET_NAME.search(name) or _HARMLESS_NAME.search(name):
            continue
        parts = [one.strip() for one in value.splitlines()]
        texts = {one for one in [value, *parts] if len(one) >= _SHORTEST}
        forms = {form for one in texts for form in _written(one)}
        if forms:
            yield name, tuple(sorted(forms))


def _written(text: str) -> Iterator[bytes]:
    yield text.encode()
    yield text.encode("utf-16-le")
    yield text.encode("utf-32-le")
    for escaped in (json.dumps(text), json.dumps(text, ensure_ascii=False), repr(text)):
        yield escaped[1:-1].encode()
    for shift in range(3):  # base64 of whatever begins somewhere before it
        whole = b64encode(b"\0" * shift + text.encode())
        inner = whole[-(-shift * 8 // 6) : -4]
        if len(inner) >= _SHORTEST:
            yield inner
