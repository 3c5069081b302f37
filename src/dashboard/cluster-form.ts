/** Orders to a whole cluster as a form has them. */
import { CLUSTER_ACTIONS, type ClusterOrder } from '../checks/cluster-operation.ts';

/** Where such forms are sent. No service is called so: names begin with a letter or a digit. */
export const CLUSTER_PATH = '/_cluster';

/** @returns what the form asks for, or what is wrong with it */
export function orderOf(form: URLSearchParams): ClusterOrder | string {
  const action = CLUSTER_ACTIONS.find((known) => known === form.get('action'));
  switch (action) {
    case undefined:
      return `The action must be one of ${CLUSTER_ACTIONS.join(', ')}.`;
    case 'reload':
      return { action, dryRun: form.get('dry-run') === '1' };
    case 'rolling-restart':
      return { action, names: form.getAll('name'), force: form.get('force') === '1' };
    case 'switchover': {
      const shard = form.get('shard') ?? '';
      const to = form.get('to') ?? '';
      return shard === '' ? 'The shard is missing.' : { action, shard, to: to === '' ? null : to };
    }
    case 'down':
      return { action };
  }
}

/**
 * Who asks, and whence, as the log has it.
 *
 * @param operator who a command says that runs it; null: it is the page
 */
export function askerText(operator: string | null, address: string | undefined): string {
  const from = `from ${address ?? 'nowhere'}`;
  if (operator !== null) return `${operator.replace(/[^\w.@-]/g, '').slice(0, 64)}'s command ${from}`;
  return `the page ${from}`;
}
