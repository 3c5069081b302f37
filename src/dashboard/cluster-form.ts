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
    case 'take-out':
    case 'put-back': {
      const node = form.get('node') ?? '';
      const proxy = form.get('proxy') ?? '';
      return node === '' ? 'The node is missing.' : { action, node, proxy: proxy === '' ? null : proxy };
    }
    case 'down':
      return { action };
  }
}

/** What an order is about, for the audit log; '' for the cluster as a whole. */
export function targetText(order: ClusterOrder): string {
  switch (order.action) {
    case 'reload':
      return order.dryRun ? 'dry run' : '';
    case 'rolling-restart':
      return order.names.join(' ');
    case 'switchover':
      return order.to === null ? order.shard : `${order.shard} to ${order.to}`;
    case 'take-out':
      return order.proxy === null ? order.node : `${order.node} of ${order.proxy}`;
    case 'put-back':
      return order.proxy === null ? order.node : `${order.node} into ${order.proxy}`;
    case 'down':
      return '';
  }
}
