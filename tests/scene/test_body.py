"""What `add_body` leaves in the scene, and what it leaves when it fails."""

import bpy
import numpy as np
import pytest
from osteon.scene import body as scene_body
from osteon.scene.axes import from_blender, to_blender
from osteon.scene.body import add_body
from osteon.scene.followers import follower_names
from osteon.scene.meshes import PART_ATTRIBUTE, PART_PREFIX


def data_blocks() -> dict[str, set[str]]:
    names = ("objects", "meshes", "armatures", "collections", "materials", "actions", "shape_keys")
    return {name: {block.name for block in getattr(bpy.data, name)} for name in names}


def test_axes():
    assert np.array_equal(to_blender((1, 2, 3)), (1, -3, 2))
    points = np.random.default_rng(0).normal(size=(4, 5, 3))
    assert np.array_equal(from_blender(to_blender(points)), points)


def test_meshes_are_core_s(context, body, betas):
    made = add_body(context, body, betas)
    assert [len(made.skin.data.vertices), len(made.skin.data.polygons)] == [body.n_skin, len(body.faces)]
    used = np.unique(body.bone_faces)
    assert [len(made.bones.data.vertices), len(made.bones.data.polygons)] == [len(used), len(body.bone_faces)]
    for obj, weights in ((made.skin, body.data.skin_weights), (made.bones, body.data.bone_weights[used])):
        assert all(polygon.use_smooth for polygon in obj.data.polygons[:10])
        assert not obj.data.validate()
        modifier = obj.modifiers[0]
        assert (modifier.type, modifier.object) == ("ARMATURE", made.armature)
        assert obj.parent == made.armature
        groups = {group.index: group.name for group in obj.vertex_groups}
        for v in np.linspace(0, len(obj.data.vertices) - 1, 50).astype(int):
            found = {groups[g.group]: g.weight for g in obj.data.vertices[int(v)].groups}
            row = weights[v].toarray()[0]
            expected = {body.joint_names[j]: row[j] for j in np.flatnonzero(row)}
            part = body.bone_part_names[body.bone_parts[used[v]]] if obj == made.bones else ""
            if part in follower_names(body):
                expected = {part: 1.0}
            assert {k: w for k, w in found.items() if not k.startswith(PART_PREFIX)} == pytest.approx(
                expected, abs=1e-6
            )


def test_single_bones_are_marked(context, body):
    made = add_body(context, body)
    parts = body.bone_parts[np.unique(body.bone_faces)]
    marked = np.empty(len(made.bones.data.vertices), np.int32)
    made.bones.data.attributes[PART_ATTRIBUTE].data.foreach_get("value", marked)
    assert np.array_equal(marked, parts)
    groups = {group.name for group in made.bones.vertex_groups}
    assert groups == {
        *body.joint_names,
        *follower_names(body),
        *(PART_PREFIX + body.bone_part_names[i] for i in np.unique(parts)),
    }


def test_the_body_is_kept_on_the_armature(context, body, betas):
    data = add_body(context, body, betas).armature.data
    assert (data["osteon_body"], data["osteon_gender"]) == (body.name, body.gender)
    assert np.allclose(data["osteon_betas"], betas)


def test_two_bodies_have_names_of_their_own(context, body):
    first, second = add_body(context, body), add_body(context, body)
    assert first.armature.name != second.armature.name
    assert first.collection != second.collection
    assert second.skin.modifiers[0].object == second.armature
    # They share their materials.
    assert first.skin.data.materials[0] == second.skin.data.materials[0]


def test_the_new_body_is_active_and_alone_selected(context, body):
    empty = bpy.data.objects.new("Empty", None)
    context.scene.collection.objects.link(empty)
    empty.select_set(True)
    context.view_layer.objects.active = empty
    made = add_body(context, body, location=(1, 2, 3))
    assert context.view_layer.objects.active == made.armature
    assert list(context.selected_objects) == [made.armature]
    assert context.mode == "OBJECT"
    assert tuple(made.armature.location) == (1, 2, 3)


def test_skin_shows_the_bones(context, body):
    made = add_body(context, body)
    skin, bone = made.skin.data.materials[0], made.bones.data.materials[0]
    assert skin.diffuse_color[3] < 1
    assert bone.diffuse_color[3] == 1
    shader = next(node for node in skin.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    assert shader.inputs["Alpha"].default_value < 1


@pytest.mark.parametrize(
    "step", ["build_armature", "add_weights", "bind", "add_parts", "add_correctives", "skin_material"]
)
def test_failure_leaves_nothing_behind(context, body, monkeypatch, step):
    empty = bpy.data.objects.new("Empty", None)
    context.scene.collection.objects.link(empty)
    empty.select_set(True)
    context.view_layer.objects.active = empty
    before = data_blocks()

    def fail(*arguments):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(scene_body, step, fail)
    with pytest.raises(RuntimeError, match="on purpose"):
        add_body(context, body)
    assert data_blocks() == before
    assert context.view_layer.objects.active == empty
    assert list(context.selected_objects) == [empty]
    assert context.mode == "OBJECT"
