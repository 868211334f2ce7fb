// The ranking as it changes. The first page follows the board's stream: rows move when votes arrive.
// Other pages read themselves anew. Without this module the page shows the same after a reload.

const live = document.getElementById('live');
const table = document.querySelector('table.ranking');
const body = document.getElementById('rows');
const size = Number(table.dataset.size);
const first = table.dataset.page === '1';
const format = new Intl.NumberFormat(table.dataset.language === 'en' ? 'en' : 'es-CO');
const still = matchMedia('(prefers-reduced-motion: reduce)');

/** Rows by artist, in order. */
const rows = () => [...body.children];

function write(row, data) {
  row.dataset.artist = data.artist_id;
  const origin = `${data.city}, ${data.country}`;
  const name = row.querySelector('.name');
  name.textContent = data.username;
  name.href = `/?artist=${data.artist_id}`;
  row.querySelector('.from').textContent = origin;
  row.querySelector('.origin').textContent = origin;
  row.querySelector('.votes').textContent = format.format(data.votes);
}

function made() {
  return document.getElementById('row').content.firstElementChild.cloneNode(true);
}

/**
 * The first rows after a change: whoever it names goes to their new place, everybody else keeps their
 * order. `null` if these rows cannot be known from it.
 */
function changed(change) {
  if (change.more) return null;
  const old = new Map(rows().map((row) => [row.dataset.artist, row]));
  const moved = new Set([...change.rows.map((data) => data.artist_id), ...change.gone]);
  const next = [...old.values()].filter((row) => !moved.has(row.dataset.artist));
  for (const data of change.rows) {
    if (data.position > size) continue;
    if (data.position > next.length + 1) return null;
    const row = old.get(data.artist_id) ?? made();
    write(row, data);
    row.classList.add('changed');
    next.splice(data.position - 1, 0, row);
  }
  next.length = Math.min(next.length, size);
  return next.length < Math.min(size, change.total) ? null : next;
}

/** Shows these rows; those that were there before glide to their places. */
function show(next) {
  const before = new Map(rows().map((row) => [row, row.getBoundingClientRect().top]));
  const focused = document.activeElement;
  body.replaceChildren(...next);
  if (body.contains(focused)) focused.focus({ preventScroll: true });
  next.forEach((row, n) => {
    row.querySelector('.place').textContent = format.format(n + 1);
    const from = before.get(row);
    const way = from === undefined ? 0 : from - row.getBoundingClientRect().top;
    if (way !== 0 && !still.matches) {
      row.animate([{ transform: `translateY(${way}px)` }, { transform: 'none' }], { duration: 350, easing: 'ease-out' });
    }
    setTimeout(() => row.classList.remove('changed'), 1200);
  });
}

let told = 0;
/** Says who has moved up, for those who do not see it; not too often. */
function tell(change) {
  const [best] = change.rows;
  if (!best || best.position > size || Date.now() - told < 4000) return;
  told = Date.now();
  const news = document.getElementById('news');
  news.textContent = `${news.dataset.place} ${format.format(best.position)}: ${best.username}, ${format.format(best.votes)}`;
}

let reading = false;
let outdated = false;
/** Reads the page anew, once for all who ask for it within a moment. */
function reload() {
  outdated = true;
  if (reading) return;
  reading = true;
  setTimeout(async () => {
    outdated = false;
    try {
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const fresh = page.getElementById('rows');
      if (answer.ok && fresh) take(page, fresh);
    } catch {
      // The stream comes back by itself, and says so.
    }
    reading = false;
    // What has come meanwhile may be newer than what was read.
    if (outdated) reload();
  }, first ? 0 : 1000);
}

function take(page, fresh) {
  const old = new Map(rows().map((row) => [row.dataset.artist, row]));
  show([...fresh.children].map((row) => {
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

function follow(stream) {
  const source = new EventSource(stream);
  const state = (ok) => {
    live.hidden = false;
    live.classList.toggle('lost', !ok);
    live.querySelector('.text').textContent = ok ? live.dataset.live : live.dataset.lost;
  };
  source.addEventListener('open', () => state(true));
  source.addEventListener('error', () => {
    state(false);
    // A browser gives up on an answer that is no stream, as from a proxy whose server restarts.
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(() => { follow(stream); reload(); }, 1000 + 2000 * Math.random());
    }
  });
  source.addEventListener('reset', reload);
  source.addEventListener('change', (event) => {
    const change = JSON.parse(event.data);
    document.getElementById('total').textContent = format.format(change.total);
    const next = first && !reading ? changed(change) : null;
    if (next === null) return reload();
    document.querySelector('.empty')?.remove();
    show(next);
    tell(change);
  });
  addEventListener('pagehide', () => source.close(), { once: true });
}

if (live) follow(live.dataset.stream);
// From the browser's memory, after going back: what is shown may be old.
addEventListener('pageshow', (event) => { if (event.persisted && live) { follow(live.dataset.stream); reload(); } });
