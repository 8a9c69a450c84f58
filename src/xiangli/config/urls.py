"""Every address of the platform. A module's own stand in its `urls`."""

from django.conf.urls.i18n import urlpatterns as language_urls
from django.urls import include, path

from xiangli.config import pages

urlpatterns = [
    path("metrics", pages.metrics, name="metrics"),
    path("", include("xiangli.insight.urls")),
    path("", include("xiangli.cases.urls")),
    path("", include("xiangli.matters.urls")),
    path("", include("xiangli.notices.urls")),
    path("", include("xiangli.territory.urls")),
    path("", include("xiangli.accounts.urls")),
    path("", include("xiangli.web.urls")),
    path("language/", include(language_urls)),
]
