import { hostname } from 'node:os';
import type { Clock } from '../base/clock.ts';
import { Reminders, recipients } from '../checks/alert-routing.ts';
import type { AlertCounts } from '../checks/cluster-status.ts';
import type { ServiceEvent } from '../checks/event-kinds.ts';
import type { EventLevel } from '../checks/event-log.ts';
import type { AlertTarget, MailFormat, MailServer, ProgramCall } from '../control/tree.ts';
import type { Alert } from './alert-message.ts';
import { AlertSender, type SenderSettings } from './alert-sender.ts';
import { EventPrograms } from './event-programs.ts';

/** Somebody who wants to be told, or a program that is run instead. */
export interface ClusterAlertTarget {
  readonly target: AlertTarget;
  /** Null: a mail or a web hook, as the target's address says. */
  readonly program: ProgramCall | null;
  /** Null: of all services, and of the cluster as a whole. */
  readonly services: readonly string[] | null;
}

export interface ClusterAlertSettings {
  readonly targets: readonly ClusterAlertTarget[];
  /** In the order in which they are tried; none: mails cannot be sent. */
  readonly mailServers: readonly MailServer[];
  /** Null: `twincached@HOST`. */
  readonly from: string | null;
}

export interface ClusterAlertsOptions {
  readonly cluster: string;
  readonly clock: Clock;
  /** Where alerts are kept that could not be sent; null: they are lost, and counted. */
  readonly queueDirectory: string | null;
  readonly log: (level: EventLevel, service: string, text: string) => void;
}

/** Alerts that are kept; more are lost, and counted. */
const QUEUE_SLOTS = 1000;

/** Between two looks at what waits to be sent again. */
const RETRY_SECONDS = 10;

/** A program of an alert that takes longer is ended. */
const PROGRAM_MS_MAX = 60_000;
const PROGRAM_OUTPUT_BYTES_MAX = 512;

/** At the end of the monitor alerts have so long to arrive. */
const LAST_ALERTS_MS_MAX = 3000;

/** Who is told by name of a service that has none: of the cluster as a whole. */
const WHOLE = '';

/** Tells people, web hooks and programs what happens to the services of a cluster. Nothing waits for it. */
export class ClusterAlerts {
  readonly #options: ClusterAlertsOptions;
  readonly #sender: AlertSender;
  readonly #programs: EventPrograms;
  readonly #programPids: Set<number> = new Set();
  readonly #reminders: Reminders = new Reminders();
  #settings: ClusterAlertSettings;
  #programCounts = { sent: 0, failed: 0 };
  #seconds = 0;
  #isHurried = false;
  #wake: () => void = () => {};

  constructor(settings: ClusterAlertSettings, options: ClusterAlertsOptions) {
    this.#settings = settings;
    this.#options = options;
    const { log } = options;
    this.#sender = new AlertSender({
      settings: this.#senderSettings(settings),
      log: (text) => log('warning', WHOLE, text),
      isWanted: (address) => this.#settings.targets.some(({ target }) => target.address === address),
    });
    this.#programs = new EventPrograms({
      outputBytesMax: PROGRAM_OUTPUT_BYTES_MAX,
      onChild: (pid, isAlive) => {
        if (isAlive) this.#programPids.add(pid);
        else this.#programPids.delete(pid);
      },
      log,
    });
  }

  /** From now on those are told, and so. */
  use(settings: ClusterAlertSettings): void {
    this.#settings = settings;
    this.#sender.use(this.#senderSettings(settings));
  }

  #senderSettings({ mailServers, from }: ClusterAlertSettings): SenderSettings {
    const { queueDirectory, cluster } = this.#options;
    return {
      mailServers,
      mailFormat: mailFormat(cluster, from),
      eventQueue: queueDirectory === null ? null : { directory: queueDirectory, slots: QUEUE_SLOTS },
    };
  }

  /** Of programs that run. */
  get pids(): readonly number[] {
    return [...this.#programPids];
  }

  get counts(): AlertCounts {
    const { sent, failed, ...counts } = this.#sender.counts;
    return { sent: sent + this.#programCounts.sent, failed: failed + this.#programCounts.failed, ...counts };
  }

  /**
   * Tells all who want to hear of it.
   *
   * @param service its name; '': the cluster as a whole
   * @param environment what programs are given besides
   */
  tell(service: string, event: ServiceEvent, environment: Readonly<Record<string, string>> = {}): void {
    for (const { target, program } of this.#hearers(service, event)) {
      this.#reminders.told(service, event, target);
      this.#tellOne({ target, program }, this.#alert(service, event), environment);
    }
  }

  /** Runs a program that a rule has asked for. */
  run(
    service: string,
    event: ServiceEvent,
    call: ProgramCall,
    environment: Readonly<Record<string, string>>,
  ): void {
    void this.#runProgram(call, this.#alert(service, event), environment);
  }

  /** Nobody looks at a service any more, so nobody is reminded of it. */
  forget(service: string): void {
    this.#reminders.forget(service);
  }

  everySecond(): void {
    for (const { service, event, target } of this.#reminders.cycle()) {
      const key = JSON.stringify(target);
      const known = this.#settings.targets.find((one) => JSON.stringify(one.target) === key);
      // One whom a reload has taken away is not reminded.
      if (known !== undefined) this.#tellOne(known, this.#alert(service, event), {});
    }
    this.#seconds += 1;
    if (this.#seconds % RETRY_SECONDS === 0) void this.#sender.retry();
  }

  /** The end is not to wait for anything. */
  hurry(): void {
    this.#isHurried = true;
    this.#wake();
  }

  /** What is on its way has a while to arrive, and is kept if it does not; programs are left alone. */
  async close(): Promise<void> {
    const patience = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const timer = setTimeout(this.#wake, this.#isHurried ? 0 : LAST_ALERTS_MS_MAX);
    await Promise.race([this.#sender.settled(), patience]);
    clearTimeout(timer);
    this.#sender.keepUnsent();
  }

  #hearers(service: string, event: ServiceEvent): ClusterAlertTarget[] {
    const concerned = this.#settings.targets.filter(
      ({ services }) => services === null || services.includes(service),
    );
    const wanting = new Set(
      recipients(
        event,
        null,
        concerned.map(({ target }) => target),
      ),
    );
    return concerned.filter(({ target }) => wanting.has(target));
  }

  #tellOne(
    { target, program }: Pick<ClusterAlertTarget, 'target' | 'program'>,
    alert: Alert,
    environment: Readonly<Record<string, string>>,
  ): void {
    if (program === null) this.#sender.send(alert, target);
    else void this.#runProgram(program, alert, environment);
  }

  async #runProgram(
    call: ProgramCall,
    alert: Alert,
    environment: Readonly<Record<string, string>>,
  ): Promise<void> {
    const timed = { ...call, timeoutMs: call.timeoutMs ?? PROGRAM_MS_MAX };
    const failure = await this.#programs.run(timed, alert, environment);
    if (failure === null) {
      this.#programCounts.sent += 1;
      return;
    }
    this.#programCounts.failed += 1;
    this.#options.log('warning', WHOLE, `alert by ${call.argv[0]} failed: ${failure}`);
  }

  #alert(service: string, event: ServiceEvent): Alert {
    const { cluster, clock } = this.#options;
    return {
      service: service === WHOLE ? cluster : service,
      event,
      atMs: clock.wallMs(),
      hostName: hostname(),
      cluster,
    };
  }
}

function mailFormat(cluster: string, from: string | null): MailFormat {
  return {
    from: from ?? 'twincached@$HOST',
    replyTo: null,
    subject: `twincached alert -- $EVENT $SERVICE`,
    message: `$EVENT Service $SERVICE

\tDate:        $DATE
\tAction:      $ACTION
\tHost:        $HOST
\tCluster:     ${cluster}
\tDescription: $DESCRIPTION
`,
  };
}
