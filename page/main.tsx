import { type JSX, render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { PageBeginning } from '../src/dashboard/page-snapshot.ts';
import { useActions } from './actions.tsx';
import { Charts } from './charts.tsx';
import { ClusterStore, usePageState } from './cluster-store.ts';
import { EventLog } from './event-log.tsx';
import { Header, Incidents, Operation, Overview } from './header.tsx';
import { CLUSTER_HISTORY, useHistory } from './history.ts';
import { Lookup } from './lookup.tsx';
import { Moves } from './moves.tsx';
import { useSelectedService } from './navigation.ts';
import { NodeTable } from './node-table.tsx';
import './page.css';
import './parts.css';
import './widths.css';
import { ProxyTable } from './proxy-table.tsx';
import { ServicePanel } from './service-panel.tsx';
import { readSession, type Session } from './session.ts';
import { Slabs } from './slabs.tsx';
import { Topology } from './topology.tsx';

function Page({
  store,
  takesOrders,
}: {
  readonly store: ClusterStore;
  readonly takesOrders: boolean;
}): JSX.Element {
  const { snapshot, log, isLive, historyAtMs } = usePageState(store);
  const [session, setSession] = useState<Session | null>(null);
  const [overlay, onIntent] = useActions();
  const selected = useSelectedService();
  const history = useHistory(CLUSTER_HISTORY, '', 'hour', historyAtMs);
  useEffect(() => {
    readSession().then(setSession);
  }, []);
  useEffect(() => {
    document.title = `${snapshot.state === 'ok' ? '' : `${snapshot.state}: `}${snapshot.cluster} – twincached`;
  }, [snapshot.state, snapshot.cluster]);
  const mayAct = session?.token != null;
  const mayOrder = mayAct && takesOrders;
  const table = { snapshot, mayAct, mayOrder, onIntent };
  return (
    <>
      <a class="skip" href="#nodes">
        To the nodes
      </a>
      <Header snapshot={snapshot} isLive={isLive} session={session} mayOrder={mayOrder} onIntent={onIntent} />
      <main data-live={isLive}>
        <Incidents snapshot={snapshot} />
        <Operation snapshot={snapshot} />
        <Moves snapshot={snapshot} />
        <Overview snapshot={snapshot} history={history} />
        <div class="halves wide-left">
          <section class="card picture" aria-labelledby="topology-title">
            <h2 id="topology-title">Who sends to whom</h2>
            <Topology snapshot={snapshot} />
          </section>
          <EventLog log={log} services={snapshot.services.map(({ name }) => name)} />
        </div>
        <NodeTable {...table} />
        <ProxyTable {...table} />
        <Charts
          services={snapshot.services}
          whole="the whole cluster"
          wholeRole={null}
          source={CLUSTER_HISTORY}
          newestAtMs={historyAtMs}
        />
        <div class="halves">
          <Lookup />
          <Slabs snapshot={snapshot} newestAtMs={historyAtMs} />
        </div>
      </main>
      {selected === null ? null : (
        <ServicePanel
          key={selected}
          name={selected}
          snapshot={snapshot}
          log={log}
          newestAtMs={historyAtMs}
          mayAct={mayAct}
          mayOrder={mayOrder}
          onIntent={onIntent}
        />
      )}
      {overlay}
    </>
  );
}

const place = document.getElementById('page');
const beginning = document.getElementById('beginning')?.textContent;
if (place !== null && beginning != null) {
  // Cast: the server that wrote the page is of the same release.
  const begun = JSON.parse(beginning) as PageBeginning;
  const store = new ClusterStore(begun);
  // What the server has drawn, so that there is something to see at once.
  place.replaceChildren();
  render(<Page store={store} takesOrders={begun.takesOrders} />, place);
  document.documentElement.dataset['drawnMs'] = performance.now().toFixed(0);
  store.listen();
}
