"""Nothing secret leaves the notebook: what looks like a token is found, and never shown.

The forms of tokens are those that detect-secrets knows; beside them, values of this process's own
environment whose names say that they are secret.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Secret", "secrets_in"]

ALLOWED = "pragma: allowlist secret"
"""A comment in a line with which its author says that it holds no secret."""

_SECRET_NAME = re.compile(
    r"token|secret|passw|passphrase|credential|api_?key|access_?key|auth", re.IGNORECASE
)
_SHORTEST = 8

# All of detect-secrets but those that guess by entropy: hashes and names of models are not secret.
_DETECTORS = (
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector",
    "CloudantDetector", "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector",
    "JwtTokenDetector", "KeywordDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector",
    "PrivateKeyDetector", "PypiTokenDetector", "SendGridDetector", "SlackDetector",
    "SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Secret:
    """A place that seems to hold one.

    Attributes:
        line: counted from 1.
        kind: what it looks like, for people.
    """

    line: int
    kind: str


def secrets_in(text: str, environment: Mapping[str, str] | None = None) -> list[Secret]:
    """What looks like a secret in a text, line by line; at the most one of each line.

    Args:
        text: a file's.
        environment: where values are that must not be in it; this process's by default.
    """
    values = _secret_values(os.environ if environment is None else environment)
    return list(_found(text, values))


def _found(text: str, values: Mapping[str, str]) -> Iterator[Secret]:
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import transient_settings

    plugins = [{"name": one} for one in _DETECTORS]
    with transient_settings({"plugins_used": plugins}):
        for number, line in enumerate(text.splitlines(), 1):
            if ALLOWED in line:
                continue
            named = next((name for name, value in values.items() if value in line), None)
            if named is not None:
                yield Secret(number, f"the value of the environment variable {named}")
                continue
            known = next(iter(scan_line(line)), None)
            if known is not None:
                yield Secret(number, known.type)


def _secret_values(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST
    }
