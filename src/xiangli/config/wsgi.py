"""The WSGI application that the server runs."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xiangli.config.settings")
application = get_wsgi_application()

# What is loaded by now stays for good: the collector need not walk it again and again, once in a few requests.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)
