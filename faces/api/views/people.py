"""Views of libraries and people."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from devices.api.views import TwoSidedViewSet
from faces.api.filters import LibraryFilter, PersonFilter
from faces.api.serializers import (
    LibraryIn,
    LibraryOut,
    PersonIn,
    PersonOut,
    SendAgainOut,
    uploaded_bytes,
)
from faces.api.views.deliveries import sent_again
from faces.models import Library, Person
from faces.selectors import (
    deliveries_visible,
    libraries_visible,
    people_visible,
)
from faces.services import (
    library_erase,
    library_save,
    person_erase,
    person_save,
)
from faces.services.jobs import deliveries_send_again_start
from server_common.strict_api import no_fields


@extend_schema(responses=LibraryOut)
class LibraryViewSet(TwoSidedViewSet):
    """Libraries: named sets of people that terminals hold."""

    queryset = Library.objects.none()
    serializer_class = LibraryOut
    input_class = LibraryIn
    filterset_class = LibraryFilter

    def get_queryset(self) -> QuerySet[Library]:
        return libraries_visible(self.request.user)

    @extend_schema(request=LibraryIn, responses={201: LibraryOut})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        library = library_save(library=Library(**self.get_input(request).validated_data))
        return Response(self.shown(library.pk), status=201)

    @extend_schema(request=LibraryIn)
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        library = self.get_object()
        given = self.get_input(request, library, partial=kwargs.get("partial", False))
        library.name = given.validated_data.get("name", library.name)
        library_save(library=library)
        return Response(self.shown(library.pk))

    @extend_schema(request=LibraryIn)
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().partial_update(request, *args, **kwargs)

    def perform_destroy(self, instance: Library) -> None:
        library_erase(library=instance)


@extend_schema(responses=PersonOut)
class PersonViewSet(TwoSidedViewSet):
    """People; deleting one erases photos, descriptors and what terminals hold."""

    queryset = Person.objects.none()
    serializer_class = PersonOut
    input_class = PersonIn
    filterset_class = PersonFilter

    def get_queryset(self) -> QuerySet[Person]:
        return people_visible(self.request.user)

    @extend_schema(request={"multipart/form-data": PersonIn}, responses={201: PersonOut})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = self.get_input(request).validated_data
        person = self._save(Person(site=given.pop("site"), user_id=given.pop("user_id")), given)
        return Response(self.shown(person.pk), status=201)

    @extend_schema(request={"multipart/form-data": PersonIn})
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        person = self.get_object()
        given = self.get_input(request, person, partial=kwargs.get("partial", False)).validated_data
        self._save(person, given)
        return Response(self.shown(person.pk))

    @extend_schema(request={"multipart/form-data": PersonIn})
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().partial_update(request, *args, **kwargs)

    @extend_schema(request=None, responses={200: SendAgainOut, 202: SendAgainOut})
    @action(detail=True, methods=["post"], url_path="send-again")
    def send_again(self, request: Request, pk: str | None = None) -> Response:
        """Tell every terminal that holds this person again at its next poll."""
        person = self.get_object()
        no_fields(request)
        rows = deliveries_visible(request.user).filter(person=person)
        return sent_again(deliveries_send_again_start(deliveries=rows, by=request.user))

    def perform_destroy(self, instance: Person) -> None:
        person_erase(person=instance)

    @staticmethod
    def _save(person: Person, given: dict[str, Any]) -> Person:
        photo = given.pop("photo", None)
        libraries = given.pop("libraries", None)
        category, word = given.pop("user_type", (None, None))
        person.category = person.category if category is None else category
        person.user_type = person.user_type if word is None else word
        for name, value in given.items():
            setattr(person, name, value)
        return person_save(
            person=person,
            library_ids=libraries,
            photo=None if photo is None else uploaded_bytes(photo),
        )
