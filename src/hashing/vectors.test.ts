/** Placements recorded from the original programs; see test/vectors/README.md. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { seededRandom } from '../base/random.ts';
import type { Distribution, KeyHash, PlacedServer } from './index.ts';
import {
  DISTRIBUTIONS,
  KEY_HASHES,
  magentByteHash,
  magentKetama,
  magentModuloHash,
  magentWordHash,
  modulo,
  taggedHash,
} from './index.ts';

interface HashVectors {
  readonly keys: readonly string[];
  readonly values: Readonly<Record<string, readonly number[]>>;
}

interface TwemproxyCase {
  readonly servers: string;
  readonly hash: string;
  readonly distribution: string;
  readonly ejected?: readonly number[];
  readonly map: string;
}

interface TwemproxyVectors {
  readonly keys: readonly string[];
  readonly servers: Readonly<
    Record<string, { readonly list: readonly string[]; readonly hash_tag?: string }>
  >;
  readonly cases: readonly TwemproxyCase[];
  readonly cases_after_ejection: readonly TwemproxyCase[];
}

interface ByteVectors {
  /** Base64. */
  readonly keys: readonly string[];
  readonly cases: readonly {
    readonly servers: readonly string[];
    readonly hash: string;
    readonly hash_tag?: string;
    readonly map: string;
  }[];
}

interface MagentVectors {
  readonly keys: readonly string[];
  readonly cases: readonly {
    readonly version: string;
    readonly mode: string;
    readonly role: string;
    readonly servers: readonly string[];
    readonly map: string;
  }[];
}

function textOf(file: string): string {
  return readFileSync(new URL(`../../../test/vectors/${file}`, import.meta.url), 'utf8');
}

const hashes: HashVectors = JSON.parse(textOf('hashes.json'));
const twemproxy: TwemproxyVectors = JSON.parse(textOf('twemproxy.json'));
const twemproxyBytes: ByteVectors = JSON.parse(textOf('twemproxy-bytes.json'));
const magent: MagentVectors = JSON.parse(textOf('magent.json'));

const encoder = new TextEncoder();

/** The key in the middle of other bytes, as it lies in a request. */
function hashOf(hash: KeyHash, key: string): number {
  const bytes = encoder.encode(`get ${key}\r\n`);
  return hash(bytes, 4, bytes.length - 2);
}

/** One digit per key, as the recordings have it. */
function mapOf(keys: readonly string[], hash: KeyHash, distribution: Distribution): string {
  return keys.map((key) => distribution.pick(hashOf(hash, key))).join('');
}

/** `host:port:weight [name]`: the name is what twemproxy hashes, else the address, without the port where that is 11211. */
function placedServer(line: string): PlacedServer {
  const match = /^(.*):(\d+):(\d+)(?: (.*))?$/.exec(line);
  assert.ok(match, line);
  const [, host = '', port = '', weight = '', name] = match;
  return { name: name ?? (port === '11211' ? host : `${host}:${port}`), weight: Number(weight) };
}

test('every hash of twemproxy gives the recorded values', () => {
  assert.deepEqual([...KEY_HASHES.keys()].sort(), Object.keys(hashes.values).sort());
  for (const [name, hash] of KEY_HASHES) {
    const got = hashes.keys.map((key) => hashOf(hash, key));
    assert.deepEqual(got, hashes.values[name], name);
  }
});

function withTag(hash: KeyHash, tag: string | undefined): KeyHash {
  return tag === undefined ? hash : taggedHash(hash, tag.charCodeAt(0), tag.charCodeAt(1));
}

function checkTwemproxy(cases: readonly TwemproxyCase[]): void {
  for (const { servers, hash: hashName, distribution: distributionName, ejected = [], map } of cases) {
    const set = twemproxy.servers[servers];
    const plain = KEY_HASHES.get(hashName);
    const make = DISTRIBUTIONS.get(distributionName);
    assert.ok(set && plain && make, `${servers} ${hashName} ${distributionName}`);
    const hash = withTag(plain, set.hash_tag);
    const isLive = (position: number): boolean => !ejected.includes(position);
    const distribution = make(set.list.map(placedServer), isLive, seededRandom(1));
    assert.equal(
      mapOf(twemproxy.keys, hash, distribution),
      map,
      `${servers} ${hashName} ${distributionName}`,
    );
  }
}

test('twemproxy: every key lies where nutcracker put it', () => {
  assert.equal(twemproxy.cases.length, 120);
  checkTwemproxy(twemproxy.cases);
});

test('twemproxy: every key lies where nutcracker put it after an ejection', () => {
  assert.equal(twemproxy.cases_after_ejection.length, 12);
  checkTwemproxy(twemproxy.cases_after_ejection);
});

test('twemproxy: keys of any bytes, and weights where single and double precision part', () => {
  const keys = twemproxyBytes.keys.map((key) => Buffer.from(key, 'base64'));
  assert.equal(twemproxyBytes.cases.length, KEY_HASHES.size);
  for (const { servers, hash: hashName, hash_tag, map } of twemproxyBytes.cases) {
    const hash = withTag(KEY_HASHES.get(hashName)!, hash_tag);
    const placed = servers.map((server) => {
      const [name = '', weight] = server.split(' ');
      return { name, weight: Number(weight) };
    });
    const distribution = DISTRIBUTIONS.get('ketama')!(placed, () => true, seededRandom(1));
    const got = keys.map((key) => distribution.pick(hash(key, 0, key.length))).join('');
    assert.equal(got, map, hashName);
  }
});

test('magent: every key lies where the three versions put it', () => {
  assert.equal(magent.cases.length, 21);
  for (const { version, mode, role, servers, map } of magent.cases) {
    const names = servers.map((server) =>
      server.includes(':') ? server.replace(':', '-') : `${server}-11211`,
    );
    const got =
      mode === 'default'
        ? mapOf(magent.keys, magentModuloHash, modulo(names.length))
        : mode === '-k'
          ? mapOf(magent.keys, magentByteHash, magentKetama(names, 'byte'))
          : mapOf(magent.keys, magentWordHash, magentKetama(names, 'word'));
    assert.equal(got, map, `${version} ${mode} ${role} ${servers.join(' ')}`);
  }
});
