"""What every REST endpoint shares: pages, one shape for errors, and how Django's become ours."""

from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import ProtectedError
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler


class Pages(PageNumberPagination):
    """``{count, next, previous, results}``; ``page_size`` up to 500."""

    page_size_query_param = "page_size"
    max_page_size = 500


class Conflict(APIException):
    """The request is fine, but what it asks for contradicts what is there."""

    status_code = 409
    default_code = "conflict"
    default_detail = "This is still in use."


class Unavailable(APIException):
    """Something the request needs is not there at the moment."""

    status_code = 503
    default_code = "unavailable"
    default_detail = "Not available at the moment."


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Shape refusals as ``{"error": code, "detail": sentence, "fields": {name: [sentences]}}``."""
    if isinstance(exc, DjangoValidationError):
        exc = _from_django(exc)
    elif isinstance(exc, ProtectedError):
        exc = Conflict()
    response = drf_exception_handler(exc, context)
    if response is None:
        return None
    if isinstance(exc, ValidationError):
        fields = response.data if isinstance(response.data, dict) else {"": response.data}
        response.data = {"error": "invalid", "detail": _first_sentence(fields), "fields": fields}
    elif isinstance(response.data, dict):
        detail = response.data.get("detail", "")
        code = getattr(detail, "code", getattr(exc, "default_code", "error"))
        response.data = {"error": code, "detail": detail}
    return response


def _from_django(exc: DjangoValidationError) -> ValidationError:
    if hasattr(exc, "error_dict"):
        return ValidationError(exc.message_dict)
    return ValidationError({"": exc.messages})


def _first_sentence(value: Any) -> str:
    while isinstance(value, dict | list) and value:
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return str(value) if value else ""
