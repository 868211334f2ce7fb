// Keeps the parts of a page up to date that are marked with `data-refresh` and have an `id`.
// Without this module a reload shows the same.

/** Milliseconds between two requests. */
const REFRESH_INTERVAL = 1500;

async function refresh() {
  const parts = document.querySelectorAll('[data-refresh][id]');
  if (parts.length === 0) return;
  if (document.visibilityState === 'visible') {
    try {
      const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
      if (answer.ok) replace(parts, new DOMParser().parseFromString(await answer.text(), 'text/html'));
    } catch {
      // Offline, or the server restarts: the next round tries again.
    }
  }
  setTimeout(refresh, REFRESH_INTERVAL);
}

/** Replaces each part that has changed, unless it contains the focus. */
function replace(parts, page) {
  for (const old of parts) {
    const fresh = page.getElementById(old.id);
    if (fresh && fresh.outerHTML !== old.outerHTML && !old.contains(document.activeElement)) {
      old.replaceWith(fresh);
    }
  }
}

setTimeout(refresh, REFRESH_INTERVAL);
