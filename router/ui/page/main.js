// The page: looks at the router's state and series, and shows the request that the address names.
import { getJson } from './api.js';
import { offer, prepareAsk } from './ask.js';
import { $, setText } from './dom.js';
import { count } from './format.js';
import { poll } from './poll.js';
import { showPools, showServices } from './pools.js';
import { showRequest } from './request.js';
import { linkTo, showRequests } from './requests.js';
import { placeCharts, showSeries } from './series.js';

const STATE_MS = 1000;
const SERIES_MS = 2000;

const chosen = () => /^#request=([A-Za-z0-9._-]{1,128})$/.exec(location.hash)?.[1] ?? null;

function showState({ router, load, api_key: needsKey, pools, services, requests }) {
  setText(
    $('router'),
    `${router.name} ${router.version} · placement ${router.mode} · ${count(load.requests)} in flight`,
  );
  setStatus(router.ready ? 'ready' : `not ready: ${router.reason}`, router.ready);
  offer(
    pools.map(({ model }) => model),
    needsKey,
  );
  showPools(pools);
  showServices(services);
  showRequests(requests, chosen());
}

function setStatus(text, good) {
  const status = $('status');
  setText(status, text);
  status.className = `badge ${good ? 'ok' : 'bad'}`;
}

function follow() {
  const id = chosen();
  if (id !== null) showRequest(id);
}

prepareAsk((id) => {
  location.hash = linkTo(id);
});
placeCharts();
window.addEventListener('hashchange', follow);
follow();
poll(
  STATE_MS,
  async () => {
    showState(await getJson('/ui/state'));
  },
  (error) => {
    setStatus(error.status === 403 ? error.message : 'no answer from the router', false);
  },
);
poll(SERIES_MS, async () => {
  showSeries(await getJson('/ui/series'));
});
