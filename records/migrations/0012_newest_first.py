from django.db import migrations, models

from server_common.migration_operations import AddIndexUnblocked


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('devices', '0016_jobs'),
        ('faces', '0007_newest_first'),
        ('records', '0011_pictures_of_pending_terminals'),
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
