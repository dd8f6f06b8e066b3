"""The optional packages of deployment.

Shape shorthand: none.
"""
import importlib
from types import ModuleType

#: Installs all that deployment needs.
INSTALL_LINE = "pip install 'mmpose-tdmi[deploy]'"


def require_package(name: str) -> ModuleType:
    """Import a package that only deployment needs.

    Args:
        name (str): The package's import name.

    Returns:
        ModuleType: The package.

    Raises:
        ImportError: If it is not installed; the message has the command that
            installs it.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportError(f'deployment needs the package {name}, which is '
                          f'not installed: {INSTALL_LINE}') from error
