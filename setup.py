"""Packaging of ``mmpose_tdmi``.

``mim`` looks for tools, configs and the model index inside the installed
package, in ``mmpose_tdmi/.mim``. A wheel gets real files there; an editable
install gets links to the repository's own folders.
"""
import os
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.develop import develop

ROOT = Path(__file__).resolve().parent
PACKAGE = 'mmpose_tdmi'
FOR_MIM = ('tools', 'configs', 'model-index.yml')


def read_version():
    """Read the version without importing the package."""
    scope = {}
    exec((ROOT / PACKAGE / 'version.py').read_text(encoding='utf-8'), scope)
    return scope['__version__']


def read_requirements(name):
    """Read a requirements file, dropping comments and empty lines."""
    lines = (ROOT / name).read_text(encoding='utf-8').splitlines()
    lines = (line.partition('#')[0].strip() for line in lines)
    return [line for line in lines if line]


def read_long_description():
    """Read the README, if the source tree has one."""
    readme = ROOT / 'README.md'
    return readme.read_text(encoding='utf-8') if readme.exists() else ''


def copy_for_mim(package):
    """Put real files into ``<package>/.mim``.

    Args:
        package (Path): The package's folder in the build tree.
    """
    folder = package / '.mim'
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in FOR_MIM:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source,
                folder / name,
                ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copyfile(source, folder / name)


def link_for_mim(package):
    """Put links to the repository's folders into ``<package>/.mim``.

    Args:
        package (Path): The package's folder in the source tree.
    """
    folder = package / '.mim'
    folder.mkdir(exist_ok=True)
    for name in FOR_MIM:
        link = folder / name
        if link.is_symlink():
            link.unlink()
        elif link.is_dir():
            shutil.rmtree(link)
        elif link.exists():
            link.unlink()
        link.symlink_to(os.path.join('..', '..', name))


class BuildWithMim(build_py):
    """Builds the package and what mim looks for."""

    def run(self):
        if getattr(self, 'editable_mode', False):
            super().run()
            link_for_mim(ROOT / PACKAGE)
            return
        # setuptools keeps files of an earlier build that are gone since.
        target = Path(self.build_lib) / PACKAGE
        shutil.rmtree(target, ignore_errors=True)
        super().run()
        copy_for_mim(target)


class DevelopWithMim(develop):
    """Classic editable install with links for mim."""

    def run(self):
        super().run()
        link_for_mim(ROOT / PACKAGE)


setup(
    name='mmpose-tdmi',
    version=read_version(),
    description='TDMI (temporal difference and mutual information learning '
    'for human pose in video, CVPR 2023) as an MMPose 1.x plugin',
    long_description=read_long_description(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    classifiers=[
        'License :: OSI Approved :: Apache Software License',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3.9',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    # The root itself goes on the path of an editable install: projects/ is
    # importable there, and only there.
    package_dir={'': '.'},
    packages=find_packages(include=[PACKAGE, f'{PACKAGE}.*']),
    package_data={'': ['*.json', '*.yaml', 'page/*']},
    python_requires='>=3.9,<3.14',
    install_requires=read_requirements('requirements.txt'),
    extras_require={
        # the tracker of that name
        'bytetrack': ['supervision<0.27'],
        'deploy': read_requirements('requirements/deploy.txt'),
        'docs': read_requirements('requirements/docs.txt'),
        'mim': read_requirements('requirements/mim.txt'),
        'ray': read_requirements('requirements/ray.txt'),
        'tests': read_requirements('requirements/tests.txt'),
    },
    cmdclass={
        'build_py': BuildWithMim,
        'develop': DevelopWithMim
    },
    zip_safe=False)
