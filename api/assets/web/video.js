// The page of a video: votes without leaving the film, and copies its link.

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

/** Shows the ballot box of the page that an answer holds. */
async function show(answer) {
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const fresh = page.getElementById('ballot');
  if (!answer.ok || !fresh) return false;
  document.getElementById('ballot').replaceWith(fresh);
  return fresh.hasAttribute('data-refresh') ? setTimeout(ask, 1000, answer.url) : true;
}

async function ask(url) {
  try {
    await show(await fetch(url));
  } catch {
    setTimeout(ask, 2000, url);
  }
}

if (document.querySelector('#ballot[data-refresh]')) setTimeout(ask, 1000, location.href);

document.addEventListener('submit', async (event) => {
  const form = event.target;
  if (!form.closest('#ballot')) return;
  event.preventDefault();
  form.querySelector('button').disabled = true;
  try {
    const answer = await fetch(form.action, { method: 'POST' });
    if (await show(answer)) return;
  } catch {
    // No answer: the form itself may do better, and a vote that is sent twice counts once.
  }
  form.submit();
});
