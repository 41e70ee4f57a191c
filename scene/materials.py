"""How bone and skin look."""

import bpy


def bone_material() -> bpy.types.Material:
    """Dry ivory bone; made once for each file."""
    material, shader = _material("Osteon Bone", (0.78, 0.65, 0.45))
    if shader is not None:
        shader.inputs["Roughness"].default_value = 0.55
        shader.inputs["Subsurface Weight"].default_value = 0.05
        shader.inputs["Subsurface Radius"].default_value = (0.01, 0.006, 0.004)
    return material


def skin_material(alpha: float = 0.3) -> bpy.types.Material:
    """Skin that lets the bones show through, least where it turns away from the eye; made once for each file.

    alpha: how opaque it is where it faces the eye; 1 is solid
    """
    material, shader = _material("Osteon Skin", (0.80, 0.43, 0.30), alpha)
    if shader is None:
        return material
    shader.inputs["Roughness"].default_value = 0.5
    material.surface_render_method = "BLENDED"
    material.use_transparency_overlap = False
    # alpha + (1 - alpha) facing^3, and nothing of the far side
    nodes, links = material.node_tree.nodes, material.node_tree.links
    weight, geometry = nodes.new("ShaderNodeLayerWeight"), nodes.new("ShaderNodeNewGeometry")
    rim, opacity, near, front = (nodes.new("ShaderNodeMath") for _ in range(4))
    rim.operation, opacity.operation, near.operation, front.operation = "POWER", "MULTIPLY_ADD", "SUBTRACT", "MULTIPLY"
    links.new(weight.outputs["Facing"], rim.inputs[0])
    rim.inputs[1].default_value = 3.0
    links.new(rim.outputs[0], opacity.inputs[0])
    opacity.inputs[1].default_value, opacity.inputs[2].default_value = 1.0 - alpha, alpha
    near.inputs[0].default_value = 1.0
    links.new(geometry.outputs["Backfacing"], near.inputs[1])
    links.new(opacity.outputs[0], front.inputs[0])
    links.new(near.outputs[0], front.inputs[1])
    links.new(front.outputs[0], shader.inputs["Alpha"])
    for column, group in enumerate(((weight, geometry), (rim, near), (opacity,), (front,))):
        for row, node in enumerate(group):
            node.location = (-900 + 180 * column, 100 - 200 * row)
    return material


def _material(
    name: str, colour: tuple[float, float, float], alpha: float = 1.0
) -> tuple[bpy.types.Material, bpy.types.ShaderNode | None]:
    """The material of a name with its shader node, or, if the file has it already, without."""
    found = bpy.data.materials.get(name)
    if found is not None and found.get("osteon_material"):
        return found, None
    material = bpy.data.materials.new(name)
    material["osteon_material"] = True
    material.use_nodes = True
    material.diffuse_color = (*colour, alpha)  # the Solid viewport
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Alpha"].default_value = alpha
    return material, shader
