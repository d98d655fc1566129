"""Views of ``/api/v1/index/`` and ``/api/v1/identify/``."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from devices.selectors import sites_managed, sites_visible
from face_engine import ImageTooHeavy, ImageUnreadable, ModelMissing
from faces.api.serializers import (
    IdentifyIn,
    IdentifyOut,
    IndexOut,
    QueuedOut,
    RebuildIn,
    uploaded_bytes,
)
from faces.selectors import index_state
from faces.services import engine, gallery_rebuild_request, identify_photo
from faces.words import problem_sentence
from server_common.api import ID_MAX, Unavailable
from server_common.api_defaults import BoundedFormParser, UploadParser
from server_common.strict_api import StrictRequests

_SITE = OpenApiParameter("site", int, description="only this site")


def _chosen(sites: Any, request: Request) -> list[Any]:
    wanted = request.query_params.get("site")
    if wanted is None and isinstance(request.data, dict):
        wanted = request.data.get("site")
    if wanted is None:
        return list(sites)
    text = str(wanted)
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(ID_MAX)):
        raise ValidationError({"site": ["Give the id of a site."]})
    return list(sites.filter(pk=int(text)))


class IndexView(StrictRequests, APIView):
    """What 1:N recognition searches."""

    parameters = ("site",)

    @extend_schema(parameters=[_SITE], responses=IndexOut)
    def get(self, request: Request) -> Response:
        """Tell the model in use, how many faces are searchable, and when the file was built."""
        try:
            model = engine().contract_id
        except ModelMissing as error:
            raise Unavailable("The face models are not installed.") from error
        sites = _chosen(sites_visible(request.user), request)
        return Response(IndexOut(index_state(sites, contract_id=model)).data)


class IndexRebuildView(StrictRequests, APIView):
    """Building the index anew."""

    parameters = ("site",)

    @extend_schema(parameters=[_SITE], request=RebuildIn, responses={202: QueuedOut})
    def post(self, request: Request) -> Response:
        """Queue a rebuild for the caller's sites; searching goes on meanwhile."""
        RebuildIn(data=request.data).is_valid(raise_exception=True)
        sites = _chosen(sites_managed(request.user), request)
        try:
            for site in sites:
                gallery_rebuild_request(site_id=site.pk)
        except ModelMissing as error:
            raise Unavailable("The face models are not installed.") from error
        return Response({"queued": len(sites)}, status=202)


class IdentifyView(StrictRequests, APIView):
    """Identification of the person in a picture."""

    parser_classes = [UploadParser, BoundedFormParser]
    member_may_write = True

    @extend_schema(request={"multipart/form-data": IdentifyIn}, responses=IdentifyOut)
    def post(self, request: Request) -> Response:
        """Return who the largest face in a picture might be; nothing is stored."""
        given = IdentifyIn(data=request.data, context={"request": request})
        given.is_valid(raise_exception=True)
        photo, site = given.validated_data["photo"], given.validated_data["site"]
        try:
            found = identify_photo(site_id=site.pk, raw=uploaded_bytes(photo))
        except ImageTooHeavy:
            raise
        except ImageUnreadable as error:
            raise ValidationError({"photo": [problem_sentence(error.code)]}) from error
        except ModelMissing as error:
            raise Unavailable("The face models are not installed.") from error
        return Response(IdentifyOut(found).data)
