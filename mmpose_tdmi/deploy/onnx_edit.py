"""Changes of finished ONNX graphs: names, metadata, composition.

Shape shorthand: N frames, B clips, T frames of a clip, C channels, h x w
cells.
"""
from typing import Mapping, Sequence, Union

from .packages import require_package

Shape = Sequence[Union[int, str]]


def clean(model) -> None:
    """Drop what the exporter notes for debugging, such as source paths.

    Args:
        model (onnx.ModelProto): The graph; it is changed.
    """
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    # intermediate shapes; a runtime infers them
    del model.graph.value_info[:]
    items = [
        *model.graph.node, *model.graph.initializer, *model.graph.input,
        *model.graph.output
    ]
    for item in items:
        del item.metadata_props[:]
        item.doc_string = ''
    model.graph.doc_string = model.doc_string = ''


def name_batch_axis(model, name: str) -> None:
    """Call the first axis of all inputs and outputs ``name``.

    Args:
        model (onnx.ModelProto): The graph; it is changed.
        name (str): The axis' name.
    """
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = name


def set_metadata(model, props: Mapping[str, str]) -> None:
    """Set the graph's ``metadata_props``.

    Args:
        model (onnx.ModelProto): The graph; it is changed.
        props (Mapping[str, str]): All of them.
    """
    require_package('onnx')
    from onnx.helper import set_model_props
    del model.metadata_props[:]
    set_model_props(model, dict(props))


def shape_of(value) -> tuple:
    """The shape of an input or output, names for free axes."""
    return tuple(dim.dim_param or dim.dim_value
                 for dim in value.type.tensor_type.shape.dim)


def reshape_input(model, name: str, new_name: str, new_shape: Shape,
                  shape: Sequence[int]) -> None:
    """Let a graph take an input in another shape.

    Args:
        model (onnx.ModelProto): The graph; it is changed.
        name (str): The input.
        new_name (str): What takes its place.
        new_shape (Sequence[int | str]): Its shape, names for free axes.
        shape (Sequence[int]): What it is reshaped to, -1 for a free axis.
    """
    require_package('onnx')
    from onnx import TensorProto, helper
    graph = model.graph
    place = [value.name for value in graph.input].index(name)
    graph.input[place].CopyFrom(
        helper.make_tensor_value_info(new_name, TensorProto.FLOAT,
                                      list(new_shape)))
    graph.initializer.append(
        helper.make_tensor(f'{name}_shape', TensorProto.INT64, [len(shape)],
                           list(shape)))
    graph.node.insert(
        0, helper.make_node('Reshape', [new_name, f'{name}_shape'], [name]))


def compose_clip(frame, window, num_frames: int):
    """The graph of whole clips from those of the two phases.

    Args:
        frame (onnx.ModelProto): ``frames`` (N, 3, H, W) to maps (N, C_j,
            h_j, w_j).
        window (onnx.ModelProto): The same maps, (B, T, C_j, h_j, w_j), to
            ``heatmaps``.
        num_frames (int): T.

    Returns:
        onnx.ModelProto: ``clips`` (B, T, 3, H, W) to ``heatmaps``.
    """
    require_package('onnx')
    from onnx import ModelProto, compose, helper
    parts = [ModelProto(), ModelProto()]
    for part, source in zip(parts, (frame, window)):
        part.CopyFrom(source)
        del part.metadata_props[:]
    size = shape_of(frame.graph.input[0])[1:]
    reshape_input(parts[0], 'frames', 'clips', ('batch', num_frames, *size),
                  (-1, *size))
    for value in window.graph.input:
        size = shape_of(value)[2:]
        reshape_input(parts[1], value.name, f'{value.name}_folded',
                      ('frames', *size), (-1, num_frames, *size))
    merged = compose.merge_models(
        compose.add_prefix(parts[0], 'frame/', rename_inputs=False),
        compose.add_prefix(parts[1], 'window/', rename_outputs=False),
        io_map=[(f'frame/{value.name}', f'window/{value.name}_folded')
                for value in window.graph.input])
    # one entry per part is one too many
    versions = {item.domain: item.version for item in merged.opset_import}
    del merged.opset_import[:]
    merged.opset_import.extend(
        helper.make_opsetid(*item) for item in versions.items())
    return merged
