"""What the database refuses is refused before in words, in both languages, or never asked for."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import (
    BaseConstraint,
    CheckConstraint,
    Model,
    Q,
    UniqueConstraint,
)
from django.utils import translation

OURS = ("devices", "faces", "records", "console")


def constraints() -> Iterator[tuple[type[Model], BaseConstraint]]:
    for label in OURS:
        for model in apps.get_app_config(label).get_models():
            for constraint in model._meta.constraints:
                yield model, constraint


def names_in(condition: Any) -> Iterator[str]:
    """Yield the columns that a condition is about."""
    for child in condition.children if isinstance(condition, Q) else ():
        if isinstance(child, Q):
            yield from names_in(child)
        elif isinstance(child, tuple):
            yield child[0].split("__")[0]


def validates_itself(field: Any) -> bool:
    """Tell whether a value is refused by its column before the row is looked at as a whole."""
    own = [one for one in field._validators if one not in field.default_validators]
    return bool(field.choices or own or not field.blank)


def is_refused_before(model: type[Model], constraint: BaseConstraint) -> bool:
    if isinstance(constraint, UniqueConstraint):
        # Django names the columns of such, in words.
        return bool(constraint.fields) and constraint.condition is None
    assert isinstance(constraint, CheckConstraint)
    names = set(names_in(constraint.condition))
    return len(names) == 1 and validates_itself(model._meta.get_field(names.pop()))


def test_every_constraint_is_told_in_words() -> None:
    """A manager read the name of a constraint."""
    silent = []
    for model, constraint in constraints():
        if is_refused_before(model, constraint):
            continue
        told = {}
        for language in ("en", "zh-hans"):
            with translation.override(language):
                told[language] = str(constraint.get_violation_error_message())
        if constraint.name in told["en"] or told["en"] == told["zh-hans"]:
            silent.append(f"{model._meta.label}.{constraint.name}")

    assert silent == []
