import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ANY_MINUTE, DrivenEntry, withFigure, withProbe } from '../../testing/control-entries.ts';
import { statusWords } from './entry-status.ts';
import { EMPTY_SAMPLE } from './sample.ts';

/** An entry whose process runs with pid 10. */
function running(text: string): DrivenEntry {
  const entry = new DrivenEntry(text);
  entry.observe(10);
  return entry;
}

describe('starting', () => {
  test('what runs already is taken over, and nothing is started', () => {
    const entry = new DrivenEntry('');
    assert.deepEqual(entry.observe(10), []);
    assert.equal(entry.machine.state, 'running');
    assert.equal(entry.machine.pid, 10);
  });

  test('what does not run is started, and is there when its process is', () => {
    const entry = new DrivenEntry('');
    assert.deepEqual(entry.observe(null), ['run start']);
    assert.equal(entry.machine.state, 'starting');
    assert.deepEqual(entry.ended('start', true), []);
    assert.deepEqual(entry.observe(10), ['log process is running with pid 10']);
    assert.equal(statusWords(entry.machine), 'OK');
  });

  test('a start that leaves no process has failed after a moment, not after its timeout; the next ones come ever later', () => {
    const entry = new DrivenEntry('');
    entry.observe(null);
    entry.ended('start', false);
    const lines = entry.wait(1000);
    assert.deepEqual(lines.slice(0, 2), ['abandon-start', 'event exec failed restart']);
    assert.equal(entry.machine.state, 'backing-off');
    assert.equal(statusWords(entry.machine), 'Execution failed | Does not exist');
    const starts: number[] = [];
    for (let elapsed = 0; elapsed < 200_000; elapsed += 10)
      if (entry.wait(10).includes('run start')) {
        starts.push(entry.nowMs);
        entry.ended('start', false);
      }
    const pauses = starts.map((atMs, index) => atMs - (starts[index - 1] ?? atMs)).slice(1);
    assert.ok(pauses.length > 5 && pauses.length < 30, `${pauses}`);
    assert.ok(Math.max(...pauses) <= 31_020 && (pauses[0] ?? 0) < 2000, `${pauses}`);
  });

  test('a start program that ends well may take its time to write the pid file, up to the timeout', () => {
    const entry = new DrivenEntry('');
    entry.observe(null);
    entry.ended('start', true, true);
    assert.deepEqual(entry.wait(29_999), []);
    assert.ok(entry.wait(1).includes('event exec failed restart'));
  });

  test('without a start program it is missing', () => {
    const entry = new DrivenEntry('', 'check process x with pidfile /x');
    assert.deepEqual(entry.observe(null), ['log there is no start program']);
    assert.equal(entry.machine.state, 'missing');
    entry.observe(10);
    assert.equal(entry.machine.state, 'running');
  });
});

describe('a first start', () => {
  test('is no news, and neither is that it has worked, also where a rule says what everybody knows', () => {
    const entry = new DrivenEntry('if not exist then restart');
    assert.deepEqual(entry.observe(null), ['run start']);
    entry.observe(10);
    assert.deepEqual(entry.cycle(), []);
    assert.deepEqual(entry.observe(null)[0], 'event nonexist failed restart');
    entry.observe(11);
    assert.deepEqual(entry.cycle(), ['event nonexist succeeded alert']);
  });
});

describe('a death', () => {
  test('is acted on when it is seen', () => {
    const entry = running('');
    assert.deepEqual(entry.observe(null), [
      'event nonexist failed restart',
      'log process is not running; started again at once',
      'run start',
    ]);
    assert.equal(entry.machine.restarts, 1);
    assert.deepEqual(entry.observe(11), ['event nonexist succeeded alert']);
  });

  test('waits for its cycles where a rule says so', () => {
    const entry = running('if not exist for 3 cycles then restart');
    assert.deepEqual(entry.observe(null), []);
    assert.equal(entry.machine.state, 'missing');
    assert.deepEqual(entry.cycle(), ['log does not exist (1 of 3 times)']);
    assert.deepEqual(entry.cycle(), ['log does not exist (2 of 3 times)']);
    assert.ok(entry.cycle().includes('run start'));
  });

  test('is only told in mode passive, and where a rule says alert, once', () => {
    const passive = running('mode passive');
    assert.deepEqual(passive.observe(null), ['event nonexist failed alert']);
    const alerting = running('if not exist then alert');
    assert.deepEqual(alerting.observe(null), ['event nonexist failed alert']);
    assert.deepEqual(alerting.cycle(), []);
    alerting.observe(11);
    assert.deepEqual(alerting.cycle(), ['event nonexist succeeded alert']);
  });

  test('again and again reaches the limit: given up, shown as such, tried again after a while', () => {
    const entry = running('if 3 restarts within 5 cycles then timeout');
    let pid = 11;
    for (let cycle = 0; cycle < 3; cycle++) {
      entry.observe(null);
      entry.wait(400);
      entry.observe(pid++);
      entry.cycle();
    }
    assert.ok(entry.observe(null).includes('event timeout failed unmonitor'));
    assert.equal(entry.machine.state, 'gave-up');
    assert.equal(statusWords(entry.machine), 'Timeout');
    assert.ok(entry.machine.isMonitored);
    assert.deepEqual(entry.wait(59_999), []);
    assert.deepEqual(entry.wait(1), ['run start']);
  });

  test('a limit may tell, run something, stop; and does not restart for ever', () => {
    const beyond = (action: string): string[] => {
      const entry = running(`if 1 restarts within 5 cycles then ${action}`);
      entry.observe(null);
      entry.observe(11);
      return entry.observe(null).filter((line) => !line.startsWith('log'));
    };
    const gone = 'event nonexist failed restart';
    assert.deepEqual(beyond('alert'), [gone, 'event timeout failed alert']);
    assert.deepEqual(beyond('restart'), [gone, 'event timeout failed restart']);
    assert.deepEqual(beyond('exec "/tell"'), [gone, 'event timeout failed exec', 'exec /tell']);
    assert.deepEqual(beyond('stop'), [gone, 'event timeout failed stop']);
    assert.deepEqual(beyond('unmonitor'), [gone, 'event timeout failed unmonitor']);
  });

  test('several in one cycle count once for the limit', () => {
    const entry = running('if 2 restarts within 5 cycles then timeout');
    for (let pid = 11; pid < 15; pid++) {
      entry.observe(null);
      entry.wait(4000);
      entry.observe(pid);
    }
    assert.equal(entry.machine.state, 'running');
    assert.equal(entry.machine.restarts, 4);
  });

  test('of what nobody looks after is nobody’s business', () => {
    const entry = running('');
    entry.command('unmonitor');
    assert.deepEqual(entry.observe(null), ['log has ended; not monitored']);
    assert.equal(entry.machine.state, 'stopped');
  });
});

describe('stopping', () => {
  test('without a stop program goes by the pid: TERM and CONT, then KILL', () => {
    const entry = running('');
    assert.deepEqual(entry.command('stop'), ['SIGTERM 10', 'SIGCONT 10']);
    assert.deepEqual(entry.wait(29_999), []);
    assert.deepEqual(entry.wait(1), ['log does not end; killed', 'SIGKILL 10']);
    assert.deepEqual(entry.wait(1000), ['SIGKILL 10']);
    assert.deepEqual(entry.observe(null), ['log stopped']);
    assert.equal(entry.machine.state, 'stopped');
  });

  test('with a stop program that fails goes by the pid at once', () => {
    const entry = running('stop program = "/usr/bin/kill `cat /x`"');
    assert.deepEqual(entry.command('stop'), ['run stop']);
    assert.deepEqual(entry.ended('stop', false), [
      'log stop program: exit status 1',
      'SIGTERM 10',
      'SIGCONT 10',
    ]);
  });

  test('with a stop program that does nothing goes by the pid after its timeout', () => {
    const entry = running('stop program = "/true" with timeout 5 seconds');
    entry.command('stop');
    assert.deepEqual(entry.ended('stop', true), []);
    assert.deepEqual(entry.wait(5000), [
      'log the stop program had no effect; terminated',
      'SIGTERM 10',
      'SIGCONT 10',
    ]);
  });

  test('and not looking are two things: both are Not monitored, and say why', () => {
    const stopped = running('');
    stopped.command('stop');
    stopped.observe(null);
    const left = running('');
    left.command('unmonitor');
    assert.deepEqual(
      [statusWords(stopped.machine), statusWords(left.machine)],
      ['Not monitored', 'Not monitored'],
    );
    assert.deepEqual([stopped.machine.state, left.machine.state], ['stopped', 'running']);
    assert.deepEqual([stopped.machine.reason, left.machine.reason], ['stopped by request', 'not monitored']);
    assert.deepEqual([stopped.machine.memory.isWanted, left.machine.memory.isWanted], [false, true]);
  });

  test('while it starts ends what was started', () => {
    const entry = new DrivenEntry('');
    entry.observe(null);
    assert.deepEqual(entry.command('stop'), ['abandon-start']);
    assert.deepEqual(entry.observe(12), ['SIGTERM 12', 'SIGCONT 12']);
    assert.deepEqual(entry.observe(null), ['log stopped']);
  });

  test('a restart stops and starts, or runs the restart program', () => {
    const plain = running('');
    assert.deepEqual(plain.command('restart'), ['SIGTERM 10', 'SIGCONT 10']);
    assert.deepEqual(plain.observe(null), ['run start']);
    const own = running('restart program = "/again"');
    assert.deepEqual(own.command('restart'), ['run restart']);
    assert.deepEqual(own.observe(null), []);
    assert.deepEqual(own.observe(11), []);
    assert.deepEqual(own.ended('restart', true), ['log process is running with pid 11']);
    assert.equal(own.machine.state, 'running');
  });
});

describe('rules', () => {
  test('a restart by a rule clears what was counted: no second one a cycle later', () => {
    const entry = running('if cpu > 60% for 3 cycles then restart');
    const busy = withFigure('cpu', 99);
    assert.match(entry.cycle(busy)[0] ?? '', /1 of 3 times/);
    entry.cycle(busy);
    assert.deepEqual(entry.cycle(busy), ['event resource failed restart', 'SIGTERM 10', 'SIGCONT 10']);
    entry.observe(null);
    entry.observe(11);
    assert.match(entry.cycle(busy)[0] ?? '', /1 of 3 times/);
  });

  test('a process that does not answer gets little time to end, and is killed', () => {
    const entry = running('if failed port 1 protocol memcache for 2 cycles then restart');
    entry.cycle(withProbe(false));
    assert.deepEqual(entry.cycle(withProbe(false)), [
      'event connection failed restart',
      'SIGTERM 10',
      'SIGCONT 10',
    ]);
    assert.deepEqual(entry.wait(3000), ['log does not end; killed', 'SIGKILL 10']);
  });

  test('connections are not held against a process that starts, until it has answered or its time is over', () => {
    const entry = new DrivenEntry('if failed port 1 then alert');
    entry.observe(null);
    entry.observe(10);
    assert.deepEqual(entry.cycle(withProbe(false)), []);
    assert.deepEqual(entry.cycle(withProbe(true)), []);
    assert.deepEqual(entry.cycle(withProbe(false)), ['event connection failed alert']);
    const silent = new DrivenEntry('if failed port 1 then alert');
    silent.observe(null);
    silent.observe(10);
    for (let cycle = 0; cycle < 5; cycle++) assert.deepEqual(silent.cycle(withProbe(false)), []);
    assert.deepEqual(silent.cycle(withProbe(false)), ['event connection failed alert']);
  });

  test('alerts come once, recoveries once, and exec again where it says so', () => {
    const entry = running(
      'if cpu > 50% then exec "/tell" repeat every 2 cycles else if succeeded for 2 cycles then exec "/fine"',
    );
    const lines = [99, 99, 99, 1, 1, 1].map((value) => entry.cycle(withFigure('cpu', value)));
    assert.deepEqual(
      lines.map((each) => each.filter((line) => /^e/.test(line))),
      [
        ['event resource failed exec', 'exec /tell'],
        [],
        ['exec /tell'],
        [],
        ['event resource succeeded exec', 'exec /fine'],
        [],
      ],
    );
  });

  test('N times within M cycles looks back M cycles', () => {
    const entry = running('if cpu > 50% 2 times within 3 cycles then alert');
    const events = [99, 1, 1, 99, 1, 99].map((value) =>
      entry.cycle(withFigure('cpu', value)).some((line) => /^event/.test(line)),
    );
    assert.deepEqual(events, [false, false, false, false, false, true]);
  });

  test('passive mode tells and does nothing; unmonitor ends the looking; stop stops', () => {
    const passive = running('mode passive if cpu > 50% then restart');
    assert.deepEqual(passive.cycle(withFigure('cpu', 99)), ['event resource failed alert']);
    const done = running('if cpu > 50% then unmonitor');
    done.cycle(withFigure('cpu', 99));
    assert.deepEqual([done.machine.isMonitored, done.machine.state], [false, 'running']);
    const stop = running('if loadavg(5min) > 10 then stop');
    assert.deepEqual(stop.cycle(withFigure('load-5', 11, false)), [
      'event resource failed stop',
      'SIGTERM 10',
      'SIGCONT 10',
    ]);
    assert.equal(stop.machine.memory.isWanted, false);
  });

  test('a sample that was asked for before a restart says nothing of what came after', () => {
    const entry = running('if cpu > 50% then restart');
    entry.step({ type: 'cycle', calendar: { minute: 0, hour: 0, dayOfMonth: 1, month: 1, dayOfWeek: 0 } });
    entry.observe(null);
    entry.observe(11);
    const sample = {
      exists: true,
      figures: withFigure('cpu', 99).figures ?? {},
      properties: {},
      probes: new Map(),
    };
    assert.deepEqual(entry.step({ type: 'sampled', serial: 1, sample }), []);
  });

  test('every N cycles and schedules decide when an entry is looked at', () => {
    const entry = running('every 3 cycles if cpu > 50% then alert');
    const looked = [1, 2, 3, 4, 5, 6].map(
      () => entry.cycle(withFigure('cpu', 99)).length > 0 || !entry.machine.isWaiting,
    );
    assert.deepEqual(looked, [false, false, true, false, false, true]);
  });

  test('what is no process is looked at from the first cycle on', () => {
    const host = new DrivenEntry('if failed port 1 then alert', 'check host h with address 127.0.0.1');
    assert.deepEqual(host.cycle({ ...withProbe(false) }), ['event connection failed alert']);
    assert.equal(statusWords(host.machine), 'Connection failed');
    assert.deepEqual(host.cycle(withProbe(true)), ['event connection succeeded alert']);
    const program = new DrivenEntry('if status != 0 then alert', 'check program p with path /p');
    assert.deepEqual(program.cycle(withFigure('status', 3, false)), ['event status failed alert']);
    const file = new DrivenEntry('if changed checksum then alert', 'check file f with path /f');
    file.cycle({ exists: true, properties: { checksum: 'a' } });
    assert.deepEqual(file.cycle({ exists: true, properties: { checksum: 'b' } }), [
      'event checksum changed alert',
    ]);
    assert.deepEqual(file.cycle({ exists: true, properties: { checksum: 'b' } }), []);
    assert.equal(statusWords(file.machine), 'OK');
  });
});

test('what tests find is told where all is to be told', () => {
  const quiet = running('if cpu > 60% then alert');
  assert.deepEqual(quiet.cycle(withFigure('cpu', 5)), []);
  const loud = new DrivenEntry('if cpu > 60% then alert', undefined, {}, true);
  loud.observe(10);
  assert.deepEqual(loud.cycle(withFigure('cpu', 5)), ['log cpu of 5.0% is within the limit [cpu > 60.0%]']);
});

describe('what no rule says', () => {
  const gone = { exists: false };

  test('a path that is missing is told once, and that it is back', () => {
    const entry = new DrivenEntry('', 'check file x with path /x');
    entry.cycle({ exists: true });
    assert.deepEqual(entry.cycle(gone), ['event nonexist failed alert']);
    assert.equal(statusWords(entry.machine), 'Does not exist');
    assert.deepEqual(entry.cycle(gone), []);
    assert.deepEqual(entry.cycle({ exists: true }), ['event nonexist succeeded alert']);
    assert.equal(statusWords(entry.machine), 'OK');
  });

  test('where it has a start program, that is run', () => {
    const entry = new DrivenEntry('', 'check filesystem x with path /x start program = "/mount"');
    entry.cycle({ exists: true });
    assert.deepEqual(entry.cycle(gone), ['event nonexist failed restart', 'run start']);
  });

  test('a rule about existence says it instead', () => {
    const absent = new DrivenEntry('if exist then alert', 'check file x with path /x');
    assert.deepEqual(absent.cycle(gone), []);
    assert.equal(statusWords(absent.machine), 'OK');
    assert.deepEqual(absent.cycle({ exists: true }), ['event exist failed alert']);
    const unwanted = new DrivenEntry('if exist then stop');
    assert.deepEqual(unwanted.observe(null), []);
    assert.equal(statusWords(unwanted.machine), 'OK');
  });

  test('a path of another type is told', () => {
    const entry = new DrivenEntry('', 'check fifo x with path /x');
    assert.deepEqual(entry.cycle({ exists: true, properties: { 'other-type': 'is no fifo' } }), [
      'event invalid failed alert',
    ]);
    assert.equal(statusWords(entry.machine), 'Invalid type');
  });

  test('the link of an interface is looked at', () => {
    const entry = new DrivenEntry('', 'check network x with interface lan');
    assert.deepEqual(entry.cycle({ exists: true, properties: { 'link-state': 'down' } }), [
      'event link failed alert',
    ]);
    assert.equal(statusWords(entry.machine), 'Link down');
  });

  test('a limit of restarts looks back over more cycles than a test can', () => {
    const entry = running('if 2 restarts within 200 cycles then timeout');
    for (let cycle = 0; cycle < 100; cycle++) entry.cycle({ exists: true });
    entry.observe(null);
    entry.observe(11);
    for (let cycle = 0; cycle < 90; cycle++) entry.cycle({ exists: true });
    entry.observe(null);
    entry.observe(12);
    entry.cycle({ exists: true });
    assert.ok(entry.observe(null).includes('event timeout failed unmonitor'));
  });
});

describe('a look that takes long', () => {
  const asked = (entry: DrivenEntry, cycles: number): string[] => {
    const lines: string[] = [];
    for (let cycle = 0; cycle < cycles; cycle++)
      lines.push(...entry.wait(5000), ...entry.step({ type: 'cycle', calendar: ANY_MINUTE }));
    return lines;
  };
  const failed = { ...withFigure('status', 1, false), exists: true };

  test('by a program is waited for as long as the program may run, and not begun anew', () => {
    const entry = new DrivenEntry(
      'with timeout 200 seconds if status != 0 then alert',
      'check program x with path "/bin/true"',
    );
    assert.deepEqual(asked(entry, 40), ['sample']);
    assert.deepEqual(entry.step({ type: 'sampled', serial: 1, sample: { ...EMPTY_SAMPLE, ...failed } }), [
      'event status failed alert',
    ]);
    assert.deepEqual(asked(entry, 1), ['sample']);
  });

  test('and never comes to its end is begun anew when its time is long over', () => {
    const entry = new DrivenEntry(
      'with timeout 200 seconds if status != 0 then alert',
      'check program x with path "/bin/true"',
    );
    assert.deepEqual(asked(entry, 42), ['sample', 'sample']);
    const host = new DrivenEntry(
      'if failed port 1 timeout 60 seconds retry 3 then alert',
      'check host x with address 127.0.0.1',
    );
    assert.deepEqual(asked(host, 37), ['sample']);
    assert.deepEqual(asked(host, 1), ['sample']);
    const short = new DrivenEntry('if failed port 1 then alert', 'check host x with address 127.0.0.1');
    assert.deepEqual(asked(short, 20), ['sample']);
    assert.deepEqual(asked(short, 1), ['sample']);
  });
});

describe('what hangs', () => {
  const unanswered = (entry: DrivenEntry, serial: number | null, text: string | null): string[] =>
    entry.step({ type: 'unanswered', serial, text });
  const ofFile = (): DrivenEntry =>
    new DrivenEntry('if not exist then exec "/x"', 'check file x with path /x');

  test('is told of once, and judged by no rule, until it answers again', () => {
    const entry = ofFile();
    const cycle = (): string[] => entry.step({ type: 'cycle', calendar: ANY_MINUTE });
    for (let serial = 1; serial <= 3; serial++) {
      assert.deepEqual(cycle(), ['sample']);
      assert.deepEqual(
        unanswered(entry, serial, '/x does not answer'),
        serial === 1 ? ['event data failed alert'] : [],
      );
    }
    assert.equal(statusWords(entry.machine), 'Data access error');
    assert.equal(entry.machine.reason, '/x does not answer');
    assert.deepEqual(entry.cycle({ exists: true }), ['event data succeeded alert']);
    assert.equal(statusWords(entry.machine), 'OK');
    assert.deepEqual(entry.cycle({ exists: true }), []);
  });

  test('says nothing of a sample that nobody has asked for, or of what is not monitored', () => {
    const entry = ofFile();
    assert.deepEqual(unanswered(entry, 7, 'late'), []);
    entry.cycle({ exists: true });
    unanswered(entry, null, 'hangs');
    entry.command('unmonitor');
    assert.deepEqual(entry.machine.failures, []);
    assert.deepEqual(unanswered(entry, null, 'hangs'), []);
    entry.command('monitor');
    assert.deepEqual(entry.machine.failures, []);
  });

  test('is shown of a process that nobody could look for yet', () => {
    const entry = new DrivenEntry('');
    assert.deepEqual(unanswered(entry, null, 'pid file /x does not answer'), ['event data failed alert']);
    assert.equal(statusWords(entry.machine), 'Data access error');
    unanswered(entry, null, null);
    assert.equal(statusWords(entry.machine), 'Initializing');
  });
});
