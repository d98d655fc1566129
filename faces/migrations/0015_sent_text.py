from django.db import migrations, models


class Migration(migrations.Migration):
    """Another name in the code; the column stays."""

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
    ]
