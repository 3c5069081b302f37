/** Files of twemproxy's: what is made of them, and whether the original takes them. */
export interface NutcrackerFileCase {
  readonly text: string;
  /** What is said of it behind the file's name; null: it is good. */
  readonly refusal: string | null;
  /** The original decides otherwise, and this is why ours does not. */
  readonly differs?: string;
}

const LISTEN = '  listen: 127.0.0.1:22121\n';
const SERVERS = '  servers:\n   - 127.0.0.1:11211:1\n';

/** A pool of one directive more than it needs. */
function pool(directives = '', servers = SERVERS): string {
  return `alpha:\n${LISTEN}${directives}${servers}`;
}

const SERVER_FORMAT =
  'directive "servers" has an invalid "hostname:port:weight [name]"or "/path/unix_socket:weight [name]" format string';

export const NUTCRACKER_FILES: readonly NutcrackerFileCase[] = [
  { text: pool(), refusal: null },
  { text: `${pool()}\n\n# the end\n`, refusal: null },
  { text: `"alpha":\n  'listen': '127.0.0.1:22121'\n${SERVERS}`, refusal: null },
  {
    text: pool(
      '  hash: "fnv1a_64"\n  hash_tag: "{}"\n  timeout: 400 # ms\n',
      '  servers:\n  - 127.0.0.1:11211:1 one\n  - "127.0.0.1:11212:2 two"\n',
    ),
    refusal: null,
  },
  {
    text: pool('  client_connections: 5\n  tcpkeepalive: true\n  redis_db: 3\n  backlog: 0\n'),
    refusal: null,
  },
  { text: `alpha:\n  listen: /tmp/x.sock 0666\n${SERVERS}`, refusal: null },
  {
    text: 'alpha:\n  listen: "::1:22101"\n  servers:\n  - "::1:11211:1"\n  - /tmp/y.sock:1\n',
    refusal: null,
  },
  { text: pool('  hash_tag: $$\n'), refusal: null },
  // To the original characters are bytes.
  { text: pool('  hash_tag: "é"\n'), refusal: null },
  {
    text: pool('  hash_tag: "éa"\n'),
    refusal: '3:13: conf: directive "hash_tag" is not a valid hash tag string with two characters',
  },
  {
    text: `alpha:\n  listen: 127.0.0.1:022121\n  servers:\n   - 127.0.0.1:011211:01\n`,
    refusal: null,
  },
  { text: `~:\n${LISTEN}  tcpkeepalive: true\n${SERVERS}`, refusal: null },
  { text: pool('  timeout: ~\n'), refusal: '3:12: conf: directive "timeout" is not a number' },
  { text: pool('  hash: m\0d5\n'), refusal: '3:10: conf: control characters are not allowed' },
  // Without a name a path has a colon behind it.
  {
    text: pool('', '  servers:\n   - /run/a:1\n   - "/run/b:1 /run/a:"\n'),
    refusal: "5:6: conf: pool 'alpha' has servers with same name '/run/a:'",
  },
  {
    text: pool('', '  servers:\n   - /run/a:0\n'),
    refusal:
      '4:6: conf: directive "servers" has a zero weight in "hostname:port:weight [name]" format string',
  },
  { text: pool('  bogus: 1\n'), refusal: '3:3: conf: directive "bogus" is unknown' },
  { text: '', refusal: "1:1: conf: 'FILE' must contain only 1 document; found 0 documents" },
  { text: '# nothing\n', refusal: "1:1: conf: 'FILE' must contain only 1 document; found 0 documents" },
  { text: 'alpha: x\n', refusal: `1:8: conf: 'FILE' has invalid mapping "key:" at depth 1` },
  { text: '- alpha\n', refusal: "1:1: conf: 'FILE' has sequence at depth 0 instead of 2" },
  { text: `alpha:\n${LISTEN}`, refusal: "1:1: conf: 'FILE' missing sequence directive at depth 2" },
  { text: `---\n${pool()}`, refusal: '1:1: conf: document start token (5) is disallowed' },
  { text: `${pool()}...\n`, refusal: '5:1: conf: document end token (6) is disallowed' },
  { text: `%YAML 1.1\n---\n${pool()}`, refusal: '1:1: conf: version directive token (3) is disallowed' },
  { text: `alpha: &a\n${LISTEN}${SERVERS}`, refusal: '2:3: conf: anchor token (19) is disallowed' },
  {
    text: `alpha:\n  listen: &x 127.0.0.1:22121\n${SERVERS}`,
    refusal: '2:14: conf: anchor token (19) is disallowed',
  },
  { text: pool('  hash: *x\n'), refusal: '3:9: conf: alias token (18) is disallowed' },
  {
    text: `alpha:\n  listen: !!str 127.0.0.1:22121\n${SERVERS}`,
    refusal: '2:17: conf: tag token (20) is disallowed',
  },
  { text: pool('', '  servers: [a]\n'), refusal: '3:12: conf: flow sequence start token (10) is disallowed' },
  {
    text: 'alpha: {listen: 127.0.0.1:22121}\n',
    refusal: '1:8: conf: flow mapping start token (12) is disallowed',
  },
  { text: pool('  hash_tag: {}\n'), refusal: '3:13: conf: flow mapping start token (12) is disallowed' },
  { text: pool('  timeout: -1\n'), refusal: '3:12: conf: directive "timeout" is not a number' },
  { text: pool('  timeout: 1x\n'), refusal: '3:12: conf: directive "timeout" is not a number' },
  {
    text: pool('  timeout: 99999999999\n'),
    refusal: '3:12: conf: directive "timeout" is not a number',
    differs: 'the original lets it overflow',
  },
  {
    text: pool('  preconnect: yes\n'),
    refusal: '3:15: conf: directive "preconnect" is not "true" or "false"',
  },
  {
    text: pool('  auto_eject_hosts: True\n'),
    refusal: '3:21: conf: directive "auto_eject_hosts" is not "true" or "false"',
  },
  { text: pool('  hash: foo\n'), refusal: '3:9: conf: directive "hash" is not a valid hash' },
  {
    text: pool('  distribution: foo\n'),
    refusal: '3:17: conf: directive "distribution" is not a valid distribution',
  },
  {
    text: pool('  hash_tag: "{"\n'),
    refusal: '3:13: conf: directive "hash_tag" is not a valid hash tag string with two characters',
  },
  {
    text: pool('  hash_tag: "abc"\n'),
    refusal: '3:13: conf: directive "hash_tag" is not a valid hash tag string with two characters',
  },
  {
    text: pool('  server_connections: 0\n'),
    refusal: '3:23: conf: directive "server_connections:" cannot be 0',
  },
  {
    text: pool('  redis_auth: x\n'),
    refusal: '3:15: conf: directive "redis_auth:" is only valid for a redis pool',
  },
  { text: pool('  timeout: 1\n  timeout: 2\n'), refusal: '4:3: conf: directive "timeout" is a duplicate' },
  { text: pool('  timeout:\n'), refusal: '3:11: conf: a value of "timeout" is missing or is no single word' },
  { text: pool('', '  servers:\n   - 127.0.0.1:11211\n'), refusal: `4:6: conf: ${SERVER_FORMAT}` },
  {
    text: pool('', '  servers:\n   - 127.0.0.1:11211:1 a b\n'),
    refusal:
      '4:6: conf: directive "servers" has an invalid weight in "hostname:port:weight [name]" format string',
  },
  {
    text: pool('', '  servers:\n   - 127.0.0.1:11211:1  a\n'),
    refusal:
      '4:6: conf: directive "servers" has an invalid weight in "hostname:port:weight [name]" format string',
  },
  // Lists whose items are not indented alike: to YAML the second is more text of the first.
  {
    text: pool('', '  servers:\n   - 127.0.0.1:11211:1\n     - 127.0.0.1:11212:1\n'),
    refusal:
      '4:6: conf: directive "servers" has an invalid weight in "hostname:port:weight [name]" format string',
  },
  {
    text: pool('', '  servers:\n   - 127.0.0.1:11211:1\n     - 127.0.0.1:11212:1 a\n'),
    refusal: `4:6: conf: ${SERVER_FORMAT}`,
    differs: 'the original takes it for a host with spaces',
  },
  {
    text: pool('', '  servers:\n   - 127.0.0.1:11211:x\n'),
    refusal:
      '4:6: conf: directive "servers" has an invalid weight in "hostname:port:weight [name]" format string',
  },
  {
    text: pool('', '  servers:\n   - 127.0.0.1:11211:0\n'),
    refusal:
      '4:6: conf: directive "servers" has a zero weight in "hostname:port:weight [name]" format string',
  },
  {
    text: pool('', '  servers:\n   - 127.0.0.1:0:1\n'),
    refusal:
      '4:6: conf: directive "servers" has an invalid port in "hostname:port:weight [name]" format string',
  },
  {
    text: pool('', '  servers:\n   - 127.0.0.1:70000:1\n'),
    refusal:
      '4:6: conf: directive "servers" has an invalid port in "hostname:port:weight [name]" format string',
  },
  {
    text: pool('', '  servers:\n   - 127.0.0.1:11211:1 a\n   - 127.0.0.1:11212:1 a\n'),
    refusal: "5:6: conf: pool 'alpha' has servers with same name 'a'",
  },
  {
    text: pool('', `${SERVERS}  more:\n   - a\n`),
    refusal: "5:3: conf: 'FILE' has more than one sequence directive",
  },
  { text: pool('', '  servers:\n'), refusal: "3:3: conf: 'FILE' missing sequence directive at depth 2" },
  {
    text: pool('', '  servers:\n    a: b\n'),
    refusal: "3:3: conf: 'FILE' missing sequence directive at depth 2",
  },
  {
    text: pool('', '  servers:\n   - - a\n'),
    refusal: "4:6: conf: 'FILE' has more than one sequence directive",
  },
  {
    text: `${pool()}alpha:\n  listen: 127.0.0.1:22122\n${SERVERS}`,
    refusal: "5:1: conf: 'FILE' has pools with same name alpha'",
  },
  {
    text: `${pool()}beta:\n${LISTEN}${SERVERS}`,
    refusal: "6:11: conf: pools 'alpha' and 'beta' have the same listen address '127.0.0.1:22121'",
  },
  { text: `alpha:\n${SERVERS}`, refusal: '1:1: conf: directive "listen:" is missing' },
  {
    text: `alpha:\n  listen: 127.0.0.1\n${SERVERS}`,
    refusal: '2:11: conf: directive "listen" has an invalid "hostname:port" format string',
  },
  {
    text: `alpha:\n  listen: 127.0.0.1:0\n${SERVERS}`,
    refusal: '2:11: conf: directive "listen" has an invalid port in "hostname:port" format string',
  },
  {
    text: `alpha:\n  listen: /tmp/x 1777\n${SERVERS}`,
    refusal:
      '2:11: conf: directive "listen" has an invalid file permission in "socket_path permission" format string',
  },
  {
    text: `alpha:\n  listen: /tmp/x 888\n${SERVERS}`,
    refusal:
      '2:11: conf: directive "listen" has an invalid file permission in "socket_path permission" format string',
    differs: 'the original takes digits that are not octal',
  },
  { text: pool('  reuseport: true\n'), refusal: null, differs: 'a directive of later versions' },
  { text: pool('  health_probes: true\n'), refusal: null, differs: 'a directive of ours' },
  {
    text: pool('  redis: true\n'),
    refusal:
      "3:10: conf: pool 'alpha' is one of Redis, which this proxy does not speak: only pools of memcached can be served",
    differs: 'this is a proxy of memcached',
  },
  { text: `alpha:\n${LISTEN}\t${SERVERS}`, refusal: '3:1: conf: Tabs are not allowed as indentation' },
];
