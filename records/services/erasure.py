"""Erasing all records of a site at once, because the site itself is to go."""

from django.db import transaction

from devices.models import Site
from faces.services import files_mark_for_deletion
from records.models import Alert, Picture, Record
from records.services.pictures import waiting_forget


@transaction.atomic
def site_records_erase(*, site: Site) -> int:
    """Erase a site's records, pictures and alerts; returns how many records there were.

    Effects: files are deleted after commit.
    """
    Alert.objects.filter(site=site).delete()
    records = Record.objects.filter(site=site)
    count = records.count()
    waiting_forget(records=records)
    records.delete()
    pictures = Picture.objects.filter(site=site)
    files_mark_for_deletion(list(pictures.values_list("image", flat=True)))
    pictures.delete()
    return count
