// Uploading by the tus protocol: looks at the file before it is sent, shows it and the progress, goes
// on after a cut of the line or a reload of the page, and can be stopped.
// Without this module the form works as it is.

const FOLDER = '/me/uploads';
const SPEAKS = { 'Tus-Resumable': '1.0.0' };
/** Milliseconds: a line that is silent for so long is dead. */
const SILENCE = 30_000;
/** Milliseconds before the next try: twice as many each time that nothing has moved. */
const [SOON, LATE] = [500, 15_000];
const VIDEO = /\.(mp4|m4v|mov|webm|mkv|avi)$/i;

const form = document.getElementById('upload');
const part = (id) => document.getElementById(id);
const say = (text) => { part('upload-news').textContent = text; };

/** The server has said no, and would say it again; unless it is `final`, not after signing in. */
class Refused extends Error {
  constructor(text, final = true) {
    super(text);
    this.final = final;
  }
}

/** What this browser knows of uploads that it has begun. */
const memory = {
  key: (file) => `upload ${file.name} ${file.size} ${file.lastModified}`,
  find(file) {
    try {
      return JSON.parse(localStorage.getItem(this.key(file)));
    } catch {
      return null;
    }
  },
  keep(file, begun) {
    try {
      localStorage.setItem(this.key(file), JSON.stringify(begun));
    } catch {
      // No storage, or it is full: a reload of the page will begin anew.
    }
  },
  forget(file) {
    try {
      localStorage.removeItem(this.key(file));
    } catch {
      // As above.
    }
  },
};

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16)).join('-');
}

/** A moment, or until the line is back. */
function pause(failures) {
  return new Promise((resolve) => {
    addEventListener('online', resolve, { once: true });
    setTimeout(resolve, Math.min(SOON * 2 ** failures, LATE));
  });
}

/** What to tell of a refusal. */
function reason(code) {
  return {
    not_a_video: form.dataset.notAVideo,
    upload_too_large: form.dataset.tooLarge,
    too_many_uploads: form.dataset.tooMany,
    validation_error: form.dataset.badTitle,
  }[code] ?? form.dataset.stopped;
}

/** Throws if an answer is not the one that was hoped for. */
function check(status, body) {
  if (status === 401 || status === 403) {
    location.assign('/sign-in?next=/me/upload');
    throw new Refused(form.dataset.stopped, false);
  }
  const passes = status === 0 || status === 408 || status === 409 || status === 460 || status >= 500;
  if (passes) throw new Error(`the answer was ${status}`);
  if (status >= 400) {
    let code;
    try {
      ({ code } = JSON.parse(body));
    } catch {
      // Somebody else's answer, a proxy's perhaps.
    }
    throw new Refused(reason(code));
  }
}

class Upload {
  constructor(file, texts, show) {
    Object.assign(this, { file, texts, show, offset: 0, stopped: false, key: randomKey() });
    const begun = memory.find(file);
    const same = begun?.title === texts.title && begun?.description === texts.description;
    if (same) this.url = begun.url;
    else if (begun) this.remove(begun.url);
  }

  /** Ends once all has arrived, however long that takes. */
  async run() {
    let failures = 0;
    while (!this.stopped) {
      const before = this.offset;
      try {
        await this.begin();
        if (this.offset < this.file.size && !this.stopped) await this.send();
        if (this.offset >= this.file.size || this.stopped) return;
      } catch (error) {
        if (error instanceof Refused) {
          if (error.final) memory.forget(this.file);
          throw error;
        }
        if (this.stopped) return;
        say(form.dataset.waiting);
      }
      failures = this.offset > before ? 0 : failures + 1;
      await pause(failures);
    }
  }

  async ask(method, url, headers = {}) {
    const signal = AbortSignal.timeout(SILENCE);
    return fetch(url, { method, headers: { ...SPEAKS, ...headers }, signal });
  }

  /** Finds out how much has arrived, of an upload that there may not be yet. */
  async begin() {
    if (this.url) {
      const answer = await this.ask('HEAD', this.url);
      if (answer.status !== 404 && answer.status !== 410) {
        check(answer.status, '');
        this.offset = Number(answer.headers.get('Upload-Offset'));
        return;
      }
      memory.forget(this.file);
      this.key = randomKey();
    }
    const { file, texts: { title, description } } = this;
    const said = { title, description, filename: file.name, filetype: file.type };
    const pairs = Object.entries(said).filter(([, value]) => value !== '');
    const answer = await this.ask('POST', FOLDER, {
      'Upload-Length': file.size,
      'Upload-Metadata': pairs.map(([name, value]) => `${name} ${base64(value)}`).join(','),
      'Idempotency-Key': this.key,
    });
    check(answer.status, await answer.text());
    this.offset = Number(answer.headers.get('Upload-Offset'));
    this.url = answer.headers.get('Location');
    if (this.stopped) this.remove(this.url);
    else memory.keep(file, { url: this.url, title, description });
  }

  /** Sends the rest, as far as it comes. */
  send() {
    const { file, offset } = this;
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.request = request;
      let patience;
      const alive = () => {
        clearTimeout(patience);
        patience = setTimeout(() => request.abort(), SILENCE);
      };
      request.upload.addEventListener('progress', (event) => {
        alive();
        this.show((offset + event.loaded) / file.size);
      });
      request.addEventListener('loadend', () => {
        clearTimeout(patience);
        try {
          // Gone since the last question: the next one finds out, and begins anew.
          if (request.status === 404 || request.status === 410) throw new Error('it is gone');
          check(request.status, request.responseText);
          this.offset = Number(request.getResponseHeader('Upload-Offset'));
          resolve();
        } catch (error) {
          reject(error);
        }
      });
      request.open('PATCH', this.url);
      for (const [name, value] of Object.entries(SPEAKS)) request.setRequestHeader(name, value);
      request.setRequestHeader('Upload-Offset', offset);
      request.setRequestHeader('Content-Type', 'application/offset+octet-stream');
      alive();
      request.send(file.slice(offset));
    });
  }

  stop() {
    this.stopped = true;
    this.request?.abort();
    memory.forget(this.file);
    if (this.url) this.remove(this.url);
  }

  /** What cannot be removed now expires. */
  remove(url) {
    this.ask('DELETE', url).catch(() => {});
  }
}

/** What is wrong with a file, if anything is. */
function fault(file) {
  if (!file.type.startsWith('video/') && !VIDEO.test(file.name)) return form.dataset.notAVideo;
  return file.size > Number(form.dataset.max) ? form.dataset.tooLarge : null;
}

/** The file to be sent, unless something is wrong with it. */
function chosen() {
  const [file] = part('file').files;
  const wrong = file && fault(file);
  say(wrong ?? '');
  const preview = part('preview');
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.removeAttribute('src');
  preview.hidden = true;
  if (!file || wrong) return null;
  preview.src = URL.createObjectURL(file);
  return file;
}

/** Somebody who comes back with a file finds what they had written about it. */
function recall(file) {
  const begun = memory.find(file);
  if (!begun) return;
  part('title').value ||= begun.title;
  part('description').value ||= begun.description;
  say(form.dataset.goesOn);
}

async function send(file) {
  const show = (share) => {
    part('progress').value = 100 * share;
    say('');
  };
  const texts = { title: part('title').value.trim(), description: part('description').value.trim() };
  const upload = new Upload(file, texts, show);
  const busy = (yes) => {
    for (const id of ['file', 'title', 'description']) part(id).disabled = yes;
    part('sending').hidden = !yes;
    part('send').hidden = yes;
  };
  part('progress').value = 0;
  part('stop').onclick = () => {
    upload.stop();
    busy(false);
    say('');
  };
  busy(true);
  try {
    await upload.run();
    if (upload.stopped) return;
    memory.forget(file);
    location.assign('/me/videos?uploaded=1');
  } catch (error) {
    busy(false);
    say(error instanceof Refused ? error.message : form.dataset.stopped);
  }
}

// Not every browser plays every file; the server may take it all the same.
part('preview').addEventListener('loadedmetadata', () => { part('preview').hidden = false; });

part('file').addEventListener('change', () => {
  const file = chosen();
  if (file) recall(file);
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const [file] = part('file').files;
  // One at a time: whoever presses Enter once more does not mean a second video.
  const idle = part('sending').hidden;
  if (file && idle && !fault(file)) send(file);
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
  part('file').dispatchEvent(new Event('change'));
});
