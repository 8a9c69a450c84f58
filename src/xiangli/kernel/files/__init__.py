"""Pictures: checked by decoding them, stripped of everything but what is seen, stored once in a county.

`pictures` is pure (bytes in, bytes and facts out); `store` keeps rows and bytes together. Nothing has an
address of its own: a page behind the fence opens a picture and sends it.
"""

from xiangli.kernel.files.pictures import (
    MAX_BYTES,
    MAX_PICTURES,
    MAX_PIXELS,
    Picture,
    check_picture_count,
    read_picture,
)
from xiangli.kernel.files.store import (
    GRACE,
    MEDIA_TYPE,
    add_references,
    open_picture,
    release,
    storage_keys,
    store_picture,
    store_pictures,
    sweep,
)

__all__ = [
    "GRACE",
    "MAX_BYTES",
    "MAX_PICTURES",
    "MAX_PIXELS",
    "MEDIA_TYPE",
    "Picture",
    "add_references",
    "check_picture_count",
    "open_picture",
    "read_picture",
    "release",
    "storage_keys",
    "store_picture",
    "store_pictures",
    "sweep",
]
