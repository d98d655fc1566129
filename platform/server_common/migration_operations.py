"""Operations of migrations that do not hold up a running platform."""

from typing import Any

from django.db.migrations.operations import AddIndex
from django.db.models import Model


class AddIndexUnblocked(AddIndex):
    """Add an index while its table is read and written; needs a migration with ``atomic = False``.

    SQLite has one writer at a time whatever is done, and gets a plain index.
    """

    atomic = False

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model: type[Model] = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            schema_editor.add_index(model, self.index, concurrently=True)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        model: type[Model] = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            index = from_state.models[app_label, self.model_name_lower].get_index_by_name(
                self.index.name
            )
            schema_editor.remove_index(model, index, concurrently=True)
