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

function checkCircles(services: readonly ServiceEntry[], byName: ReadonlyMap<string, ServiceEntry>): void {
  const done = new Set<ServiceEntry>();
  const path: ServiceEntry[] = [];
  const visit = (service: ServiceEntry): void => {
    if (done.has(service)) return;
    const at = path.indexOf(service);
    if (at >= 0) {
      const names = [...path.slice(at), service].map(({ name }) => name).join(' -> ');
      throw new ControlError(
        service.place,
        `Found a depend loop in the control file involving the service '${service.name}': ${names}`,
      );
    }
    path.push(service);
    for (const { name } of service.dependsOn) {
      const next = byName.get(nameKey(name));
      if (next !== undefined) visit(next);
    }
    path.pop();
    done.add(service);
  };
  for (const service of services) visit(service);
}
