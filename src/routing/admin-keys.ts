import { TWINCACHED_VERSION } from '../base/version.ts';
import { VERB, VERB_SPELLINGS } from '../protocol/text/verbs.ts';
import type { Destination } from './destination.ts';
import { serverFigureLines } from './destination-figure-lines.ts';
import { DestinationRoute } from './destination-route.ts';
import type { Request } from './request.ts';
import type { RequestPool } from './request-pool.ts';
import type { RouteHandle } from './route-handle.ts';

/** Keys that begin so are questions to the proxy itself. The second one is mcrouter's, whose tools ask so. */
export const ADMIN_PREFIXES: readonly string[] = ['__twincached__.', '__mcrouter__.'];

/** What is asked about. */
export interface AdminHost {
  readonly root: RouteHandle;
  readonly destinations: readonly Destination[];
  readonly requests: RequestPool;
  /** Since when the configuration in force is in force, in seconds. */
  readonly configurationAgeSeconds: number;
  /** Further answers, by name: what the proxy around the routing knows. */
  readonly facts: ReadonlyMap<string, string>;
}

/**
 * The answer to a question, which is what stands behind the prefix of a key: `version`, `config_age`, `backends`, `servers`,
 * `route(COMMAND,KEY)`, `route_handles(COMMAND,KEY)`, or the name of a fact.
 */
export function adminAnswer(question: string, host: AdminHost): string {
  const call = /^(\w+)\(([a-z_]+),(.+)\)$/.exec(question);
  if (call !== null) return routed(call[1] ?? '', call[2] ?? '', call[3] ?? '', host) ?? unknown(question);
  switch (question) {
    case 'version':
      return `twincached ${TWINCACHED_VERSION}`;
    case 'config_age':
      return String(Math.floor(host.configurationAgeSeconds));
    case 'backends':
      return host.destinations.map(({ name }) => name).join('\r\n');
    case 'servers':
      return serverFigureLines(host.destinations).join('\r\n');
    default:
      return host.facts.get(question) ?? unknown(question);
  }
}

function unknown(question: string): string {
  return `ERROR: unknown command: ${question}`;
}

/** Where a request would go, in the order in which it would be tried. @returns null when that is no question */
function routed(what: string, command: string, key: string, host: AdminHost): string | null {
  const verb = [...VERB_SPELLINGS].find(([, spelling]) => spelling === command)?.[0];
  if ((what !== 'route' && what !== 'route_handles') || verb === undefined || verb === VERB.unknown)
    return null;
  const request = host.requests.acquire(null, verb, true);
  try {
    if (!writeKey(request, key)) return null;
    if (what === 'route') {
      const names = new Set<string>();
      for (const { handle } of taken(host.root, request, 0))
        if (handle instanceof DestinationRoute) names.add(handle.destination.name);
      return [...names].join('\r\n');
    }
    return [...taken(host.root, request, 0)]
      .map(({ handle, depth }) => `${' '.repeat(depth)}${handleName(handle)}`)
      .join('\r\n');
  } finally {
    host.requests.release(request);
  }
}

function writeKey(request: Request, key: string): boolean {
  if (!request.reserve(key.length)) return false;
  for (let i = 0; i < key.length; i++) request.bytes[request.length++] = key.charCodeAt(i);
  request.addKey(0, request.length);
  return true;
}

interface Taken {
  readonly handle: RouteHandle;
  readonly depth: number;
}

/** The handles that a request may come to, each before those below it. */
function* taken(handle: RouteHandle, request: Request, depth: number): Iterable<Taken> {
  yield { handle, depth };
  for (const child of handle.candidates(request, 0)) yield* taken(child, request, depth + 1);
}

function handleName(handle: RouteHandle): string {
  if (handle instanceof DestinationRoute) return `server|${handle.destination.name}`;
  // Where the program is bundled, names of classes may have a mark in front or a number behind.
  return handle.constructor.name.replace(/^_+|Route\d*$/g, '').toLowerCase();
}
