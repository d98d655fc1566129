"""People, their photos and libraries: entering, changing, erasing."""

from .erasure import site_people_erase
from .libraries import libraries_lock_all
from .people import (
    LIBRARY_TAIL,
    library_erase,
    library_save,
    people_erase,
    people_tell,
    person_erase,
    person_save,
    validity_sweep,
)
from .photos import CheckedPhoto, photo_attach, photo_check, photo_write, photos_process_waiting
from .time_plans import DoorHours, door_hours

__all__ = [
    "LIBRARY_TAIL",
    "CheckedPhoto",
    "DoorHours",
    "door_hours",
    "libraries_lock_all",
    "library_erase",
    "library_save",
    "people_erase",
    "people_tell",
    "person_erase",
    "person_save",
    "photo_attach",
    "photo_check",
    "photo_write",
    "photos_process_waiting",
    "site_people_erase",
    "validity_sweep",
]
