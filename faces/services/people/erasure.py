"""Erasing all people of a site at once, because the site itself is to go."""

from django.db import transaction

from devices.models import Site, Terminal
from faces.models import (
    Delivery,
    FacePhoto,
    Gallery,
    Holiday,
    Library,
    Person,
    Revocation,
    TimePlan,
)
from faces.services.gallery import files_mark_for_deletion


@transaction.atomic
def site_people_erase(*, site: Site) -> int:
    """Erase a site's people with photos, descriptors and index, its libraries, plans, deliveries.

    Terminals are not told: they go with the site. Returns how many people there were.

    Effects: files are deleted after commit.
    """
    # Serialises with a sync that would write deliveries of these people meanwhile.
    terminals = list(Terminal.objects.select_for_update().filter(site=site).order_by("pk"))
    people = Person.objects.filter(site=site)
    photos = FacePhoto.objects.filter(person__in=people).exclude(image="")
    galleries = Gallery.objects.filter(site=site)
    files_mark_for_deletion(
        [
            *photos.values_list("image", flat=True),
            *galleries.values_list("published_path", flat=True),
        ]
    )
    galleries.delete()
    Delivery.objects.filter(terminal__in=terminals).delete()
    Revocation.objects.filter(site=site).delete()
    count = people.count()
    people.delete()
    Library.objects.filter(site=site).delete()
    TimePlan.objects.filter(site=site).delete()
    Holiday.objects.filter(site=site).delete()
    return count
