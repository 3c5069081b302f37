import { eventTitle, type ServiceEvent } from '../checks/event-kinds.ts';
import type { MailFormat } from '../control/tree.ts';
import { dateText } from '../telemetry/date-text.ts';

/** An event with what is known around it, ready to be told. */
export interface Alert {
  readonly service: string;
  readonly event: ServiceEvent;
  /** Wall clock, milliseconds since 1970. */
  readonly atMs: number;
  readonly hostName: string;
  /** Of which cluster the service is; not given by monit. */
  readonly cluster?: string;
}

export interface Message {
  readonly from: string;
  readonly replyTo: string | null;
  readonly subject: string;
  readonly text: string;
}

const SUBJECT = 'monit alert --  $EVENT $SERVICE';
const TEXT = `$EVENT Service $SERVICE

\tDate:        $DATE
\tAction:      $ACTION
\tHost:        $HOST
\tDescription: $DESCRIPTION

Your faithful employee,
Monit
`;

/** Longest description that is told. */
const DESCRIPTION_LENGTH_MAX = 2000;

/** What `$EVENT` and the others mean in an alert. */
export function macros({ service, event, atMs, hostName }: Alert): Readonly<Record<string, string>> {
  return {
    EVENT: eventTitle(event.name, event.state),
    SERVICE: service,
    DATE: dateText(atMs),
    HOST: hostName,
    ACTION: event.action,
    DESCRIPTION: event.description.slice(0, DESCRIPTION_LENGTH_MAX),
  };
}

/** The mail that tells an alert. Formats come in order: the recipient's own, the general one, monit's. */
export function mailOf(alert: Alert, ...formats: readonly MailFormat[]): Message {
  const values = macros(alert);
  const filled = (text: string): string =>
    text.replace(
      /\$(EVENT|SERVICE|DATE|HOST|ACTION|DESCRIPTION)\b/g,
      (all, name: string) => values[name] ?? all,
    );
  const first = (part: keyof MailFormat): string | null =>
    formats.map((format) => format[part]).find((value) => value !== null) ?? null;
  // A subject is one line, whatever a service has said.
  const oneLine = (text: string): string => text.replace(/[\r\n]+/g, ' ');
  return {
    from: oneLine(filled(first('from') ?? `monit@${alert.hostName}`)),
    replyTo: first('replyTo'),
    subject: oneLine(filled(first('subject') ?? SUBJECT)),
    text: filled(first('message') ?? TEXT),
  };
}

/** An alert in a line: `Connection failed mc: no answer (restart, host)`. */
export function lineOf(alert: Alert): string {
  const { service, event, hostName, cluster } = alert;
  const where = cluster === undefined ? hostName : `${cluster} on ${hostName}`;
  const { EVENT, DESCRIPTION } = macros(alert);
  const what = event.action === 'alert' ? where : `${event.action}, ${where}`;
  return `${EVENT} ${service}: ${(DESCRIPTION ?? '').replace(/\s*[\r\n]+\s*/g, ' | ')} (${what})`;
}

/** The environment of programs that are run because of an event. */
export function eventEnvironment(alert: Alert): Readonly<Record<string, string>> {
  const values = macros(alert);
  return {
    MONIT_EVENT: values['EVENT'] ?? '',
    MONIT_SERVICE: alert.service,
    MONIT_DATE: values['DATE'] ?? '',
    MONIT_HOST: alert.hostName,
    MONIT_DESCRIPTION: (values['DESCRIPTION'] ?? '').replaceAll('\0', ''),
    ...(alert.cluster === undefined ? {} : { TWINCACHED_CLUSTER: alert.cluster }),
  };
}
