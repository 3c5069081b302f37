import type { ServiceDefinition } from '../monitor/service-definition.ts';
import type { LogFormat } from '../telemetry/log-format.ts';
import type { AlertSettings } from './alert-settings.ts';
import type { PageSettings } from './page-settings.ts';

/** A service of a plan: what the monitor supervises, and the ports that it will open. */
export interface PlannedService extends ServiceDefinition {
  readonly ports: readonly PlannedPort[];
  /** What it reads at its start and again on SIGHUP; null: its command line says everything. */
  readonly configuration: PlannedFile | null;
  /** Words for all that only a start takes over; compared as a whole. What is not in it can change while the process runs. */
  readonly startsWith: readonly string[];
}

export interface PlannedFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

export interface PlannedPort {
  readonly port: number;
  /** The address that it is opened on; loopback's first unless given. */
  readonly host?: string;
  /** What it is for, as a phrase: `clients`, `replication`. */
  readonly purpose: string;
}

/** A whole cluster on this host. Plain data; `file-plan.ts` makes it of a description. */
export interface ClusterPlan {
  readonly name: string;
  readonly services: readonly PlannedService[];
  /** Name of the service that clients are meant to use. */
  readonly entry: string;
  readonly pagePort: number;
  /** Where it listens and who may see it; whoever is on this machine unless given. */
  readonly page?: PageSettings;
  /** How the monitor tells what happens; classic unless given. */
  readonly logFormat?: LogFormat;
  /** Whether a spare process waits to be the next that must be started; it does unless this is false. */
  readonly warmStart?: boolean;
  /** Who is told of what happens; nobody unless given. */
  readonly alerts?: AlertSettings;
}
