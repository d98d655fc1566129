"""All writes to people, photos, libraries and deliveries; recognition; the answer to a poll."""

from .clock import clock_advance, clock_last, people_stamp
from .decoding import (
    PICTURES_RETRY_AFTER_S,
    PictureOrigin,
    picture_budget,
    picture_decode,
    picture_hold,
)
from .deliveries import deliveries_fill, terminal_expect_all
from .engine import engine
from .erasure import site_people_erase
from .feedback import (
    Feedback,
    deletes_doubt,
    deletes_repeat,
    deliveries_answered,
    deliveries_retry,
    deliveries_send_again,
    terminal_send_all_again,
    terminal_send_failed_again,
)
from .first_deliveries import terminal_expect, terminals_expect
from .galleries import (
    descriptor_seal,
    descriptor_unseal,
    files_doom,
    files_erase,
    gallery_of,
    gallery_rebuild,
    gallery_rebuild_request,
)
from .index import Candidate, forget_copies, identify, identify_photo
from .people import library_erase, library_save, person_erase, person_save, validity_sweep
from .photo_copies import is_photo_on_file
from .photos import (
    CheckedPhoto,
    photo_attach,
    photo_check,
    photo_write,
    photos_process_waiting,
)
from .picture_urls import (
    PICTURE_ROOT_MAX,
    BadPictureAddress,
    PictureGrant,
    photo_fetched,
    picture_grant,
    picture_path,
    picture_root,
    picture_root_fits,
)
from .revocations import revocations_settle
from .sync import sync_answer, sync_news, terminal_libraries_set, terminal_view_changed
from .sync_state import SyncState, sync_state_of_caller
from .terminal_holdings import people_compare, people_repair, people_wipe
from .terminal_people import people_push, user_object
from .time_plans import DoorHours, door_hours
from .unconfirmed import deliveries_unconfirm

__all__ = [
    "PICTURES_RETRY_AFTER_S",
    "PICTURE_ROOT_MAX",
    "BadPictureAddress",
    "Candidate",
    "CheckedPhoto",
    "DoorHours",
    "Feedback",
    "PictureGrant",
    "PictureOrigin",
    "SyncState",
    "clock_advance",
    "clock_last",
    "deletes_doubt",
    "deletes_repeat",
    "deliveries_answered",
    "deliveries_fill",
    "deliveries_retry",
    "deliveries_send_again",
    "deliveries_unconfirm",
    "descriptor_seal",
    "descriptor_unseal",
    "door_hours",
    "engine",
    "files_doom",
    "files_erase",
    "forget_copies",
    "gallery_of",
    "gallery_rebuild",
    "gallery_rebuild_request",
    "identify",
    "identify_photo",
    "is_photo_on_file",
    "library_erase",
    "library_save",
    "people_compare",
    "people_push",
    "people_repair",
    "people_stamp",
    "people_wipe",
    "person_erase",
    "person_save",
    "photo_attach",
    "photo_check",
    "photo_fetched",
    "photo_write",
    "photos_process_waiting",
    "picture_budget",
    "picture_decode",
    "picture_grant",
    "picture_hold",
    "picture_path",
    "picture_root",
    "picture_root_fits",
    "revocations_settle",
    "site_people_erase",
    "sync_answer",
    "sync_news",
    "sync_state_of_caller",
    "terminal_expect",
    "terminal_expect_all",
    "terminal_libraries_set",
    "terminal_send_all_again",
    "terminal_send_failed_again",
    "terminal_view_changed",
    "terminals_expect",
    "user_object",
    "validity_sweep",
]
