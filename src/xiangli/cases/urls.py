"""Addresses of cases. `/p/` is what a plate's QR code leads to, `/t/` what a receipt's does."""

from django.urls import URLPattern, path

from xiangli.cases.pages import danger, public, responsibilities, staff

app_name = "cases"
urlpatterns: list[URLPattern] = [
    path("", public.home, name="home"),
    path("danger-words.json", danger.danger_words, name="danger_words"),
    path("p/<slug:plate_code>/", public.show_plate, name="plate"),
    path("p/<slug:plate_code>/report/", public.report, name="report"),
    path("p/<slug:plate_code>/complain/", public.complain, name="complain"),
    path("p/<slug:plate_code>/me-too/<uuid:matter_id>/", public.me_too, name="me_too"),
    path("t/", public.find, name="find"),
    path("t/<str:code>/", public.track, name="track"),
    path("t/<str:code>/receipt/", public.receipt, name="receipt"),
    path("t/<str:code>/photos/<uuid:photo_id>/", public.track_photo, name="track_photo"),
    path("t/<str:code>/<slug:action>/", public.track_act, name="track_act"),
    path("tasks/", staff.tasks, name="tasks"),
    path("report/", staff.field_report, name="field_report"),
    path("responsibilities/", responsibilities.responsibilities, name="responsibilities"),
    path("cases/<uuid:matter_id>/", staff.case, name="case"),
    path("cases/<uuid:matter_id>/reveal_contact/", staff.reveal, name="reveal"),
    path("cases/<uuid:matter_id>/<slug:action>/", staff.act, name="act"),
    path("photos/<uuid:photo_id>/", staff.photo, name="photo"),
]
