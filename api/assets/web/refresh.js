// Keeps parts of a page up to date that say so: `<… id="x" data-refresh>`.
// Without this module the page shows the same after a reload.

const PERIOD = 1500;

async function refresh() {
  const waiting = document.querySelectorAll('[data-refresh][id]');
  if (waiting.length === 0) return;
  if (document.visibilityState === 'visible') {
    try {
      const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
      if (answer.ok) swap(waiting, new DOMParser().parseFromString(await answer.text(), 'text/html'));
    } catch {
      // Offline, or the server is being restarted: the next round may do better.
    }
  }
  setTimeout(refresh, PERIOD);
}

/** Puts the new version of each part in the place of the old one, unless they are the same. */
function swap(parts, page) {
  for (const old of parts) {
    const fresh = page.getElementById(old.id);
    if (fresh && fresh.outerHTML !== old.outerHTML && !old.contains(document.activeElement)) {
      old.replaceWith(fresh);
    }
  }
}

setTimeout(refresh, PERIOD);
