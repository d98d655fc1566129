"""Change tracking of models: rows that are saved, updated as a set, or deleted.

    watch(Site, kind="site", fields=["name"], site=".")

Only the named columns are looked at, so that what changes all day (when a terminal was heard)
costs nothing. Receivers of ``rows_changed`` run in the transaction of the change.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models.signals import (
    m2m_changed,
    post_delete,
    post_save,
    pre_save,
)
from django.dispatch import Signal

M = TypeVar("M", bound=models.Model)
MASK = "***"
# Sent with ``changes``, a list of one or many.
rows_changed = Signal()
_BEFORE = "_menjin_before"


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched of a model.

    Attributes:
        model: whose rows.
        kind: word for what is changed, of the receiver's choice.
        fields: names of the columns.
        masked: those of them of which only the fact of a change is kept.
        site: dotted way from a row to its site; "." for itself, empty for none.
        name: dotted way to what a row is called; empty for its own words.
        comes_by_itself: made and deleted by the platform itself as well, which is no change
            of interest.
    """

    model: type[models.Model]
    kind: str
    fields: tuple[str, ...]
    masked: frozenset[str] = frozenset()
    site: str = ""
    name: str = ""
    comes_by_itself: bool = False

    def site_of(self, row: models.Model) -> Any:
        """Return the site of a row, None without one."""
        return _along(row, self.site) if self.site else None

    def name_of(self, row: models.Model) -> str:
        """Return what a row is called."""
        return str(_along(row, self.name) if self.name else row)


@dataclass(frozen=True, slots=True)
class Change:
    """One row that was created, changed or deleted.

    Attributes:
        changes: by column what it was and what it is, fit for JSON. Of many-to-many columns what
            was taken away and what was added.
    """

    watch: Watch
    action: str
    row: models.Model
    pk: Any
    changes: dict[str, list[Any]] = field(default_factory=dict)


_watches: dict[type[models.Model], Watch] = {}


def watch(
    model: type[models.Model],
    *,
    kind: str,
    fields: Iterable[str],
    masked: Iterable[str] = (),
    many: Iterable[str] = (),
    **options: Any,
) -> None:
    """Watch the changes of a model; called once, when its app is ready.

    Args:
        model: set-based updates are seen where its manager is a ``WatchedManager``.
        kind: see ``Watch``.
        fields: see ``Watch``.
        masked: see ``Watch``; they need not be named among the fields.
        many: many-to-many columns.
        options: site, name and comes_by_itself of ``Watch``.
    """
    hidden = frozenset(masked)
    watched = Watch(model, kind, (*fields, *sorted(hidden)), hidden, **options)
    _watches[model] = watched
    label = f"watch.{model._meta.label}"
    for signal, receiver in (
        (pre_save, _before_save),
        (post_save, _after_save),
        (post_delete, _after_delete),
    ):
        signal.connect(receiver, sender=model, dispatch_uid=f"{label}.{receiver.__name__}")
    for name in many:
        through = model._meta.get_field(name).remote_field.through  # type: ignore[union-attr]
        m2m_changed.connect(_many_changed, sender=through, dispatch_uid=f"{label}.{name}")


class WatchedQuerySet(models.QuerySet[M]):
    """Query set whose updates as a set are watched, too."""

    def update(self, **kwargs: Any) -> int:
        watched = _watches.get(self.model)
        names = _meant(watched, kwargs) if watched else ()
        if watched is None or not names:
            return super().update(**kwargs)
        with transaction.atomic(using=self.db):
            rows = self.order_by().values("pk", *names)
            before = {row["pk"]: row for row in rows}
            count = super().update(**kwargs)
            _send_changed(watched, before, names, using=self.db)
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        with transaction.atomic(using=self.db):
            made = super().bulk_create(objs, *args, **kwargs)
            if watched := _watches.get(self.model):
                _send([_created(watched, row) for row in made])
        return made


class WatchedManager(models.Manager[M]):
    """Manager of a model that is watched."""

    def get_queryset(self) -> models.QuerySet[M]:
        return WatchedQuerySet(self.model, using=self._db)


def _meant(watched: Watch, written: Iterable[str]) -> tuple[str, ...]:
    """Return the watched columns among those that are written, whichever way they are named."""
    names = set(written)
    fields = {name: watched.model._meta.get_field(name) for name in watched.fields}
    return tuple(
        name
        for name, column in fields.items()
        if name in names or getattr(column, "attname", name) in names
    )


def _before_save(sender: type[models.Model], instance: models.Model, **kwargs: Any) -> None:
    watched, written = _watches[sender], kwargs.get("update_fields")
    names = watched.fields if written is None else _meant(watched, written)
    instance.__dict__.pop(_BEFORE, None)
    if kwargs.get("raw") or instance._state.adding or not names:
        return
    rows = sender._base_manager.using(kwargs.get("using")).filter(pk=instance.pk)
    if before := rows.values(*names).first():
        instance.__dict__[_BEFORE] = before


def _after_save(
    sender: type[models.Model],
    instance: models.Model,
    *,
    created: bool,
    raw: bool = False,
    **_: Any,
) -> None:
    watched, before = _watches[sender], instance.__dict__.pop(_BEFORE, None)
    if raw:
        return
    if before is not None:
        # Read again: what was given may be an expression, or another way of writing the same.
        _send_changed(watched, {instance.pk: before}, tuple(before), using=instance._state.db)
    elif created:
        _send([_created(watched, instance)])


def _after_delete(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    watched = _watches[sender]
    changes = {name: [old, None] for name, old in _filled(watched, instance).items()}
    _send([Change(watched, "deleted", instance, instance.pk, changes)])


def _created(watched: Watch, row: models.Model) -> Change:
    changes = {name: [None, new] for name, new in _filled(watched, row).items()}
    return Change(watched, "created", row, row.pk, changes)


def _filled(watched: Watch, row: models.Model) -> dict[str, Any]:
    values = ((name, _shown(watched, name, _value(row, name))) for name in watched.fields)
    return {name: value for name, value in values if value not in (None, "", [])}


def _send_changed(
    watched: Watch,
    before: Mapping[Any, Mapping[str, Any]],
    names: Sequence[str],
    *,
    using: str | None,
) -> None:
    rows = watched.model._base_manager.using(using).filter(pk__in=before)
    if watched.site not in ("", "."):
        rows = rows.select_related(watched.site.replace(".", "__"))
    found = []
    for row in rows:
        pairs = {name: (before[row.pk][name], _value(row, name)) for name in names}
        changes = {
            name: [_shown(watched, name, old), _shown(watched, name, new)]
            for name, (old, new) in pairs.items()
            if old != new
        }
        found.append(Change(watched, "changed", row, row.pk, changes))
    _send([one for one in found if one.changes])


def _many_changed(
    sender: type[models.Model],
    instance: models.Model,
    action: str,
    *,
    reverse: bool,
    model: type[models.Model],
    pk_set: set[Any] | None,
    **_: Any,
) -> None:
    """Send changes of a many-to-many column, from either side."""
    if action not in {"post_add", "post_remove", "pre_clear"}:
        return
    owner = model if reverse else type(instance)
    watched = _watches[owner]
    column = next(
        one for one in watched.model._meta.many_to_many if one.remote_field.through is sender
    )
    others = model._base_manager.all()
    if pk_set is None:
        name = column.related_query_name() if not reverse else column.name
        others = others.filter(**{name: instance})
    else:
        others = others.filter(pk__in=pk_set)
    pairs = [(row, [instance]) for row in others] if reverse else [(instance, list(others))]
    found = []
    for row, members in pairs:
        words = sorted(_word(one) for one in members)
        pair = [[], words] if action == "post_add" else [words, []]
        if words:
            found.append(Change(watched, "changed", row, row.pk, {column.name: pair}))
    _send(found)


def _send(changes: list[Change]) -> None:
    if changes:
        rows_changed.send(sender=changes[0].watch.model, changes=changes)


def _along(row: Any, path: str) -> Any:
    for step in path.split("."):
        row = getattr(row, step) if step and row is not None else row
    return row


def _value(row: models.Model, name: str) -> Any:
    """Return a column's value as ``values()`` does: the number of a related row, not the row."""
    column = row._meta.get_field(name)
    return getattr(row, getattr(column, "attname", name))


def _shown(watched: Watch, name: str, value: Any) -> Any:
    """Return a value fit for JSON; of a masked one only whether there is one."""
    if name in watched.masked:
        return MASK if value else ""
    column = watched.model._meta.get_field(name)
    if isinstance(column, models.ForeignKey) and value is not None:
        related = column.related_model._base_manager.filter(pk=value).first()
        return str(value) if related is None else _word(related)
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _word(row: models.Model) -> str:
    """Return what a related row is called; a permission by its code, whatever the language."""
    return str(getattr(row, "codename", None) or row)
