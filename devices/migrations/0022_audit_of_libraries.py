from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('devices', '0021_registered_command_kinds'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='auditentry',
            name='audit_kind_known',
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='kind',
            field=models.CharField(choices=[('site', 'Site'), ('address_token', 'Address for terminals'), ('terminal', 'Terminal'), ('rules', 'Rules of passing'), ('time_plan', 'Time plan'), ('library', 'Library'), ('person', 'Person'), ('membership', 'Site member'), ('user', 'User'), ('group', 'Group'), ('api_token', 'API token'), ('sign_in', 'Signing in')], max_length=20, verbose_name='kind'),
        ),
        migrations.AddConstraint(
            model_name='auditentry',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['site', 'address_token', 'terminal', 'rules', 'time_plan', 'library', 'person', 'membership', 'user', 'group', 'api_token', 'sign_in'])), name='audit_kind_known'),
        ),
    ]
