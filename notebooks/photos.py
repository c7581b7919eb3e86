"""What the nodes of 03_ray.ipynb compute: in short what 02_images.ipynb explains step by step."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from sklearn.cluster import KMeans
from sklearn.datasets import load_sample_images
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

TILE = 16

# Drawn by hand on the two photographs: left, top, right, bottom.
BOXES = {
    "building": ("china.jpg", [(115, 95, 325, 335)]),
    "flower": ("flower.jpg", [(190, 130, 420, 310)]),
    "leaves": ("flower.jpg", [(0, 0, 150, 427), (460, 40, 640, 380)]),
    "sky": ("china.jpg", [(0, 0, 90, 130), (330, 0, 640, 130)]),
    "trees": ("china.jpg", [(40, 372, 280, 427), (340, 335, 550, 427), (0, 210, 50, 270)]),
    "water": ("china.jpg", [(345, 240, 540, 287)]),
}
LABELS = sorted(BOXES)  # as scikit-learn orders them


@dataclass(frozen=True)
class Picture:
    """A picture ready for the models: its pixels, and six numbers for each tile."""

    rgb: np.ndarray
    tiles: np.ndarray


@dataclass(frozen=True)
class Model:
    """A trained classifier, and its name."""

    name: str
    estimator: object

    def odds(self, picture: Picture) -> np.ndarray:
        """The probability of each label, for each tile."""
        rows, columns, numbers = picture.tiles.shape
        flat = self.estimator.predict_proba(picture.tiles.reshape(-1, numbers))
        return flat.reshape(rows, columns, len(LABELS))


def prepare(data: bytes) -> Picture:
    """Decodes a picture, and describes each tile by its mean colour and how that varies."""
    rgb = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    tiles = by_tile(rgb) / 255
    return Picture(rgb, np.concatenate([tiles.mean(axis=(2, 3)), tiles.std(axis=(2, 3))], axis=-1))


def by_tile(pixels: np.ndarray) -> np.ndarray:
    """Cuts a picture into rows and columns of tiles."""
    rows, columns = pixels.shape[0] // TILE, pixels.shape[1] // TILE
    whole = pixels[: rows * TILE, : columns * TILE]
    return whole.reshape(rows, TILE, columns, TILE, -1).swapaxes(1, 2)


def main_object(picture: Picture) -> np.ndarray:
    """For each tile, whether it belongs to what stands out from the picture's edge."""
    colours = picture.tiles[..., :3]
    rows, columns = colours.shape[:2]
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    palette = KMeans(8, n_init=1, random_state=0).fit(colours.reshape(-1, 3))
    edge = np.maximum(abs(x), abs(y)) > 0.9
    seen = np.bincount(palette.labels_.reshape(rows, columns)[edge], minlength=8)
    at_edge = palette.cluster_centers_[seen > 0.02 * edge.sum()]
    far = np.linalg.norm(colours[:, :, None] - at_edge, axis=3).min(axis=2)
    standing_out = ndimage.gaussian_filter(far, 1) * np.exp(-(x**2) - y**2)
    return standing_out > np.quantile(standing_out, 0.8)


def train() -> list[Model]:
    """Three classifiers of tiles, trained on the boxes."""
    files = [Path(name) for name in load_sample_images().filenames]
    pictures = {file.name: prepare(file.read_bytes()) for file in files}
    numbers, names = [], []
    for label, (name, boxes) in BOXES.items():
        for box in boxes:
            left, top, right, bottom = (round(side / TILE) for side in box)
            found = pictures[name].tiles[top:bottom, left:right].reshape(-1, 6)
            numbers.append(found)
            names += [label] * len(found)
    estimators = {
        "small": LogisticRegression(max_iter=1000),
        "medium": RandomForestClassifier(20, max_depth=5, random_state=0),
        "large": MLPClassifier((32,), max_iter=2000, random_state=0),
    }
    made = []
    for name, estimator in estimators.items():
        model = make_pipeline(StandardScaler(), estimator)
        made.append(Model(name, model.fit(np.vstack(numbers), names)))
    return made
