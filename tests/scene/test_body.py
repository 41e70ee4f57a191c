"""What `add_body` leaves in the scene, and what it leaves when it fails."""

import bpy
import numpy as np
import pytest
from osteon.core.anatomy.limits import hold
from osteon.scene import body as scene_body
from osteon.scene import detail
from osteon.scene.axes import from_blender, to_blender
from osteon.scene.body import add_body
from osteon.scene.detail import loose_edges
from osteon.scene.followers import follower_names
from osteon.scene.materials import has_opacity
from osteon.scene.meshes import PART_ATTRIBUTE, PART_PREFIX
from osteon.scene.rig import set_pose
from scipy.spatial import KDTree


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
    assert has_opacity(skin)
    assert not has_opacity(bone)
    assert not has_opacity(None)


def test_the_opacity_of_the_solid_view_is_that_of_the_shader(context, body):
    skin = add_body(context, body).skin.data.materials[0]
    for alpha in (0.3, 1.0):
        skin.diffuse_color[3] = alpha
        context.view_layer.update()
        shown = skin.evaluated_get(context.evaluated_depsgraph_get()).node_tree.nodes["Opacity"]
        assert shown.outputs[0].default_value == pytest.approx(alpha)
    shader = next(node for node in skin.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    assert shader.inputs["Alpha"].is_linked


def test_light_bones_are_those_bones_with_fewer_vertices(context, body, betas):
    made, light = add_body(context, body, betas), add_body(context, body, betas, light=True)
    few, many = len(light.bones.data.polygons), len(made.bones.data.polygons)
    assert few < (0.5 * many if many > 5000 else many + 1)
    assert len(light.skin.data.vertices) == body.n_skin
    assert [g.name for g in light.bones.vertex_groups] == [g.name for g in made.bones.vertex_groups]
    q = hold(np.random.default_rng(1).uniform(-0.5, 0.5, 46), body.limits)
    for objects in (made, light):
        set_pose(objects.armature, q)
    context.view_layer.update()
    (old, old_faces, old_parts), (new, new_faces, new_parts) = (shown(o.bones) for o in (made, light))
    assert set(new_parts) == set(old_parts)
    reach = np.linalg.norm(np.ptp(old, axis=0))
    for part in np.unique(new_parts):
        # Every new vertex is near the old bone in the pose too, and what was closed is closed.
        distance = KDTree(old[old_parts == part]).query(new[new_parts == part])[0]
        assert distance.max() < 0.02 * reach, part
        faces, before = (f[p[f[:, 0]] == part] for f, p in ((new_faces, new_parts), (old_faces, old_parts)))
        assert loose_edges(faces) <= loose_edges(before)
    assert not bpy.data.collections.get("Osteon Decimation")


def shown(obj):
    """Vertices (V, 3), triangles (F, 3) and bones (V,) of a mesh object as evaluated."""
    mesh = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    vertices = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", vertices)
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    parts = np.empty(len(mesh.vertices), np.int32)
    mesh.attributes[PART_ATTRIBUTE].data.foreach_get("value", parts)
    return vertices.reshape(-1, 3), corners.reshape(-1, 3), parts


@pytest.mark.parametrize(
    "step", ["build_armature", "add_weights", "bind", "add_parts", "add_correctives", "skin_material"]
)
def test_failure_leaves_nothing_behind(context, body, monkeypatch, step):
    empty = bpy.data.objects.new("Empty", None)
    context.scene.collection.objects.link(empty)
    empty.select_set(True)
    context.view_layer.objects.active = empty
    before = data_blocks()

    def fail(*arguments, **named):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(scene_body, step, fail)
    with pytest.raises(RuntimeError, match="on purpose"):
        add_body(context, body)
    assert data_blocks() == before
    assert context.view_layer.objects.active == empty
    assert list(context.selected_objects) == [empty]
    assert context.mode == "OBJECT"


def test_failure_of_decimation_leaves_nothing_behind(context, body, monkeypatch):
    before = data_blocks()

    def fail(*arguments):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(detail, "_arrays", fail)
    with pytest.raises(RuntimeError, match="on purpose"):
        add_body(context, body, light=True)
    assert data_blocks() == before
