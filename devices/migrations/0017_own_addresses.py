import django.db.models.deletion
from django.db import migrations, models

import devices.models.site


def _give_tags(apps, schema_editor):
    """Give each site that there is a tag; its present address goes on without."""
    given = set()
    for site in apps.get_model("devices", "Site").objects.order_by("pk"):
        while (tag := devices.models.site.new_address_tag()) in given:
            pass
        given.add(tag)
        site.address_tag = tag
        site.save(update_fields=["address_tag"])


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0016_jobs'),
    ]

    operations = [
        migrations.AddField(
            model_name='site',
            name='address_tag',
            field=models.CharField(editable=False, max_length=8, null=True, verbose_name='tag of its addresses'),
        ),
        migrations.RunPython(_give_tags, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='site',
            name='address_tag',
            field=models.CharField(default=devices.models.site.new_address_tag, editable=False, max_length=8, unique=True, verbose_name='tag of its addresses'),
        ),
        migrations.RemoveConstraint(
            model_name='sitetoken',
            name='site_token_one_current',
        ),
        migrations.AddField(
            model_name='sitetoken',
            name='terminal',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='own_tokens', to='devices.terminal', verbose_name='terminal'),
        ),
        migrations.AddField(
            model_name='terminal',
            name='own_address_since',
            field=models.DateTimeField(editable=False, null=True, verbose_name='uses its own address'),
        ),
        migrations.AddConstraint(
            model_name='sitetoken',
            constraint=models.UniqueConstraint(condition=models.Q(('ends_at__isnull', True), ('terminal__isnull', True)), fields=('site',), name='site_token_one_current'),
        ),
        migrations.AddConstraint(
            model_name='sitetoken',
            constraint=models.UniqueConstraint(condition=models.Q(('ends_at__isnull', True)), fields=('terminal',), name='terminal_token_one_current'),
        ),
    ]
