"""Drawings of a lane, for photos nobody took: the same lane with something wrong in it and put right. Every
one carries the word DEMO."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Final

from PIL import ExifTags, Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

SIZE: Final = (960, 720)
VARIANTS: Final = 3
Colour = tuple[int, int, int]
Draw = ImageDraw.ImageDraw


@dataclass(frozen=True, slots=True)
class Drawing:
    """One photo: what is on it, which of its likes, before or after it was put right, and the JPEG."""

    kind: str
    variant: int
    after: bool
    content: bytes


def drawings(*, variants: int, place: tuple[float, float]) -> Iterator[Drawing]:
    """All kinds of things, each in `variants` lanes (at most VARIANTS), before and after; the same ones each
    time. The first lane of each kind was taken by a phone that wrote down `place` (latitude, longitude)."""
    for kind in KINDS:
        for variant in range(min(variants, VARIANTS)):
            for after in (False, True):
                image = _photo(kind, variant, after=after)
                out = io.BytesIO()
                image.save(out, "JPEG", quality=80, exif=_exif(place) if variant == 0 else Image.Exif())
                yield Drawing(kind, variant, after, out.getvalue())


def _photo(kind: str, variant: int, *, after: bool) -> Image.Image:
    random = Random(f"lane/{kind}/{variant}")  # noqa: S311  # a drawing; the same lane before and after
    image = _lane(random)
    KINDS[kind](ImageDraw.Draw(image), Random(f"thing/{kind}/{variant}"), after)  # noqa: S311  # likewise
    image = _light(image, random, dusk=kind == "lamp" or random.random() < 0.2)
    if kind == "lamp" and after:
        image = _glow(image)
    return _grain(image, Random(f"grain/{kind}/{variant}/{after}"))  # noqa: S311  # likewise


def _shade(colour: Colour, by: float) -> Colour:
    red, green, blue = (max(0, min(255, round(part * by))) for part in colour)
    return red, green, blue


def _lane(random: Random) -> Image.Image:
    """Sky, hills, two rows of walls with gates, and a road that runs away between them."""
    width, height = SIZE
    horizon = round(height * random.uniform(0.36, 0.44))
    end = round(width * random.uniform(0.42, 0.58))  # where the lane runs to
    image = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(image)
    sky = random.choice([(150, 190, 225), (185, 200, 212), (205, 210, 208)])
    for y in range(horizon):
        draw.line((0, y, width, y), fill=_shade(sky, 0.9 + 0.25 * y / horizon))
    hills = [(x, horizon - random.randint(10, 70)) for x in range(0, width + 120, 120)]
    draw.polygon([(0, horizon), *hills, (width, horizon)], fill=(126, 142, 128))
    ground = random.choice([(168, 160, 148), (150, 148, 144), (176, 162, 138)])
    draw.rectangle((0, horizon, width, height), fill=_shade(ground, 0.86))
    draw.polygon([(end - 38, horizon), (end + 38, horizon), (width + 60, height), (-60, height)], fill=ground)
    wall = random.choice([(196, 178, 150), (186, 120, 92), (206, 202, 194), (172, 140, 110)])
    for side in (-1, 1):
        far, near = (end - 46, 0) if side < 0 else (end + 46, width)
        top = horizon - random.randint(150, 210)
        colour = _shade(wall, 1.0 if side < 0 else 0.86)
        draw.polygon(
            [(far, horizon - 40), (near, top), (near, horizon + 190), (far, horizon + 8)], fill=colour
        )
        draw.line((far, horizon - 40, near, top), fill=_shade(colour, 0.6), width=9)
        for share in (0.35, 0.72):  # gates
            x = far + (near - far) * share
            half = 12 + 34 * share
            base, rise = horizon + 8 + 182 * share, 60 + 130 * share
            gate = random.choice([(142, 38, 34), (40, 74, 110), (92, 84, 76)])
            draw.rectangle((x - half, base - rise, x + half, base - 4), fill=gate)
            draw.line((x, base - rise, x, base - 4), fill=_shade(gate, 0.6), width=3)
    for x in (end - 120, end + 140):
        draw.line((x, horizon + 20, x, horizon - 190), fill=(96, 90, 84), width=6)
    draw.line((0, horizon - 150, end - 120, horizon - 180, end + 140, horizon - 182, width, horizon - 140),
              fill=(60, 60, 60), width=2)  # fmt: skip
    return image


# What may be wrong in it. Each is drawn as it was found, or as it was left.


def _rubbish(draw: Draw, random: Random, after: bool) -> None:
    x, y = random.randint(250, 620), random.randint(500, 590)
    if after:
        draw.rounded_rectangle((x, y - 96, x + 78, y + 14), 8, fill=(46, 104, 66))
        draw.rounded_rectangle((x - 6, y - 112, x + 84, y - 90), 8, fill=(34, 80, 50))
        return
    draw.ellipse((x - 130, y - 4, x + 190, y + 62), fill=(112, 104, 92))
    for _one in range(46):
        a, b, r = x + random.gauss(30, 68), y + random.gauss(10, 22), random.randint(12, 34)
        colour = random.choice([(34, 34, 38), (214, 210, 200), (66, 112, 160), (190, 60, 48), (206, 178, 96)])
        draw.ellipse((a - r, b - r * 0.8, a + r, b + r * 0.7), fill=colour, outline=_shade(colour, 0.6))


def _sewage(draw: Draw, random: Random, after: bool) -> None:
    x, y = random.randint(330, 560), random.randint(540, 610)
    for step in range(7):  # the grating
        draw.line((x - 40 + step * 13, y - 20, x - 48 + step * 15, y + 22), fill=(54, 52, 50), width=6)
    if after:
        return
    for _one in range(9):
        a, b = x + random.gauss(0, 90), y + random.gauss(18, 26)
        w, h = random.randint(70, 150), random.randint(16, 34)
        draw.ellipse((a - w, b - h, a + w, b + h), fill=(78, 80, 66))
    for _one in range(12):
        a, b = x + random.gauss(0, 100), y + random.gauss(16, 22)
        draw.arc((a - 26, b - 6, a + 26, b + 6), 180, 340, fill=(150, 154, 140), width=3)


def _bricks(draw: Draw, random: Random, after: bool) -> None:
    x, y = random.randint(280, 600), random.randint(520, 600)
    if after:
        for stripe in range(5):  # the fire lane, marked
            draw.polygon([(x - 150 + stripe * 64, y + 40), (x - 116 + stripe * 64, y + 40),
                          (x - 96 + stripe * 64, y), (x - 130 + stripe * 64, y)], fill=(226, 190, 60))  # fmt: skip
        return
    draw.polygon([(x - 150, y + 40), (x + 10, y + 46), (x - 60, y - 60)], fill=(206, 184, 140))
    for row in range(6):
        for place in range(7 - row // 2):
            left = x + place * 34 + row * 8 + random.randint(-3, 3)
            colour = _shade((176, 84, 60), random.uniform(0.85, 1.15))
            draw.rectangle(
                (left, y + 24 - row * 18, left + 31, y + 39 - row * 18), fill=colour, outline=(96, 46, 34)
            )


def _wire(draw: Draw, random: Random, after: bool) -> None:
    x = random.randint(560, 700)
    draw.line((x, 660, x, 40), fill=(120, 114, 106), width=20)
    draw.line((x - 70, 90, x + 70, 90), fill=(90, 84, 78), width=12)
    sag = 20 if after else random.randint(420, 480)
    points = [(x * (1 - t / 20), 90 + sag * (t / 20) * (1 - t / 20) * 4 * 0.7) for t in range(21)]
    draw.line(points, fill=(22, 22, 24), width=6)
    if not after:
        draw.line((x, 90, x - 40, 380, x - 130, 628), fill=(22, 22, 24), width=6)


def _wall(draw: Draw, random: Random, after: bool) -> None:
    x, y = random.randint(80, 160), random.randint(250, 280)
    draw.polygon([(x, y), (x + 300, y + 30), (x + 300, y + 300), (x, y + 350)], fill=(178, 152, 122))
    for row in range(11):
        draw.line((x, y + row * 31, x + 300, y + 30 + row * 25), fill=(150, 126, 100), width=2)
    if after:
        draw.polygon(
            [(x + 90, y + 14), (x + 220, y + 26), (x + 220, y + 314), (x + 90, y + 334)], fill=(206, 192, 172)
        )
        return
    a, b = x + 150, y + 10
    while b < y + 320:
        c, d = a + random.randint(-34, 34), b + random.randint(18, 40)
        draw.line((a, b, c, d), fill=(38, 30, 26), width=random.randint(6, 15))
        a, b = c, d
    for _one in range(16):
        left, top = x + random.gauss(170, 70), y + random.gauss(352, 14)
        draw.ellipse((left - 16, top - 10, left + 16, top + 10), fill=(150, 124, 98))


def _manhole(draw: Draw, random: Random, after: bool) -> None:
    x, y = random.randint(400, 560), random.randint(560, 620)
    draw.ellipse((x - 112, y - 44, x + 112, y + 44), fill=(104, 100, 96))
    draw.ellipse((x - 94, y - 35, x + 94, y + 35), fill=(62, 62, 64) if after else (14, 12, 12))
    if after:
        for step in range(-3, 4):
            draw.line((x - 80, y + step * 9, x + 80, y + step * 9), fill=(88, 88, 92), width=3)
    else:
        draw.arc((x - 94, y - 35, x + 94, y + 35), 20, 160, fill=(70, 58, 48), width=6)


def _lamp(draw: Draw, random: Random, after: bool) -> None:
    x = random.randint(600, 700)
    draw.line((x, 640, x, 110, x - 120, 84), fill=(86, 90, 94), width=14, joint="curve")
    draw.polygon([(x - 176, 78), (x - 104, 74), (x - 110, 98), (x - 180, 98)],
                 fill=(255, 244, 200) if after else (58, 58, 62))  # fmt: skip


def _pothole(draw: Draw, random: Random, after: bool) -> None:
    x, y = random.randint(380, 580), random.randint(560, 620)
    if after:
        draw.rectangle((x - 140, y - 44, x + 150, y + 48), fill=(196, 192, 186))
        return
    ring = [(x + random.randint(110, 150) * c, y + random.randint(36, 54) * s) for c, s in _CIRCLE]
    draw.polygon(ring, fill=(96, 86, 74))
    draw.polygon([(x + (a - x) * 0.75, y + 6 + (b - y) * 0.75) for a, b in ring], fill=(64, 56, 48))
    for _one in range(9):
        a, b = x, y
        c, d = a + random.gauss(0, 190), b + random.gauss(0, 50)
        draw.line((a + (c - a) * 0.6, b + (d - b) * 0.6, c, d), fill=(96, 90, 82), width=3)


def _fitness(draw: Draw, random: Random, after: bool) -> None:
    x, y = random.randint(300, 560), random.randint(560, 600)
    for post in (0, 190):
        draw.line((x + post, y, x + post, y - 230), fill=(36, 96, 150), width=16)
    draw.line((x, y - 226, x + 190, y - 226), fill=(226, 176, 40), width=14)
    swing = 0 if after else 62
    draw.line((x + 60, y - 220, x + 60 + swing // 3, y - 70), fill=(90, 90, 96), width=7)
    draw.line((x + 130, y - 220, x + 130 + (0 if after else -40), y - 70 + swing), fill=(90, 90, 96), width=7)
    draw.line((x + 46, y - 70, x + 146, y - 70 + swing), fill=(176, 44, 40), width=18)


def _car(draw: Draw, random: Random, after: bool) -> None:
    x, y = random.randint(300, 480), random.randint(520, 570)
    if after:
        for post in range(4):
            draw.rectangle((x + post * 90, y - 40, x + post * 90 + 18, y + 40), fill=(226, 96, 40))
            draw.rectangle((x + post * 90, y - 18, x + post * 90 + 18, y), fill=(244, 240, 232))
        return
    colour = random.choice([(196, 200, 204), (60, 70, 90), (150, 40, 38)])
    draw.rounded_rectangle((x, y - 60, x + 340, y + 46), 30, fill=colour)
    draw.polygon(
        [(x + 60, y - 56), (x + 104, y - 124), (x + 240, y - 124), (x + 292, y - 56)],
        fill=_shade(colour, 0.9),
    )
    draw.polygon(
        [(x + 84, y - 60), (x + 114, y - 112), (x + 230, y - 112), (x + 266, y - 60)], fill=(58, 72, 84)
    )
    for wheel in (72, 268):
        draw.ellipse((x + wheel - 38, y + 8, x + wheel + 38, y + 84), fill=(24, 24, 26))
        draw.ellipse((x + wheel - 16, y + 30, x + wheel + 16, y + 62), fill=(140, 142, 146))


def _sign(draw: Draw, random: Random, after: bool) -> None:
    x, y = random.randint(360, 560), random.randint(580, 620)
    top = (x, y - 300) if after else (x + 260, y - 90)
    draw.line((x, y, *top), fill=(120, 124, 128), width=12)
    a, b = top
    draw.polygon([(a, b - 74), (a + 70, b + 46), (a - 70, b + 46)], fill=(232, 190, 40), outline=(40, 36, 30))
    draw.line((a, b - 34, a, b + 12), fill=(40, 36, 30), width=10)
    draw.ellipse((a - 6, b + 22, a + 6, b + 34), fill=(40, 36, 30))


def _tree(draw: Draw, random: Random, after: bool) -> None:
    x = random.randint(560, 700)
    draw.line((x, 620, x, 240), fill=(92, 72, 54), width=34)
    for _one in range(34):
        a, b = x + random.gauss(0, 92), 200 + random.gauss(0, 60)
        draw.ellipse((a - 52, b - 40, a + 52, b + 40), fill=_shade((84, 122, 62), random.uniform(0.75, 1.15)))
    if not after:
        draw.line((x - 10, 330, x - 190, 420, x - 330, 610), fill=(92, 72, 54), width=22, joint="curve")
        for _one in range(16):
            a, b = x - 270 + random.gauss(0, 56), 520 + random.gauss(0, 44)
            draw.ellipse(
                (a - 30, b - 20, a + 30, b + 20), fill=_shade((132, 116, 60), random.uniform(0.8, 1.1))
            )


def _bed(draw: Draw, random: Random, after: bool) -> None:
    x, y = random.randint(180, 300), random.randint(560, 600)
    draw.rectangle((x, y - 40, x + 420, y + 40), fill=(104, 78, 56))
    for stone in range(14):
        gone = not after and 5 <= stone <= 8
        if not gone:
            draw.rectangle((x + stone * 30, y + 26, x + stone * 30 + 26, y + 52), fill=(186, 180, 170))
    for _one in range(60):
        a, b = x + random.uniform(14, 406), y + random.uniform(-34, 16)
        if after:
            draw.line((a, b + 14, a, b - 10), fill=(70, 116, 58), width=4)
            draw.ellipse(
                (a - 9, b - 20, a + 9, b - 4),
                fill=random.choice([(206, 60, 84), (232, 186, 60), (240, 236, 230)]),
            )
        else:
            draw.line((a, b + 10, a + random.randint(-16, 16), b), fill=(140, 120, 76), width=3)


_CIRCLE: Final = [
    (1.0, 0.0), (0.87, 0.5), (0.5, 0.87), (0.0, 1.0), (-0.5, 0.87), (-0.87, 0.5),
    (-1.0, 0.0), (-0.87, -0.5), (-0.5, -0.87), (0.0, -1.0), (0.5, -0.87), (0.87, -0.5),
]  # fmt: skip

KINDS: Final[dict[str, Callable[[Draw, Random, bool], None]]] = {
    "rubbish": _rubbish,
    "sewage": _sewage,
    "bricks": _bricks,
    "wire": _wire,
    "wall": _wall,
    "manhole": _manhole,
    "lamp": _lamp,
    "pothole": _pothole,
    "fitness": _fitness,
    "car": _car,
    "sign": _sign,
    "tree": _tree,
    "bed": _bed,
}


def _light(image: Image.Image, random: Random, *, dusk: bool) -> Image.Image:
    if dusk:
        image = Image.blend(image, Image.new("RGB", SIZE, (24, 30, 58)), 0.55)
    else:
        image = Image.blend(image, Image.new("RGB", SIZE, (255, 236, 200)), random.uniform(0.02, 0.12))
    return ImageEnhance.Brightness(image).enhance(random.uniform(0.92, 1.06))


def _glow(image: Image.Image) -> Image.Image:
    """The light of a lamp that burns again."""
    mask = Image.new("L", SIZE, 0)
    ImageDraw.Draw(mask).polygon([(470, 90), (590, 90), (820, 700), (240, 700)], fill=110)
    return Image.composite(
        Image.new("RGB", SIZE, (255, 232, 170)), image, mask.filter(ImageFilter.GaussianBlur(40))
    )


def _grain(image: Image.Image, random: Random) -> Image.Image:
    """The grain of a telephone's camera, and the mark that it was none."""
    small = Image.frombytes("L", (SIZE[0] // 3, SIZE[1] // 3), random.randbytes(SIZE[0] * SIZE[1] // 9))
    noise = small.resize(SIZE).convert("RGB")
    image = Image.blend(image.filter(ImageFilter.SMOOTH), noise, 0.05)
    draw = ImageDraw.Draw(image)
    draw.rectangle((SIZE[0] - 118, SIZE[1] - 46, SIZE[0] - 14, SIZE[1] - 14), fill=(32, 32, 32))
    draw.text((SIZE[0] - 104, SIZE[1] - 44), "DEMO", fill=(255, 255, 255), font=ImageFont.load_default(24))
    return image


def _exif(place: tuple[float, float]) -> Image.Exif:
    tags = Image.Exif()
    gps = tags.get_ifd(ExifTags.IFD.GPSInfo)
    for degrees, value, reference, letter in (
        (place[0], ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "N"),
        (place[1], ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "E"),
    ):
        minutes = Fraction(degrees).limit_denominator(1_000_000) % 1 * 60
        gps[reference] = letter
        gps[value] = (
            Fraction(int(degrees)),
            Fraction(int(minutes)),
            (minutes % 1 * 60).limit_denominator(10_000),
        )
    return tags
