"""Addresses of insight."""

from django.urls import URLPattern, path

from xiangli.insight.pages import figures

app_name = "insight"
urlpatterns: list[URLPattern] = [
    path("figures/", figures.figures, name="figures"),
    path("figures/workbook/", figures.figures_workbook, name="figures_workbook"),
    path("figures/paper/", figures.figures_paper, name="figures_paper"),
]
