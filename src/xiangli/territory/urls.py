"""Addresses of territory."""

from django.urls import URLPattern, path

from xiangli.territory import pages

app_name = "territory"
urlpatterns: list[URLPattern] = [
    path("enrolments/", pages.enrol_people, name="enrol_people"),
    path("enrolments/<uuid:user_id>/", pages.issue_enrolment, name="issue_enrolment"),
    path("on-call/", pages.on_call, name="on_call"),
    path("on-call/new/", pages.set_on_call, name="set_on_call"),
    path("on-call/<uuid:entry_id>/end/", pages.end_on_call, name="end_on_call"),
    path("units/<uuid:unit_id>/plate/", pages.print_plate, name="print_plate"),
]
