"""Running the original toolkits, on stand-ins for their checkouts."""
import json

import pytest

from projects.evaluation_checks.originals import (run_posetrack21, run_poseval,
                                                  time_poseval)

NUMBERS = [float('nan'), *map(float, range(15))]
WRITES_NUMBERS = """
import json, pathlib, sys
out = sys.argv[sys.argv.index('--outputDir') + 1]
numbers = json.loads(
    pathlib.Path(__file__).with_name('numbers.json').read_text())
for name, keys in (('AP', ('ap', 'pre', 'rec')),
                   ('MOT', ('mota', 'motp', 'pre', 'rec'))):
    with open(f'{out}/total_{name}_metrics.json', 'w') as file:
        json.dump(dict.fromkeys(keys, numbers), file)
print(sys.argv[1:])
"""


def stand_in(tmp_path, **modules):
    """A checkout of a ``poseval`` that does as told."""
    package = tmp_path / 'checkout' / 'poseval'
    package.mkdir(parents=True)
    for name, code in dict(modules, __init__='').items():
        (package / f'{name}.py').write_text(code)
    return package.parent


def test_poseval_is_asked_and_read(tmp_path):
    checkout = stand_in(tmp_path, evaluate=WRITES_NUMBERS)
    (checkout / 'poseval' / 'numbers.json').write_text(json.dumps(NUMBERS))
    found, printed = run_poseval(checkout, 'GT', 'PRED')
    assert set(found) == {
        'ap', 'precision', 'recall', 'mota', 'motp', 'mot_precision',
        'mot_recall'
    }
    assert found['ap'] == [None, *range(15)]
    # the original joins folders and names as strings
    assert "'GT/'" in printed[0] and '--evalPoseTracking' in printed[0]
    found, printed = run_poseval(checkout, 'GT', 'PRED', tracking=False)
    assert set(found) == {'ap', 'precision', 'recall'}
    assert '--evalPoseTracking' not in printed[0]


def test_failure_is_told(tmp_path):
    checkout = stand_in(tmp_path, evaluate='raise KeyError("joints")')
    with pytest.raises(RuntimeError, match='failed.*joints'):
        run_poseval(checkout, 'GT', 'PRED')
    with pytest.raises(RuntimeError, match='failed.*posetrack21'):
        run_posetrack21(tmp_path, 'GT', 'PRED')


def test_time_is_that_of_reading_and_ap(tmp_path):
    checkout = stand_in(
        tmp_path,
        eval_helpers='import time\n'
        'time.sleep(.3)\n'  # an import, which does not count
        'def load_data_dir(argv):\n'
        '    time.sleep(.1)\n'
        '    return argv[1:3]\n',
        evaluateAP='def evaluateAP(gt, pred, out, save, per_video):\n'
        '    assert (gt, pred) == ("GT/", "PRED/")\n')
    wall, cpu = time_poseval(checkout, 'GT', 'PRED')
    assert wall >= .1 > cpu
