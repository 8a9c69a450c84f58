"""Addresses of insight."""

from django.urls import URLPattern, path

from xiangli.insight.pages import begin, dossier, figures, territory_map, units

app_name = "insight"
urlpatterns: list[URLPattern] = [
    path("begin/", begin.begin, name="begin"),
    path("figures/", figures.figures, name="figures"),
    path("figures/workbook/", figures.figures_workbook, name="figures_workbook"),
    path("figures/paper/", figures.figures_paper, name="figures_paper"),
    path("units/", units.units, name="units"),
    path("units/<uuid:unit_id>/", units.unit, name="unit"),
    path("units/<uuid:unit_id>/dossier.pdf", dossier.dossier, name="dossier"),
    path("units/<uuid:unit_id>/figures/", units.set_figure_page, name="set_figure"),
    path(
        "units/<uuid:unit_id>/figures/<uuid:figure_id>/remove/",
        units.remove_figure_page,
        name="remove_figure",
    ),
    path("map/", territory_map.territory_map, name="map"),
    path("map/units.json", territory_map.map_units, name="map_units"),
    path("map/points.json", territory_map.map_points, name="map_points"),
]
