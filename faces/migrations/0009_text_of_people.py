from django.db import migrations

from server_common.migration_operations import AddTextIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('faces', '0008_told_under'),
    ]

    operations = [
        AddTextIndex(
            model_name='person', columns=('name', 'user_id', 'mobile'), name='person_text'
        ),
    ]
