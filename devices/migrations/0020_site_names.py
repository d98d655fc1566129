from django.db import migrations, models

_LONGEST = 120


def _tell_apart(apps, schema_editor):
    """Number sites of one name: the oldest keeps it, others get " (2)" and so on."""
    sites = apps.get_model("devices", "Site").objects
    taken = set(sites.values_list("name", flat=True))
    seen = set()
    for pk, name in sites.order_by("pk").values_list("pk", "name"):
        if name not in seen:
            seen.add(name)
            continue
        number = 2
        while (other := f"{name[: _LONGEST - len(f' ({number})')]} ({number})") in taken:
            number += 1
        taken.add(other)
        sites.filter(pk=pk).update(name=other)


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0019_audit_of_people'),
    ]

    operations = [
        migrations.RunPython(_tell_apart, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name='site',
            constraint=models.UniqueConstraint(fields=('name',), name='site_name_once'),
        ),
    ]
