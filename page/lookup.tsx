import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { bytesText, durationText, NOTHING } from '../src/dashboard/display-units.ts';
import type { LookupNode, LookupResult, LookupVerdict } from '../src/dashboard/key-lookup.ts';
import type { Tone } from './marks.tsx';
import { Toned } from './marks.tsx';
import { serviceHref } from './navigation.ts';
import { Cell, type Column, Table } from './table.tsx';

const VERDICTS: Readonly<Record<LookupVerdict, readonly [tone: Tone, text: string]>> = {
  equal: ['good', 'all copies are equal'],
  partial: ['busy', 'not every twin has it'],
  different: ['busy', 'the twins have different versions; look again in a moment'],
  nowhere: ['idle', 'it is nowhere'],
  unknown: ['bad', 'a node did not answer'],
};

const NODE_STATES: Readonly<Record<LookupNode['state'], readonly [tone: Tone, text: string]>> = {
  found: ['good', 'has it'],
  missing: ['idle', 'has it not'],
  unknown: ['bad', 'did not answer'],
};

const COLUMNS: readonly Column[] = [
  'node',
  'pair',
  'value',
  'version',
  'expires in',
  'last used',
  'flags',
].map((name) => [name, '']);

type Answer = { readonly result: LookupResult } | { readonly failure: string } | null;

/** Where a key lies. */
export function Lookup(): JSX.Element {
  const [key, setKey] = useState('');
  const [answer, setAnswer] = useState<Answer>(null);
  const [isBusy, setBusy] = useState(false);
  const ask = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setAnswer(await lookUp(key));
    setBusy(false);
  };
  return (
    <section id="lookup" class="card" aria-labelledby="lookup-title">
      <h2 id="lookup-title">Where is a key?</h2>
      <form class="lookup" onSubmit={ask}>
        <input
          aria-label="Key"
          placeholder="user:1"
          value={key}
          maxLength={250}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={isBusy || key === ''}>
          Look
        </button>
      </form>
      <div aria-live="polite">
        {answer === null ? (
          <p class="empty">
            Shows the pair that a key belongs to, and whether its twins have the same version. The value is
            not read.
          </p>
        ) : 'failure' in answer ? (
          <p class="failure">{answer.failure}</p>
        ) : (
          <Found result={answer.result} />
        )}
      </div>
    </section>
  );
}

function Found({ result }: { readonly result: LookupResult }): JSX.Element {
  const { key, verdict, group, hops, nodes } = result;
  const [tone, text] = VERDICTS[verdict];
  const home = nodes.filter((node) => group === null || node.group === group);
  const elsewhere = nodes.filter((node) => !home.includes(node) && node.state === 'found');
  return (
    <>
      <p class="verdict" data-verdict={verdict}>
        <code>{key}</code> <Toned tone={tone}>{text}</Toned>
      </p>
      {hops.length === 0 ? null : (
        <ol class="hops">
          {hops.map(({ proxy, pool, servers }) => (
            <li key={`${proxy} ${pool ?? ''}`}>
              <a href={serviceHref(proxy)}>{proxy}</a>
              {pool === null ? '' : `, ${pool}`}
              {' → '}
              {servers.join(', then ')}
            </li>
          ))}
        </ol>
      )}
      <Table columns={COLUMNS}>
        <tbody>
          {[...home, ...elsewhere].map((node) => (
            <LookupRow key={node.service} node={node} />
          ))}
        </tbody>
      </Table>
      {elsewhere.length === 0 ? null : (
        <p class="faint">
          A copy outside of its pair is what is left of another placement; nobody asks for it there.
        </p>
      )}
    </>
  );
}

function LookupRow({ node }: { readonly node: LookupNode }): JSX.Element {
  const [tone, text] = NODE_STATES[node.state];
  const { secondsLeft, idleSeconds, bytes } = node;
  return (
    <tr data-service={node.service} data-state={node.state}>
      <th scope="row">
        <a href={serviceHref(node.service)}>{node.service}</a> <Toned tone={tone}>{text}</Toned>
      </th>
      <Cell label="pair">{node.group}</Cell>
      <Cell label="value">
        {bytes === null ? NOTHING : `${bytesText(bytes)}${node.isStale === true ? ', stale' : ''}`}
      </Cell>
      <Cell label="version">
        <code>{node.version ?? NOTHING}</code>
      </Cell>
      <Cell label="expires in">
        {secondsLeft === null ? NOTHING : secondsLeft < 0 ? 'never' : durationText(secondsLeft)}
      </Cell>
      <Cell label="last used">
        {idleSeconds === null
          ? NOTHING
          : `${durationText(idleSeconds)} ago${node.wasRead === true ? '' : ', never read'}`}
      </Cell>
      <Cell label="flags">{node.flags === null ? NOTHING : `${node.flags}`}</Cell>
    </tr>
  );
}

async function lookUp(key: string): Promise<Answer> {
  try {
    const answer = await fetch(`/lookup.json?${new URLSearchParams({ key })}`);
    if (!answer.ok) return { failure: (await answer.text()).trim() };
    // Cast: our own server's answer, of the same release.
    return { result: (await answer.json()) as LookupResult };
  } catch {
    return { failure: 'The monitor does not answer.' };
  }
}
