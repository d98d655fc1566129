"""Views of records, alerts and the preview of a decision."""

from typing import Any

from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotAuthenticated, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from face_engine import ModelMissing
from records.api.filters import AlertFilter, RecordFilter
from records.api.serializers import (
    AlertOut,
    LooksLikePhotoOut,
    NotThisPersonOut,
    PreviewIn,
    PreviewOut,
    RecordOut,
)
from records.choices import Timing, VerificationResult
from records.models import Alert, Record
from records.selectors import (
    alerts_visible,
    asked_doors,
    record_numbered,
    records_visible,
)
from records.services import (
    LooksLikePhoto,
    alert_acknowledge,
    alert_clear,
    decision_preview,
    not_this_person,
    not_this_person_undo,
)
from server_common.api import Unavailable
from server_common.api_defaults import AnyAccept
from server_common.cursor_pagination import NewestFirst
from server_common.strict_api import StrictRequests, no_fields


def _person(request: Request) -> User:
    """Return the signed-in caller; the permission was checked before."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


class RecordViewSet(StrictRequests, viewsets.ReadOnlyModelViewSet):
    """What terminals reported, newest first."""

    queryset = Record.objects.none()
    serializer_class = RecordOut
    filterset_class = RecordFilter
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Record]:
        return records_visible(self.request.user)

    def get_object(self) -> Record:
        """Return the record, also under the number it had before its upload took its place."""
        rows = self.filter_queryset(self.get_queryset())
        record = record_numbered(rows, self.kwargs["pk"])
        if record is None:
            raise NotFound
        self.check_object_permissions(self.request, record)
        return record

    @extend_schema(responses={(200, "image/jpeg"): OpenApiTypes.BINARY})
    @action(detail=True, url_path="picture", content_negotiation_class=AnyAccept)
    def picture(self, request: Request, pk: str | None = None) -> Any:
        """Return the picture as JPEG."""
        record = self.get_object()
        if record.picture is None:
            raise NotFound("This record has no picture.")
        etag = f'"{record.picture.sha256[:32]}"'
        if etag in request.headers.get("If-None-Match", ""):
            return HttpResponse(status=304, headers={"ETag": etag})
        try:
            with default_storage.open(str(record.picture.image.name)) as stored:
                jpeg = stored.read()
        except FileNotFoundError as error:
            raise NotFound("This record's picture is gone.") from error
        headers = {"ETag": etag, "Cache-Control": "private, max-age=3600"}
        # Not streamed: an asynchronous server would read a file's pieces all at once, and warn.
        return HttpResponse(jpeg, content_type="image/jpeg", headers=headers)

    @extend_schema(
        request=None,
        responses={
            200: NotThisPersonOut,
            409: OpenApiResponse(
                LooksLikePhotoOut, description="The picture looks like the photo on file."
            ),
        },
    )
    @action(detail=True, methods=["post"], url_path="not-this-person")
    def not_this_person(self, request: Request, pk: str | None = None) -> Response:
        """Say that this pass shows another person; the mistake is refused from now on.

        A picture that looks like the photo on file is answered 409: nothing would be refused, and
        the photo has to be replaced instead.
        """
        record = self.get_object()
        no_fields(request)
        try:
            not_this_person(record=record, user=_person(request))
        except LooksLikePhoto as refusal:
            refused = {
                "error": "looks_like_photo",
                "record": record.pk,
                "not_this_person": False,
                "looks_like_photo": True,
                "person": record.person_id,
                "detail": str(refusal),
            }
            return Response(LooksLikePhotoOut(refused).data, status=409)
        except ModelMissing as error:
            raise Unavailable("The face models are not installed.") from error
        return Response({"record": record.pk, "not_this_person": True})

    @extend_schema(request=None, responses=NotThisPersonOut)
    @action(detail=True, methods=["post"], url_path="not-this-person/undo")
    def not_this_person_undo(self, request: Request, pk: str | None = None) -> Response:
        """Take that back; nothing happens where it was not said."""
        record = self.get_object()
        no_fields(request)
        not_this_person_undo(record=record)
        return Response({"record": record.pk, "not_this_person": False})


class AlertViewSet(StrictRequests, viewsets.ReadOnlyModelViewSet):
    """What needs attention, newest first; guards take care of it too."""

    queryset = Alert.objects.none()
    serializer_class = AlertOut
    filterset_class = AlertFilter
    pagination_class = NewestFirst
    member_may_write = True

    def get_queryset(self) -> QuerySet[Alert]:
        return alerts_visible(self.request.user)

    @extend_schema(request=None, responses=AlertOut)
    @action(detail=True, methods=["post"])
    def acknowledge(self, request: Request, pk: str | None = None) -> Response:
        """Say that the caller has seen it and takes care of it."""
        alert = self.get_object()
        no_fields(request)
        alert = alert_acknowledge(alert=alert, user=_person(request))
        return Response(self.get_serializer(alert).data)

    @extend_schema(request=None, responses=AlertOut)
    @action(detail=True, methods=["post"])
    def clear(self, request: Request, pk: str | None = None) -> Response:
        """Close it."""
        alert = self.get_object()
        no_fields(request)
        alert = alert_clear(alert=alert, user=_person(request))
        return Response(self.get_serializer(alert).data)


class DecisionPreviewView(StrictRequests, APIView):
    """A decision without a pass; nothing is stored, no alert is raised."""

    member_may_write = True

    @extend_schema(request=PreviewIn, responses=PreviewOut)
    def post(self, request: Request) -> Response:
        """Say whether a door would open for a person at a moment, and why."""
        given = PreviewIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        doors = asked_doors(
            request.user,
            device_id=asked["device_id"],
            site_id=asked.get("site"),
            person_id=asked.get("person"),
            user_id=asked.get("user_id"),
        )
        if not doors:
            raise ValidationError({"device_id": ["There is no such terminal for this person."]})
        if len(doors) > 1:
            raise ValidationError({"site": ["Several sites have such a terminal; give the site."]})
        terminal, person = doors[0]
        at = asked.get("at") or timezone.now()
        made = decision_preview(
            terminal=terminal,
            person=person,
            at=at,
            temperature_c=asked.get("temperature_c"),
            mask=asked["mask"],
            similarity=asked.get("similarity"),
            verification=VerificationResult(asked["verification"]),
            timing=Timing(asked["timing"]),
        )
        found = {
            "open_door": made.decision.open_door,
            "reason": made.decision.reason,
            "reason_text": made.decision.reason.label,
            "unlock_delay_ms": made.decision.unlock_delay_ms,
            "passed_back": made.has_passed_back,
            "at": at,
            "site": terminal.site_id,
            "device_id": terminal.device_id,
            "person": person.pk if person else None,
            "inputs": made.inputs,
        }
        return Response(PreviewOut(found).data)
