"""Addresses of matters: the one of each, and the desk's queue under `/desk/`."""

from django.urls import URLPattern, path

from xiangli.matters.pages import assigning, day_list, matter, news, queue, saved

app_name = "matters"
urlpatterns: list[URLPattern] = [
    path("m/<uuid:matter_id>/", matter.open_matter, name="matter"),
    path("desk/", queue.queue, name="queue"),
    path("desk/news/", news.news, name="news"),
    path("desk/assign/", assigning.assign_many, name="assign_many"),
    path("desk/print/", day_list.day_list, name="day_list"),
    path("desk/filters/", saved.filters, name="filters"),
    path("desk/filters/save/", saved.save_filter, name="save_filter"),
    path("desk/filters/<uuid:filter_id>/rename/", saved.rename_filter, name="rename_filter"),
    path("desk/filters/<uuid:filter_id>/delete/", saved.delete_filter, name="delete_filter"),
]
