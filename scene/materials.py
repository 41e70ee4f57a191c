"""How bone and skin look."""

import bpy

Colour = tuple[float, float, float]

ERROR_RANGE = 0.02  # metres from the first to the last colour of errors
# Where in the range and which: as even to the eye as viridis, linear.
ERROR_RAMP: tuple[tuple[float, Colour], ...] = (
    (0.0, (0.058, 0.000, 0.089)),
    (0.25, (0.043, 0.084, 0.258)),
    (0.5, (0.015, 0.278, 0.263)),
    (0.75, (0.114, 0.584, 0.125)),
    (1.0, (0.984, 0.799, 0.019)),
)

_MARK = "osteon_material"
_OPACITY = "Opacity"
_RAMP = "Error"


def bone_material() -> bpy.types.Material:
    """Ivory with a little gloss; made once for each file."""
    material, shader = _material("Osteon Bone", (0.66, 0.53, 0.36))
    if shader is None:
        return material
    shader.inputs["Subsurface Weight"].default_value = 0.08
    shader.inputs["Subsurface Radius"].default_value = (0.006, 0.004, 0.002)
    _mottle(shader, ((0.48, 0.34, 0.19), (0.68, 0.55, 0.38)), (28.0, 420.0), (0.34, 0.62), 0.25)
    return material


def skin_material(alpha: float = 0.3) -> bpy.types.Material:
    """Skin that lets the bones show through, least where it turns away from the eye; made once for each file.

    How opaque it is where it faces the eye is the alpha of the material's colour in the Solid viewport, which the shader
    reads too: one slider for all views.

    alpha: how opaque it is at first; 1 is solid
    """
    material, shader = _material("Osteon Skin", (0.62, 0.34, 0.24), alpha)
    if shader is None:
        return material
    shader.inputs["Subsurface Weight"].default_value = 0.3
    shader.inputs["Subsurface Radius"].default_value = (0.012, 0.004, 0.002)
    _mottle(shader, ((0.52, 0.25, 0.17), (0.66, 0.38, 0.28)), (12.0, 600.0), (0.42, 0.60), 0.15)
    material.surface_render_method = "BLENDED"
    material.use_transparency_overlap = False
    # opacity + (1 - opacity) facing^3, and nothing of the far side
    nodes, links = material.node_tree.nodes, material.node_tree.links
    weight, geometry, opacity = (nodes.new(f"ShaderNode{n}") for n in ("LayerWeight", "NewGeometry", "Value"))
    rim, mix, near, front = (nodes.new(f"ShaderNode{n}") for n in ("Math", "MapRange", "Math", "Math"))
    opacity.name = opacity.label = _OPACITY
    driver = opacity.outputs[0].driver_add("default_value").driver
    driver.type = "SUM"
    target = driver.variables.new().targets[0]
    target.id_type = "MATERIAL"
    target.id = material
    target.data_path = "diffuse_color[3]"
    rim.operation, near.operation, front.operation = "POWER", "SUBTRACT", "MULTIPLY"
    links.new(weight.outputs["Facing"], rim.inputs[0])
    rim.inputs[1].default_value = 3.0
    links.new(rim.outputs[0], mix.inputs["Value"])
    links.new(opacity.outputs[0], mix.inputs["To Min"])
    near.inputs[0].default_value = 1.0
    links.new(geometry.outputs["Backfacing"], near.inputs[1])
    links.new(mix.outputs["Result"], front.inputs[0])
    links.new(near.outputs[0], front.inputs[1])
    links.new(front.outputs[0], shader.inputs["Alpha"])
    _arrange(shader, -800, (weight, geometry, opacity), (rim, near), (mix,), (front,))
    return material


def error_material(attribute: str) -> bpy.types.Material:
    """Opaque, in the colours of an attribute of errors in metres; made once for each file."""
    material, shader = _material("Osteon Error", ERROR_RAMP[1][1])
    if shader is None:
        return material
    nodes, links = material.node_tree.nodes, material.node_tree.links
    error, share, ramp = (nodes.new(f"ShaderNode{n}") for n in ("Attribute", "MapRange", "ValToRGB"))
    error.attribute_name = attribute
    share.inputs["From Max"].default_value = ERROR_RANGE
    ramp.name = _RAMP
    elements = ramp.color_ramp.elements
    while len(elements) < len(ERROR_RAMP):
        elements.new(0.5)
    for element, (position, colour) in zip(elements, ERROR_RAMP, strict=True):
        element.position, element.color = position, (*colour, 1.0)
    shader.inputs["Roughness"].default_value = 0.6
    links.new(error.outputs["Fac"], share.inputs["Value"])
    links.new(share.outputs["Result"], ramp.inputs[0])
    links.new(ramp.outputs[0], shader.inputs["Base Color"])
    _arrange(shader, 0, (error,), (share,), (ramp,))
    return material


def error_colours(material: bpy.types.Material) -> list[tuple[bpy.types.ColorRampElement, str]]:
    """The colours of `error_material`, the lowest first, and the millimetres that each stands for."""
    stops = material.node_tree.nodes[_RAMP].color_ramp.elements
    return [(stop, f"{1e3 * ERROR_RANGE * stop.position:.0f}") for stop in stops]


def shows_error(material: bpy.types.Material | None) -> bool:
    """Whether a material is that which `error_material` makes."""
    return material is not None and _MARK in material and bool(material.node_tree) and _RAMP in material.node_tree.nodes


def has_opacity(material: bpy.types.Material | None) -> bool:
    """Whether the alpha of a material's viewport colour is how opaque it is, as `skin_material` makes it."""
    return (
        material is not None and _MARK in material and bool(material.node_tree) and _OPACITY in material.node_tree.nodes
    )


def _mottle(
    shader: bpy.types.ShaderNode,
    colours: tuple[Colour, Colour],
    scales: tuple[float, float],
    roughness: tuple[float, float],
    bumps: float,
) -> None:
    """Stains in the colour and a grain in gloss and relief, without which a surface looks moulded from plastic.

    scales: of stains and grain, about as many as go into a metre
    """
    nodes, links = shader.id_data.nodes, shader.id_data.links
    shader.inputs["Subsurface Scale"].default_value = 1.0  # the radius is in metres
    shader.inputs["Specular IOR Level"].default_value = 0.4
    # Generated coordinates are those of the body at rest, hence patterns stay on it as it moves. They run from 0 to 1
    # over the whole body, which is stretched to its size.
    place, stretch = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeMapping")
    stretch.inputs["Scale"].default_value = (1.7, 0.35, 1.75)
    links.new(place.outputs["Generated"], stretch.inputs["Vector"])
    stains, grain = nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeTexNoise")
    for noise, scale in zip((stains, grain), scales, strict=True):
        noise.inputs["Scale"].default_value = scale
        noise.inputs["Detail"].default_value = 3.0
        links.new(stretch.outputs["Vector"], noise.inputs["Vector"])
    ramp, gloss, bump = nodes.new("ShaderNodeValToRGB"), nodes.new("ShaderNodeMapRange"), nodes.new("ShaderNodeBump")
    for element, position, colour in zip(ramp.color_ramp.elements, (0.3, 0.7), colours, strict=True):
        element.position, element.color = position, (*colour, 1.0)
    links.new(stains.outputs[0], ramp.inputs[0])
    links.new(ramp.outputs[0], shader.inputs["Base Color"])
    gloss.inputs["To Min"].default_value, gloss.inputs["To Max"].default_value = roughness
    links.new(grain.outputs[0], gloss.inputs["Value"])
    links.new(gloss.outputs["Result"], shader.inputs["Roughness"])
    bump.inputs["Strength"].default_value, bump.inputs["Distance"].default_value = bumps, 0.0006
    links.new(grain.outputs[0], bump.inputs["Height"])
    links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    _arrange(shader, 0, (place,), (stretch,), (stains, grain), (ramp, gloss, bump))


def _arrange(shader: bpy.types.ShaderNode, down: float, *columns: tuple[bpy.types.ShaderNode, ...]) -> None:
    """Lays nodes out in columns to the left of the shader, `down` lower than it."""
    x, y = shader.location
    for column, group in enumerate(reversed(columns)):
        for row, node in enumerate(group):
            node.location = (x - 260 * (column + 1), y + down - 280 * row)


def _material(name: str, colour: Colour, alpha: float = 1.0) -> tuple[bpy.types.Material, bpy.types.ShaderNode | None]:
    """The material of a name with its shader node, or, if the file has it already, without."""
    found = bpy.data.materials.get(name)
    if found is not None and found.get(_MARK):
        return found, None
    material = bpy.data.materials.new(name)
    material[_MARK] = True
    material.use_nodes = True
    material.diffuse_color = (*colour, alpha)  # the Solid viewport
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    return material, shader
