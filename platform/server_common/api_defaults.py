"""What the settings of the REST interface name: how bodies are read and lists are cut.

Apart from ``api``, because the REST framework loads these while its own views are being imported.
"""

import io
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import PageNumberPagination
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser

_DIGITS_MOST = 18


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
    """``{count, next, previous, results}``; ``page_size`` up to 500, and no other is taken."""

    page_size_query_param = "page_size"
    max_page_size = 500
    # What an address may say about pages.
    parameters: tuple[str, ...] = ("page", "page_size")

    def get_page_size(self, request: Any) -> int | None:
        given = request.query_params.get(self.page_size_query_param)
        if given is None:
            return super().get_page_size(request)
        most = self.max_page_size
        if not _is_number(given) or not 1 <= int(given) <= most:
            raise ValidationError(
                {self.page_size_query_param: [f"Give a number from 1 to {most}."]}
            )
        return int(given)

    def get_page_number(self, request: Any, paginator: Any) -> Any:
        given = request.query_params.get(self.page_query_param)
        # One beyond the last page is a page that is not there: 404.
        is_known = given in {None, *self.last_page_strings}
        if not is_known and (not _is_number(given) or int(given) < 1):
            raise ValidationError({self.page_query_param: ["Give a number from 1 on."]})
        return super().get_page_number(request, paginator)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MOST
