// The live ranking. The first page applies the changes of the board's stream: rows move when votes
// arrive. Other pages load themselves again. Without this module a reload shows the same.

/** Milliseconds between two reloads of a page that is not the first. */
const RELOAD_INTERVAL = 1000;
/** Milliseconds between two announcements to screen readers. */
const ANNOUNCE_INTERVAL = 4000;
/** Milliseconds that a moved row stays highlighted, and that it takes to move. */
const [HIGHLIGHT_TIME, MOVE_TIME] = [1200, 350];
/** Milliseconds before the page subscribes again: at least this, and a random part on top. */
const [MIN_RECONNECT_DELAY, RANDOM_RECONNECT_DELAY] = [1000, 2000];

const live = document.getElementById('live');
const table = document.querySelector('table.ranking');
const body = document.getElementById('rows');
const pageSize = Number(table.dataset.size);
const isFirstPage = table.dataset.page === '1';
const numbers = new Intl.NumberFormat(table.dataset.language === 'en' ? 'en' : 'es-CO');
const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');

/** The shown rows by artist, in order. */
const rowsByArtist = () => new Map([...body.children].map((row) => [row.dataset.artist, row]));

function fillRow(row, data) {
  row.dataset.artist = data.artist_id;
  const origin = `${data.city}, ${data.country}`;
  const name = row.querySelector('.name');
  name.textContent = data.username;
  name.href = `/?artist=${data.artist_id}`;
  row.querySelector('.from').textContent = origin;
  row.querySelector('.origin').textContent = origin;
  row.querySelector('.votes').textContent = numbers.format(data.votes);
}

function newRow() {
  return document.getElementById('row').content.firstElementChild.cloneNode(true);
}

/**
 * The rows of the first page after a change: the artists in it move to their new positions, all others
 * keep their order. `null` if the change does not determine these rows: the page must be loaded again.
 */
function rowsAfter(change) {
  if (change.more) return null;
  const old = rowsByArtist();
  const moved = new Set([...change.rows.map((data) => data.artist_id), ...change.gone]);
  const next = [...old.values()].filter((row) => !moved.has(row.dataset.artist));
  for (const data of change.rows) {
    if (data.position > pageSize) continue;
    if (data.position > next.length + 1) return null;
    const row = old.get(data.artist_id) ?? newRow();
    fillRow(row, data);
    row.classList.add('changed');
    next.splice(data.position - 1, 0, row);
  }
  next.length = Math.min(next.length, pageSize);
  return next.length < Math.min(pageSize, change.total) ? null : next;
}

/** Shows these rows. Rows that were there before slide to their new positions. */
function showRows(next) {
  const before = new Map([...body.children].map((row) => [row, row.getBoundingClientRect().top]));
  const focused = document.activeElement;
  body.replaceChildren(...next);
  if (body.contains(focused)) focused.focus({ preventScroll: true });
  next.forEach((row, n) => {
    row.querySelector('.place').textContent = numbers.format(n + 1);
    const from = before.get(row);
    const distance = from === undefined ? 0 : from - row.getBoundingClientRect().top;
    if (distance !== 0 && !reducedMotion.matches) {
      const frames = [{ transform: `translateY(${distance}px)` }, { transform: 'none' }];
      row.animate(frames, { duration: MOVE_TIME, easing: 'ease-out' });
    }
    setTimeout(() => row.classList.remove('changed'), HIGHLIGHT_TIME);
  });
}

let announcedAt = 0;
/** Announces the best placed change to screen readers. */
function announce(change) {
  const [best] = change.rows;
  if (!best || best.position > pageSize || Date.now() - announcedAt < ANNOUNCE_INTERVAL) return;
  announcedAt = Date.now();
  const news = document.getElementById('news');
  news.textContent = `${news.dataset.place} ${numbers.format(best.position)}: ${best.username}, ${numbers.format(best.votes)}`;
}

let loading = false;
let outdated = false;
/** Loads the page again. Calls during a load lead to one more load after it. */
function reload() {
  outdated = true;
  if (loading) return;
  loading = true;
  setTimeout(async () => {
    outdated = false;
    try {
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const fresh = page.getElementById('rows');
      if (answer.ok && fresh) showPage(page, fresh);
    } catch {
      // When the stream reconnects, it sends what was missed or asks for a reload.
    }
    loading = false;
    // A change that arrived during the load may be newer than the loaded page.
    if (outdated) reload();
  }, isFirstPage ? 0 : RELOAD_INTERVAL);
}

function showPage(page, fresh) {
  const old = rowsByArtist();
  showRows([...fresh.children].map((row) => {
    const known = old.get(row.dataset.artist);
    if (!known) return row;
    known.replaceChildren(...row.children);
    return known;
  }));
  document.getElementById('total').textContent = page.getElementById('total').textContent;
  const chart = page.getElementById('chart');
  if (chart) document.getElementById('chart')?.replaceWith(chart);
  document.querySelector('.empty')?.remove();
}

function subscribe(stream) {
  const source = new EventSource(stream);
  const showState = (connected) => {
    live.hidden = false;
    live.classList.toggle('lost', !connected);
    live.querySelector('.text').textContent = connected ? live.dataset.live : live.dataset.lost;
  };
  source.addEventListener('open', () => showState(true));
  source.addEventListener('error', () => {
    showState(false);
    // An EventSource reconnects by itself, except after an HTTP error, as from a proxy whose server
    // restarts.
    if (source.readyState === EventSource.CLOSED) {
      const delay = MIN_RECONNECT_DELAY + RANDOM_RECONNECT_DELAY * Math.random();
      setTimeout(() => { subscribe(stream); reload(); }, delay);
    }
  });
  source.addEventListener('reset', reload);
  source.addEventListener('change', (event) => {
    const change = JSON.parse(event.data);
    document.getElementById('total').textContent = numbers.format(change.total);
    const next = isFirstPage && !loading ? rowsAfter(change) : null;
    if (next === null) return reload();
    document.querySelector('.empty')?.remove();
    showRows(next);
    announce(change);
  });
  addEventListener('pagehide', () => source.close(), { once: true });
}

if (live) subscribe(live.dataset.stream);
// A page that the back button restores from memory shows an old ranking and has no stream.
addEventListener('pageshow', (event) => {
  if (event.persisted && live) {
    subscribe(live.dataset.stream);
    reload();
  }
});
