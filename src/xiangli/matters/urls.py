"""Addresses of matters."""

from django.urls import URLPattern, path

from xiangli.matters import pages

app_name = "matters"
urlpatterns: list[URLPattern] = [path("m/<uuid:matter_id>/", pages.open_matter, name="matter")]
