"""Addresses of territory."""

from django.urls import URLPattern, path

from xiangli.territory.pages import enrol, on_call, people, plates

app_name = "territory"
urlpatterns: list[URLPattern] = [
    path("settings/people/", people.people, name="people"),
    path("settings/people/<uuid:user_id>/", people.person, name="person"),
    path("settings/people/<uuid:user_id>/leave/", people.off_board, name="off_board"),
    path("settings/appointments/<uuid:appointment_id>/end/", people.end_appointment, name="end_appointment"),
    path(
        "settings/appointments/<uuid:appointment_id>/absence/", people.record_absence, name="record_absence"
    ),
    path("settings/absences/<uuid:absence_id>/end/", people.end_absence, name="end_absence"),
    path("settings/seats/", people.find_seats, name="find_seats"),
    path("settings/seats/<uuid:unit_id>/", people.seats, name="seats"),
    path("settings/seats/<uuid:unit_id>/<uuid:post_id>/appoint/", people.appoint, name="appoint"),
    path(
        "settings/seats/<uuid:unit_id>/<uuid:post_id>/phone/", people.set_duty_number, name="set_duty_number"
    ),
    path("enrolments/", enrol.enrol_people, name="enrol_people"),
    path("enrolments/<uuid:user_id>/", enrol.issue_enrolment, name="issue_enrolment"),
    path("on-call/", on_call.on_call, name="on_call"),
    path("on-call/new/", on_call.set_on_call, name="set_on_call"),
    path("on-call/<uuid:entry_id>/end/", on_call.end_on_call, name="end_on_call"),
    path("units/<uuid:unit_id>/plate/", plates.print_plate, name="print_plate"),
]
