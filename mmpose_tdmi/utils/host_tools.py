"""Where the host keeps its command-line tools."""
import runpy
from importlib.util import find_spec
from pathlib import Path


def host_tool(name: str, package: str = 'mmpose') -> Path:
    """The file of one of the host's command-line tools.

    Args:
        name (str): The tool relative to the host's tools folder, e.g.
            ``'train.py'`` or ``'analysis_tools/get_flops.py'``.
        package (str): The OpenMMLab package. Defaults to ``'mmpose'``.

    Returns:
        Path: The tool's file.

    Raises:
        FileNotFoundError: If the package is not installed, or was installed
            without its tools.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f'{package} is not installed: '
                                'python -m mmpose_tdmi.doctor says more')
    tool = Path(spec.origin).parent / '.mim' / 'tools' / name
    if not tool.is_file():
        raise FileNotFoundError(
            f'{package} was installed without its tools: expected {tool}')
    return tool


def run_host_tool(name: str, package: str = 'mmpose') -> None:
    """Run a host tool in this process with the present ``sys.argv``."""
    runpy.run_path(str(host_tool(name, package)), run_name='__main__')
