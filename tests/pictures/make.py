#!/usr/bin/python3
"""Writes the pictures of this folder, and beside each what PIL makes of it, [3, H, W] as .npy.

Run by hand with Debian's python3-pil (9.4.0 with libjpeg-turbo 2.1.5); the tests read the results.
"""
import pathlib

import numpy
from PIL import Image

FOLDER = pathlib.Path(__file__).parent
HEIGHT, WIDTH = 37, 29


def scene(channels):
    """Smooth colours with a hard edge and some noise: [HEIGHT, WIDTH, channels]."""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH] / 20.0
    planes = [127 + 80 * numpy.sin((c + 2) * x + c) * numpy.cos((3 - c) * y) for c in range(channels)]
    image = numpy.stack(planes, -1) + 40 * (x > y)[..., None]
    image += numpy.random.default_rng(7).normal(0, 6, image.shape)
    return image.clip(0, 255).astype(numpy.uint8)


def planar(image):
    return numpy.ascontiguousarray(numpy.asarray(image.convert("RGB")).transpose(2, 0, 1))


def save(name, image, **options):
    path = FOLDER / name
    image.save(path, **options)
    numpy.save(path.with_suffix(".npy"), planar(Image.open(path)))


def main():
    rgb = Image.fromarray(scene(3))
    grey = Image.fromarray(scene(1)[..., 0])
    save("rgb_420.jpg", rgb, quality=80)
    save("rgb_422_progressive.jpg", rgb, quality=90, subsampling=1, progressive=True)
    save("grey.jpg", grey, quality=85)
    save("cmyk.jpg", Image.fromarray(scene(4), "CMYK"), quality=90)
    save("rgb.png", rgb)
    save("rgba.png", Image.fromarray(scene(4), "RGBA"))
    save("palette.png", rgb.quantize(11))
    save("bilevel.png", grey.convert("1"))
    # 16 bits: PIL clips them, so the reference is the high byte, rounded as libpng does.
    deep = scene(1)[..., 0].astype(numpy.uint16) * 257
    Image.fromarray(deep).save(FOLDER / "grey16.png")
    numpy.save(FOLDER / "grey16.npy", numpy.stack([deep // 257] * 3).astype(numpy.uint8))
    for name, filter_ in (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)):
        for width, height in ((11, 14), (63, 50), (29, 9)):
            numpy.save(FOLDER / f"{name}_{width}x{height}.npy",
                       planar(rgb.resize((width, height), filter_)))


main()
