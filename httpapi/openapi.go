package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/tasks"
)

// doc is an object of the description.
type doc = map[string]any

// describeTasks returns the schema of each task's parameters.
func describeTasks(registry *tasks.Registry) (*schemas, map[string]*schema) {
	types := newSchemas()
	params := map[string]*schema{}
	for _, task := range registry.Tasks() {
		info := task.Info()
		params[info.Name] = types.of(info.Params)
	}
	return types, params
}

// describe returns the API's description: OpenAPI 3.1.
func (a *API) describe() ([]byte, error) {
	server := a.config.BasePath
	if server == "" {
		server = "/"
	}
	d := doc{
		"openapi": "3.1.0",
		"info": doc{
			"title": "Tasks", "version": "1",
			"description": "Enqueue tasks, watch and cancel their jobs, count their queues. Every error is a problem document (RFC 9457). Integers are written without a fraction: 2, not 2.0.",
		},
		"servers":    []doc{{"url": server}},
		"paths":      a.paths(),
		"components": doc{"schemas": a.componentSchemas()},
	}
	if a.config.Token != "" {
		d["components"].(doc)["securitySchemes"] = doc{"token": doc{"type": "http", "scheme": "bearer"}}
		d["security"] = []doc{{"token": []string{}}}
	}
	return json.Marshal(d)
}

func (a *API) componentSchemas() doc {
	answers := newSchemas()
	answers.required = true
	problems := answers.of(reflect.TypeFor[problem]())
	problems.Additional = nil // members may be added
	d := doc{
		"Job":     answers.of(reflect.TypeFor[tasks.Job]()),
		"Record":  answers.of(reflect.TypeFor[results.Record]()),
		"Queue":   answers.of(reflect.TypeFor[queueCount]()),
		"Problem": problems,
		"Page": doc{
			"type": "object", "required": []string{"records"}, "properties": doc{
				"records": doc{"type": "array", "items": ref("Record")},
				"next":    doc{"type": "string", "description": "the cursor of the next page; missing on the last"},
			},
		},
		"Queues": doc{
			"type": "object", "required": []string{"queues"}, "properties": doc{"queues": doc{"type": "array", "items": ref("Queue")}},
		},
		"Event": doc{
			"type": "object", "description": "one server-sent event", "required": []string{"event", "data"}, "properties": doc{
				"event": doc{"type": "string", "enum": []string{"state", "progress", "end", "gone"}},
				"id":    doc{"type": "string", "description": "to go on after this event, with Last-Event-ID"},
				"data":  doc{"type": "string", "contentMediaType": "application/json"},
			},
		},
		"Status": doc{"type": "object", "required": []string{"status"}, "properties": doc{"status": doc{"type": "string"}}},
	}
	for name, s := range a.types.components {
		d[name] = s
	}
	return d
}

func (a *API) paths() doc {
	id := parameter("path", "id", "the job's ID", doc{"type": "string", "minLength": 1, "maxLength": maxJobID})
	id["required"] = true
	name := parameter("path", "name", "the task's name", doc{"type": "string", "pattern": taskName.String()})
	name["required"] = true
	paths := doc{
		"/tasks/{name}": doc{
			"parameters": []doc{name},
			"post":       a.enqueueOperation("enqueue", "Enqueue a task by name", &schema{}, http.StatusNotFound),
		},
		"/jobs": doc{"get": a.operation("jobs.list", "List jobs, newest first", doc{
			"parameters": []doc{
				parameter("query", "task", "only jobs of this task", doc{"type": "string", "pattern": "^([A-Za-z0-9][A-Za-z0-9_.-]{0,127})?$"}),
				parameter("query", "state", "only jobs in this state", doc{"type": "string", "enum": append(results.States(), "")}),
				parameter("query", "limit", "how many a page has at most", doc{"type": "integer", "minimum": 1, "maximum": results.MaxPage, "default": results.DefaultPage}),
				parameter("query", "cursor", "next of the page before", doc{"type": "string"}),
			},
		}, answers{200: answer("a page of records", "Page")}, 400, 501, 503)},
		"/jobs/{id}": doc{
			"parameters": []doc{id},
			"get": a.operation("jobs.get", "Show a job's record", doc{
				"parameters": []doc{parameter("query", "wait", "wait until the job is finished, at most this long (60s)", durationSchema("^(0|([1-5]?[0-9]|60)s)$"))},
			}, answers{200: answer("the record", "Record")}, 400, 404, 501, 503),
		},
		"/jobs/{id}/events": doc{
			"parameters": []doc{id},
			"get": a.operation("jobs.events", "Watch a job", doc{
				"description": "Events \"state\" and \"progress\" carry the record as JSON, the latest one first and each change after. " +
					"\"end\" is the last event of a finished job, \"gone\" that of one whose record has expired.",
				"parameters": []doc{parameter("header", "Last-Event-ID", "the last event seen; after that of \"end\" the answer is 204", doc{"type": "string"})},
			}, answers{
				200: doc{"description": "server-sent events until the job is finished", "content": doc{"text/event-stream": doc{"schema": ref("Event")}}},
				204: doc{"description": "the job is finished and Last-Event-ID is that of its end"},
			}, 400, 404, 501, 503),
		},
		"/jobs/{id}/cancel": doc{
			"parameters": []doc{id},
			"post": a.operation("jobs.cancel", "Cancel a job", doc{
				"description": "A job that waits is cancelled at once; one that runs has its context cancelled within seconds.",
			}, answers{202: answer("the record as it is now", "Record")}, 400, 404, 409, 501, 503),
		},
		"/queues": doc{"get": a.operation("queues", "Count the messages of the queues", doc{
			"description": "oldest_seconds is how long ago the oldest message was sent that is not deleted yet. SQS tells it to CloudWatch only, " +
				"a minute late: it is null where CloudWatch is not asked or can't be.",
		}, answers{200: answer("the queues; SQS counts approximately", "Queues")}, 400, 501, 503)},
		"/healthz": doc{"get": a.openOperation("healthz", "Whether the process serves requests", answers{200: answer("it does", "Status")})},
		"/readyz":  doc{"get": a.openOperation("readyz", "Whether queue and store can be reached", answers{200: answer("they can", "Status")}, 503)},
		"/metrics": doc{"get": a.operation("metrics", "Metrics for Prometheus", doc{}, answers{
			200: doc{"description": "metrics in the format that the client asks for", "content": doc{"text/plain": doc{"schema": doc{"type": "string"}}}},
		})},
		"/openapi.json": doc{"get": a.operation("openapi", "This document", doc{}, answers{
			200: doc{"description": "an OpenAPI document", "content": doc{"application/json": doc{"schema": doc{"type": "object"}}}},
		})},
	}
	for task, params := range a.params {
		paths["/tasks/"+task] = doc{"post": a.enqueueOperation("enqueue:"+task, "Enqueue "+task, params)}
	}
	return paths
}

func (a *API) enqueueOperation(id, summary string, params *schema, more ...int) doc {
	accepted := answer("the queue has accepted the job", "Job")
	accepted["headers"] = doc{"Location": doc{"description": "the job's record", "schema": doc{"type": "string"}}}
	return a.operation(id, summary, doc{
		"parameters": []doc{
			parameter("query", "countdown", "run the job no earlier than after this time, at most 365 days; such as 90s, 10m, 36h or 3d", durationSchema("^(0|[0-9]{1,7}s|[0-9]{1,5}m|[0-9]{1,3}h|[0-9]{1,2}d)$")),
			parameter("query", "job_id", "an id of the caller's own, or that of a job to send again whose fate is not known", doc{"type": "string", "pattern": jobIDPattern}),
		},
		"requestBody": doc{
			"required": true, "description": "the task's parameters",
			"content": doc{"application/json": doc{"schema": params}},
		},
	}, answers{202: accepted}, append([]int{400, 408, 413, 415, 503}, more...)...)
}

// answers are an operation's, by status.
type answers map[int]doc

func (a *API) operation(id, summary string, d doc, ok answers, problems ...int) doc {
	d["operationId"] = id
	d["summary"] = summary
	responses := doc{}
	for status, answer := range ok {
		responses[strconv.Itoa(status)] = answer
	}
	if a.config.Token != "" {
		problems = append(problems, http.StatusUnauthorized)
	}
	for _, status := range append(problems, http.StatusForbidden, http.StatusInternalServerError) {
		responses[strconv.Itoa(status)] = refusal(status)
	}
	d["responses"] = responses
	return d
}

// openOperation is one that needs no token.
func (a *API) openOperation(id, summary string, ok answers, problems ...int) doc {
	d := a.operation(id, summary, doc{"security": []doc{}}, ok, problems...)
	delete(d["responses"].(doc), strconv.Itoa(http.StatusUnauthorized))
	return d
}

var refusals = map[int]string{
	http.StatusBadRequest:            "a parameter is wrong; errors names which",
	http.StatusUnauthorized:          "the bearer token is missing or wrong",
	http.StatusForbidden:             "the client may not use this API, or another website made a browser send this",
	http.StatusNotFound:              "there is no such task or job",
	http.StatusRequestTimeout:        "the body took too long to arrive",
	http.StatusConflict:              "the job is finished",
	http.StatusRequestEntityTooLarge: "the body is too large, or the job does not fit into a message",
	http.StatusUnsupportedMediaType:  "the body is not declared as application/json",
	http.StatusInternalServerError:   "the server failed",
	http.StatusNotImplemented:        "this server is not set up for it; detail says how to change that",
	http.StatusServiceUnavailable:    "the queue or the results store can't be reached, or the server is shutting down",
}

func refusal(status int) doc {
	d := doc{"description": refusals[status], "content": doc{"application/problem+json": doc{"schema": ref("Problem")}}}
	if status == http.StatusServiceUnavailable {
		d["headers"] = doc{"Retry-After": doc{"description": "seconds to wait before trying again", "schema": doc{"type": "integer"}}}
	}
	return d
}

func answer(description, schema string) doc {
	return doc{"description": description, "content": doc{"application/json": doc{"schema": ref(schema)}}}
}

func ref(name string) doc { return doc{"$ref": componentPath + name} }

func parameter(in, name, description string, schema doc) doc {
	return doc{"in": in, "name": name, "description": description, "schema": schema}
}

// durationSchema describes the durations that are always right; others in Go's notation, such as 1m30s, are read too.
func durationSchema(pattern string) doc {
	return doc{"type": "string", "pattern": pattern, "examples": []string{(20 * time.Second).String()}}
}

// jobIDPattern is what tasks.JobID takes: visible ASCII, but neither "." nor "..".
var jobIDPattern = fmt.Sprintf(`^([!--/-~]|[!--/-~][!-~]|\.[!--/-~]|[!-~]{3,%d})$`, tasks.MaxJobID)
