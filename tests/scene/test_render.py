"""Pictures of a body: what is in them, and that taking them changes nothing."""

import bpy
import numpy as np
import pytest
from osteon.scene.body import add_body
from osteon.scene.people import add_people
from osteon.scene.render import render_overlay, render_views

HEIGHT = 96


def read(path) -> np.ndarray:
    """(H, W, 3), top row first."""
    image = bpy.data.images.load(str(path))
    pixels = np.empty(image.size[0] * image.size[1] * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(image.size[1], image.size[0], -1)[::-1, :, :3]
    bpy.data.images.remove(image)
    return pixels


def data_blocks() -> dict[str, set[str]]:
    names = ("scenes", "worlds", "lights", "cameras", "objects", "images", "materials", "meshes")
    blocks = {name: {block.name for block in getattr(bpy.data, name)} for name in names}
    blocks["images"].discard("Render Result")  # Blender's own
    return blocks


@pytest.mark.slow
def test_views_show_bones_and_skin(context, body, tmp_path):
    made = add_body(context, body)
    before = data_blocks()
    render_views(made, tmp_path / "views.png", HEIGHT)
    assert data_blocks() == before
    picture = read(tmp_path / "views.png")
    assert picture.shape[0] == HEIGHT
    assert picture.shape[1] > HEIGHT  # arms spread, in three views
    warm = picture[..., 0] - picture[..., 2]  # the background is neutral
    assert 0.05 < (warm > 0.02).mean() < 0.6
    assert warm[:3].max() < 0.02  # the margin
    assert picture.max() > 0.6


@pytest.mark.slow
def test_overlay_keeps_the_photo(context, body, tmp_path):
    size = 96, 128
    photo = bpy.data.images.new("photo", *size)
    photo.pixels.foreach_set(np.tile((0.1, 0.5, 0.9, 1.0), size[0] * size[1]).astype(np.float32))
    person = {"pose": np.zeros(46), "betas": np.zeros(10), "trans": np.array([0.0, 0.0, -4.0])}
    result = {"image_size": size, "focal": 150.0, "body": body.name, "people": [person]}
    people = add_people(context, body, result, photo)
    before = data_blocks()
    render_overlay(people, context.scene.camera, photo, tmp_path / "overlay.png")
    assert data_blocks() == before
    assert not people[0].skin.hide_render
    picture = read(tmp_path / "overlay.png")
    assert picture.shape == (size[1], size[0], 3)
    untouched = np.abs(picture - (0.1, 0.5, 0.9)).max(-1) < 0.01
    assert 0.7 < untouched.mean() < 0.99
    assert untouched[[0, 0, -1, -1], [0, -1, 0, -1]].all()
