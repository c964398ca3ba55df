"""A procedural image world: objects standing in scenes, with depth, light, texture and occlusion.

The simulated participants look at these pictures and the miniature networks learn from them. An image is a function of
(seed, index) alone, so a stimulus id is all that has to be stored. Coordinates: x runs right and y runs down, both from
-1 to 1; the camera stands one unit above the ground, so the ground at distance z appears 1 / z below the horizon.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from scipy import ndimage

from lib.core import progress

SIZE = 64
FAR = 30.0

Y, X = np.meshgrid(np.linspace(-1, 1, SIZE), np.linspace(-1, 1, SIZE), indexing="ij")


@dataclass(frozen=True)
class Scene:
    """One picture and all that is known about it.

    Attributes
    ----------
    image : uint8 array of shape (64, 64, 3)
    depth : float32 array of shape (64, 64)
        Distance of the visible surface, in camera heights (0.5 to 30).
    object_label, scene_label : int
        Index into `OBJECTS` and `SCENES`; `INVENTED` for an object that is none of them.
    """

    image: np.ndarray
    depth: np.ndarray
    object_label: int
    scene_label: int


@dataclass(frozen=True)
class Scenes:
    """Many pictures: the fields of `Scene` with a leading axis n_images."""

    image: np.ndarray
    depth: np.ndarray
    object_label: np.ndarray
    scene_label: np.ndarray

    def __len__(self) -> int:
        return len(self.image)


class Canvas:
    """A picture under construction: nearer surfaces cover farther ones, in whatever order they are painted."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.image = np.zeros((SIZE, SIZE, 3))
        self.depth = np.full((SIZE, SIZE), np.inf)
        self.horizon = rng.uniform(-0.3, 0.1)
        self.light = rng.uniform(-1, 1)  # where the light comes from: -1 left, 1 right

    def paint(self, mask: np.ndarray, colour: np.ndarray, depth: float | np.ndarray, rough: float = 0.05) -> None:
        """Cover `mask` with a lit, textured surface where it is nearer than what is there.

        Parameters
        ----------
        mask : boolean array of shape (64, 64)
        colour : array of shape (3,) or (64, 64, 3)
        depth : float or array of shape (64, 64)
        rough : float
            Standard deviation of the texture, as a share of the colour.
        """
        visible = mask & (depth < self.depth)
        shade = 1 + 0.25 * self.light * X + rough * _texture(self.rng)
        self.image[visible] = (shade[..., None] * colour)[visible]
        self.depth = np.where(visible, depth, self.depth)

    def ground(self) -> tuple[np.ndarray, np.ndarray]:
        """Mask and depth of the ground plane."""
        below = np.maximum(Y - self.horizon, 1 / FAR)
        return self.horizon < Y, 1 / below

    def colour(self, *rgb: float, spread: float = 0.12) -> np.ndarray:
        """A colour near `rgb`, shape (3,), so that no category is its colour."""
        return np.clip(np.array(rgb) + self.rng.normal(0, spread, 3), 0.03, 0.97)


@cache
def _texture_bank() -> np.ndarray:
    """Noise fields of shape (3 scales, 128, 128), unit variance; every surface takes a random window of one."""
    rng = np.random.default_rng(0)
    fields = [ndimage.gaussian_filter(rng.normal(size=(128, 128)), s, mode="wrap") for s in (0.7, 1.5, 4)]
    return np.stack([field / field.std() for field in fields])


def _texture(rng: np.random.Generator) -> np.ndarray:
    scale, top, left = rng.integers(3), *rng.integers(128 - SIZE, size=2)
    return _texture_bank()[scale, top : top + SIZE, left : left + SIZE]


# Shapes, in the local coordinates of an object: x and y from -1 to 1, its foot at y = 1.


def _ellipse(x: np.ndarray, y: np.ndarray, cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1


def _box(x: np.ndarray, y: np.ndarray, left: float, top: float, right: float, bottom: float) -> np.ndarray:
    return (x > left) & (x < right) & (y > top) & (y < bottom)


def _box_around(x: np.ndarray, y: np.ndarray, cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    return _box(x, y, cx - rx, cy - ry, cx + rx, cy + ry)


# Objects: each paints itself at depth z in local coordinates.

Painter = Callable[[Canvas, np.ndarray, np.ndarray, float], None]


def _face(c: Canvas, x: np.ndarray, y: np.ndarray, z: float) -> None:
    skin, hair = c.colour(0.75, 0.55, 0.42, spread=0.15), c.colour(0.25, 0.18, 0.12)
    width = c.rng.uniform(0.5, 0.65)
    c.paint(_ellipse(x, y, 0, 1.1, 0.95, 0.45), c.colour(0.4, 0.4, 0.5, spread=0.2), z + 0.02)
    c.paint(_ellipse(x, y, 0, -0.15, width + 0.12, 0.85), hair, z + 0.01)
    c.paint(_ellipse(x, y, 0, 0, width, 0.75), skin, z, rough=0.02)
    for side in (-1, 1):
        c.paint(_ellipse(x, y, side * 0.24, -0.1, 0.13, 0.08), np.full(3, 0.9), z - 0.01)
        c.paint(_ellipse(x, y, side * 0.24, -0.1, 0.06, 0.08), np.full(3, 0.08), z - 0.02)
    c.paint(_box(x, y, -0.05, -0.05, 0.05, 0.2), 0.8 * skin, z - 0.01)
    c.paint(_ellipse(x, y, 0, 0.38, 0.22, 0.07), c.colour(0.6, 0.2, 0.2, spread=0.08), z - 0.01)


def _house(c: Canvas, x: np.ndarray, y: np.ndarray, z: float) -> None:
    top = c.rng.uniform(-0.3, 0.0)
    c.paint(_box(x, y, -0.85, top, 0.85, 1), c.colour(0.7, 0.62, 0.5, spread=0.2), z, rough=0.1)
    roof = (y < top) & (y > top - 0.7 * (1 - np.abs(x) / 1.0)) & (np.abs(x) < 1)
    c.paint(roof, c.colour(0.5, 0.25, 0.2), z - 0.01, rough=0.15)
    c.paint(_box(x, y, -0.15, 0.4, 0.2, 1), c.colour(0.35, 0.22, 0.12), z - 0.01)
    for left in (-0.65, 0.4):
        c.paint(_box(x, y, left, top + 0.2, left + 0.3, top + 0.55), c.colour(0.6, 0.75, 0.85), z - 0.01)


def _car(c: Canvas, x: np.ndarray, y: np.ndarray, z: float) -> None:
    paint = c.colour(0.5, 0.3, 0.3, spread=0.3)
    c.paint(_box(x, y, -1, 0.35, 1, 0.8), paint, z, rough=0.02)
    cabin = (y > -0.1) & (y < 0.4) & (np.abs(x) < 0.45 + 0.4 * (y + 0.1))
    c.paint(cabin, paint, z, rough=0.02)
    c.paint(cabin & (y > 0) & (np.abs(x) > 0.04) & (np.abs(x) < 0.5), c.colour(0.6, 0.7, 0.8), z - 0.01)
    for side in (-0.55, 0.55):
        c.paint(_ellipse(x, y, side, 0.8, 0.24, 0.24), np.full(3, 0.1), z - 0.02)
        c.paint(_ellipse(x, y, side, 0.8, 0.1, 0.1), np.full(3, 0.6), z - 0.03)


def _tree(c: Canvas, x: np.ndarray, y: np.ndarray, z: float) -> None:
    c.paint(_box(x, y, -0.1, 0, 0.1, 1), c.colour(0.35, 0.25, 0.15), z, rough=0.2)
    leaf = c.colour(0.25, 0.45, 0.2, spread=0.15)
    for cx, cy in c.rng.uniform((-0.4, -0.7), (0.4, 0.0), size=(6, 2)):
        c.paint(_ellipse(x, y, cx, cy, 0.42, 0.36), leaf, z - 0.01 * c.rng.random(), rough=0.3)


def _bottle(c: Canvas, x: np.ndarray, y: np.ndarray, z: float) -> None:
    glass = c.colour(0.2, 0.5, 0.35, spread=0.25)
    c.paint(_box(x, y, -0.3, -0.1, 0.3, 1), glass, z, rough=0.02)
    c.paint(_ellipse(x, y, 0, -0.1, 0.3, 0.3), glass, z, rough=0.02)
    c.paint(_box(x, y, -0.11, -0.8, 0.11, 0), glass, z, rough=0.02)
    c.paint(_box(x, y, -0.13, -0.95, 0.13, -0.75), c.colour(0.6, 0.2, 0.2, spread=0.2), z - 0.01)
    c.paint(_box(x, y, -0.3, 0.2, 0.3, 0.7), c.colour(0.85, 0.8, 0.7), z - 0.01)
    c.paint(_box(x, y, -0.2, -0.1, -0.12, 0.9), np.full(3, 0.9), z - 0.02)


def _ball(c: Canvas, x: np.ndarray, y: np.ndarray, z: float) -> None:
    first, second = c.colour(0.7, 0.3, 0.3, spread=0.3), c.colour(0.8, 0.8, 0.7, spread=0.2)
    inside = _ellipse(x, y, 0, 0.3, 0.7, 0.7)
    c.paint(inside, first, z, rough=0.02)
    angle = c.rng.uniform(0, np.pi)
    stripe = np.abs(np.cos(angle) * x + np.sin(angle) * (y - 0.3)) < 0.2
    c.paint(inside & stripe, second, z - 0.01, rough=0.02)
    c.paint(_ellipse(x, y, 0.3 * c.light, 0, 0.12, 0.12), np.full(3, 0.97), z - 0.02)


def _chair(c: Canvas, x: np.ndarray, y: np.ndarray, z: float) -> None:
    wood = c.colour(0.5, 0.35, 0.2, spread=0.2)
    back = c.rng.choice((-1, 1))
    for leg in (-0.5, 0.4):
        c.paint(_box(x, y, leg, 0.3, leg + 0.12, 1), 0.8 * wood, z)
    c.paint(_box(x, y, -0.58, 0.2, 0.58, 0.36), wood, z - 0.01)
    c.paint(_box(x * back, y, 0.42, -0.9, 0.58, 0.3), wood, z - 0.01)
    for top in (-0.85, -0.5):
        c.paint(_box(x * back, y, -0.1, top, 0.5, top + 0.15), wood, z - 0.01)


def _dog(c: Canvas, x: np.ndarray, y: np.ndarray, z: float) -> None:
    fur, x = c.colour(0.5, 0.38, 0.25, spread=0.2), x * c.rng.choice((-1, 1))
    c.paint(_ellipse(x, y, -0.1, 0.3, 0.65, 0.3), fur, z, rough=0.15)
    for leg in (-0.6, -0.4, 0.2, 0.4):
        c.paint(_box(x, y, leg, 0.4, leg + 0.13, 1), 0.9 * fur, z + 0.01, rough=0.15)
    c.paint(_ellipse(x, y, 0.55, -0.05, 0.3, 0.27), fur, z - 0.01, rough=0.15)
    c.paint(_ellipse(x, y, 0.82, 0.05, 0.2, 0.13), fur, z - 0.01, rough=0.15)
    c.paint(_ellipse(x, y, 0.42, -0.2, 0.1, 0.26), 0.6 * fur, z - 0.02)
    c.paint(_ellipse(x, y, 0.62, -0.12, 0.05, 0.05), np.full(3, 0.05), z - 0.03)
    c.paint((np.abs(y + 0.1 + 0.8 * (x + 0.7)) < 0.1) & (x > -1) & (x < -0.6), fur, z)


def invented(seed: int, category: int) -> Painter:
    """An object without a name: some boxes and ellipses on a foot, alike in all pictures of a category."""

    def paint(c: Canvas, x: np.ndarray, y: np.ndarray, z: float) -> None:
        own = np.random.default_rng((seed, category, 0))
        sides = (-1, 1) if own.random() < 0.5 else (1,)
        c.paint(_box(x, y, -0.1, 0.5, 0.1, 1), c.colour(0.3, 0.3, 0.3, spread=0.05), z + 0.01)
        for part in range(own.integers(3, 7)):
            shape = _box_around if own.random() < 0.4 else _ellipse
            place, rough = (*own.uniform((-0.6, -0.7), (0.6, 0.8)), *own.uniform(0.12, 0.5, 2)), own.uniform(0.02, 0.25)
            colour = c.colour(*own.uniform(0.05, 0.95, 3), spread=0.06)
            for side in sides:
                c.paint(shape(side * x, y, *place), colour, z - 0.01 * part, rough)

    return paint


# Scenes: each paints the whole background.


def _sky(c: Canvas) -> None:
    glow = c.colour(0.6, 0.75, 0.92, spread=0.12) * (0.85 + 0.2 * (Y - Y.min())[..., None] / 2)
    c.paint(np.ones_like(X, bool), glow, FAR, rough=c.rng.uniform(0.01, 0.08))


def _ground(c: Canvas, colour: np.ndarray, rough: float) -> None:
    mask, depth = c.ground()
    c.paint(mask, colour, depth, rough)


def _room(c: Canvas) -> None:
    wall, back = c.colour(0.75, 0.7, 0.62, spread=0.15), c.rng.uniform(3, 5)
    c.paint(np.ones_like(X, bool), wall, back, rough=0.03)
    _ground(c, c.colour(0.5, 0.38, 0.28), rough=0.1)
    c.paint(Y - c.horizon > 1 / back - 0.05, 0.8 * wall, back - 0.01)  # skirting board
    left, top = c.rng.uniform((-0.9, -0.9), (0.3, -0.6))
    c.paint(_box(X, Y, left, top, left + 0.6, top + 0.5), np.full(3, 0.4), back - 0.02)
    for pane in (left + 0.05, left + 0.32):
        c.paint(_box(X, Y, pane, top + 0.05, pane + 0.23, top + 0.45), c.colour(0.8, 0.88, 0.95), back - 0.03)


def _corridor(c: Canvas) -> None:
    wall, width = c.colour(0.65, 0.65, 0.6, spread=0.15), c.rng.uniform(0.8, 1.2)
    c.paint(np.ones_like(X, bool), 0.6 * wall, 12.0)
    _ground(c, c.colour(0.4, 0.4, 0.42), rough=0.05)
    above = np.maximum(c.horizon - Y, 1 / FAR)
    c.paint(c.horizon > Y, np.clip(1.2 * wall, 0, 1), 1 / above, rough=0.02)
    aside = width / np.maximum(np.abs(X), 1 / FAR)
    doors = np.where((np.floor(2 * aside) % 2 == 0) & (c.horizon - 0.7 / aside < Y), 0.55, 1.0)
    c.paint(np.ones_like(X, bool), doors[..., None] * wall, aside)


def _street(c: Canvas) -> None:
    _sky(c)
    _ground(c, c.colour(0.38, 0.38, 0.4, spread=0.06), rough=0.06)
    road, depth = c.ground()
    c.paint(road & (np.abs(X) < 0.04 / depth) & (np.floor(2 * depth) % 2 == 0), np.full(3, 0.9), depth - 0.001)
    for side in (-1, 1):
        brick, height = c.colour(0.55, 0.45, 0.4, spread=0.15), c.rng.uniform(1.5, 4)
        z = c.rng.uniform(1.2, 1.8) / np.maximum(side * X, 1 / FAR)
        front = (side * X > 0) & (c.horizon - height / z < Y) & (c.horizon + 1 / z > Y)
        window = (np.floor(3 * z) % 2 == 0) & (np.floor(4 * (c.horizon - Y) * z) % 2 == 0)
        c.paint(front, np.where(window[..., None], 0.3, brick), np.minimum(z, FAR - 1), rough=0.08)


def _field(c: Canvas) -> None:
    _sky(c)
    _ground(c, c.colour(0.42, 0.52, 0.22), rough=0.15)
    for far in (24.0, 18.0):
        ridge = c.horizon - 0.12 * (1 + np.sin(c.rng.uniform(2, 5) * X + c.rng.uniform(0, 6)))
        c.paint((ridge < Y) & (c.horizon + 1 / far > Y), c.colour(0.35, 0.45, 0.4, spread=0.08), far)


def _forest(c: Canvas) -> None:
    c.paint(np.ones_like(X, bool), c.colour(0.25, 0.35, 0.2, spread=0.08), FAR, rough=0.3)
    _ground(c, c.colour(0.3, 0.28, 0.15, spread=0.08), rough=0.25)
    for z in c.rng.uniform(3, 12, size=9):
        x, half = c.rng.uniform(-1, 1), c.rng.uniform(0.12, 0.25) / z
        trunk = (np.abs(X - x) < half) & (c.horizon + 1 / z > Y)
        c.paint(trunk, c.colour(0.3, 0.22, 0.14, spread=0.06), z, rough=0.25)


def _beach(c: Canvas) -> None:
    _sky(c)
    _ground(c, c.colour(0.85, 0.75, 0.55, spread=0.08), rough=0.08)
    mask, depth = c.ground()
    shore = c.rng.uniform(2.5, 4) + 0.4 * np.sin(c.rng.uniform(2, 6) * X + c.rng.uniform(0, 6))
    waves = 0.08 * np.sin(30 / np.sqrt(depth))[..., None]
    c.paint(mask & (depth > shore), c.colour(0.2, 0.45, 0.6) + waves, depth - 0.001)
    c.paint(mask & (np.abs(depth - shore) < 0.15), np.full(3, 0.95), depth - 0.002)


_OBJECTS: dict[str, Painter] = {
    "face": _face, "house": _house, "car": _car, "tree": _tree,
    "bottle": _bottle, "ball": _ball, "chair": _chair, "dog": _dog,
}  # fmt: skip
_SCENES: dict[str, Callable[[Canvas], None]] = {
    "room": _room, "corridor": _corridor, "street": _street,
    "field": _field, "forest": _forest, "beach": _beach,
}  # fmt: skip
OBJECTS = tuple(_OBJECTS)
SCENES = tuple(_SCENES)
INVENTED = -1


def _stand(c: Canvas, paint: Painter, distance: float, size: float) -> None:
    """Put an object on the ground at `distance`, slightly tilted, somewhere near the middle."""
    half = size / distance
    x, foot = X - c.rng.uniform(-0.45, 0.45), Y - (c.horizon + 1 / distance)
    tilt = c.rng.normal(0, 0.08)
    paint(c, (x + tilt * foot) / half, (foot - tilt * x) / half + 1, distance)


def _clutter(c: Canvas, distance: float) -> None:
    """Up to two poles or boulders before or behind the object: some of it may be hidden."""
    for _ in range(c.rng.integers(3)):
        z, x, size = distance * c.rng.uniform(0.7, 1.5), c.rng.uniform(-1, 1), c.rng.uniform(0.08, 0.3)
        foot = c.horizon + 1 / z
        pole = (np.abs(X - x) < 0.25 * size / z) & (foot > Y)
        boulder = _ellipse(X, Y, x, foot, 1.5 * size / z, size / z) & (foot > Y)
        c.paint(pole if c.rng.random() < 0.4 else boulder, c.colour(0.45, 0.45, 0.4, spread=0.15), z, rough=0.15)


def render(seed: int, index: int, category: int | None = None) -> Scene:
    """Picture number `index` of the world `seed`: always the same one.

    Parameters
    ----------
    seed, index : int
        Both >= 0.
    category : int, optional
        Of an invented object that stands where one of `OBJECTS` would, so that no network was trained to name it.

    Returns
    -------
    Scene
        Object and scene labels are drawn independently, so neither tells anything about the other.
    """
    rng = np.random.default_rng((seed, index))
    object_label, scene_label = int(rng.integers(len(OBJECTS))), int(rng.integers(len(SCENES)))
    paint = _OBJECTS[OBJECTS[object_label]]
    if category is not None:
        paint, object_label = invented(seed, category), INVENTED
    canvas = Canvas(rng)
    _SCENES[SCENES[scene_label]](canvas)
    distance = rng.uniform(1.2, 2.2)
    _stand(canvas, paint, distance, size=rng.uniform(0.65, 0.9))
    _clutter(canvas, distance)
    exposure, tint = rng.uniform(0.6, 1.15), rng.normal(1, 0.06, 3)
    image = np.clip(255 * exposure * tint * canvas.image, 0, 255).astype(np.uint8)
    return Scene(image, np.clip(canvas.depth, 0.5, FAR).astype(np.float32), object_label, scene_label)


@lru_cache(maxsize=16384)
def scene_image(seed: int, index: int, category: int | None = None) -> np.ndarray:
    """The image of `render`, kept in memory: notebooks show the same images to many networks.

    Parameters
    ----------
    seed, index : int
    category : int, optional
        As for `render`.

    Returns
    -------
    uint8 array of shape (64, 64, 3)
        Read-only.
    """
    image = render(seed, index, category).image
    image.flags.writeable = False
    return image


def render_many(seed: int, indices: Iterable[int]) -> Scenes:
    """Many pictures of the world `seed`, about a thousand a second, with a progress bar."""
    indices = list(indices)
    scenes = [render(seed, i) for i in progress(indices, "rendering scenes")]
    return Scenes(*(np.stack([getattr(s, name) for s in scenes]) for name in Scene.__dataclass_fields__))
