#!/usr/bin/env python3
"""Set up and test the package with other versions of Python and the host.

Each *cell* is a fresh copy of the committed tree with an environment of its
own, set up by ``scripts/setup.sh`` as a user would, in which part of the test
suite runs::

    python scripts/compatibility.py                 all cells
    python scripts/compatibility.py --only py39-torch2.1-mmdet3.2
    python scripts/compatibility.py --page          the table from the results

A cell that has passed at this commit is not repeated. Results are kept in
``benchmarks/compatibility/``, the page is ``docs/compatibility.md``. A cell
downloads up to 3 GB and takes about ten minutes on two idle cores.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'compatibility'
PAGE = ROOT / 'docs' / 'compatibility.md'
#: Name -> Python and what differs from the ranges' newest. The one without
#: anything is the tested set, which is what CI runs.
CELLS = {
    'py311-tested': ('3.11', ''),
    'py311-torch2.14-mmdet3.2': ('3.11', 'torch==2.14.1 torchvision==0.29.1 '
                                 'mmdet==3.2.0'),
    'py311-torch2.1-mmdet3.3': ('3.11', 'torch==2.1.2 torchvision==0.16.2 '
                                'mmdet==3.3.0'),
    'py310-torch2.4-mmdet3.3': ('3.10', 'torch==2.4.1 torchvision==0.19.1 '
                                'mmdet==3.3.0'),
    'py39-torch2.1-mmdet3.2': ('3.9', 'torch==2.1.2 torchvision==0.16.2 '
                               'mmdet==3.2.0'),
    'py39-torch2.1-mmdet3.3': ('3.9', 'torch==2.1.2 torchvision==0.16.2 '
                               'mmdet==3.3.0'),
}
#: What runs in a cell: models, data, engine, metric, tools.
TESTS = ('tests/test_doctor.py', 'tests/test_structures', 'tests/test_models',
         'tests/test_datasets', 'tests/test_engine', 'tests/test_evaluation',
         'tests/test_video', 'tests/test_apis', 'tests/test_tools',
         'tests/test_configs/test_configs.py')
PACKAGES = ('torch', 'torchvision', 'mmcv', 'mmengine', 'mmdet', 'mmpose',
            'numpy')


def run_cell(name, work_dir):
    """Set up a cell, test it and keep what came of it.

    Args:
        name (str): Of :data:`CELLS`.
        work_dir (Path): Folder for the cells.

    Returns:
        bool: Whether it works.
    """
    python, resolve = CELLS[name]
    commit = _output(['git', 'rev-parse', 'HEAD'], ROOT)
    result_path = RESULTS / f'{name}.json'
    if result_path.is_file():
        result = json.loads(result_path.read_text(encoding='utf-8'))
        if result['commit'] == commit and result['passed']:
            print(f'{name}: passed before')
            return True
    executable = shutil.which(f'python{python}')
    if executable is None:
        print(f'{name}: not run, there is no python{python}')
        return True

    folder = work_dir / name
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(['git', 'clone', '--quiet', ROOT, folder], check=True)
    subprocess.run(['git', 'fetch', '--quiet', 'origin', 'HEAD'],
                   cwd=folder,
                   check=True)
    subprocess.run(['git', 'checkout', '--quiet', commit],
                   cwd=folder,
                   check=True)
    environment = dict(os.environ, PYTHON=executable, RESOLVE=resolve)
    begin = time.monotonic()
    log = work_dir / f'{name}.log'
    print(f'{name} ... ({log})', flush=True)
    with log.open('w') as output:
        code = subprocess.run(['scripts/setup.sh'],
                              cwd=folder,
                              env=environment,
                              stdout=output,
                              stderr=subprocess.STDOUT).returncode
        if code == 0:
            tests = [test for test in TESTS if (folder / test).exists()]
            code = subprocess.run(
                ['scripts/test.sh', '-q', '-m', 'not slow', *tests],
                cwd=folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT).returncode
    lines = log.read_text(errors='replace').strip().splitlines()
    result = dict(
        cell=name,
        passed=code == 0,
        summary=lines[-1].strip('= ') if lines else '',
        commit=commit,
        minutes=round((time.monotonic() - begin) / 60, 1),
        versions=_versions(folder))
    RESULTS.mkdir(parents=True, exist_ok=True)
    partial = result_path.with_suffix('.part')
    partial.write_text(json.dumps(result, indent=1) + '\n', encoding='utf-8')
    os.replace(partial, result_path)
    print(f'{name}: {"passed" if code == 0 else "FAILED"}: '
          f'{result["summary"]}')
    return code == 0


def write_page():
    """Write the table of the results."""
    rows = []
    for name in CELLS:
        path = RESULTS / f'{name}.json'
        if not path.is_file():
            rows.append(f'| `{name}` | | | | | not run |')
            continue
        result = json.loads(path.read_text(encoding='utf-8'))
        versions = result['versions']
        rows.append('| `{}` | {} | {} | {} | {} | {}: {} |'.format(
            name, versions.get('python', ''), versions.get('torch', ''),
            versions.get('mmdet', ''), versions.get('numpy', ''),
            'passed' if result['passed'] else '**failed**', result['summary']))
    text = '\n'.join([
        '# Compatibility', '',
        'What `python scripts/compatibility.py` found: fresh environments, '
        'set up by', '`scripts/setup.sh`, and the tests of models, data, '
        'engine, metrics, videos and',
        'tools in each. All have mmpose 1.3, mmengine 0.10 and mmcv 2.1.0 '
        'built from', 'source, on a CPU. This page is written by '
        '`scripts/compatibility.py --page`.', '',
        '| cell | Python | torch | mmdet | numpy | tests |',
        '|---|---|---|---|---|---|', *rows, ''
    ])
    PAGE.write_text(text, encoding='utf-8')
    print(PAGE.relative_to(ROOT))


def _versions(folder):
    code = ('import json, platform; from importlib import metadata as m\n'
            'v = {"python": platform.python_version()}\n'
            f'for n in {PACKAGES!r}:\n'
            '    try: v[n] = m.version(n)\n'
            '    except m.PackageNotFoundError: pass\n'
            'print(json.dumps(v))')
    done = subprocess.run([folder / '.venv/bin/python', '-c', code],
                          stdout=subprocess.PIPE,
                          text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {}


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
        '--page', action='store_true', help='write the page and do no more')
    args = parser.parse_args()
    if args.page:
        write_page()
        return
    passed = [
        run_cell(name, args.work_dir.resolve()) for name in args.only or CELLS
    ]
    write_page()
    sys.exit(not all(passed))


if __name__ == '__main__':
    main()
