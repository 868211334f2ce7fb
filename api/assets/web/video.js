// The page of a video: votes without interrupting playback, and copies the link.

/** Milliseconds between two requests for the verdict of a vote, and after one that failed. */
const [POLL_INTERVAL, POLL_RETRY_DELAY] = [1000, 2000];

const copy = document.getElementById('copy');
if (navigator.clipboard && copy) {
  copy.hidden = false;
  copy.addEventListener('click', async () => {
    const link = document.getElementById('link');
    try {
      await navigator.clipboard.writeText(link.value);
      document.getElementById('copy-news').textContent = copy.dataset.done;
    } catch {
      link.select();
    }
  });
}

/** Shows the vote box of the page in `answer`. Returns `false` if the answer has none. */
async function showVoteBox(answer) {
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const fresh = page.getElementById('ballot');
  if (!answer.ok || !fresh) return false;
  document.getElementById('ballot').replaceWith(fresh);
  if (fresh.hasAttribute('data-refresh')) setTimeout(poll, POLL_INTERVAL, answer.url);
  return true;
}

/** Loads the page until its vote box shows the verdict. */
async function poll(url) {
  try {
    await showVoteBox(await fetch(url));
  } catch {
    setTimeout(poll, POLL_RETRY_DELAY, url);
  }
}

if (document.querySelector('#ballot[data-refresh]')) setTimeout(poll, POLL_INTERVAL, location.href);

document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (!form.closest('#ballot')) return;
  event.preventDefault();
  form.querySelector('button').disabled = true;
  try {
    const answer = await fetch(form.action, { method: 'POST' });
    if (await showVoteBox(answer)) return;
  } catch {
    // No answer: submit the form itself. A vote that is sent twice counts once.
  }
  form.submit();
});
