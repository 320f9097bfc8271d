// Package httpapi serves a program's tasks over HTTP: jobs are enqueued, watched, cancelled and listed, queues are counted,
// and every route and every task's parameters are described at /openapi.json.
//
//	POST /tasks/{name}[?countdown=60s]   enqueue; 202 with the job's ID, Location: /jobs/{id}; with job_id, under that ID
//	GET  /jobs/{id}[?wait=20s]           the job's record; with wait, once it is finished or the time is up
//	GET  /jobs/{id}/events               server-sent events until the job is finished
//	POST /jobs/{id}/cancel               202, or 409 when it is finished already
//	GET  /jobs?task=&state=&limit=&cursor=
//	GET  /queues                         how many jobs wait, run and are dead
//	GET  /healthz, /readyz, /metrics, /openapi.json
//
// Every error is an application/problem+json document (RFC 9457) whose type, such as "urn:problem-type:core:unknown-task",
// never changes.
//
// With a token, requests must carry it ("Authorization: Bearer ..."), except those of /healthz and /readyz. Without one,
// only clients on the same machine are served. State-changing requests that another website makes in a browser are
// refused either way. The handler can be mounted in a program's own server; see [Config].
package httpapi
