"""How bone and skin look."""

import bpy


def bone_material() -> bpy.types.Material:
    """Dry ivory bone; made once for each file."""
    return _material("Osteon Bone", (0.80, 0.71, 0.55), roughness=0.55, subsurface=0.05)


def skin_material(alpha: float = 0.35) -> bpy.types.Material:
    """Skin that lets the bones show through; `alpha` 1 is opaque. Made once for each file."""
    return _material("Osteon Skin", (0.75, 0.49, 0.38), roughness=0.5, subsurface=0.0, alpha=alpha)


def _material(
    name: str, colour: tuple[float, float, float], roughness: float, subsurface: float, alpha: float = 1.0
) -> bpy.types.Material:
    found = bpy.data.materials.get(name)
    if found is not None and found.get("osteon_material"):
        return found
    material = bpy.data.materials.new(name)
    material["osteon_material"] = True
    material.use_nodes = True
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Subsurface Weight"].default_value = subsurface
    shader.inputs["Subsurface Radius"].default_value = (0.01, 0.006, 0.004)
    shader.inputs["Alpha"].default_value = alpha
    material.diffuse_color = (*colour, alpha)  # the Solid viewport
    if alpha < 1:
        material.surface_render_method = "BLENDED"
        material.use_transparency_overlap = False
    return material
