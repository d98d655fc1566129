"""Kinds of commands are what the apps register; nothing in the database changes."""

from django.db import migrations, models

import devices.command_kinds


class Migration(migrations.Migration):
    dependencies = [("devices", "0020_addresses_heard")]

    operations = [
        migrations.AlterField(
            model_name=name,
            name="kind",
            field=models.CharField(
                choices=devices.command_kinds.kind_choices, max_length=20, verbose_name="command"
            ),
        )
        for name in ("commandbatch", "terminalcommand")
    ]
