import type { JSX } from 'preact';
import { stateWord } from '../src/dashboard/cluster-view.ts';

export type Tone = 'good' | 'busy' | 'bad' | 'idle';

const TONES: Readonly<Record<string, Tone>> = {
  ok: 'good',
  running: 'good',
  up: 'good',
  degraded: 'busy',
  starting: 'busy',
  stopping: 'busy',
  'backing-off': 'busy',
  connecting: 'busy',
  probing: 'busy',
  filling: 'busy',
  failing: 'bad',
  'gave-up': 'bad',
  down: 'bad',
  refused: 'bad',
  ejected: 'bad',
  out: 'busy',
};

/** How good a state is, of a service, a server or the cluster. */
export function toneOf(state: string): Tone {
  return TONES[state] ?? 'idle';
}

/** The shapes of the tones, in a square of 12, so that nobody needs to see colours. */
const SHAPES: Readonly<Record<Tone, JSX.Element>> = {
  good: <circle cx="6" cy="6" r="4.5" />,
  busy: <path d="M6 .8 11.2 6 6 11.2 .8 6Z" />,
  bad: <path d="M6 .6 11.8 11H.2Z" />,
  idle: (
    <rect x="2.25" y="2.25" width="7.5" height="7.5" fill="none" stroke="currentColor" stroke-width="1.5" />
  ),
};

/** The mark of a tone. What it means always stands beside it as a word, so it is not read out. */
export function Mark({ tone }: { readonly tone: Tone }): JSX.Element {
  return (
    <svg class="mark" data-tone={tone} viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      {SHAPES[tone]}
    </svg>
  );
}

/** The same inside of another picture. */
export function MarkAt({
  tone,
  x,
  y,
}: {
  readonly tone: Tone;
  readonly x: number;
  readonly y: number;
}): JSX.Element {
  return (
    <g class="mark" data-tone={tone} transform={`translate(${x} ${y})`}>
      {SHAPES[tone]}
    </g>
  );
}

/** A state as mark and word. */
export function StateWord({
  state,
  monitored = true,
}: {
  readonly state: string;
  readonly monitored?: boolean;
}): JSX.Element {
  return (
    <span class="state" data-tone={toneOf(state)} data-state={state}>
      <Mark tone={toneOf(state)} />
      {stateWord(state)}
      {monitored ? '' : ', not monitored'}
    </span>
  );
}

/** Some text with the mark of a tone. */
export function Toned({ tone, children }: { readonly tone: Tone; readonly children: string }): JSX.Element {
  return (
    <span class="state" data-tone={tone}>
      <Mark tone={tone} />
      {children}
    </span>
  );
}

/** How much of something is used. */
export function Meter({
  value,
  max,
  label,
}: {
  readonly value: number;
  readonly max: number;
  readonly label: string;
}): JSX.Element {
  const percent = max > 0 ? Math.min(100, (value * 100) / max) : 0;
  return (
    <span class="meter" title={`${percent.toFixed(0)} %`}>
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect class="meter-room" width="100" height="6" rx="3" />
        <rect class="meter-used" data-full={percent > 95} width={percent} height="6" rx="3" />
      </svg>
      <span>{label}</span>
    </span>
  );
}
