from django.db import migrations, models

from server_common.migration_operations import AddIndexUnblocked


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('devices', '0016_jobs'),
        ('faces', '0006_photo_hash'),
    ]

    operations = [
        AddIndexUnblocked(
            model_name='delivery',
            index=models.Index(fields=['-changed_at', '-id'], name='delivery_newest'),
        ),
    ]
