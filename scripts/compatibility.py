#!/usr/bin/env python3
"""Set up and test the package with other versions of Python and the host.

Each *cell* is a copy of the working tree with an environment of its own, set
up by ``scripts/setup.sh`` as a user would, in which the tests that meet the
host run, folder by folder::

    python scripts/compatibility.py                 all cells
    python scripts/compatibility.py --only py39-torch2.1-mmdet3.2
    python scripts/compatibility.py --page          the table from the results

What has passed at this state of the tree is not repeated (with ``--keep`` at
any): an interrupted cell goes on with the next folder, a mended one with those
that failed. Results are
kept in ``docs/compatibility/``, the page is ``docs/compatibility.md``.
A cell downloads up to 3 GB; on two idle cores its set-up takes about six
minutes.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'docs' / 'compatibility'
PAGE = ROOT / 'docs' / 'compatibility.md'
_NUMPY_1 = ' numpy==1.26.4 opencv-python==4.11.0.86'
#: Name -> Python and what differs from the ranges' newest. Those without
#: anything are the tested sets, of which CI runs the first.
CELLS = {
    'py311-tested': ('3.11', ''),
    'py313-tested': ('3.13', ''),
    'py312-torch2.14-numpy2': ('3.12', 'torch==2.14.1 torchvision==0.29.1'),
    'py312-onedl': ('3.12', 'torch==2.14.1 torchvision==0.29.1'),
    'py310-torch2.4-mmdet3.3': ('3.10', 'torch==2.4.1 torchvision==0.19.1 '
                                f'mmdet==3.3.0{_NUMPY_1}'),
    'py39-torch2.1-mmdet3.2': ('3.9', 'torch==2.1.2 torchvision==0.16.2 '
                               f'mmdet==3.2.0{_NUMPY_1}'),
}
#: The cell in which OneDL's forks take the places of OpenMMLab's packages.
ONEDL = 'py312-onedl'
FORKS = {
    'mmengine': 'onedl-mmengine==0.10.12',
    'mmdet': 'onedl-mmdetection==3.5.1'
}
#: What runs in a cell, each by itself: what meets Python, torch and the host.
TESTS = ('tests/test_doctor.py', 'tests/test_structures', 'tests/test_utils',
         'tests/test_security.py', 'tests/test_models', 'tests/test_engine',
         'tests/test_datasets', 'tests/test_evaluation', 'tests/test_apis',
         'tests/test_video/test_streaming', 'tests/test_deploy',
         'tests/test_tools/test_train_and_test.py',
         'tests/test_configs/test_configs.py')
#: Of these, what needs the exporter of the tested torch.
EXPORT_TESTS = ('tests/test_deploy', )
PACKAGES = ('torch', 'torchvision', 'mmcv', 'onedl-mmcv', 'mmengine',
            'onedl-mmengine', 'mmdet', 'onedl-mmdetection', 'mmpose', 'numpy')
#: Seconds after which a folder's tests are given up.
TIMEOUT = 3600


def tests_of(name):
    """list[str]: Of :data:`TESTS`, those that run in a cell."""
    resolve = CELLS[name][1]
    exports = not resolve or 'torch==2.14' in resolve
    return [test for test in TESTS if exports or test not in EXPORT_TESTS]


def run_cell(name, work_dir, processes, keep=False):
    """Set up a cell, test it and keep what came of it.

    Args:
        name (str): Of :data:`CELLS`.
        work_dir (Path): Folder for the cells.
        processes (int): Of the tests.
        keep (bool): Whether what passed at other states of the tree counts.

    Returns:
        bool: Whether all that ran passed.
    """
    python, resolve = CELLS[name]
    executable = find_python(python)
    if executable is None:
        print(f'{name}: not run, there is no python{python}')
        return True
    result = read_result(name)
    state = tree_state()
    if keep and result and state not in result['commit']:
        result['commit'] += f' {state}'
    elif state not in result.get('commit', ''):
        result = dict(cell=name, commit=state, tests={})
    left = [
        test for test in tests_of(name)
        if result['tests'].get(test, dict(failed=1))['failed']
    ]
    if not left:
        print(f'{name}: passed before')
        return True

    folder = work_dir / name
    copy_tree(folder)
    environment = dict(
        os.environ,
        PYTHON=executable,
        RESOLVE=resolve,
        PYTHONNOUSERSITE='1',
        OMP_NUM_THREADS='1')
    environment.pop('PYTHONPATH', None)
    log = work_dir / f'{name}.log'
    print(f'{name} ... ({log})', flush=True)
    with log.open('w') as output:
        begin = time.monotonic()
        commands = [['scripts/setup.sh']]
        if name == ONEDL:
            commands += onedl_commands()
        if any(
                subprocess.run(
                    command,
                    cwd=folder,
                    env=environment,
                    stdout=output,
                    stderr=subprocess.STDOUT).returncode
                for command in commands):
            print(f'{name}: set-up FAILED, see {log}')
            result['setup'] = 'failed'
            write_result(name, result)
            return False
        result['setup'] = 'passed'
        result['setup_minutes'] = round((time.monotonic() - begin) / 60, 1)
        result['versions'] = versions_of(folder)
        for test in left:
            found = run_tests(folder, test, processes, environment, output)
            result['tests'][test] = found
            write_result(name, result)
            print(
                f'  {test}: {counted(found)}, {found["seconds"]} s',
                flush=True)
    return is_passed(result)


def onedl_commands():
    """list[list[str]]: What exchanges OpenMMLab's packages for OneDL's."""
    pip = ['.venv/bin/python', '-m', 'pip']
    forks = [release.partition('==')[0] for release in FORKS.values()]
    return [
        [*pip, 'uninstall', '--yes', *FORKS, *forks, 'imaug'],
        [*pip, 'install', '--no-deps', *FORKS.values(), 'imaug'],
        [*pip, 'install', 'scikit-image', 'imageio'],
        ['.venv/bin/python', 'scripts/build_mmcv.py', '--onedl'],
        ['.venv/bin/python', '-m', 'mmpose_tdmi.doctor', '--quiet'],
    ]


def run_tests(folder, test, processes, environment, output):
    """Run a folder of tests in a cell.

    Args:
        folder (Path): The cell.
        test (str): The folder or file, relative to it.
        processes (int): How many share the work.
        environment (dict): Environment variables.
        output (file): Where the output goes.

    Returns:
        dict: Numbers of ``passed``, ``failed`` (errors, too) and ``skipped``,
        ``seconds``, and the names of ``failures``.
    """
    report = folder / 'compatibility.xml'
    report.unlink(missing_ok=True)
    begin = time.monotonic()
    try:
        # not through scripts/test.sh, which runs all tests
        subprocess.run([
            folder / '.venv/bin/python', '-m', 'pytest', '-q', '-m',
            'not slow', '-n',
            str(processes), '--dist', 'loadfile', '-p', 'no:cacheprovider',
            f'--junitxml={report}', test
        ],
                       cwd=folder,
                       env=environment,
                       stdout=output,
                       stderr=subprocess.STDOUT,
                       timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        pass
    seconds = round(time.monotonic() - begin)
    if not report.is_file():
        return dict(
            passed=0,
            failed=1,
            skipped=0,
            seconds=seconds,
            failures=[f'{test} ended without a report'])
    return dict(read_report(report), seconds=seconds)


def read_report(path):
    """Read pytest's XML report.

    Args:
        path (Path): The file, which our own pytest has written.

    Returns:
        dict: See :func:`run_tests`, without ``seconds``.
    """
    found = dict(passed=0, failed=0, skipped=0, failures=[])
    for case in ElementTree.parse(path).iter('testcase'):
        kinds = {element.tag for element in case}
        if kinds & {'failure', 'error'}:
            found['failed'] += 1
            found['failures'].append(
                f'{case.get("classname")}::{case.get("name")}')
        elif 'skipped' in kinds:
            found['skipped'] += 1
        else:
            found['passed'] += 1
    return found


def find_python(version):
    """A Python of a version: on the PATH, or pyenv's.

    Args:
        version (str): Such as ``'3.9'``.

    Returns:
        str | None: The executable.
    """
    root = Path(os.environ.get('PYENV_ROOT', Path.home() / '.pyenv'))
    candidates = [shutil.which(f'python{version}')] + sorted(
        map(str, root.glob(f'versions/{version}.*/bin/python')))
    for candidate in filter(None, candidates):
        # a shim of pyenv's may be there without the version
        done = subprocess.run([
            candidate, '-c',
            'import sys; print("%d.%d" % sys.version_info[:2])'
        ],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL,
                              text=True)
        if done.stdout.strip() == version:
            return candidate
    return None


def copy_tree(folder):
    """Bring the working tree into a cell, which keeps what set-up made there.

    Args:
        folder (Path): The cell.
    """
    names = _output(
        ['git', 'ls-files', '--cached', '--others', '--exclude-standard'],
        ROOT).splitlines()
    names = [name for name in names if (ROOT / name).is_file()]
    folder.mkdir(parents=True, exist_ok=True)
    copied = folder / 'copied_files.txt'
    if copied.is_file():
        for name in set(copied.read_text().splitlines()) - set(names):
            (folder / name).unlink(missing_ok=True)
    copied.write_text('\n'.join(names))
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)


def tree_state():
    """str: The commit, with ``-dirty`` if the tree has changes."""
    return _output(['git', 'describe', '--always', '--dirty', '--abbrev=12'],
                   ROOT)


def read_result(name):
    """dict: What is known of a cell; empty if it never ran."""
    path = RESULTS / f'{name}.json'
    return json.loads(path.read_text(
        encoding='utf-8')) if path.is_file() else {}


def write_result(name, result):
    """Keep a cell's result, in one step."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f'{name}.json'
    partial = path.with_suffix('.part')
    partial.write_text(json.dumps(result, indent=1) + '\n', encoding='utf-8')
    os.replace(partial, path)


def total(result):
    """dict: The numbers of all tests of a cell."""
    return {
        key: sum(found[key] for found in result['tests'].values())
        for key in ('passed', 'failed', 'skipped')
    }


def counted(numbers):
    """str: The numbers in words."""
    return ', '.join(f'{numbers[key]} {key}'
                     for key in ('passed', 'failed', 'skipped'))


def is_passed(result):
    """bool: Whether the set-up and every test that ran passed."""
    return result.get('setup') == 'passed' and not total(result)['failed']


def write_page(path=PAGE):
    """Write the table of the results.

    Args:
        path (Path): The page.
    """
    rows, failures = [], []
    for name in CELLS:
        result = read_result(name)
        if not result:
            # CI's has no need of a cell
            outcome = 'not run' if name != next(
                iter(CELLS)) else 'the whole suite, in CI'
            rows.append(f'| `{name}` | | | | | | {outcome} |')
            continue
        versions = result.get('versions', {})
        versions.setdefault('mmdet', versions.get('onedl-mmdetection'))
        if result['setup'] != 'passed':
            outcome = '**set-up failed**'
        else:
            outcome = counted(total(result))
            ran, all_tests = len(result['tests']), len(tests_of(name))
            if ran < all_tests:
                outcome += f' ({ran} of {all_tests} folders ran)'
        rows.append('| `{}` | {} | {} | {} | {} | {} | {} |'.format(
            name,
            *(versions.get(key, '')
              for key in ('python', 'torch', 'mmdet', 'numpy')),
            ', '.join(c[:7] for c in result['commit'].split()), outcome))
        failures += [
            f'- `{name}`: `{failure}`' for found in result['tests'].values()
            for failure in found['failures']
        ]
    if failures:
        failures = ['', 'Failed:', '', *failures]
    text = '\n'.join([
        '# Compatibility', '',
        'What `python scripts/compatibility.py` found: environments of their '
        'own, set up', 'by `scripts/setup.sh`, and in each the tests of '
        'models, engine, data, metrics,', 'inference, export and tools that '
        'are not marked slow. All have mmpose 1.3,', 'mmengine 0.10 and mmcv '
        '2.1.0 built from source, on a CPU; `py312-onedl` has in', 'their '
        'places OneDL\'s forks, mmengine 0.10.12, mmcv 2.3.6 and mmdetection '
        '3.5.1', '(`python scripts/build_mmcv.py --onedl` builds that mmcv). '
        'A test is skipped where', 'that version of torch cannot do what it '
        'tests, and says so; export is tested with', 'torch 2.14 only. '
        'This page is written by `scripts/compatibility.py --page`; the',
        'results are in `docs/compatibility/`.', '',
        '| cell | Python | torch | mmdet | numpy | commit | tests |',
        '|---|---|---|---|---|---|---|', *rows, *failures, ''
    ])
    path.write_text(text, encoding='utf-8')
    print(path)


def versions_of(folder):
    """dict: Versions of Python and of :data:`PACKAGES` in a cell."""
    code = ('import json, platform; from importlib import metadata as m\n'
            'v = {"python": platform.python_version()}\n'
            f'for n in {PACKAGES!r}:\n'
            '    try: v[n] = m.version(n)\n'
            '    except m.PackageNotFoundError: pass\n'
            'print(json.dumps(v))')
    return json.loads(
        _output([str(folder / '.venv/bin/python'), '-c', code], folder))


def _output(command, folder):
    return subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, text=True,
        check=True).stdout.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--only',
        nargs='+',
        choices=list(CELLS),
        metavar='CELL',
        help=f'cells, of {", ".join(CELLS)} (default: all)')
    parser.add_argument(
        '--work-dir', type=Path, default=ROOT / 'work_dirs/compatibility')
    parser.add_argument(
        '--processes', type=int, default=2, help='of the tests (default: 2)')
    parser.add_argument(
        '--keep',
        action='store_true',
        help='repeat only what failed at an earlier commit, and name both')
    parser.add_argument(
        '--page', action='store_true', help='write the page and do no more')
    args = parser.parse_args()
    if args.page:
        write_page()
        return
    passed = [
        run_cell(name, args.work_dir.resolve(), args.processes, args.keep)
        for name in args.only or CELLS
    ]
    write_page()
    sys.exit(not all(passed))


if __name__ == '__main__':
    main()
