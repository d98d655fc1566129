"""What the admin's form of a person sends."""

from typing import Any

from django.test import Client
from django.urls import reverse

from faces.models import Person

VALUES = {"name": "Wang Xiaoming", "category": "1", "state": "active", "sex": "3"}


def change_address(person: Person) -> str:
    return reverse("admin:faces_person_change", args=[person.pk])


def change(client: Client, person: Person, **values: Any) -> Any:
    libraries = list(person.memberships.values_list("library_id", flat=True))
    return client.post(change_address(person), {**VALUES, "in_libraries": libraries, **values})
