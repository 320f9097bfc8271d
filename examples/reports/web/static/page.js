"use strict";

// A browser has six connections to a server over HTTP/1.1, for all of its pages together, and an event stream keeps one.
// So one page has streams at a time, and none that can't be seen: it follows the jobs of all and tells the others. Jobs
// beyond these streams are asked for now and then, until one of the streams ends.
const maxStreams = 4;
const pollTime = 2000;
const retryTime = 1000;
const maxKept = 20;

const $ = (id) => document.getElementById(id);
const key = "reports-of-" + document.body.dataset.user;
const final = ["succeeded", "dead", "cancelled", "gone"];
const words = {
  queued: "Waiting", running: "Running", retrying: "Trying again", succeeded: "Finished",
  dead: "Failed", cancelled: "Cancelled", gone: "Forgotten",
};
const jobs = []; // the newest first

// The list is kept in the browser: it survives a reload, and a restart of the server, and other pages show it too. So each
// change is made to what is there.
function keep(change) {
  try {
    localStorage.setItem(key, JSON.stringify(change(restore()).slice(0, maxKept)));
  } catch {
    // Without storage the list lasts as long as the page.
  }
}

function restore() {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? [];
  } catch {
    return [];
  }
}

function add(kept) {
  const item = $("job").content.cloneNode(true).firstElementChild;
  const part = (name) => item.querySelector("." + name);
  const job = { kept, item, part, bar: item.querySelector("progress"), state: "", stream: null, lost: false, timer: 0 };
  const when = document.createElement("small");
  when.textContent = new Date(kept.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  part("title").append(kept.title, " ", when);
  job.bar.setAttribute("aria-label", "Progress of " + kept.title);
  part("open").href = kept.download_url;
  part("save").href = kept.download_url + "?download=1";
  part("cancel").addEventListener("click", () => cancel(job));
  part("remove").addEventListener("click", () => remove(job));
  item.dataset.id = kept.job_id;
  jobs.unshift(job);
  $("jobs").prepend(item);
  $("none").hidden = true;
  show(job, { state: "queued", progress: 0 });
  return job;
}

// sync takes over what another page has changed in the list.
function sync() {
  const all = restore();
  const has = (list, id) => list.some((kept) => kept.job_id === id);
  for (const job of jobs.filter((job) => !has(all, job.kept.job_id))) {
    drop(job);
  }
  for (const kept of all.filter((kept) => !has(jobs.map((job) => job.kept), kept.job_id)).reverse()) {
    look(add(kept));
  }
}

// show puts a job's record on the page.
function show(job, record) {
  const ended = final.includes(record.state);
  const finished = record.state === "succeeded";
  job.bar.value = finished ? 1 : record.progress;
  job.part("state").textContent = record.cancel_requested && !ended ? "Cancelling" : words[record.state];
  job.part("text").textContent = text(record);
  job.part("part").textContent = record.state === "running" ? Math.round(100 * record.progress) + "%" : "";
  job.part("open").hidden = job.part("save").hidden = !finished;
  const focused = job.item.contains(document.activeElement);
  job.part("cancel").hidden = ended;
  job.part("cancel").disabled = Boolean(record.cancel_requested);
  job.part("remove").hidden = !ended;
  if (job.state !== record.state && job.state !== "") {
    $("news").textContent = job.kept.title + ": " + words[record.state];
    if (ended && focused) { // the button that had the focus is gone
      job.part(finished ? "open" : "remove").focus();
    }
  }
  job.state = job.item.dataset.state = record.state;
  if (ended) {
    unfollow(job);
  }
}

function text(record) {
  switch (record.state) {
    case "queued": return "In the queue";
    case "running": return record.progress_text || "Started";
    case "retrying": return "It failed and will be tried again: " + record.error;
    case "succeeded": return "Ready to open";
    case "dead": return record.error || "It failed.";
    case "cancelled": return "It was cancelled.";
    default: return "The server does not know this report any more.";
  }
}

// Pages of the same browser hear from the one that follows.
const shared = Boolean(navigator.locks && window.BroadcastChannel);
const channel = shared ? new BroadcastChannel(key) : null;
let leading = false; // this page follows
let turn = null; // aborts the wait for the others
let retire = null; // ends this page's turn

// compete waits until no other page follows, and then does. Without locks every page that can be seen follows for itself.
function compete() {
  if (turn || leading) {
    return;
  }
  if (!shared) {
    lead();
    return;
  }
  turn = new AbortController();
  navigator.locks.request(key, { signal: turn.signal }, () => new Promise((resolve) => {
    retire = resolve;
    lead();
  })).catch(() => {}); // aborted
}

function lead() {
  leading = true;
  jobs.forEach(follow);
}

// rest ends this page's connections, and lets another follow.
function rest() {
  leading = false;
  turn?.abort();
  turn = null;
  retire?.();
  retire = null;
  jobs.forEach(unfollow);
}

// attend follows while the page can be seen. What was missed meanwhile is asked for once.
function attend() {
  if (document.hidden) {
    rest();
    return;
  }
  compete();
  jobs.filter((job) => !final.includes(job.state)).forEach(look);
}

// tell lets the other pages know.
function tell(job, news) {
  if (leading) {
    channel?.postMessage({ id: job.kept.job_id, ...news });
  }
}

function hear({ data }) {
  const job = jobs.find((other) => other.kept.job_id === data.id);
  if (!job || leading) {
    return;
  }
  if (data.record) {
    show(job, data.record);
  }
  if ("lost" in data) {
    lost(job, data.lost);
  }
}

// follow keeps a job's record on all pages up to date until it ends, where this page does that.
function follow(job) {
  if (!leading || final.includes(job.state) || job.stream) {
    return;
  }
  if (jobs.filter((other) => other.stream).length >= maxStreams) {
    again(job, pollTime);
    return;
  }
  const stream = new EventSource(job.kept.events_url);
  job.stream = stream;
  const take = (event) => {
    lost(job, false);
    tell(job, { record: JSON.parse(event.data) });
    show(job, JSON.parse(event.data));
  };
  stream.addEventListener("open", () => lost(job, false));
  stream.addEventListener("state", take);
  stream.addEventListener("progress", take);
  stream.addEventListener("gone", () => {
    tell(job, { record: { state: "gone", progress: 0 } });
    show(job, { state: "gone", progress: 0 });
  });
  stream.addEventListener("error", () => {
    if (job.stream !== stream) {
      return;
    }
    lost(job, true);
    if (stream.readyState === EventSource.CLOSED) { // an answer that is no stream; the browser does not try again
      job.stream = null;
      again(job, retryTime);
    }
  });
}

function again(job, after) {
  clearTimeout(job.timer);
  job.timer = setTimeout(() => look(job), after);
}

// look reads a job's record once, and follows it where it goes on.
async function look(job) {
  try {
    const response = await fetch(job.kept.status_url);
    if (response.status === 404) {
      tell(job, { record: { state: "gone", progress: 0 } });
      show(job, { state: "gone", progress: 0 });
      return;
    }
    if (response.status === 401 || response.status === 403) { // trying again would not help
      lost(job, false);
      $("trouble").textContent = "Progress can't be shown. " + await problem(response);
      return;
    }
    if (!response.ok) {
      throw new Error(response.statusText);
    }
    lost(job, false);
    const record = await response.json();
    tell(job, { record });
    show(job, record);
    follow(job);
  } catch {
    lost(job, true);
    again(job, retryTime);
  }
}

function unfollow(job) {
  clearTimeout(job.timer);
  job.stream?.close();
  job.stream = null;
  lost(job, false);
}

// lost notes whether a job's news come through, and says so when those of any do not.
function lost(job, is) {
  if (job.lost !== is) {
    tell(job, { lost: is });
  }
  job.lost = is;
  const message = jobs.some((other) => other.lost) ? "Connection lost, reconnecting…" : "";
  if ($("connection").textContent !== message) {
    $("connection").textContent = message;
  }
}

// problem reads what an answer says is wrong.
async function problem(response) {
  try {
    const body = await response.json();
    return body.error ?? body.detail ?? body.title;
  } catch {
    return "The server answered " + response.status + ".";
  }
}

async function cancel(job) {
  $("trouble").textContent = "";
  job.part("cancel").disabled = true;
  try {
    const response = await fetch(job.kept.cancel_url, { method: "POST" });
    if (response.status !== 409 && !response.ok) { // 409: it has just ended, which its events tell
      throw new Error(await problem(response));
    }
  } catch (error) {
    job.part("cancel").disabled = false;
    $("trouble").textContent = "It could not be cancelled. " + said(error);
  }
}

function remove(job) {
  drop(job);
  $("yours").focus();
  keep((all) => all.filter((kept) => kept.job_id !== job.kept.job_id));
}

function drop(job) {
  unfollow(job);
  jobs.splice(jobs.indexOf(job), 1);
  job.item.remove();
  $("none").hidden = jobs.length > 0;
}

function said(error) {
  return error instanceof TypeError ? "The server can't be reached." : error.message;
}

$("order").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const type = form.querySelector("[name=report_type]:checked");
  $("trouble").textContent = "";
  $("generate").disabled = true;
  try {
    const response = await fetch(form.action, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ report_type: type.value, slowly: form.elements.slowly.checked }),
    });
    if (!response.ok) {
      throw new Error(await problem(response));
    }
    const job = add({ ...(await response.json()), title: type.dataset.title, at: Date.now() });
    $("news").textContent = job.kept.title + ": " + words.queued;
    keep((all) => [job.kept, ...all]);
    follow(job);
  } catch (error) {
    $("trouble").textContent = "The report was not started. " + said(error);
  } finally {
    $("generate").disabled = false;
    $("generate").focus();
  }
});

for (const kept of restore().reverse()) {
  look(add(kept));
}
channel?.addEventListener("message", hear);
window.addEventListener("storage", (event) => event.key === key && sync());
document.addEventListener("visibilitychange", attend);
if (!document.hidden) {
  compete();
}
