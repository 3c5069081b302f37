import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartError } from '../base/start-error.ts';
import { type MagentFile, parseMagentFile } from './magent-file.ts';

function read(text: string): MagentFile {
  return parseMagentFile('magent.conf', text);
}

test('a whole file, as GLib reads it', () => {
  const file = read(`# a comment
[General]
masters = 127.1:11221, 127.0.0.1:11222,[::1]:5*2,
backups=b1;b2:7
port=12000
host_ip = 127.0.0.1
maxconns=100
maxidle=5
useketama=true
daemon_mode = false
verbose_mode=1
logdir=/var/log

[Other]
anything at all
`);
  const servers = (list: MagentFile['mains']): unknown[] =>
    list.map(({ host, port, weight }) => [host, port, weight ?? 1]);
  assert.deepEqual(servers(file.mains), [
    ['127.0.0.1', 11221, 1],
    ['127.0.0.1', 11222, 1],
    ['::1', 5, 2],
  ]);
  assert.deepEqual(servers(file.backups), [
    ['b1', 11211, 1],
    ['b2', 7, 1],
  ]);
  const { mains: _mains, backups: _backups, ...rest } = file;
  assert.deepEqual(rest, {
    port: 12000,
    host: '127.0.0.1',
    connectionsMax: 100,
    distribution: 'ketama',
    daemon: false,
    verbosity: 1,
  });
});

test('defaults are those of 0.7', () => {
  const { mains: _mains, ...rest } = read('[General]\r\nmasters=a\r\nmaxconns=0\r\n');
  assert.deepEqual(rest, {
    backups: [],
    port: 11215,
    host: '0.0.0.0',
    connectionsMax: 4096,
    distribution: 'modulo',
    daemon: true,
    verbosity: 0,
  });
});

test('mistakes are told with their place, and with what to write', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /^magent\.conf:1:1: there is no group; write "\[General\]" before the keys$/],
    [
      'masters=a',
      /^magent\.conf:1:1: something stands in front of the first group; write "\[General\]" before it$/,
    ],
    ['[General]\n', /^magent\.conf:1:1: masters is missing; write "masters=HOST:PORT"/],
    ['[General]\n  masters', /^magent\.conf:2:3: "masters" is no assignment; write KEY=VALUE$/],
    ['[General]\nmaster=a', /^magent\.conf:2:1: "master" is unknown; write one of masters, backups, /],
    ['[General]\nmasters=a, b:x', /^magent\.conf:2:12: "b:x" in masters: "x" is no port$/],
    [
      '[General]\nmasters=a\nport=0',
      /^magent\.conf:3:6: port: "0" is no port; write a number from 1 to 65535$/,
    ],
    [
      '[General]\nmasters=a\nport = 70000',
      /^magent\.conf:3:8: port: "70000" is no number up to 65535; write one$/,
    ],
    ['[General]\nmasters=a\nmaxidle=x', /^magent\.conf:3:9: maxidle: "x" is no number/],
    [
      '[General]\nmasters=a\nuseketama=yes',
      /^magent\.conf:3:11: useketama: "yes" is neither true nor false; write one of them$/,
    ],
  ];
  for (const [text, expected] of cases)
    assert.throws(
      () => read(text),
      (error) => error instanceof StartError && error.exitCode === 1 && expected.test(error.message),
      text,
    );
});
