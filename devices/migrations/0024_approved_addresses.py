from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0023_defaults_of_the_database'),
    ]

    operations = [
        migrations.CreateModel(
            name='PresenceFlush',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('flushed_at', models.DateTimeField()),
                ('steady_since', models.DateTimeField()),
            ],
            options={
                'ordering': ['id'],
                'default_permissions': (),
            },
        ),
        migrations.AddField(
            model_name='terminaladdress',
            name='approved_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='approved'),
        ),
    ]
