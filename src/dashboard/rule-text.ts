import { quantity, resourceName, trafficText } from '../checks/test-evaluation.ts';
import type { Action, Reaction, Rule, ServiceEntry, Test } from '../control/tree.ts';

/** A rule in words, as the service's page shows it. */
export function ruleText({ test, onFailure, onSuccess }: Rule): string {
  const isPlain = onSuccess.action.kind === 'alert' && onSuccess.cycles === 1;
  const success = isPlain
    ? ''
    : ` else if succeeded${windowText(onSuccess)} then ${actionText(onSuccess.action)}`;
  return `If ${testText(test)}${windowText(onFailure)} then ${actionText(onFailure.action)}${success}`;
}

/** All rules of an entry, the unwritten one included. */
export function rulesOf(entry: ServiceEntry): readonly string[] {
  const hasExistence = entry.rules.some(({ test }) => test.kind === 'existence');
  const isMissed = ['process', 'file', 'directory', 'fifo', 'filesystem'].includes(entry.type);
  return [
    ...(isMissed && !hasExistence ? ["If doesn't exist then restart"] : []),
    ...entry.rules.map(ruleText),
    ...entry.restartLimits.map(
      ({ restarts, cycles, action }) =>
        `If more than ${restarts} restarts within ${cycles} cycles then ${action.kind === 'unmonitor' ? 'give up for a while' : actionText(action)}`,
    ),
  ];
}

function windowText({ times, cycles }: Reaction): string {
  if (cycles === 1) return '';
  return times === cycles ? ` for ${cycles} cycles` : ` for ${times} times within ${cycles} cycles`;
}

function actionText(action: Action): string {
  return action.kind === 'exec' ? `exec '${action.call.argv.join(' ')}'` : action.kind;
}

function testText(test: Test): string {
  switch (test.kind) {
    case 'existence':
      return test.expected ? 'exists' : "doesn't exist";
    case 'resource': {
      const limit =
        test.unit === 'percent' ? `${test.limit}%` : quantity(test.limit, test.unit, test.resource);
      return `${resourceName(test.resource)}${test.isPerCore ? ' per core' : ''} ${test.operator} ${limit}`;
    }
    case 'change':
      return `changed ${test.property}`;
    case 'checksum':
    case 'permission':
      return `failed ${test.kind} ${test.expected}`;
    case 'owner':
      return `failed ${test.property} ${test.expected}`;
    case 'content':
      return `content ${test.isNegated ? 'does not match' : 'matches'} '${test.pattern}'`;
    case 'security':
      return `failed security attribute ${test.expected}`;
    case 'type':
      return 'of another type';
    case 'link':
      return `link ${test.matchesWhen}`;
    case 'traffic':
      return `${test.withinMs === null ? '' : 'total '}${test.direction} ${test.operator} ${trafficText(test.limit, test)}`;
    case 'ping':
      return `${test.matchesWhen} ping`;
    case 'connection': {
      const where =
        test.target.kind === 'unix' ? test.target.path : `[${test.target.host}]:${test.target.port}`;
      const type = test.target.kind === 'unix' ? '' : ` type ${test.transport.toUpperCase()}/IP`;
      return `${test.matchesWhen} ${where}${type} protocol ${test.protocol.toUpperCase()} with timeout ${test.timeoutMs / 1000} s`;
    }
  }
}
