import { ControlError } from './control-error.ts';
import type { ServiceEntry } from './tree.ts';

/** Names are compared without regard to case. */
export function nameKey(name: string): string {
  return name.toLowerCase();
}

/** Services that are nothing without a test; monit's words. */
function checkCompleteness({ type, name, rules, place }: ServiceEntry): void {
  const kinds = new Set<string>(rules.map(({ test }) => test.kind));
  if (type === 'program' && kinds.size === 0)
    throw new ControlError(
      place,
      `'check program ${name}' is incomplete: Please add a 'status' or 'content' test`,
    );
  if (type === 'host' && !kinds.has('connection') && !kinds.has('ping'))
    throw new ControlError(
      place,
      `'check host' statement is incomplete: Please specify a port number to test or an icmp test at the remote host: '${name}'`,
    );
}

/**
 * What can only be said when the whole file is read: names that occur twice, services that depend on nobody, circles.
 *
 * @throws ControlError for the first fault
 */
export function checkMeaning(services: readonly ServiceEntry[]): void {
  const byName = new Map<string, ServiceEntry>();
  for (const service of services) {
    const before = byName.get(nameKey(service.name));
    if (before !== undefined)
      throw new ControlError(
        service.place,
        `Service name conflict, ${service.name} already defined in line ${before.place.line} of ${before.place.file}`,
        service.name,
      );
    byName.set(nameKey(service.name), service);
    checkCompleteness(service);
  }
  for (const { dependsOn } of services) {
    for (const { name, place } of dependsOn) {
      if (!byName.has(nameKey(name)))
        throw new ControlError(place, `Depending service '${name}' is not defined in the control file`);
    }
  }
  checkCircles(services, byName);
}

/** Whoever depends on nobody left is taken away, again and again; those that stay lead into a circle. A chain may be longer than the stack is deep. */
function checkCircles(services: readonly ServiceEntry[], byName: ReadonlyMap<string, ServiceEntry>): void {
  const needsOf = ({ dependsOn }: ServiceEntry): ServiceEntry[] =>
    dependsOn.map(({ name }) => byName.get(nameKey(name))).filter((need) => need !== undefined);
  const neededBy = new Map<ServiceEntry, ServiceEntry[]>(services.map((service) => [service, []]));
  for (const service of services) for (const need of needsOf(service)) neededBy.get(need)?.push(service);
  const open = new Map(services.map((service) => [service, needsOf(service).length]));
  const free = services.filter((service) => open.get(service) === 0);
  for (let service = free.pop(); service !== undefined; service = free.pop()) {
    open.delete(service);
    for (const other of neededBy.get(service) ?? []) {
      const needs = (open.get(other) ?? 0) - 1;
      open.set(other, needs);
      if (needs === 0) free.push(other);
    }
  }
  const path = new Set<ServiceEntry>();
  let next = services.find((service) => open.has(service));
  while (next !== undefined && !path.has(next)) {
    path.add(next);
    next = needsOf(next).find((need) => open.has(need));
  }
  if (next === undefined) return;
  const circle = [...path];
  const names = [...circle.slice(circle.indexOf(next)), next].map(({ name }) => name).join(' -> ');
  throw new ControlError(
    next.place,
    `Found a depend loop in the control file involving the service '${next.name}': ${names}`,
  );
}
