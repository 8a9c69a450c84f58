"""Addresses of notices."""

from django.urls import path

from xiangli.notices import pages

app_name = "notices"
urlpatterns = [
    path("notices/", pages.inbox, name="inbox"),
    path("notices/read/", pages.read_all, name="read_all"),
    path("notices/<uuid:notice_id>/", pages.open_notice, name="open"),
    path("me/notices/", pages.preferences, name="preferences"),
    path("me/notices/<slug:kind>/", pages.set_address, name="set_address"),
    path("deliveries/", pages.deliveries, name="deliveries"),
    path("deliveries/retry/", pages.retry_delivery, name="retry_delivery"),
    path("deliveries/<uuid:delivery_id>/hand-over/", pages.hand_over_delivery, name="hand_over_delivery"),
]
