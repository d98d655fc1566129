from django.db import migrations, models

from server_common.migration_operations import AddIndexUnblocked


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('devices', '0015_jobs'),
        ('faces', '0005_unconfirmed_deliveries'),
    ]

    operations = [
        AddIndexUnblocked(
            model_name='delivery',
            index=models.Index(fields=['-changed_at', '-id'], name='delivery_newest'),
        ),
    ]
