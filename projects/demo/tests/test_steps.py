"""Steps run once, continue after a failure, and say what went wrong."""
import sys

import pytest

from projects.demo.steps import Step, StepFailed, run_lanes, run_steps


def _append(file, text):
    code = f'open({str(file)!r}, "a").write({text!r})'
    return (sys.executable, '-c', code)


def test_a_finished_step_is_not_run_again(tmp_path):
    output = tmp_path / 'out.txt'
    steps = [
        Step('one', 'One', (_append(output, '1'), )),
        Step('two', 'Two', (_append(output, '2'), ))
    ]
    first = run_steps(steps, tmp_path)
    second = run_steps(steps, tmp_path)
    assert output.read_text() == '12'
    # a skipped step keeps the time that it took when it ran
    assert [r.seconds for r in second
            ] == [pytest.approx(r.seconds, abs=0.06) for r in first]


def test_a_failure_names_the_command_and_its_log_and_is_resumed(tmp_path):
    output, gate = tmp_path / 'out.txt', tmp_path / 'gate'
    code = (f'import os, sys\nprint("the gate is shut")\n'
            f'sys.exit(0 if os.path.exists({str(gate)!r}) else 3)')
    steps = [
        Step('one', 'One', (_append(output, '1'), )),
        Step('gate', 'Gate', ((sys.executable, '-c', code), )),
        Step('two', 'Two', (_append(output, '2'), ))
    ]
    with pytest.raises(
            StepFailed, match='(?s)Gate.*status 3.*gate.log.*'
            'the gate is shut'):
        run_steps(steps, tmp_path)
    gate.touch()
    run_steps(steps, tmp_path)
    assert output.read_text() == '12'


def test_a_step_done_with_other_commands_is_refused(tmp_path):
    output = tmp_path / 'out.txt'
    run_steps([Step('one', 'One', (_append(output, '1'), ))], tmp_path)
    with pytest.raises(StepFailed, match='other commands'):
        run_steps([Step('one', 'One', (_append(output, 'x'), ))], tmp_path)
    assert output.read_text() == '1'


def test_the_tools_of_this_python_come_first(tmp_path):
    output = tmp_path / 'path.txt'
    code = (f'import os; open({str(output)!r}, "w").write('
            'os.environ["PATH"].split(os.pathsep)[0])')
    run_steps([Step('path', 'Path', ((sys.executable, '-c', code), ))],
              tmp_path)
    assert output.read_text() == sys.executable.rpartition('/')[0]


def test_lanes_run_side_by_side_and_a_failure_lets_the_others_end(tmp_path):
    here, there, output = (tmp_path / name for name in ('a', 'b', 'out.txt'))
    meet = ('import pathlib, sys, time\n'
            'mine, other = map(pathlib.Path, sys.argv[1:])\n'
            'mine.touch()\n'
            'for _ in range(200):\n'
            '    if other.exists(): sys.exit(0)\n'
            '    time.sleep(0.05)\n'
            'sys.exit(5)')

    def step(name, *arguments):
        return Step(name, name, ((sys.executable, '-c', *arguments), ))

    # each of the two ends only if the other runs meanwhile
    records = run_lanes([[step('one', meet, str(here), str(there))],
                         [step('two', meet, str(there), str(here))]], tmp_path)
    assert [record.step.name for record in records] == ['one', 'two']
    with pytest.raises(StepFailed, match='broken'):
        run_lanes([[step('broken', 'raise SystemExit(1)')],
                   [Step('late', 'Late', (_append(output, 'done'), ))]],
                  tmp_path)
    assert output.read_text() == 'done'
