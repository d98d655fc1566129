"""Libraries, terminals, people and deliveries as the REST interface shows and takes them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from devices.api.serializers import Lasting, ManagedSiteField
from faces.api.serializers.fields import FACE_STATUSES, IdListField, UserTypeField
from faces.choices import PhotoStatus
from faces.models import Library, Person
from faces.selectors import reference_photo
from faces.words import problem_sentence
from server_common.strict_api import StrictInput

_PLAIN = [
    "name",
    "sex",
    "remark",
    "state",
    "valid_from",
    "valid_until",
    "ic_number",
    "job_number",
    "mobile",
    "department",
    "birthday",
    "entry_date",
    "mail",
    "title",
    "position",
    "prompt",
    "purpose",
    "interviewee",
    "come_from",
    "description",
]


class LibraryOut(serializers.ModelSerializer):
    """A library."""

    class Meta:
        model = Library
        fields = ["id", "site", "name", "created_at"]


class LibraryIn(Lasting, StrictInput, serializers.ModelSerializer):
    """A library to make or rename; its site never changes."""

    shown_as = LibraryOut
    lasting = ("site",)
    site = ManagedSiteField()

    class Meta:
        model = Library
        fields = ["site", "name"]
        validators: list[Any] = []


class PersonOut(serializers.ModelSerializer):
    """A person with the state of their face."""

    libraries = serializers.SerializerMethodField()
    user_type = serializers.SerializerMethodField()
    face_status = serializers.SerializerMethodField()
    face_problems = serializers.SerializerMethodField()
    face_advice = serializers.SerializerMethodField()

    class Meta:
        model = Person
        fields = [
            "id",
            "user_id",
            "site",
            "libraries",
            "user_type",
            *_PLAIN,
            "face_status",
            "face_problems",
            "face_advice",
            "created_at",
            "changed_at",
        ]

    @extend_schema_field(serializers.ListSerializer(child=serializers.IntegerField()))
    def get_libraries(self, person: Person) -> list[int]:
        return sorted(one.library_id for one in person.memberships.all())

    @extend_schema_field(UserTypeField())
    def get_user_type(self, person: Person) -> str | int:
        return person.user_type or int(person.category)

    @extend_schema_field(serializers.ChoiceField(choices=FACE_STATUSES))
    def get_face_status(self, person: Person) -> str:
        photo = reference_photo(person)
        if photo is None or photo.status == PhotoStatus.WAITING:
            return "none"
        return str(photo.status)

    @extend_schema_field(serializers.ListSerializer(child=serializers.CharField()))
    def get_face_problems(self, person: Person) -> list[str]:
        photo = reference_photo(person)
        if photo is not None and photo.status == PhotoStatus.WAITING:
            return ["engine_unavailable"]
        return list(photo.problems) if photo else []

    @extend_schema_field(serializers.ListSerializer(child=serializers.CharField()))
    def get_face_advice(self, person: Person) -> list[str]:
        return [problem_sentence(word) for word in self.get_face_problems(person)]


class PersonIn(Lasting, StrictInput, serializers.ModelSerializer):
    """A person to enter or change; site and user id never change."""

    shown_as = PersonOut
    lasting = ("site", "user_id")
    site = ManagedSiteField()
    libraries = IdListField(required=False)
    user_type = UserTypeField(required=False)
    photo = serializers.FileField(required=False, write_only=True, allow_empty_file=True)
    id_number = serializers.CharField(required=False, allow_blank=True, max_length=40)

    class Meta:
        model = Person
        fields = ["user_id", "site", "libraries", "user_type", *_PLAIN, "id_number", "photo"]
        validators: list[Any] = []
