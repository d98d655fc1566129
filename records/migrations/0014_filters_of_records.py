from django.db import migrations, models

from server_common.migration_operations import AddIndexUnblocked


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('records', '0013_text_and_alerts'),
    ]

    operations = [
        AddIndexUnblocked(
            model_name='record',
            index=models.Index(
                condition=models.Q(('door_opened', False)),
                fields=['-received_at', '-id'],
                name='record_not_opened',
            ),
        ),
        AddIndexUnblocked(
            model_name='record',
            index=models.Index(
                condition=models.Q(('kind', 'temperature')),
                fields=['-received_at', '-id'],
                name='record_temperatures',
            ),
        ),
        AddIndexUnblocked(
            model_name='record',
            index=models.Index(
                condition=models.Q(('verification', 'off'), _negated=True),
                fields=['verification', '-received_at', '-id'],
                name='record_verified',
            ),
        ),
    ]
