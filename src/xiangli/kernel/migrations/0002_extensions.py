from django.db import migrations


class Migration(migrations.Migration):
    """What later modules' constraints need. Extensions alone live in `public`; a cell's tables never do."""

    dependencies = [("kernel", "0001_initial")]

    operations = [
        migrations.RunSQL(
            # Left in place on the way back: other cells of the database use it.
            "CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA public",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
