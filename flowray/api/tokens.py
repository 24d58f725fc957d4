"""Public tokens: signed rights to read one execution, for EventSource and browsers. Not a way to start or steer one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from flowray.errors import ErrorCode, FlowrayError

DAY_S = 24 * 60 * 60

_SALT = "flowray.public-token.v1"
"""Keeps these signatures apart from any other use of the same secret."""


class PublicTokens:
    """Issues and checks tokens. All servers of one installation share ``secret``; tokens live ``lifetime_s``."""

    def __init__(self, secret: str, *, lifetime_s: int = DAY_S) -> None:
        if len(secret) < 16:
            raise FlowrayError(
                ErrorCode.CONFIGURATION,
                "the secret that signs public tokens is too short",
                hint="use at least 16 random characters",
            )
        self._serializer = URLSafeTimedSerializer(secret, salt=_SALT)
        self.lifetime_s = lifetime_s

    def issue(self, execution_id: str) -> str:
        """A token for this execution, valid from now on."""
        return str(self._serializer.dumps({"execution": execution_id, "rights": "read"}))

    def check(self, token: str, execution_id: str) -> None:
        """Raises UNAUTHORIZED for a forged or expired token, FORBIDDEN for one of another execution."""
        try:
            content: Any = self._serializer.loads(token, max_age=self.lifetime_s)
        except SignatureExpired:
            raise FlowrayError(
                ErrorCode.UNAUTHORIZED,
                "the public token has expired",
                hint="get a new one from GET /v1/executions/{id}/public-token",
            ) from None
        except BadSignature:
            raise FlowrayError(ErrorCode.UNAUTHORIZED, "the public token is not valid") from None
        if not isinstance(content, dict) or content.get("execution") != execution_id:
            raise FlowrayError(
                ErrorCode.FORBIDDEN,
                "the public token is for another execution",
                details={"execution_id": execution_id},
            )

    def expires_at(self) -> datetime:
        """When a token issued now ends, to the second."""
        return datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=self.lifetime_s)
