"""Addresses of territory."""

from django.urls import URLPattern, path

from xiangli.territory.pages import (
    calendar,
    enrol,
    on_call,
    people,
    plates,
    schemes,
    settings,
    units,
    workbooks,
)

app_name = "territory"
urlpatterns: list[URLPattern] = [
    path("settings/import/people/", workbooks.import_table, {"what": "people"}, name="import_people"),
    path("settings/import/units/", workbooks.import_table, {"what": "units"}, name="import_units"),
    path("settings/import/<slug:what>/template/", workbooks.table_template, name="table_template"),
    path("settings/imported/<uuid:job_id>/", workbooks.imported, name="imported"),
    path("settings/scheme/", schemes.scheme, name="scheme"),
    path("settings/scheme/levels/<uuid:level_id>/", schemes.edit_level, name="edit_level"),
    path("settings/scheme/levels/<uuid:level_id>/below/", schemes.add_level, name="add_level"),
    path("settings/scheme/posts/new/", schemes.add_post, name="add_post"),
    path("settings/scheme/posts/<uuid:post_id>/", schemes.edit_post, name="edit_post"),
    path("settings/", settings.settings, name="settings"),
    path("settings/units/", units.list_units, name="list_units"),
    path("settings/units/merge/", units.merge_units, name="merge_units"),
    path("settings/units/<uuid:unit_id>/", units.show_unit, name="show_unit"),
    path("settings/units/<uuid:unit_id>/open/", units.open_unit, name="open_unit"),
    path("settings/units/<uuid:unit_id>/rename/", units.rename_unit, name="rename_unit"),
    path("settings/units/<uuid:unit_id>/split/", units.split_unit, name="split_unit"),
    path("settings/units/<uuid:unit_id>/end/", units.end_unit, name="end_unit"),
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
    path("settings/calendar/", calendar.calendar, name="calendar"),
    path("settings/hours/", calendar.hours, name="hours"),
    path("enrolments/", enrol.enrol_people, name="enrol_people"),
    path("enrolments/<uuid:user_id>/", enrol.issue_enrolment, name="issue_enrolment"),
    path("on-call/", on_call.on_call, name="on_call"),
    path("on-call/new/", on_call.set_on_call, name="set_on_call"),
    path("on-call/<uuid:entry_id>/end/", on_call.end_on_call, name="end_on_call"),
    path("plates/", plates.plates, name="plates"),
    path("plates/<uuid:unit_id>/", plates.record_print, name="record_print"),
    path("units/<uuid:unit_id>/plate/", plates.print_plate, name="print_plate"),
    path("units/<uuid:unit_id>/board/", plates.print_board, name="print_board"),
]
