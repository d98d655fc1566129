from django.db import migrations, models

from server_common.migration_operations import AddIndexUnblocked, AddTextIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('records', '0012_newest_first'),
    ]

    operations = [
        AddTextIndex(model_name='record', columns=('user_name', 'user_id'), name='record_text'),
        AddIndexUnblocked(
            model_name='record',
            index=models.Index(
                condition=models.Q(('is_late', True)),
                fields=['-received_at', '-id'],
                name='record_late',
            ),
        ),
        AddIndexUnblocked(
            model_name='alert',
            index=models.Index(fields=['-raised_at', '-id'], name='alert_newest'),
        ),
        AddIndexUnblocked(
            model_name='alert',
            index=models.Index(fields=['site', '-raised_at', '-id'], name='alert_newest_of_site'),
        ),
    ]
