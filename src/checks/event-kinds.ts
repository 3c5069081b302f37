/** What an event is called when it comes, and when its cause is over; monit's words, which mail filters of its users know. */
import { EVENT_NAMES, type EventName, type Test } from '../control/tree.ts';

interface EventWords {
  readonly failed: string;
  readonly succeeded: string;
}

const WORDS: Readonly<Record<EventName, EventWords>> = {
  action: { failed: 'Action failed', succeeded: 'Action done' },
  bytein: { failed: 'Download bytes exceeded', succeeded: 'Download bytes ok' },
  byteout: { failed: 'Upload bytes exceeded', succeeded: 'Upload bytes ok' },
  checksum: { failed: 'Checksum failed', succeeded: 'Checksum succeeded' },
  connection: { failed: 'Connection failed', succeeded: 'Connection succeeded' },
  content: { failed: 'Content failed', succeeded: 'Content succeeded' },
  data: { failed: 'Data access error', succeeded: 'Data access succeeded' },
  exec: { failed: 'Execution failed', succeeded: 'Execution succeeded' },
  exist: { failed: 'Exists', succeeded: 'Does not exist' },
  fsflags: { failed: 'Filesystem flags failed', succeeded: 'Filesystem flags succeeded' },
  gid: { failed: 'GID failed', succeeded: 'GID succeeded' },
  icmp: { failed: 'Ping failed', succeeded: 'Ping succeeded' },
  instance: { failed: 'Monit instance failed', succeeded: 'Monit instance succeeded' },
  invalid: { failed: 'Invalid type', succeeded: 'Type succeeded' },
  link: { failed: 'Link down', succeeded: 'Link up' },
  nonexist: { failed: 'Does not exist', succeeded: 'Exists' },
  packetin: { failed: 'Download packets exceeded', succeeded: 'Download packets ok' },
  packetout: { failed: 'Upload packets exceeded', succeeded: 'Upload packets ok' },
  permission: { failed: 'Permission failed', succeeded: 'Permission succeeded' },
  pid: { failed: 'PID failed', succeeded: 'PID succeeded' },
  ppid: { failed: 'PPID failed', succeeded: 'PPID succeeded' },
  resource: { failed: 'Resource limit matched', succeeded: 'Resource limit succeeded' },
  saturation: { failed: 'Saturation exceeded', succeeded: 'Saturation ok' },
  size: { failed: 'Size failed', succeeded: 'Size succeeded' },
  speed: { failed: 'Speed failed', succeeded: 'Speed ok' },
  status: { failed: 'Status failed', succeeded: 'Status succeeded' },
  timeout: { failed: 'Timeout', succeeded: 'Timeout recovery' },
  timestamp: { failed: 'Timestamp failed', succeeded: 'Timestamp succeeded' },
  uid: { failed: 'UID failed', succeeded: 'UID succeeded' },
  uptime: { failed: 'Uptime failed', succeeded: 'Uptime succeeded' },
};

/** The bit of an event in the status mask of monit's XML. */
const BITS: Partial<Readonly<Record<EventName, number>>> = {
  checksum: 0x1,
  resource: 0x2,
  timeout: 0x4,
  timestamp: 0x8,
  size: 0x10,
  connection: 0x20,
  permission: 0x40,
  uid: 0x80,
  gid: 0x100,
  nonexist: 0x200,
  invalid: 0x400,
  data: 0x800,
  exec: 0x1000,
  fsflags: 0x2000,
  icmp: 0x4000,
  content: 0x8000,
  instance: 0x10000,
  action: 0x20000,
  pid: 0x40000,
  ppid: 0x80000,
  status: 0x200000,
  uptime: 0x400000,
  link: 0x800000,
};

/** `changed`: it is neither good nor bad, it is different. */
export type EventState = 'failed' | 'succeeded' | 'changed';

/** Something that happened to a service, as alerts tell it. */
export interface ServiceEvent {
  readonly name: EventName;
  readonly state: EventState;
  /** What is so, with figures. */
  readonly description: string;
  /** What is done about it: `alert`, `restart`, ... */
  readonly action: string;
  /** Where several causes have one name, which of them it is. */
  readonly about?: string;
}

/** The event's title: `Connection failed`. */
export function eventTitle(name: EventName, state: EventState): string {
  // Monit has no other word for what it did, be it good or bad.
  if (name === 'action' && state === 'changed') return WORDS.action.succeeded;
  if (state === 'changed') return WORDS[name].failed.replace(/ failed$/, ' changed');
  return WORDS[name][state];
}

/** The number that stands for the event in monit's masks of events, one bit; 0: it has none. */
export function eventBit(name: EventName): number {
  return BITS[name] ?? 0;
}

/** The kind of event that a test's result is. */
export function eventOfTest(test: Test): EventName {
  switch (test.kind) {
    case 'existence':
      return test.expected ? 'exist' : 'nonexist';
    case 'resource':
      if (test.resource === 'uptime' || test.resource === 'size' || test.resource === 'status')
        return test.resource;
      if (test.resource === 'saturation') return 'saturation';
      return /^(age|[acm]time)$/.test(test.resource) ? 'timestamp' : 'resource';
    case 'change':
      if (test.property === 'link') return 'speed';
      return test.property.endsWith('time')
        ? 'timestamp'
        : (EVENT_NAMES.find((name) => name === test.property) ?? 'data');
    case 'type':
    case 'security':
      return 'invalid';
    case 'link':
      return 'link';
    case 'traffic':
      if (test.unit === 'bytes') return test.direction === 'upload' ? 'byteout' : 'bytein';
      return test.direction === 'upload' ? 'packetout' : 'packetin';
    case 'checksum':
    case 'permission':
    case 'content':
    case 'connection':
      return test.kind;
    case 'owner':
      return test.property === 'gid' ? 'gid' : 'uid';
    case 'ping':
      return 'icmp';
  }
}
