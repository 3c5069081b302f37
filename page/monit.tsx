/** The live page of a monitor that runs monit's control file. */
import { type JSX, render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ServiceCommand } from '../src/checks/service-machine.ts';
import { bytesText, durationText, NOTHING } from '../src/dashboard/display-units.ts';
import type { EntryLine, EntryView } from '../src/dashboard/entry-view.ts';
import { OfflineBadge, useActions } from './actions.tsx';
import { Charts } from './charts.tsx';
import type { Intention } from './confirm.tsx';
import { EventLog } from './event-log.tsx';
import { percentText } from './figures.ts';
import { Mark, type Tone, Toned } from './marks.tsx';
import { Menu } from './menu.tsx';
import { UserName } from './user-name.tsx';
import './page.css';
import './parts.css';
import './widths.css';
import { readSession, type Session } from './session.ts';
import { Cell, type Column, Table } from './table.tsx';

/** Between two looks; the monitor answers in a millisecond or two. */
const LOOK_MS = 1000;

const COLUMNS: readonly Column[] = [
  ['service', ''],
  ['type', ''],
  ['group', ''],
  ['why', ''],
  ['pid', 'number'],
  ['up for', 'number'],
  ['CPU', 'number'],
  ['memory', 'number'],
  ['restarts', 'number'],
];

function Page({ beginning }: { readonly beginning: EntryView }): JSX.Element {
  const [view, setView] = useState(beginning);
  const [isLive, setLive] = useState(true);
  const [session, setSession] = useState<Session | null>(null);
  const [overlay, onIntent] = useActions();
  useEffect(() => {
    readSession().then(setSession);
    let timer: ReturnType<typeof setTimeout>;
    const look = async (): Promise<void> => {
      const next = await readView();
      setLive(next !== null);
      if (next !== null) setView(next);
      timer = setTimeout(look, LOOK_MS);
    };
    timer = setTimeout(look, LOOK_MS);
    return () => clearTimeout(timer);
  }, []);
  const { facts, services, events } = view;
  const bad = services.filter(({ tone }) => tone === 'bad');
  const tone: Tone = bad.length > 0 ? 'bad' : services.some((one) => one.tone === 'busy') ? 'busy' : 'good';
  const well = services.filter((one) => one.tone === 'good').length;
  return (
    <>
      <a class="skip" href="#services">
        To the services
      </a>
      <header class="top">
        <h1>
          <span class="product">Monit service manager</span> {facts.hostName}
        </h1>
        <span id="cluster-state" class="badge" data-tone={BADGE_TONES[tone]}>
          <Toned tone={tone}>{`${well} of ${services.length} well`}</Toned>
        </span>
        <OfflineBadge isLive={isLive} />
        <nav aria-label="Other pages">
          <a href="/_runtime">Runtime</a>
          {session?.role === 'read-only' ? null : <a href="/_viewlog">Log</a>}
          <a href="/_about">About</a>
        </nav>
        <span class="who">
          <UserName session={session} />
        </span>
      </header>
      <main data-live={isLive}>
        <section class="incidents" aria-label="Needs attention" aria-live="polite">
          {bad.length === 0 ? null : (
            <ul>
              {bad.map(({ name, status, reason }) => (
                <li key={name} data-tone="bad">
                  <Mark tone="bad" />
                  <a href={`/${encodeURIComponent(name)}`}>{name}</a>
                  <span>{reason === '' ? status : `${status}: ${reason}`}</span>
                </li>
              ))}
            </ul>
          )}
        </section>
        <section id="services" class="card" aria-labelledby="services-title">
          <div class="title-row">
            <h2 id="services-title">Services</h2>
            <span class="faint">
              {`up for ${durationText(facts.uptimeSeconds)}, looks at everything each ${facts.cycleSeconds} s`}
            </span>
          </div>
          <Table columns={COLUMNS} hasActions>
            <tbody>
              {services.map((service) => (
                <ServiceRow
                  key={service.name}
                  service={service}
                  mayAct={session?.token != null}
                  onIntent={onIntent}
                />
              ))}
            </tbody>
          </Table>
        </section>
        <Charts
          services={services
            .filter(({ type }) => type === 'process' || type === 'system')
            .map(({ name }) => ({ name, role: 'process' }))}
          whole="all processes"
          wholeRole="process"
          source="/_history.json"
          newestAtMs={view.historyAtMs}
        />
        <EventLog log={events} services={[]} />
      </main>
      {overlay}
    </>
  );
}

const BADGE_TONES: Readonly<Record<Tone, string>> = {
  good: 'ok',
  busy: 'starting',
  bad: 'failing',
  idle: '',
};

function ServiceRow({
  service,
  mayAct,
  onIntent,
}: {
  readonly service: EntryLine;
  readonly mayAct: boolean;
  readonly onIntent: (intention: Intention) => void;
}): JSX.Element {
  const { name, type, groups, status, tone, reason, pid, uptimeSeconds, cpuPercent, restarts } = service;
  return (
    <tr data-service={name} data-tone-of={tone}>
      <th scope="row">
        <a href={`/${encodeURIComponent(name)}`}>{name}</a>
        <Toned tone={tone}>{status}</Toned>
      </th>
      <Cell label="type">{type}</Cell>
      <Cell label="group">{groups.length === 0 ? NOTHING : groups.join(', ')}</Cell>
      <Cell label="why">{reason === '' ? NOTHING : reason}</Cell>
      <Cell label="pid" isNumber>
        {pid === null ? NOTHING : String(pid)}
      </Cell>
      <Cell label="up for" isNumber>
        {uptimeSeconds === null ? NOTHING : durationText(uptimeSeconds)}
      </Cell>
      <Cell label="CPU" isNumber>
        {percentText(cpuPercent)}
      </Cell>
      <Cell label="memory" isNumber>
        {service.memoryBytes === null ? percentText(service.memoryPercent) : bytesText(service.memoryBytes)}
      </Cell>
      <Cell label="restarts" isNumber>
        {type === 'process' || restarts > 0 ? String(restarts) : NOTHING}
      </Cell>
      <td class="actions">
        {mayAct ? (
          <Menu
            label="Actions"
            hint={`Actions on ${name}`}
            items={commandsFor(service).map((command) => [
              `${WORDS[command]} …`,
              () => onIntent(intentionOf(service, command)),
            ])}
          />
        ) : null}
      </td>
    </tr>
  );
}

const WORDS: Readonly<Record<ServiceCommand, string>> = {
  start: 'Start',
  stop: 'Stop',
  restart: 'Restart',
  monitor: 'Watch',
  unmonitor: 'Stop watching',
};

const CONSEQUENCES: Readonly<Record<ServiceCommand, string>> = {
  start: 'Its start program is run, and those of what it depends on before it.',
  stop: 'Its stop program is run, and those of what depends on it before it. Nobody watches it until it is started again.',
  restart: 'It is stopped and started anew, and what depends on it as well.',
  monitor: 'It is looked at again in each cycle.',
  unmonitor: 'Nobody looks at it, and nobody starts it again when it dies, until it is watched again.',
};

function commandsFor({ type, isMonitored, isRunning }: EntryLine): readonly ServiceCommand[] {
  const watching: ServiceCommand = isMonitored ? 'unmonitor' : 'monitor';
  if (type !== 'process') return [watching];
  return isRunning ? ['restart', 'stop', watching] : ['start', watching];
}

function intentionOf({ name }: EntryLine, command: ServiceCommand): Intention {
  return {
    title: `${WORDS[command]} ${name}`,
    consequence: CONSEQUENCES[command],
    path: `/${encodeURIComponent(name)}`,
    fields: [['action', command]],
    isDangerous: command === 'stop' || command === 'restart' || command === 'unmonitor',
    typed: null,
  };
}

/** @returns null when the monitor does not answer */
async function readView(): Promise<EntryView | null> {
  try {
    const answer = await fetch('/_live.json');
    if (!answer.ok) return null;
    // Cast: our own server's answer, of the same release.
    return (await answer.json()) as EntryView;
  } catch {
    return null;
  }
}

const place = document.getElementById('page');
const beginning = document.getElementById('beginning')?.textContent;
if (place !== null && beginning != null) {
  // Cast: the server that wrote the page is of the same release.
  render(<Page beginning={JSON.parse(beginning) as EntryView} />, place);
}
