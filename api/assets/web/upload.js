// Uploads with the tus protocol (https://tus.io): checks the file before it is sent, shows the progress,
// resumes after a lost connection or a reload of the page, and can be cancelled.
// Without this module the browser sends the form itself.

const UPLOADS_URL = '/me/uploads';
const TUS_HEADERS = { 'Tus-Resumable': '1.0.0' };
/** Milliseconds without progress after which a request is aborted. */
const STALL_TIMEOUT = 30_000;
/** Milliseconds before a retry. The delay doubles with each retry that moved nothing. */
const [MIN_RETRY_DELAY, MAX_RETRY_DELAY] = [500, 15_000];
const VIDEO_FILE_NAME = /\.(mp4|m4v|mov|webm|mkv|avi)$/i;

const form = document.getElementById('upload');
const element = (id) => document.getElementById(id);
const showMessage = (text) => { element('upload-news').textContent = text; };

/** The server rejected the upload. Unless it is `final`, the upload can be resumed after signing in. */
class UploadRejected extends Error {
  constructor(text, final = true) {
    super(text);
    this.final = final;
  }
}

/** Unfinished uploads that this browser remembers, by file. */
const unfinished = {
  key: (file) => `upload ${file.name} ${file.size} ${file.lastModified}`,
  find(file) {
    try {
      return JSON.parse(localStorage.getItem(this.key(file)));
    } catch {
      return null;
    }
  },
  save(file, upload) {
    try {
      localStorage.setItem(this.key(file), JSON.stringify(upload));
    } catch {
      // No storage, or it is full: after a reload of the page the upload starts from zero.
    }
  },
  remove(file) {
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

/** Waits before a retry, at most until the browser is online again. */
function waitToRetry(failures) {
  return new Promise((resolve) => {
    addEventListener('online', resolve, { once: true });
    setTimeout(resolve, Math.min(MIN_RETRY_DELAY * 2 ** failures, MAX_RETRY_DELAY));
  });
}

/** The text for an error code of the API. */
function rejectionText(code) {
  return {
    not_a_video: form.dataset.notAVideo,
    upload_too_large: form.dataset.tooLarge,
    too_many_uploads: form.dataset.tooMany,
    validation_error: form.dataset.badTitle,
  }[code] ?? form.dataset.stopped;
}

/** Throws `UploadRejected` for a final status, and `Error` for one that a retry may change. */
function checkStatus(status, body) {
  if (status === 401 || status === 403) {
    location.assign('/sign-in?next=/me/upload');
    throw new UploadRejected(form.dataset.stopped, false);
  }
  const transient = status === 0 || status === 408 || status === 409 || status === 460 || status >= 500;
  if (transient) throw new Error(`the status is ${status}`);
  if (status >= 400) {
    let code;
    try {
      ({ code } = JSON.parse(body));
    } catch {
      // Not an answer of the API. A proxy may have sent it.
    }
    throw new UploadRejected(rejectionText(code));
  }
}

class Upload {
  constructor(file, texts, showProgress) {
    Object.assign(this, { file, texts, showProgress, offset: 0, cancelled: false, key: randomKey() });
    const known = unfinished.find(file);
    const same = known?.title === texts.title && known?.description === texts.description;
    if (same) this.url = known.url;
    else if (known) this.delete(known.url);
  }

  /** Returns once the server has the whole file, or the upload is cancelled. Retries without limit. */
  async run() {
    let failures = 0;
    while (!this.cancelled) {
      const before = this.offset;
      try {
        await this.resumeOrCreate();
        if (this.offset < this.file.size && !this.cancelled) await this.send();
        if (this.offset >= this.file.size || this.cancelled) return;
      } catch (error) {
        if (error instanceof UploadRejected) {
          if (error.final) unfinished.remove(this.file);
          throw error;
        }
        if (this.cancelled) return;
        showMessage(form.dataset.waiting);
      }
      failures = this.offset > before ? 0 : failures + 1;
      await waitToRetry(failures);
    }
  }

  async request(method, url, headers = {}) {
    const signal = AbortSignal.timeout(STALL_TIMEOUT);
    return fetch(url, { method, headers: { ...TUS_HEADERS, ...headers }, signal });
  }

  /** Asks for the offset of a known upload. Creates the upload if the server does not have it. */
  async resumeOrCreate() {
    if (this.url) {
      const answer = await this.request('HEAD', this.url);
      if (answer.status !== 404 && answer.status !== 410) {
        checkStatus(answer.status, '');
        this.offset = Number(answer.headers.get('Upload-Offset'));
        return;
      }
      unfinished.remove(this.file);
      this.key = randomKey();
    }
    const { file, texts: { title, description } } = this;
    const metadata = { title, description, filename: file.name, filetype: file.type };
    const pairs = Object.entries(metadata).filter(([, value]) => value !== '');
    const answer = await this.request('POST', UPLOADS_URL, {
      'Upload-Length': file.size,
      'Upload-Metadata': pairs.map(([name, value]) => `${name} ${base64(value)}`).join(','),
      'Idempotency-Key': this.key,
    });
    checkStatus(answer.status, await answer.text());
    this.offset = Number(answer.headers.get('Upload-Offset'));
    this.url = answer.headers.get('Location');
    if (this.cancelled) this.delete(this.url);
    else unfinished.save(file, { url: this.url, title, description });
  }

  /** Sends the file from the offset on. `fetch` reports no upload progress, so this is an XMLHttpRequest. */
  send() {
    const { file, offset } = this;
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.running = request;
      let stallTimer;
      const restartStallTimer = () => {
        clearTimeout(stallTimer);
        stallTimer = setTimeout(() => request.abort(), STALL_TIMEOUT);
      };
      request.upload.addEventListener('progress', (event) => {
        restartStallTimer();
        this.showProgress((offset + event.loaded) / file.size);
      });
      request.addEventListener('loadend', () => {
        clearTimeout(stallTimer);
        try {
          // Removed since the HEAD request: the next round creates it again.
          if (request.status === 404 || request.status === 410) throw new Error('the upload is gone');
          checkStatus(request.status, request.responseText);
          this.offset = Number(request.getResponseHeader('Upload-Offset'));
          resolve();
        } catch (error) {
          reject(error);
        }
      });
      request.open('PATCH', this.url);
      for (const [name, value] of Object.entries(TUS_HEADERS)) request.setRequestHeader(name, value);
      request.setRequestHeader('Upload-Offset', offset);
      request.setRequestHeader('Content-Type', 'application/offset+octet-stream');
      restartStallTimer();
      request.send(file.slice(offset));
    });
  }

  cancel() {
    this.cancelled = true;
    this.running?.abort();
    unfinished.remove(this.file);
    if (this.url) this.delete(this.url);
  }

  /** Deletes an upload. If this fails, the server removes the upload when it expires. */
  delete(url) {
    this.request('DELETE', url).catch(() => {});
  }
}

/** Why a file cannot be uploaded, or `null`. */
function fileProblem(file) {
  if (!file.type.startsWith('video/') && !VIDEO_FILE_NAME.test(file.name)) return form.dataset.notAVideo;
  return file.size > Number(form.dataset.max) ? form.dataset.tooLarge : null;
}

/** The chosen file, with its preview, or `null` if it cannot be uploaded. */
function chosenFile() {
  const [file] = element('file').files;
  const problem = file && fileProblem(file);
  showMessage(problem ?? '');
  const preview = element('preview');
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.removeAttribute('src');
  preview.hidden = true;
  if (!file || problem) return null;
  preview.src = URL.createObjectURL(file);
  return file;
}

/** Fills in the texts of an unfinished upload of the same file. */
function restoreTexts(file) {
  const known = unfinished.find(file);
  if (!known) return;
  element('title').value ||= known.title;
  element('description').value ||= known.description;
  showMessage(form.dataset.goesOn);
}

async function send(file) {
  const showProgress = (share) => {
    element('progress').value = 100 * share;
    showMessage('');
  };
  const texts = { title: element('title').value.trim(), description: element('description').value.trim() };
  const upload = new Upload(file, texts, showProgress);
  const setBusy = (busy) => {
    for (const id of ['file', 'title', 'description']) element(id).disabled = busy;
    element('sending').hidden = !busy;
    element('send').hidden = busy;
  };
  element('progress').value = 0;
  element('stop').onclick = () => {
    upload.cancel();
    setBusy(false);
    showMessage('');
  };
  setBusy(true);
  try {
    await upload.run();
    if (upload.cancelled) return;
    unfinished.remove(file);
    location.assign('/me/videos?uploaded=1');
  } catch (error) {
    setBusy(false);
    showMessage(error instanceof UploadRejected ? error.message : form.dataset.stopped);
  }
}

// The preview appears only if the browser can play the file. The server may accept other files, too.
element('preview').addEventListener('loadedmetadata', () => { element('preview').hidden = false; });

element('file').addEventListener('change', () => {
  const file = chosenFile();
  if (file) restoreTexts(file);
});

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const [file] = element('file').files;
  // One upload at a time: Enter during an upload submits the form again.
  const idle = element('sending').hidden;
  if (file && idle && !fileProblem(file)) send(file);
});

const dropTarget = form.querySelector('.drop');
for (const name of ['dragenter', 'dragover']) {
  dropTarget.addEventListener(name, (event) => {
    event.preventDefault();
    dropTarget.classList.add('over');
  });
}
for (const name of ['dragleave', 'drop']) {
  dropTarget.addEventListener(name, () => dropTarget.classList.remove('over'));
}
dropTarget.addEventListener('drop', (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length === 0) return;
  element('file').files = event.dataTransfer.files;
  element('file').dispatchEvent(new Event('change'));
});
