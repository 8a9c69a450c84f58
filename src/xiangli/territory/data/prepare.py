"""How the packaged data was made from its sources:

python -m xiangli.territory.data.prepare DIVISIONS.csv BOUNDARIES.geojson

See PROVENANCE.md. Rings are made valid, cut down to their largest polygon, converted to WGS-84 and
simplified to about 50 metres; the divisions are kept as they are, without the columns that the codes
already say.
"""

import csv
import json
import sys
from pathlib import Path

import shapely
from shapely.geometry import Polygon, shape

from xiangli.territory.coordinates import gcj02_to_wgs84

_TOLERANCE = 0.0005  # degrees, about 50 metres
_HERE = Path(__file__).parent


def outline(geometry: shapely.Geometry) -> Polygon:
    """The largest polygon of a possibly invalid ring, without holes, in WGS-84, simplified."""
    # a collection may hold a multipolygon: its parts' parts are polygons and lines
    parts = shapely.get_parts(shapely.get_parts(shapely.make_valid(geometry)))
    largest = max((p for p in parts if isinstance(p, Polygon)), key=lambda polygon: polygon.area)
    ring = Polygon([gcj02_to_wgs84(lng, lat) for lng, lat in largest.exterior.coords])
    return shapely.simplify(ring, _TOLERANCE, preserve_topology=True)


def main(divisions: Path, boundaries: Path) -> None:
    counties: dict[str, str] = {}
    with divisions.open(encoding="utf-8-sig", newline="") as source:
        rows = list(csv.DictReader(source))
    with (_HERE / "divisions.csv").open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\n")
        writer.writerow(["code", "name"])
        seen: set[str] = set()
        for row in rows:
            counties[row["county"]] = row["county_code"]
            for level in ("county", "town", "village"):
                if row[f"{level}_code"] not in seen:
                    seen.add(row[f"{level}_code"])
                    writer.writerow([row[f"{level}_code"], row[level]])
    outlines = {}
    for feature in json.loads(boundaries.read_text(encoding="utf-8"))["features"]:
        ring = outline(shape(feature["geometry"])).exterior.coords
        outlines[counties[feature["properties"]["name"]]] = [[round(x, 5), round(y, 5)] for x, y in ring]
    (_HERE / "outlines.json").write_text(json.dumps(outlines, sort_keys=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
