"""Addresses of territory."""

from django.urls import URLPattern, path

from xiangli.territory.pages import enrol, on_call, plates

app_name = "territory"
urlpatterns: list[URLPattern] = [
    path("enrolments/", enrol.enrol_people, name="enrol_people"),
    path("enrolments/<uuid:user_id>/", enrol.issue_enrolment, name="issue_enrolment"),
    path("on-call/", on_call.on_call, name="on_call"),
    path("on-call/new/", on_call.set_on_call, name="set_on_call"),
    path("on-call/<uuid:entry_id>/end/", on_call.end_on_call, name="end_on_call"),
    path("units/<uuid:unit_id>/plate/", plates.print_plate, name="print_plate"),
]
