"""Operations of migrations that do not hold up a running platform."""

from typing import Any

from django.db.migrations.operations import AddIndex
from django.db.migrations.operations.base import Operation
from django.db.models import Model

from server_common.text_search import JOINED_BY

# Every character of a text and every two that stand side by side.
_PIECES = """
CREATE OR REPLACE FUNCTION menjin_pieces(given text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
DECLARE
    pieces text[] := string_to_array(given, NULL);
BEGIN
    FOR place IN 1 .. char_length(given) - 1 LOOP
        pieces := array_append(pieces, pieces[place] || pieces[place + 1]);
    END LOOP;
    RETURN pieces;
END
$$
"""


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


class AddTextIndex(Operation):
    """Add the index of ``text_search.SearchedText`` while its table is read and written.

    Needs a migration with ``atomic = False``. SQLite has no such index and searches without.
    """

    atomic = False

    def __init__(self, model_name: str, columns: tuple[str, ...], name: str) -> None:
        self.model_name = model_name
        self.columns = columns
        self.name = name

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Django's models do not know of it."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        connection = schema_editor.connection
        allowed = self.allow_migrate_model(connection.alias, model)
        if connection.vendor != "postgresql" or not allowed:
            return
        quote = schema_editor.quote_name
        text = JOINED_BY.join(
            quote(model._meta.get_field(column).column) for column in self.columns
        )
        schema_editor.execute(_PIECES, params=None)
        schema_editor.execute(
            f"CREATE INDEX CONCURRENTLY {quote(self.name)} ON {quote(model._meta.db_table)}"
            f" USING gin (menjin_pieces(lower(({text}))))",
            params=None,
        )

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        # The function stays: other tables use it.
        if schema_editor.connection.vendor == "postgresql":
            name = schema_editor.quote_name(self.name)
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}", params=None)

    def describe(self) -> str:
        return f"Make the text of {self.model_name} searchable by index {self.name}"

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        given = {"model_name": self.model_name, "columns": self.columns, "name": self.name}
        return type(self).__qualname__, [], given
