"""Addresses of cases. `/p/` is what a plate's QR code leads to, `/t/` what a receipt's does."""

from django.urls import URLPattern, path

from xiangli.cases import api
from xiangli.cases.pages import danger, orders, public, responsibilities, staff
from xiangli.cases.pages.settings import categories as categories_pages
from xiangli.cases.pages.settings import lists
from xiangli.cases.pages.staff import intake

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
    path("intake/", intake.intake, name="intake"),
    path("intake/places/", intake.intake_places, name="intake_places"),
    path("intake/<uuid:matter_id>/", intake.taken_down, name="taken_down"),
    path("orders/", orders.orders, name="orders"),
    path("orders/import/", orders.import_orders, name="import_orders"),
    path("orders/import/<uuid:job_id>/", orders.check_orders, name="check_orders"),
    path("orders/import/<uuid:job_id>/annotated.xlsx", orders.annotated, name="annotated_orders"),
    path("orders/template.xlsx", orders.template, name="orders_template"),
    path("orders/replies/", orders.export_replies, name="export_replies"),
    path("api/orders/", api.take_order, name="api_take_order"),
    path("api/orders/replies", api.replies, name="api_replies"),
    path("settings/categories/", categories_pages.categories, name="categories"),
    path("settings/categories/new/", categories_pages.add_category, name="add_category"),
    path("settings/categories/<slug:code>/", categories_pages.category, name="category"),
    path("settings/categories/<slug:code>/limits/", categories_pages.set_limit, name="set_limit"),
    path(
        "settings/categories/<slug:code>/limits/<uuid:limit_id>/drop/",
        categories_pages.drop_limit,
        name="drop_limit",
    ),
    path("settings/responsibilities/", lists.import_list, name="import_list"),
    path("settings/responsibilities/<uuid:job_id>/", lists.check_list, name="check_list"),
    path("settings/responsibilities/<uuid:job_id>/annotated/", lists.annotated_list, name="annotated_list"),
    path("settings/responsibilities/<slug:which>/", lists.list_workbook, name="list_workbook"),
    path("responsibilities/", responsibilities.responsibilities, name="responsibilities"),
    path("cases/<uuid:matter_id>/", staff.case, name="case"),
    path("cases/<uuid:matter_id>/reveal_contact/", staff.reveal, name="reveal"),
    path("cases/<uuid:matter_id>/<slug:action>/", staff.act, name="act"),
    path("photos/<uuid:photo_id>/", staff.photo, name="photo"),
]
