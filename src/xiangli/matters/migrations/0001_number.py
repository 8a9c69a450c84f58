from django.db import migrations


class Migration(migrations.Migration):
    """Numbers people can say on the telephone; gaps are allowed, so that no two reports wait for each other."""

    initial = True
    dependencies = [("kernel", "0002_extensions")]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE matters_number START 100001", reverse_sql="DROP SEQUENCE matters_number"
        ),
    ]
