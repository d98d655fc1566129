"""``Authorization: Token …`` for programs."""

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from devices.services import api_token_user


class ApiTokenAuthentication(BaseAuthentication):
    """Find the user by the digest of the token; the token itself is stored nowhere."""

    keyword = "Token"

    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != self.keyword.lower().encode():
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("give one token after the word Token")
        user = api_token_user(parts[1].decode("ascii", "replace"))
        if user is None:
            raise AuthenticationFailed("this token is not valid")
        return user, "token"

    def authenticate_header(self, request: Request) -> str:
        return self.keyword
