/** The native configuration file of a proxy: YAML, whose every mistake is told with its place. */
import { CheckedYaml } from './checked-yaml.ts';
import { type ProxyConfiguration, proxyConfiguration } from './configuration-meaning.ts';
import { ConfigurationMistake } from './configuration-mistake.ts';
import { configurationSchema } from './configuration-schema.ts';
import type { ConfigurationFiles } from './server-access.ts';

const NEEDED = 'a mapping is needed; write "listen:", "pools:" and "route:", each with what belongs to it';

/**
 * Reads a configuration.
 *
 * @param file its name, for messages and for the files that it names
 * @param text what it holds
 * @param files those that it names
 * @throws StartError `FILE:LINE:COLUMN: what is wrong and what to write`, a line for each mistake that is seen at once
 */
export function parseConfiguration(
  file: string,
  text: string,
  files: ConfigurationFiles,
): ProxyConfiguration {
  const yaml = new CheckedYaml(file, text, NEEDED);
  try {
    return proxyConfiguration(yaml.checked(configurationSchema), files);
  } catch (error) {
    if (!(error instanceof ConfigurationMistake)) throw error;
    throw yaml.mistake(error.path, error.message);
  }
}
