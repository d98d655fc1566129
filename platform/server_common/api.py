"""What every REST endpoint shares: pages and one shape for errors."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler


class Pages(PageNumberPagination):
    """``{count, next, previous, results}``; ``page_size`` up to 500."""

    page_size_query_param = "page_size"
    max_page_size = 500


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Shape refusals as ``{"error": code, "detail": sentence, "fields": {name: [sentences]}}``."""
    response = drf_exception_handler(exc, context)
    if response is None:
        return None
    if isinstance(exc, ValidationError):
        fields = response.data if isinstance(response.data, dict) else {"": response.data}
        response.data = {"error": "invalid", "detail": _first_sentence(fields), "fields": fields}
    elif isinstance(response.data, dict):
        code = getattr(exc, "default_code", "error")
        detail = response.data.get("detail", "")
        response.data = {"error": getattr(detail, "code", code), "detail": detail}
    return response


def _first_sentence(value: Any) -> str:
    while isinstance(value, dict | list) and value:
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return str(value) if value else ""
