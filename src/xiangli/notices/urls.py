"""Addresses of notices."""

from django.urls import path

from xiangli.notices import pages

app_name = "notices"
urlpatterns = [
    path("notices/", pages.inbox, name="inbox"),
    path("notices/read/", pages.read_all, name="read_all"),
    path("notices/<uuid:notice_id>/", pages.open_notice, name="open"),
]
