"""What ``import mmpose_tdmi`` gives to configs: names and their options."""
import dataclasses
import functools
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, Union

#: Classes and options that are to go, or to leave the package.
UNPINNED = {
    'LoadStoredFeatures', 'StoredFeatureBackbone', 'StoredFeatureDataset'
}
UNPINNED_OPTIONS = {
    'HiEveMetric': {'head_size', 'frame_weights', 'assignment'},
    'InferenceSettings': {'pad_future'},
}


def plain(value: Any) -> Any:
    """A default as json has it."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if abs(value) < float('inf') else str(value)
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, Path):
        return value.as_posix()
    return getattr(value, '__name__', type(value).__name__)


def parameters(function: Any, unpinned: set = frozenset()) -> List[str]:
    """The parameters as in a ``def``, without their types."""
    shown: List[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == 'self' or parameter.name in unpinned:
            continue
        is_named = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if is_named and not any(text.startswith('*') for text in shown):
            shown.append('*')
        text = str(parameter.replace(annotation=inspect.Parameter.empty))
        if parameter.default is not inspect.Parameter.empty:
            text = f'{parameter.name}={plain(parameter.default)!r}'
        is_nameless = parameter.kind is inspect.Parameter.POSITIONAL_ONLY
        shown.append(f'{text} /' if is_nameless else text)
    return shown


def signature(cls: Any) -> Union[str, List[str]]:
    """The options of a class; whose they are if the host defines them."""
    owner = next(base for base in cls.__mro__ if '__init__' in vars(base))
    if not owner.__module__.startswith('mmpose_tdmi.'):
        return f'as {owner.__module__.split(".")[0]}.{owner.__name__}'
    return parameters(cls.__init__, UNPINNED_OPTIONS.get(cls.__name__, set()))


def registered_here() -> Dict[str, Dict[str, Any]]:
    """What is registered in this process, with signatures."""
    import mmengine.registry
    import mmpose.registry
    from mmengine.fileio.backends import backends

    import mmpose_tdmi  # noqa: F401

    found: Dict[str, Dict[str, Any]] = {}
    tables = {'mmengine.fileio.backends': backends}
    for host in (mmengine.registry, mmpose.registry):
        tables.update({
            f'{registry.scope}.{name}': registry.module_dict
            for name, registry in vars(host).items()
            if isinstance(registry, mmengine.registry.Registry)
        })
    for table, entries in tables.items():
        ours = {
            name: signature(cls)
            for name, cls in sorted(entries.items()) if
            cls.__module__.startswith('mmpose_tdmi.') and name not in UNPINNED
        }
        if ours:
            found[table] = ours
    return found


@functools.lru_cache(maxsize=None)
def registries() -> Dict[str, Dict[str, Any]]:
    """What the import alone registers, in a process of its own."""
    done = subprocess.run([sys.executable, '-W', 'ignore', __file__],
                          stdout=subprocess.PIPE,
                          check=True,
                          text=True)
    return json.loads(done.stdout.splitlines()[-1])


def inferencer() -> Dict[str, Any]:
    """The options of inference in Python."""
    from mmpose_tdmi.apis import InferenceSettings, VideoPoseInferencer
    unpinned = UNPINNED_OPTIONS['InferenceSettings']
    return dict(
        init=parameters(VideoPoseInferencer.__init__),
        call=parameters(VideoPoseInferencer.__call__),
        run=parameters(VideoPoseInferencer.run),
        settings={
            field.name: plain(field.default)
            for field in dataclasses.fields(InferenceSettings)
            if field.name not in unpinned
        })


PINS = dict(registries=registries, inferencer=inferencer)


def test_names(expected):
    assert {
        name: list(entries)
        for name, entries in registries().items()
    } == {
        name: list(entries)
        for name, entries in expected('registries').items()
    }


def test_signatures(expected):
    assert registries() == expected('registries')


def test_inferencer(expected):
    assert inferencer() == expected('inferencer')


def test_settings_have_defaults():
    from mmpose_tdmi.apis import InferenceSettings
    InferenceSettings()


if __name__ == '__main__':
    print(json.dumps(registered_here()))
