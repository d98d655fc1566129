"""Writing down who changed what, and forgetting it in time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from devices.choices import AuditAction, AuditKind
from devices.models import AuditEntry, Site
from server_common.actor import Actor, acting
from server_common.batched_delete import delete_in_batches
from server_common.change_tracking import Change

_FORGET_AT_ONCE = 5000


def audit_note(
    *,
    kind: AuditKind,
    action: AuditAction,
    name: str = "",
    site: Site | None = None,
    model: str = "",
    row_id: object = "",
    changes: Mapping[str, Any] | None = None,
    actor: Actor | None = None,
) -> AuditEntry:
    """Write one entry, in the transaction of what it is about.

    Args:
        kind: what it is about.
        action: what was done.
        name: what the row is called; never a person's name.
        site: whose managers may see it; None for superusers only.
        model: "app.model" of the row, for the names of its columns.
        row_id: its key.
        changes: by column ``[old, new]``; secrets masked.
        actor: who did it; by default who acts at the moment.
    """
    entry = _entry(
        actor or acting(),
        site=site,
        name=name,
        row_id=row_id,
        kind=kind,
        action=action,
        model=model,
        changes=dict(changes or {}),
    )
    entry.save()
    return entry


def audit_notes(
    *,
    kind: AuditKind,
    action: AuditAction,
    site: Site,
    model: str,
    rows: Iterable[tuple[object, str]],
) -> None:
    """Write one entry for each of many rows of a site, as ``audit_note`` does.

    Args:
        kind: as in ``audit_note``.
        action: as in ``audit_note``.
        site: as in ``audit_note``.
        model: as in ``audit_note``.
        rows: key and name of each.
    """
    actor = acting()
    AuditEntry.objects.bulk_create(
        [
            _entry(actor, site=site, name=name, row_id=key, kind=kind, action=action, model=model)
            for key, name in rows
        ],
        batch_size=500,
    )


def audit_changes(*, changes: Sequence[Change], **_: Any) -> None:
    """Write down changes of watched rows; receiver of ``rows_changed``."""
    actor = acting()
    AuditEntry.objects.bulk_create(
        [
            _entry(
                actor,
                site=change.watch.site_of(change.row),
                kind=AuditKind(change.watch.kind),
                action=AuditAction(change.action),
                name=change.watch.name_of(change.row),
                model=change.watch.model._meta.label_lower,
                row_id=change.pk,
                changes=change.changes,
            )
            for change in changes
            if actor.way != "platform"
            or change.action == "changed"
            or not change.watch.comes_by_itself
        ],
        batch_size=500,
    )


def _entry(
    actor: Actor, *, site: Site | None, name: str, row_id: object, **fields: Any
) -> AuditEntry:
    return AuditEntry(
        site_id=None if site is None else site.pk,
        site_name="" if site is None else site.name,
        user_id=actor.user_id,
        actor=actor.name[:150],
        address=actor.address or None,
        way=actor.way,
        name=name[:200],
        row_id=str(row_id)[:40],
        **fields,
    )


def audit_forget(*, now: datetime | None = None) -> int:
    """Delete entries older than ``AUDIT_DAYS``; returns how many."""
    before = (now or timezone.now()) - timedelta(days=settings.AUDIT_DAYS)
    return delete_in_batches(AuditEntry.objects.filter(at__lt=before), size=_FORGET_AT_ONCE)
