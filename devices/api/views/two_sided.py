"""What lists that can be changed have in common."""

from typing import Any

from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from server_common.strict_api import StrictRequests


class TwoSidedViewSet(StrictRequests, viewsets.ModelViewSet):
    """A model view set that takes one shape and shows another."""

    input_class: type[Any]

    def get_input(self, request: Request, instance: Any = None, *, partial: bool = False) -> Any:
        given = self.input_class(
            instance, data=request.data, partial=partial, context=self.get_serializer_context()
        )
        given.is_valid(raise_exception=True)
        return given

    def shown(self, pk: int) -> Any:
        return self.get_serializer(self.get_queryset().get(pk=pk)).data

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.update(request, *args, **{**kwargs, "partial": True})
