/** What a control file says, as plain data. Everything that the file left out has its default here. */

/** Where in which file something is written; lines count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** Something the operator should know that does not keep the file from being used. */
export interface ControlWarning extends Place {
  readonly text: string;
}

/** A whole control file, with all that it includes. */
export interface ControlTree {
  readonly settings: Settings;
  readonly services: readonly ServiceEntry[];
  readonly warnings: readonly ControlWarning[];
}

export interface Settings {
  /** Poll cycle; null: no `set daemon`. */
  readonly cycleSeconds: number | null;
  /** Delay before the first cycle after a reboot of the host. */
  readonly startDelaySeconds: number;
  /** `set init`: stay in the foreground. */
  readonly isInit: boolean;
  readonly log: LogTarget | null;
  readonly pidFile: string | null;
  readonly idFile: string | null;
  readonly stateFile: string | null;
  readonly onReboot: OnReboot;
  /** `set terminal batch`: no frames and colours on the command line. */
  readonly isBatch: boolean;
  readonly httpd: Httpd | null;
  readonly mailServers: readonly MailServer[];
  readonly mailFormat: MailFormat;
  readonly alerts: readonly AlertTarget[];
  readonly eventQueue: { readonly directory: string; readonly slots: number | null } | null;
  readonly limits: Limits;
}

export type LogTarget =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'syslog'; readonly facility: string | null };

export type OnReboot = 'start' | 'nostart' | 'laststate';
export type Mode = 'active' | 'passive';

export interface Httpd {
  /** Null: no TCP port. */
  readonly port: number | null;
  /** Null: all addresses. */
  readonly address: string | null;
  readonly unixSocket: {
    readonly path: string;
    /** Octal digits; null: as the process's mask has it. */
    readonly permission: string | null;
    readonly user: string | null;
    readonly group: string | null;
  } | null;
  /** False: the server does not say what it is. */
  readonly hasSignature: boolean;
  readonly isReadOnly: boolean;
  /** Certificate and key in one file; null: plain HTTP. */
  readonly pemFile: string | null;
  readonly allowedHosts: readonly AllowedHosts[];
  readonly users: readonly HttpUser[];
  /** Groups of the system, `@name`. */
  readonly groups: readonly { readonly name: string; readonly isReadOnly: boolean }[];
  readonly passwordFiles: readonly PasswordFile[];
}

/** `address/bits`, an address, or a name that is still to be looked up. */
export type AllowedHosts =
  | { readonly kind: 'network'; readonly address: string; readonly bits: number }
  | { readonly kind: 'name'; readonly name: string; readonly place: Place };

export interface HttpUser {
  readonly name: string;
  readonly password: string;
  readonly isReadOnly: boolean;
}

export interface PasswordFile {
  readonly format: 'cleartext' | 'crypt' | 'md5';
  readonly path: string;
  /** Empty: all users of the file. */
  readonly users: readonly string[];
  readonly isReadOnly: boolean;
}

export interface MailServer {
  readonly host: string;
  readonly port: number | null;
  readonly user: string | null;
  readonly password: string | null;
  readonly usesTls: boolean;
  readonly timeoutSeconds: number;
}

/** Null: monit's own text. */
export interface MailFormat {
  readonly from: string | null;
  readonly replyTo: string | null;
  readonly subject: string | null;
  readonly message: string | null;
}

/** The kinds of events, by the words that the language has for them. */
export const EVENT_NAMES = [
  'action',
  'bytein',
  'byteout',
  'checksum',
  'connection',
  'content',
  'data',
  'exec',
  'exist',
  'fsflags',
  'gid',
  'icmp',
  'instance',
  'invalid',
  'link',
  'nonexist',
  'packetin',
  'packetout',
  'permission',
  'pid',
  'ppid',
  'resource',
  'saturation',
  'size',
  'speed',
  'status',
  'timeout',
  'timestamp',
  'uid',
  'uptime',
] as const;
export type EventName = (typeof EVENT_NAMES)[number];

export interface AlertTarget {
  /** A mail address, or the URL of a web hook. */
  readonly address: string;
  /** Null: all events. */
  readonly events: readonly EventName[] | null;
  /** True: all but `events`. */
  readonly isExclusion: boolean;
  /** 0: no reminder. */
  readonly reminderCycles: number;
  readonly format: MailFormat;
}

export interface Limits {
  readonly programOutputBytes: number;
  readonly sendExpectBufferBytes: number;
  readonly fileContentBufferBytes: number;
  readonly httpContentBufferBytes: number;
  readonly networkTimeoutMs: number;
  readonly programTimeoutMs: number;
  readonly stopTimeoutMs: number;
  readonly startTimeoutMs: number;
  readonly restartTimeoutMs: number;
}

export const SERVICE_TYPES = [
  'filesystem',
  'directory',
  'file',
  'process',
  'host',
  'system',
  'fifo',
  'program',
  'network',
] as const;
export type ServiceType = (typeof SERVICE_TYPES)[number];

/** What an entry looks at. */
export type Subject =
  | { readonly kind: 'pid-file'; readonly path: string }
  | { readonly kind: 'matching'; readonly pattern: string }
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'program'; readonly call: ProgramCall }
  | { readonly kind: 'interface'; readonly name: string }
  | { readonly kind: 'system' };

export interface ServiceEntry {
  readonly name: string;
  readonly type: ServiceType;
  readonly place: Place;
  readonly subject: Subject;
  readonly start: ProgramCall | null;
  readonly stop: ProgramCall | null;
  readonly restart: ProgramCall | null;
  readonly every: Schedule;
  readonly mode: Mode;
  /** Null: as `set onreboot` says. */
  readonly onReboot: OnReboot | null;
  readonly groups: readonly string[];
  readonly dependsOn: readonly { readonly name: string; readonly place: Place }[];
  readonly rules: readonly Rule[];
  readonly restartLimits: readonly RestartLimit[];
  readonly alerts: readonly AlertTarget[];
  /** Recipients of `set alert` that are not to hear of this service. */
  readonly noAlerts: readonly string[];
  /** Patterns of lines that rules about a file's content do not see; negated: all lines but those. */
  readonly ignoredContent: readonly IgnoredContent[];
}

export interface IgnoredContent {
  readonly pattern: string;
  readonly isNegated: boolean;
}

/** A program with its arguments; no shell reads them. */
export interface ProgramCall {
  readonly argv: readonly string[];
  readonly user: string | null;
  readonly group: string | null;
  /** Null: the limit of `set limits`. */
  readonly timeoutMs: number | null;
}

export type Schedule =
  | { readonly kind: 'always' }
  | { readonly kind: 'cycles'; readonly cycles: number }
  /** A cron line of five fields; `isExclusion`: not at these times. */
  | { readonly kind: 'cron'; readonly line: string; readonly isExclusion: boolean };

export interface Rule {
  readonly place: Place;
  readonly test: Test;
  readonly onFailure: Reaction;
  readonly onSuccess: Reaction;
}

/** What is done when a test has matched in `times` of the last `cycles` cycles. */
export interface Reaction {
  readonly times: number;
  readonly cycles: number;
  readonly action: Action;
}

export type Action =
  | { readonly kind: 'alert' | 'restart' | 'start' | 'stop' | 'unmonitor' }
  | {
      readonly kind: 'exec';
      readonly call: ProgramCall;
      /** While the test goes on failing; 0: once. */
      readonly repeatCycles: number;
    };

export interface RestartLimit {
  readonly restarts: number;
  readonly cycles: number;
  readonly action: Action;
  readonly place: Place;
}

export type Operator = '<' | '<=' | '>' | '>=' | '=' | '!=';

export type Unit =
  | 'percent'
  | 'bytes'
  | 'bytes-per-second'
  | 'operations-per-second'
  | 'milliseconds'
  | 'none';

/** Figures that a test compares with a limit. Which service types have which, the parser knows. */
export type Resource =
  | 'cpu'
  | 'cpu-total'
  | 'cpu-user'
  | 'cpu-system'
  | 'cpu-wait'
  | 'cpu-nice'
  | 'cpu-hardirq'
  | 'cpu-softirq'
  | 'cpu-steal'
  | 'cpu-guest'
  | 'cpu-guestnice'
  | 'memory'
  | 'memory-total'
  | 'swap'
  | 'children'
  | 'threads'
  | 'file-descriptors'
  | 'file-descriptors-total'
  | 'uptime'
  | 'load-1'
  | 'load-5'
  | 'load-15'
  | 'disk-read'
  | 'disk-write'
  | 'service-time'
  | 'space-used'
  | 'space-free'
  | 'inodes-used'
  | 'inodes-free'
  | 'size'
  | 'age'
  | 'atime'
  | 'ctime'
  | 'mtime'
  | 'hardlinks'
  | 'status'
  | 'saturation';

export type ChangingProperty =
  | 'pid'
  | 'ppid'
  | 'checksum'
  | 'timestamp'
  | 'atime'
  | 'ctime'
  | 'mtime'
  | 'size'
  | 'permission'
  | 'fsflags'
  | 'status'
  | 'link';

export type Test =
  /** Matches when the subject's being there is `expected`. */
  | { readonly kind: 'existence'; readonly expected: boolean }
  | {
      readonly kind: 'resource';
      readonly resource: Resource;
      readonly operator: Operator;
      readonly limit: number;
      readonly unit: Unit;
      /** Load per core. */
      readonly isPerCore: boolean;
    }
  | { readonly kind: 'change'; readonly property: ChangingProperty }
  | { readonly kind: 'checksum'; readonly expected: string }
  /** Octal, such as 0644. */
  | { readonly kind: 'permission'; readonly expected: string }
  | { readonly kind: 'owner'; readonly property: 'uid' | 'euid' | 'gid'; readonly expected: string }
  | { readonly kind: 'content'; readonly pattern: string; readonly isNegated: boolean }
  /** Is read, and never says anything. */
  | { readonly kind: 'security'; readonly expected: string }
  | {
      readonly kind: 'ping';
      readonly matchesWhen: 'failed' | 'succeeded';
      /** Requests until one is answered. */
      readonly count: number;
      readonly timeoutMs: number;
      readonly family: 'any' | 'ipv4' | 'ipv6';
      readonly source: string | null;
      readonly payloadBytes: number;
      readonly responseTime: ResponseTime | null;
    }
  /** Matches when the path is of another type than the entry; no file says it, and it always holds. */
  | { readonly kind: 'type' }
  /** Of a network interface. */
  | { readonly kind: 'link'; readonly matchesWhen: 'up' | 'down' }
  | {
      readonly kind: 'traffic';
      readonly direction: 'upload' | 'download';
      readonly operator: Operator;
      readonly limit: number;
      readonly unit: 'bytes' | 'packets';
      /** Added up over so long, at most a day; null: per second, in the last cycle. */
      readonly withinMs: number | null;
    }
  | ConnectionTest;

/** Protocols of which more is known than that something accepts. */
export const PROTOCOLS = ['default', 'memcache', 'memcache-text', 'http', 'redis', 'smtp', 'ssh'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** An answer that takes so long is as good as none. */
export interface ResponseTime {
  readonly operator: Operator;
  readonly limitMs: number;
}

export interface ConnectionTest {
  readonly kind: 'connection';
  readonly matchesWhen: 'failed' | 'succeeded';
  readonly target:
    | { readonly kind: 'port'; readonly host: string; readonly port: number }
    | { readonly kind: 'unix'; readonly path: string };
  /** The address to connect from; null: any. */
  readonly source: string | null;
  readonly family: 'any' | 'ipv4' | 'ipv6';
  readonly transport: 'tcp' | 'udp';
  readonly usesTls: boolean;
  readonly protocol: Protocol;
  /** What `protocol http` asks for. */
  readonly http: HttpQuestion | null;
  readonly dialogue: readonly { readonly kind: 'send' | 'expect'; readonly text: string }[];
  readonly timeoutMs: number;
  /** Attempts in all. */
  readonly attempts: number;
  readonly responseTime: ResponseTime | null;
}

export interface HttpQuestion {
  readonly path: string;
  readonly method: 'GET' | 'HEAD';
  readonly status: { readonly operator: Operator; readonly code: number } | null;
  readonly content: { readonly pattern: string; readonly isNegated: boolean } | null;
  /** Further lines of the request's head, names and values. */
  readonly headers: readonly (readonly [string, string])[];
  /** `user:password`, or null. */
  readonly credentials: string | null;
}
