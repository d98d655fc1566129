"""Enrolling many people quickly: descriptors from a seed, pictures of one pixel pattern.

Only for tests that are about delivery, not about recognising; those use portraits.
"""

import hashlib
from typing import Any

import numpy as np

from faces.choices import PhotoStatus
from faces.models import Library, Person
from faces.services import CheckedPhoto, engine, person_save, photo_attach


def enrol(library: Library, user_id: str, **values: Any) -> Person:
    """Store a person in a library with an accepted photo whose descriptor depends on the id."""
    values.setdefault("name", f"Person {user_id}")
    person = person_save(
        person=Person(site=library.site, user_id=user_id, **values), library_ids=[library.pk]
    )
    photo_attach(person=person, checked=checked_photo(user_id))
    person.refresh_from_db()
    return person


def checked_photo(word: str) -> CheckedPhoto:
    """Return an accepted photo whose content and descriptor follow from ``word``."""
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big")
    vector = np.random.default_rng(seed).standard_normal(engine().dimension).astype(np.float32)
    return CheckedPhoto(
        status=PhotoStatus.OK,
        jpeg=b"\xff\xd8\xff" + word.encode() + b"\xff\xd9",
        vector=vector / np.linalg.norm(vector),
        contract_id=engine().contract_id,
    )
