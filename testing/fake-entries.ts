import type { EntryControl, EntryStatus, MonitorFacts } from '../src/checks/entry-status.ts';
import type { LogEvent } from '../src/checks/event-log.ts';
import type { ServiceCommand } from '../src/checks/service-machine.ts';
import type { ServiceEntry } from '../src/control/tree.ts';

/** A monitor of a control file that does nothing but keep what it was told; all its services are well unless told otherwise. */
export class FakeEntries implements EntryControl {
  readonly commands: string[] = [];
  /** What is different, by service. */
  readonly different: Map<string, Partial<EntryStatus>> = new Map();
  happened: readonly LogEvent[] = [];
  /** How often it was asked for all its services. */
  looks = 0;
  readonly #entries: readonly ServiceEntry[];

  constructor(entries: readonly ServiceEntry[]) {
    this.#entries = entries;
  }

  facts(): MonitorFacts {
    return {
      id: '0'.repeat(32),
      hostName: 'host',
      version: '1',
      pid: 1,
      uptimeSeconds: 1,
      cycleSeconds: 5,
      startDelaySeconds: 0,
      controlFile: '/c',
      logFile: '-',
      pidFile: '/p',
      stateFile: '/s',
      idFile: '/i',
      httpd: { address: '127.0.0.1', port: 2812, isTls: false },
      platform: {
        name: 'Linux',
        release: '6',
        version: '#1',
        machine: 'x86_64',
        cores: 2,
        memoryBytes: 1024,
        swapBytes: 0,
      },
    };
  }

  entries(): readonly EntryStatus[] {
    this.looks += 1;
    return this.#entries.map((entry) => ({
      entry,
      statusText: 'OK',
      monitoringText: 'Monitored',
      state: 'running',
      reason: '',
      failures: [],
      isMonitored: true,
      pending: null,
      onReboot: 'start',
      pid: 1,
      restarts: 0,
      sample: null,
      sampledAtMs: null,
      output: '',
      nextStartSeconds: null,
      ...this.different.get(entry.name),
    }));
  }

  events(): readonly LogEvent[] {
    return this.happened;
  }

  command(names: readonly string[], command: ServiceCommand): void {
    this.commands.push(`${command} ${names.join(' ')}`);
  }

  wake(): void {
    this.commands.push('wake');
  }
}
