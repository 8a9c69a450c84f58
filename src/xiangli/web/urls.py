"""Addresses of web."""

from django.urls import URLPattern, path

from xiangli.web import pages

app_name = "web"
urlpatterns: list[URLPattern] = [
    path("look/", pages.choose_look, name="look"),
    path("healthz", pages.alive, name="alive"),
    path("readyz", pages.ready, name="ready"),
    path("jobs/<uuid:job_id>/", pages.job, name="job"),
    path("jobs/<uuid:job_id>/file/", pages.job_file, name="job_file"),
    path("robots.txt", pages.robots, name="robots"),
]
