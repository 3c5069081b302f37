import type { LoadPlan } from '../src/load/load-plan.ts';

/** One request in flight per connection: what most clients do, and where the kernel's part is largest. */
export const SINGLE: LoadPlan = {
  name: 'single',
  protocol: 'text',
  connections: 50,
  depth: 1,
  keys: 10_000,
  valueBytes: 100,
  getShare: 0.9,
  keysPerGet: 1,
};

/** The loads that are measured in a closed loop, each against the original in the same run. */
export const LOAD_PLANS: readonly LoadPlan[] = [
  SINGLE,
  { ...SINGLE, name: 'meta-single', protocol: 'meta' },
  { ...SINGLE, name: 'binary-single', protocol: 'binary' },
  { ...SINGLE, name: 'in-flight-16', depth: 16 },
  { ...SINGLE, name: 'multi-get-100', connections: 10, getShare: 1, keysPerGet: 100 },
  { ...SINGLE, name: 'value-1k', valueBytes: 1024 },
  { ...SINGLE, name: 'set-1k', valueBytes: 1024, getShare: 0 },
  { ...SINGLE, name: 'value-100k', connections: 10, keys: 200, valueBytes: 102_400 },
];

/** What a proxy is for: far more clients than any server has to see. */
export const PROXY_PLANS: readonly LoadPlan[] = [{ ...SINGLE, name: 'clients-10k', connections: 10_000 }];

/** Everybody wants the same key; some keys are wanted more than others, as on most sites; and, to see what it costs where that is not so, all alike. */
export const HOT_KEY_PLANS: readonly LoadPlan[] = [
  { ...SINGLE, name: 'hot-key-one', keys: 1, getShare: 0.99 },
  { ...SINGLE, name: 'hot-key-10k', keys: 1, getShare: 0.99, valueBytes: 10_240 },
  { ...SINGLE, name: 'hot-key-zipf', zipf: 0.99 },
  { ...SINGLE, name: 'hot-key-none' },
];
