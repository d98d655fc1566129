"""Faces that are refused for a person, shown on the person's page."""

from typing import Any

from django import template

from faces.models import Person
from records.services import negatives_of

register = template.Library()


@register.inclusion_tag("records/_negatives.html")
def negatives(person: Person) -> dict[str, Any]:
    """Show of each such face who said so, of which pass, and whether anything comes of it."""
    return {"shown": negatives_of(person=person)}
