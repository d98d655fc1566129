"""Authentication of programs by ``Authorization: Token …``."""

from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from devices.selectors import token_scope
from devices.services import api_token_user
from server_common.sign_in_guard import TOKEN_ACCOUNT, Caller, failure_note, wait_left_s


class ApiTokenAuthentication(BaseAuthentication):
    """Find the user by the digest of the token; the token itself is stored nowhere.

    Wrong tokens of an address have to wait as wrong passwords do, right ones never: there is
    nothing to guess, and others may be behind the same address.
    """

    keyword = "Token"

    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != self.keyword.lower().encode():
            return None
        if len(parts) != 2:
            raise AuthenticationFailed("give one token after the word Token")
        user = api_token_user(parts[1].decode("ascii", "replace"))
        if user is None:
            self._refuse(request)
        scope = token_scope(user)
        if scope is not None and scope.read_only and request.method not in SAFE_METHODS:
            # Here and not in permissions, which a view may replace.
            raise PermissionDenied("This token only reads.")
        return user, "token"

    def authenticate_header(self, request: Request) -> str:
        return self.keyword

    @staticmethod
    def _refuse(request: Request) -> None:
        caller = Caller.of(request._request, TOKEN_ACCOUNT)
        wait_s = wait_left_s(caller)
        if wait_s:
            raise Throttled(wait_s)
        failure_note(caller, path=request.path)
        raise AuthenticationFailed("this token is not valid")
