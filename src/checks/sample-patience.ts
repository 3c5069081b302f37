import type { Limits, ServiceEntry, Test } from '../control/tree.ts';

/** For whatever comes between the end of a test and its being told, and for a program that asks in our place. */
const SLACK_MS = 5000;

/** How long a look at an entry may take, by the times that its own tests and its program have: in milliseconds. */
export function samplePatienceMs({ subject, rules }: ServiceEntry, limits: Limits): number {
  const programMs = subject.kind === 'program' ? (subject.call.timeoutMs ?? limits.programTimeoutMs) : 0;
  // As long as a file's mount may take to answer.
  const pathMs = subject.kind === 'path' ? limits.networkTimeoutMs : 0;
  const ownMs = Math.max(programMs, pathMs);
  const longestMs = rules.reduce((most, { test }) => Math.max(most, patienceMs(test)), ownMs);
  return longestMs + SLACK_MS;
}

function patienceMs(test: Test): number {
  if (test.kind === 'connection') return test.timeoutMs * test.attempts;
  return test.kind === 'ping' ? test.timeoutMs * test.count : 0;
}
