from django.db import migrations, models


class Migration(migrations.Migration):
    """Other names in the code; table and column stay as they are."""

    dependencies = [
        ("faces", "0014_defaults_of_the_database"),
    ]

    operations = [
        migrations.AlterField(
            model_name="delivery",
            name="told",
            field=models.TextField(db_column="told", db_default="", default="", editable=False),
        ),
        migrations.RenameField(model_name="delivery", old_name="told", new_name="sent_text"),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel(old_name="DoomedFile", new_name="FileToDelete"),
                migrations.AlterModelTable(name="FileToDelete", table="faces_doomedfile"),
            ]
        ),
    ]
