"""Parsers and pages that the settings of the REST interface name.

Apart from ``api``, because the REST framework loads these while its own views are being imported.
"""

import io
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser


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


class Pages(PageNumberPagination):
    """Pages as ``{count, next, previous, results}``; ``page_size`` up to 500."""

    page_size_query_param = "page_size"
    max_page_size = 500
    # What an address may say about pages.
    parameters: tuple[str, ...] = ("page", "page_size")
