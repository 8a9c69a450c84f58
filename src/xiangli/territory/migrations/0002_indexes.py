"""Indexes that the ORM cannot word: the ground of units, and their points, by GiST."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("territory", "0001_initial")]

    operations = [
        # a GiST on the polygon itself does not serve @>; on its box it does
        migrations.RunSQL(
            "CREATE INDEX boundary_box ON territory_boundary USING gist (box(ring))",
            reverse_sql="DROP INDEX boundary_box",
        ),
        migrations.RunSQL(
            "CREATE INDEX unit_point ON territory_unit USING gist (point(lng, lat))"
            " WHERE plate_code IS NOT NULL AND lat IS NOT NULL",
            reverse_sql="DROP INDEX unit_point",
        ),
    ]
