from django.db import migrations, models
from django.db.models import OuterRef, Subquery

from server_common.migration_operations import AddTextIndex

_AT_ONCE = 10_000


def _give_names(apps, schema_editor):
    """Give each alert the name on its record, so many at once that nobody waits for long."""
    alert, record = (apps.get_model("records", name) for name in ("Alert", "Record"))
    named = Subquery(record.objects.filter(pk=OuterRef("record_id")).values("user_name")[:1])
    rows = alert.objects.filter(record__isnull=False).exclude(record__user_name="")
    place = 0
    while keys := list(rows.filter(pk__gt=place).order_by("pk").values_list("pk", flat=True)[:_AT_ONCE]):
        alert.objects.filter(pk__in=keys).update(user_name=named)
        place = keys[-1]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('records', '0015_constraint_words'),
    ]

    operations = [
        migrations.AddField(
            model_name='alert',
            name='user_name',
            field=models.CharField(
                blank=True, db_default='', default='', max_length=120, verbose_name='name'
            ),
        ),
        migrations.RunPython(_give_names, migrations.RunPython.noop),
        AddTextIndex(model_name='alert', columns=('user_name', 'user_id'), name='alert_text'),
    ]
