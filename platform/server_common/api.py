"""What every REST endpoint shares: bodies, pages, one shape for errors, Django's made ours."""

import io
import logging
from collections.abc import Mapping
from typing import Any

import django_filters
from django import forms
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError
from django.db.models import ProtectedError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

logger = logging.getLogger(__name__)

# What a bigint primary key can be.
ID_MAX = 2**63 - 1


class BodyTooLarge(APIException):
    """More bytes than any request of ours needs."""

    status_code = 413
    default_code = "too_large"
    default_detail = "This is larger than the platform takes."


def _read(stream: Any) -> io.BytesIO:
    """Read a body of at most ``DATA_UPLOAD_MAX_MEMORY_SIZE`` bytes.

    Django bounds forms by that setting, but not what a parser reads from the stream itself.
    """
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
    raw = stream.read(limit + 1)
    if len(raw) > limit:
        raise BodyTooLarge
    return io.BytesIO(raw)


def _in_utf8(parser_context: Mapping[str, Any] | None) -> dict[str, Any]:
    """Overrule the charset: Python knows "charsets" such as hex and undefined, which break."""
    return {**(parser_context or {}), "encoding": "utf-8"}


class BoundedJSONParser(JSONParser):
    """JSON in UTF-8 of bounded size; no nesting breaks it."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            return super().parse(_read(stream), media_type, _in_utf8(parser_context))
        except RecursionError as error:
            raise ParseError("This is nested too deeply.") from error


class BoundedFormParser(FormParser):
    """A form in UTF-8 of bounded size."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return super().parse(_read(stream), media_type, _in_utf8(parser_context))


class UploadParser(MultiPartParser):
    """A form with files in UTF-8; Django keeps large files on disk and bounds the rest."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return super().parse(stream, media_type, _in_utf8(parser_context))


class AnyAccept(DefaultContentNegotiation):
    """For answers of one kind, such as pictures: whatever ``Accept`` says, errors are JSON."""

    def select_renderer(
        self, request: Any, renderers: Any, format_suffix: str | None = None
    ) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


@extend_schema_field(OpenApiTypes.INT)
class IdFilter(django_filters.NumberFilter):
    """Filter by a primary key.

    Only plain digits: a number with an exponent (``-1e999999``) takes Python minutes to write out.
    """

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=0, max_value=ID_MAX, **kwargs)

    def get_max_validator(self) -> None:
        return None


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
    elif isinstance(exc, IntegrityError):
        exc = _from_database(exc)
    elif isinstance(exc, SuspiciousOperation):
        # Too many fields or files; Django's own answer is a page.
        logger.warning("rest_body_refused %s", type(exc).__name__)
        exc = ParseError("This request is not acceptable.")
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
    response.data = _writable(response.data)
    return response


def _from_django(exc: DjangoValidationError) -> ValidationError:
    if hasattr(exc, "error_dict"):
        return ValidationError(exc.message_dict)
    return ValidationError({"": exc.messages})


def _from_database(exc: IntegrityError) -> Conflict:
    """Somebody was faster: what was free when it was checked is taken when it is stored."""
    # The message itself quotes the row, names included.
    constraint = getattr(getattr(exc.__cause__, "diag", None), "constraint_name", None)
    logger.warning("rest_conflict constraint=%s", constraint)
    return Conflict("Somebody else has changed this at the same time; please look again.")


def _writable(value: Any) -> Any:
    """Replace half characters (lone surrogates), which errors quote and no answer can carry."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_writable(key): _writable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_writable(one) for one in value]
    return value


def _first_sentence(value: Any) -> str:
    while isinstance(value, dict | list) and value:
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return str(value) if value else ""
