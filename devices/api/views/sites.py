"""Views of ``/api/v1/sites/``."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devices.api.serializers import RotateIn, SiteIn, SiteOut
from devices.models import Site
from devices.permissions import SuperuserWrites
from devices.selectors import sites_visible
from devices.services import site_change, site_create, site_token_rotate
from server_common.strict_api import StrictRequests


class SiteViewSet(StrictRequests, viewsets.ModelViewSet):
    """Sites of the caller; superusers make and end them, managers change their policy."""

    permission_classes = [SuperuserWrites]
    queryset = Site.objects.none()
    serializer_class = SiteOut
    filterset_fields = ["code"]

    def get_queryset(self) -> QuerySet[Site]:
        return sites_visible(self.request.user).prefetch_related("tokens").distinct()

    @extend_schema(request=SiteIn, responses={201: SiteOut})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = SiteIn(data=request.data, context=self.get_serializer_context())
        given.is_valid(raise_exception=True)
        site = site_create(**given.validated_data)
        return Response(self.get_serializer(site).data, status=201)

    @extend_schema(request=SiteIn, responses=SiteOut)
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        site = self.get_object()
        given = SiteIn(
            site,
            data=request.data,
            partial=kwargs.get("partial", False),
            context=self.get_serializer_context(),
        )
        given.is_valid(raise_exception=True)
        changed = site_change(site=site, **given.validated_data)
        return Response(self.get_serializer(changed).data)

    @extend_schema(request=SiteIn, responses=SiteOut)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.update(request, *args, **{**kwargs, "partial": True})

    @extend_schema(request=RotateIn, responses=SiteOut)
    @action(detail=True, methods=["post"], url_path="rotate-token")
    def rotate_token(self, request: Request, pk: str | None = None) -> Response:
        """Give the site a new BaseUrl; the old one goes on for ``overlap_hours``."""
        site = self.get_object()
        given = RotateIn(data=request.data)
        given.is_valid(raise_exception=True)
        overlap = timedelta(hours=given.validated_data["overlap_hours"])
        site_token_rotate(site=site, overlap=overlap)
        return Response(self.get_serializer(self.get_queryset().get(pk=site.pk)).data)
