"""Drawn photos of a lane, as a phone would send them: with rubbish, and put right."""

from __future__ import annotations

import io
import random

from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import FilePayload


def lane(*, rubbish: bool, seed: int = 1, width: int = 1200, height: int = 900) -> bytes:
    """A JPEG of a village lane between two walls. The same `seed` is the same lane, tidy or not."""
    chance = random.Random(seed)
    image = Image.new("RGB", (width, height), (196, 214, 226))
    draw = ImageDraw.Draw(image)
    horizon, middle = int(height * 0.42), width * (0.45 + 0.1 * chance.random())
    draw.polygon(
        [(0, height), (middle - 60, horizon), (middle + 60, horizon), (width, height)], (168, 160, 148)
    )
    for side, wall, roof in ((0, (186, 150, 122), (110, 74, 62)), (width, (201, 176, 146), (98, 82, 78))):
        inner = middle - 60 if side == 0 else middle + 60
        draw.polygon([(side, height * 0.12), (inner, horizon * 0.8), (inner, horizon), (side, height)], wall)
        draw.polygon(
            [(side, height * 0.02), (inner, horizon * 0.74), (inner, horizon * 0.82), (side, height * 0.17)],
            roof,
        )
        for row in range(1, 9):  # courses of brick
            at = row / 9
            top, far = height * (0.17 + 0.83 * at), horizon * (0.82 + 0.18 * at)
            draw.line([(side, top), (inner, far)], tuple(value - 18 for value in wall), 3)
    door = width * 0.06
    draw.polygon(
        [
            (door, height * 0.42),
            (door + 130, height * 0.45),
            (door + 130, height * 0.79),
            (door, height * 0.9),
        ],
        (122, 46, 40),
    )
    if rubbish:
        colours = [
            (58, 62, 66),
            (222, 222, 214),
            (74, 104, 148),
            (196, 74, 58),
            (92, 122, 70),
            (150, 120, 84),
        ]
        for _piece in range(46):
            x = width * 0.62 + chance.gauss(0, 120)
            y = height * 0.74 - abs(chance.gauss(0, 60)) + chance.random() * 90
            size = chance.randint(18, 74)
            corners = [
                (x + chance.uniform(-1, 1) * size, y + chance.uniform(-1, 1) * size * 0.7)
                for _corner in range(chance.randint(4, 7))
            ]
            draw.polygon(corners, chance.choice(colours))
    image = image.filter(ImageFilter.GaussianBlur(1.2))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue()


def upload(name: str, content: bytes) -> FilePayload:
    """What Playwright's `set_input_files` takes for a file that stands nowhere on the disk."""
    kind = "image/jpeg" if name.endswith((".jpg", ".jpeg")) else "application/octet-stream"
    return FilePayload(name=name, mimeType=kind, buffer=content)
