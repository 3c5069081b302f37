/** Who is told of what happens to a cluster: what its file says of that, and the secrets that it needs. */
import { dirname, isAbsolute, resolve } from 'node:path';
import { StartError } from '../base/start-error.ts';
import type { ClusterAlertSettings, ClusterAlertTarget } from '../monitor/cluster-alerts.ts';
import type { CheckedYaml, Path } from '../proxy/checked-yaml.ts';
import type { ClusterServices } from './cluster-services.ts';
import { milliseconds } from './schema-parts.ts';
import { readSecretLine } from './secret-file.ts';
import type { AlertEntry, ClusterEventName, MailEntry } from './watching-schema.ts';

/** One who is told. All paths are absolute. */
export interface AlertReceiver {
  readonly by:
    | { readonly kind: 'mail' | 'webhook'; readonly address: string }
    | { readonly kind: 'webhook-file'; readonly path: string }
    | { readonly kind: 'exec'; readonly argv: readonly string[] };
  /** Null: of all. */
  readonly events: readonly ClusterEventName[] | null;
  /** Null: of all services, and of the cluster as a whole. */
  readonly services: readonly string[] | null;
  /** 0: never. */
  readonly remindSeconds: number;
}

export interface MailSettings {
  readonly host: string;
  readonly port: number | null;
  readonly usesTls: boolean;
  readonly user: string | null;
  readonly passwordFile: string | null;
  readonly from: string | null;
}

/** Holds no secret. */
export interface AlertSettings {
  readonly mail: MailSettings | null;
  readonly receivers: readonly AlertReceiver[];
}

const MAIL_SECONDS_MAX = 10;

/**
 * What a cluster file says of alerts.
 *
 * @param file the cluster file; paths start from its directory
 * @throws StartError with line and column
 */
export function alertSettings(
  yaml: CheckedYaml,
  file: string,
  {
    mail,
    alerts = [],
  }: { readonly mail?: MailEntry | undefined; readonly alerts?: readonly AlertEntry[] | undefined },
  services: ClusterServices,
): AlertSettings {
  if (mail !== undefined && (mail.user === undefined) !== (mail['password-file'] === undefined))
    throw yaml.mistake(
      ['mail'],
      'a user needs a password; write both "user:" and "password-file:", or neither',
    );
  return {
    mail: mail === undefined ? null : mailSettings(mail, file),
    receivers: alerts.map((entry, index) => {
      const path: Path = ['alerts', index];
      const { events = null, of, remind } = entry;
      const by = receiverOf(yaml, file, entry, path);
      if (by.kind === 'mail' && mail === undefined)
        throw yaml.mistake(
          path,
          'no server sends this mail; write "mail:" and "server:" at the top of the file',
        );
      return {
        by,
        events,
        services:
          of === undefined ? null : services.chosen(yaml, of, [...path, 'of']).map((service) => service.name),
        remindSeconds: remind === undefined ? 0 : Math.max(1, Math.ceil(milliseconds(remind) / 1000)),
      };
    }),
  };
}

function mailSettings(mail: MailEntry, file: string): MailSettings {
  const { server, port = null, tls = false, user = null, from = null } = mail;
  const passwordFile = mail['password-file'];
  return {
    host: server,
    port,
    usesTls: tls,
    user,
    passwordFile: passwordFile === undefined ? null : resolve(dirname(file), passwordFile),
    from,
  };
}

function receiverOf(yaml: CheckedYaml, file: string, entry: AlertEntry, path: Path): AlertReceiver['by'] {
  const { mail, webhook, 'webhook-file': webhookFile, exec } = entry;
  const found: AlertReceiver['by'][] = [];
  if (mail !== undefined) found.push({ kind: 'mail', address: mail });
  if (webhook !== undefined) found.push({ kind: 'webhook', address: webhook });
  if (webhookFile !== undefined)
    found.push({ kind: 'webhook-file', path: resolve(dirname(file), webhookFile) });
  if (exec !== undefined) found.push({ kind: 'exec', argv: programWords(exec, file) });
  const [first, ...more] = found;
  if (first === undefined || more.length > 0)
    throw yaml.mistake(
      path,
      'an alert goes one way; write one of "mail:", "webhook:", "webhook-file:" and "exec:", and further ways as further alerts',
    );
  return first;
}

/** A program with its arguments. A name without a slash is looked for in PATH; other paths start from the file's directory. */
export function programWords([program = '', ...words]: readonly string[], file: string): string[] {
  const isPath = program.includes('/') && !isAbsolute(program);
  return [isPath ? resolve(dirname(file), program) : program, ...words];
}

/**
 * Reads the secrets that alerts need. No secret is in any message.
 *
 * @param warn is told what is dangerous, and no hindrance
 * @throws StartError when one cannot be read
 */
export function openAlerts(
  { mail, receivers }: AlertSettings,
  warn: (text: string) => void,
): ClusterAlertSettings {
  return {
    from: mail?.from ?? null,
    mailServers:
      mail === null
        ? []
        : [
            {
              host: mail.host,
              port: mail.port,
              user: mail.user,
              password:
                mail.passwordFile === null
                  ? null
                  : readSecretLine('password of mail', mail.passwordFile, 'the password of mail', warn),
              usesTls: mail.usesTls,
              timeoutSeconds: MAIL_SECONDS_MAX,
            },
          ],
    targets: receivers.map((receiver) => targetOf(receiver, warn)),
  };
}

function targetOf(
  { by, events, services, remindSeconds }: AlertReceiver,
  warn: (text: string) => void,
): ClusterAlertTarget {
  return {
    target: {
      address: addressOf(by, warn),
      events,
      isExclusion: false,
      reminderCycles: remindSeconds,
      format: { from: null, replyTo: null, subject: null, message: null },
    },
    program: by.kind === 'exec' ? { argv: by.argv, user: null, group: null, timeoutMs: null } : null,
    services,
  };
}

function addressOf(by: AlertReceiver['by'], warn: (text: string) => void): string {
  if (by.kind === 'exec') return `exec ${by.argv.join(' ')}`;
  if (by.kind !== 'webhook-file') return by.address;
  const url = readSecretLine('URL of a web hook', by.path, 'the URL of a web hook', warn);
  if (!/^https?:\/\/[^\s/]\S*$/i.test(url))
    throw new StartError(`the URL of a web hook: ${by.path}: its first line is no URL of http or https`);
  return url;
}
