import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockDeviceUse, interfaceCounters, interfaceOfAddress, readInterface } from './device-figures.ts';

test('a block device is found by its number, also one beyond the old bounds', () => {
  const text = `   8       0 sda 1 0 2 3 4 0 5 6 0 7 8
 259     300 nvme3n1 100 5 200 30 50 6 70 8 0 9 10 0 0 0 0`;
  assert.deepEqual(blockDeviceUse(text, 0x0800)?.readBytes, 1024);
  // makedev(259, 300)
  assert.deepEqual(blockDeviceUse(text, (259 << 8) | (300 & 0xff) | ((300 & 0xfff00) << 12)), {
    readOperations: 100,
    readBytes: 102_400,
    readMs: 30,
    writeOperations: 50,
    writeBytes: 35_840,
    writeMs: 8,
  });
  assert.equal(blockDeviceUse(text, 0x0801), null);
  assert.equal(blockDeviceUse('', 0), null);
});

test('the counters of an interface, also of one with a colon in its name', () => {
  const text = `Inter-|   Receive
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 10 2 1 0 0 0 0 0 20 4 3 0 0 0 0 0
eth0:1:123456789 9 0 0 0 0 0 0 5 6 7 0 0 0 0 0`;
  assert.deepEqual(interfaceCounters(text, 'lo'), {
    downloadBytes: 10,
    downloadPackets: 2,
    downloadErrors: 1,
    uploadBytes: 20,
    uploadPackets: 4,
    uploadErrors: 3,
  });
  assert.equal(interfaceCounters(text, 'eth0:1')?.downloadBytes, 123_456_789);
  assert.equal(interfaceCounters(text, 'eth0'), null);
});

test('the loop of this host is up and has its address', { skip: process.platform !== 'linux' }, () => {
  const name = interfaceOfAddress('127.0.0.1');
  assert.ok(name !== null);
  assert.equal(readInterface(name)?.isUp, true);
  assert.equal(interfaceOfAddress('192.0.2.254'), null);
  assert.equal(readInterface('nosuch0'), null);
});
