from django.db import migrations, models

from server_common.migration_operations import AddIndexUnblocked


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('devices', '0015_jobs'),
        ('faces', '0006_newest_first'),
        ('records', '0008_live_and_late'),
    ]

    operations = [
        AddIndexUnblocked(
            model_name='record',
            index=models.Index(fields=['-received_at', '-id'], name='record_newest'),
        ),
        AddIndexUnblocked(
            model_name='record',
            index=models.Index(fields=['site', '-received_at', '-id'], name='record_newest_of_site'),
        ),
        # The longer one serves the same questions.
        migrations.RemoveIndex(model_name="record", name="record_by_site"),
    ]
