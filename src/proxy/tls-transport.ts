import { StartError } from '../base/start-error.ts';
import type { ProxyConfiguration } from './configuration-meaning.ts';
import type { ProxyOptions } from './options.ts';

/** The loop of epoll does not speak TLS. @throws StartError when it is wanted all the same */
export function transportFor(
  { needsTls }: Pick<ProxyConfiguration, 'needsTls'>,
  wanted: ProxyOptions['transport'],
): ProxyOptions['transport'] {
  if (needsTls && wanted === 'reactor') throw new StartError('servers with TLS need the portable transport');
  return needsTls ? 'portable' : wanted;
}
