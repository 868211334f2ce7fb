// Uploading: looks at the file before it is sent, shows the progress, and can be stopped.
// Without this module the form works as it is.

const form = document.getElementById('upload');
const part = (id) => document.getElementById(id);
const say = (text) => { part('upload-news').textContent = text; };

/** What is wrong with a file, if anything is. */
function fault(file) {
  if (!file) return null;
  if (!file.type.startsWith('video/')) return form.dataset.notAVideo;
  return file.size > Number(form.dataset.max) ? form.dataset.tooLarge : null;
}

function chosen() {
  const [file] = part('file').files;
  const wrong = fault(file);
  say(wrong ?? '');
  const preview = part('preview');
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.hidden = true;
  preview.removeAttribute('src');
  return file && !wrong;
}

function send() {
  const request = new XMLHttpRequest();
  const ended = (text) => {
    part('sending').hidden = true;
    part('send').hidden = false;
    say(text);
  };
  part('progress').value = 0;
  part('sending').hidden = false;
  part('send').hidden = true;
  request.upload.addEventListener('progress', (event) => {
    if (event.lengthComputable) part('progress').value = (100 * event.loaded) / event.total;
  });
  request.addEventListener('load', () => {
    if (request.status < 400) {
      location.assign(request.responseURL);
      return;
    }
    const page = new DOMParser().parseFromString(request.responseText, 'text/html');
    const error = page.querySelector('.error:not(:empty), h1');
    ended(error ? error.textContent : form.dataset.stopped);
  });
  request.addEventListener('error', () => ended(form.dataset.stopped));
  request.addEventListener('abort', () => ended(''));
  part('stop').onclick = () => request.abort();
  request.open('POST', form.action);
  request.send(new FormData(form));
}

part('file').addEventListener('change', chosen);

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (chosen()) send();
});

const target = form.querySelector('.drop');
for (const name of ['dragenter', 'dragover']) {
  target.addEventListener(name, (event) => {
    event.preventDefault();
    target.classList.add('over');
  });
}
for (const name of ['dragleave', 'drop']) {
  target.addEventListener(name, () => target.classList.remove('over'));
}
target.addEventListener('drop', (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length === 0) return;
  part('file').files = event.dataTransfer.files;
  chosen();
});
