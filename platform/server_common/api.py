"""Parts of every REST endpoint: filters, and one shape for all errors."""

import logging
import re
from datetime import UTC
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError
from django.db.models import ProtectedError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_filters.fields import IsoDateTimeField
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from face_engine import ImageTooHeavy, PicturesBusy
from server_common.api_defaults import BodyTooLarge

logger = logging.getLogger(__name__)

# What a bigint primary key can be.
ID_MAX = 2**63 - 1
# SQLSTATE of PostgreSQL.
_UNIQUE_VIOLATION = "23505"


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


class _MomentField(IsoDateTimeField):
    def to_python(self, value: Any) -> Any:
        moment = super().to_python(value)
        try:
            return moment and moment.astimezone(UTC)
        except OverflowError as error:
            # The year 1 or 9999 of some time zone; SQLite needs the moment in UTC.
            raise forms.ValidationError(self.error_messages["invalid"]) from error


@extend_schema_field(OpenApiTypes.DATETIME)
class MomentFilter(django_filters.IsoDateTimeFilter):
    """Filter by a moment in ISO 8601; without an offset it is UTC."""

    field_class = _MomentField


class Conflict(APIException):
    """The request is fine, but what it asks for contradicts what is there."""

    status_code = 409
    default_code = "conflict"
    default_detail = "This is still in use."


class PictureTooHeavy(APIException):
    """A picture has more bytes or pixels, or takes more memory, than one request may."""

    status_code = 413
    default_code = "too_large"
    default_detail = gettext_lazy(
        "The picture is too large. Make it smaller: an edge of 2,000 pixels is enough."
    )


class TooManyPictures(APIException):
    """Other pictures are being decoded; this one may come a little later."""

    status_code = 503
    default_code = "pictures_busy"
    default_detail = "Too many pictures are being looked at. Send it again a little later."
    # Sent as Retry-After.
    wait = 10


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
        exc = _from_database(exc, context)
    elif isinstance(exc, ImageTooHeavy):
        exc = PictureTooHeavy()
    elif isinstance(exc, PicturesBusy):
        exc = TooManyPictures()
    elif isinstance(exc, RequestDataTooBig):
        exc = BodyTooLarge()
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
    if not hasattr(exc, "error_dict"):
        return ValidationError({"": exc.messages})
    fields: dict[str, list[str]] = {}
    for name, errors in exc.error_dict.items():
        for error in errors:
            taken = _taken_words(error)
            words = error.messages if taken is None else [taken]
            fields.setdefault(_field_of(name, error), []).extend(words)
    return ValidationError(fields)


def _taken_words(error: DjangoValidationError) -> str | None:
    """Say which value is taken already, None where that is not what is wrong."""
    params = error.params or {}
    if error.code not in {"unique", "unique_together"} or "unique_check" not in params:
        return None
    *within, name = params["unique_check"]
    label = params["model_class"]._meta.get_field(name).verbose_name
    if within == ["site"]:
        return _("This %(field)s is already taken at this site.") % {"field": label}
    return _("This %(field)s is already taken.") % {"field": label}


def _field_of(name: str, error: DjangoValidationError) -> str:
    """Return the field that an error is about; what is taken at its site is, by its own field."""
    if name == NON_FIELD_ERRORS and error.code != "unique_together":
        return ""
    if error.code != "unique_together":
        return name
    return str(tuple((error.params or {}).get("unique_check", (name,)))[-1])


def _from_database(exc: IntegrityError, context: dict[str, Any]) -> APIException:
    """Return the refusal of a value that another request has taken since it was checked."""
    cause = exc.__cause__
    # The message itself quotes the row, names included.
    constraint = getattr(getattr(cause, "diag", None), "constraint_name", None)
    logger.warning("rest_conflict constraint=%s", constraint)
    field = taken_column(cause)
    if field is not None and field in context["request"].data:
        return ValidationError({field: [_("This has just been taken by another request.")]})
    return Conflict("Somebody else has changed this at the same time; please look again.")


def taken_column(cause: BaseException | None) -> str | None:
    """Return the last column of the unique constraint that the database saw broken, if it did."""
    if getattr(cause, "pgcode", None) == _UNIQUE_VIOLATION:
        # Key (site_id, user_id)=(1, 1001) already exists, in the database's language.
        detail = str(getattr(getattr(cause, "diag", None), "message_detail", ""))
        columns = re.search(r"\(([\w, ]+)\)=\(", detail)
    elif getattr(cause, "sqlite_errorname", None) == "SQLITE_CONSTRAINT_UNIQUE":
        # UNIQUE constraint failed: faces_person.site_id, faces_person.user_id
        columns = re.search(r": ([\w., ]+)$", str(cause))
    else:
        return None
    return columns[1].rsplit(", ")[-1].rsplit(".")[-1] if columns else None


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
